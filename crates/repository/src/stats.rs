//! How much lies in a repository, and what deduplication and compression save.

use model::{Cancel, Progress, Result};
use serde::Serialize;

use crate::format::pack::BlobKind;
use crate::repository::Repository;
use crate::storage::Class;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub snapshots: u64,
    /// Snapshots that cannot be read; they are counted nowhere else.
    pub unreadable_snapshots: Vec<String>,
    pub packs: u64,
    /// Bytes of all packs in the storage.
    pub stored_bytes: u64,
    pub data_blobs: u64,
    pub tree_blobs: u64,
    /// Plain bytes of all different blobs.
    pub plain_bytes: u64,
    /// What restoring every snapshot would write.
    pub restored_bytes: u64,
}

impl Repository {
    pub fn stats(&self, progress: &Progress, cancel: &Cancel) -> Result<Stats> {
        let found = self.readable_snapshots()?;
        let snapshots = found.readable;
        let index = self.current_index()?;
        let [data, trees] = index.totals();
        let packs = self.storage().list(Class::Pack)?;
        let mut stats = Stats {
            snapshots: snapshots.len() as u64,
            unreadable_snapshots: found.unreadable.iter().map(|one| one.id.hex()).collect(),
            packs: packs.len() as u64,
            stored_bytes: packs.iter().map(|found| found.size).sum(),
            data_blobs: data.0,
            tree_blobs: trees.0,
            plain_bytes: data.1 + trees.1,
            restored_bytes: 0,
        };
        for snapshot in &snapshots {
            let from_summary = snapshot
                .summary
                .as_ref()
                .map(|summary| summary.total_bytes_processed);
            stats.restored_bytes += match from_summary {
                Some(bytes) => bytes,
                None => self.restored_bytes(snapshot, progress, cancel)?,
            };
        }
        Ok(stats)
    }

    fn restored_bytes(
        &self,
        snapshot: &crate::Snapshot,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<u64> {
        let mut bytes = 0;
        self.tree(snapshot)?
            .walk(std::path::Path::new(""), &mut |entry| {
                cancel.check()?;
                progress.items(1);
                bytes += entry.meta.size;
                Ok(())
            })?;
        Ok(bytes)
    }
}

/// The order of `Index::totals`.
const _: () = assert!(BlobKind::Data as usize == 0 && BlobKind::Tree as usize == 1);
