//! Backups whose snapshot got another id: `restic tag` and `restic rewrite` write a new one and remove the old one.
//!
//! Rules: a backup is who its manifest says it is; where the manifest was taken out of a rewritten snapshot, who its tag says it is. A row whose
//! own snapshot is there stays with it.

use std::collections::{HashMap, HashSet};

use catalog::backups::BackupRow;
use model::{Cancel, Manifest, Progress, Result};
use repository::{Snapshot, Snapshots};

use super::InStep;
use crate::Service;

/// What is in a snapshot that no row knows.
pub(super) type Unknown = (Snapshot, Result<Option<Manifest>>);

/// By the ids of backups whose own snapshot is gone: where they are now.
pub(super) fn moved(rows: &[BackupRow], found: &Snapshots, unknown: &[Unknown]) -> HashMap<String, Snapshot> {
    let mut moved: HashMap<String, Snapshot> = HashMap::new();
    for row in absent(rows, found) {
        let is_it = |(snapshot, manifest): &&Unknown| match manifest {
            Ok(Some(manifest)) => manifest.backup.to_string() == row.id,
            Ok(None) | Err(_) => snapshot.tags.contains(&format!("backup:{}", row.id)),
        };
        // The same content rather than a rewritten one, and of several always the same.
        let of_row = unknown.iter().filter(is_it).map(|(snapshot, _)| snapshot);
        let best = of_row.min_by_key(|snapshot| (snapshot.tree.hex() != row.tree, snapshot.id.hex()));
        if let Some(snapshot) = best {
            moved.insert(row.id.clone(), snapshot.clone());
        }
    }
    moved
}

/// The rows whose snapshot is not there.
fn absent<'a>(rows: &'a [BackupRow], found: &Snapshots) -> impl Iterator<Item = &'a BackupRow> {
    let readable = found.readable.iter().map(|snapshot| snapshot.id.hex());
    let unreadable = found.unreadable.iter().map(|one| one.id.hex());
    let there: HashSet<String> = readable.chain(unreadable).collect();
    rows.iter().filter(move |row| !there.contains(&row.snapshot))
}

impl Service {
    /// Marks rows whose snapshot is gone, cannot be read, is back, or has another id. Nothing is adopted.
    pub(crate) async fn bring_rows_in_step(
        &self,
        rows: &[BackupRow],
        found: &Snapshots,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<InStep> {
        let known: HashSet<&str> = rows.iter().map(|row| row.snapshot.as_str()).collect();
        let unknown = match absent(rows, found).next() {
            None => Vec::new(),
            Some(_) => {
                let unknown = found.readable.iter();
                let unknown = unknown.filter(|snapshot| !known.contains(snapshot.id.hex().as_str()));
                self.manifests(self.opened().await?, unknown.cloned().collect(), progress, cancel)
                    .await?
            }
        };
        let moved = moved(rows, found, &unknown);
        let mut step = InStep::default();
        self.mark(rows, found, &moved, &mut step).await?;
        Ok(step)
    }
}
