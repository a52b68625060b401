//! Forgetting snapshots: their files go, the bytes that nobody else uses go with the next prune.
//!
//! Rules: which ones is decided by the caller; a snapshot that its owner marked to be kept forever (as rustic does) is refused. While a
//! snapshot cannot be read nothing else is forgotten: it may be the better one of the two. It goes when it is named itself.

use model::{Kind, Problem, Result};

use crate::Id;
use crate::format::snapshot::Snapshot;
use crate::lock::Operation;
use crate::repository::Repository;
use crate::storage::Class;

impl Repository {
    /// Deletes these snapshots' files. One that is gone already is no error.
    pub fn forget(&self, ids: &[Id]) -> Result<()> {
        self.check_deletable()?;
        let lock = self.lock(Operation::Forget)?;
        self.check_others(ids)?;
        for id in ids {
            match self.snapshot(id) {
                Ok(snapshot) if is_kept_forever(&snapshot) => {
                    return Err(Problem::new(
                        Kind::Refused,
                        format!("snapshot {} is marked never to be deleted", id.short()),
                    ));
                }
                // An unreadable snapshot may be deleted, too.
                _ => {}
            }
            lock.check()?;
            self.storage().delete(Class::Snapshot, id)?;
        }
        // One that came back after a power cut would find its blobs pruned.
        self.storage().settle(Class::Snapshot)
    }

    /// All that stay can be read.
    fn check_others(&self, ids: &[Id]) -> Result<()> {
        let mut found = self.readable_snapshots()?;
        found
            .unreadable
            .retain(|unreadable| !ids.contains(&unreadable.id));
        let doubt = |problem: Problem| problem.context("nothing was deleted, another backup cannot be read");
        found.all(self).map(|_| ()).map_err(doubt)
    }
}

fn is_kept_forever(snapshot: &Snapshot) -> bool {
    snapshot.unknown.get("delete").and_then(serde_json::Value::as_str) == Some("Never")
}
