//! Forgetting snapshots: their files go, the bytes that nobody else uses go with the next prune.
//!
//! Rules: which ones is decided by the caller; a snapshot that its owner marked to be kept forever (as rustic does) is refused.

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
}

fn is_kept_forever(snapshot: &Snapshot) -> bool {
    snapshot.unknown.get("delete").and_then(serde_json::Value::as_str) == Some("Never")
}
