//! Copies snapshots into another repository, which has another key and other chunk boundaries only where it wrote itself.
//!
//! Rules: blobs are opened and checked here and sealed anew there; what is there already is not copied; a copied snapshot keeps its time, paths and
//! tags and names the one it came from, so copying twice adds nothing. A snapshot that cannot be read here is left out and told; the others
//! are copied.

use std::collections::HashSet;

use model::{Cancel, Progress, Result};

use crate::Id;
use crate::format::snapshot::Snapshot;
use crate::lock::Operation;
use crate::repository::Repository;
use crate::snapshots::Unreadable;
use crate::write::BlobWriter;

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub snapshots: u64,
    pub blobs: u64,
    pub bytes: u64,
    /// Left out: they cannot be read.
    pub unreadable: Vec<Unreadable>,
}

impl Repository {
    /// Copies these snapshots (all, when none is named) into `target`.
    pub fn copy_to(
        &self,
        target: &Repository,
        only: &[Id],
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Copied> {
        target.check_writable()?;
        let _from = self.lock_to_read(Operation::CopyFrom)?;
        let existing: HashSet<Id> = target
            .readable_snapshots()?
            .readable
            .iter()
            .filter_map(|snapshot| snapshot.original)
            .collect();
        let is_chosen = |id: &Id| only.is_empty() || only.contains(id);
        let mut found = self.readable_snapshots()?;
        found.unreadable.retain(|unreadable| is_chosen(&unreadable.id));
        let chosen = found
            .readable
            .into_iter()
            .filter(|snapshot| is_chosen(&snapshot.id));
        let wanted: Vec<Snapshot> = chosen
            .filter(|snapshot| !existing.contains(&origin(snapshot)))
            .collect();
        let mut copied = Copied {
            unreadable: found.unreadable,
            ..Copied::default()
        };
        for snapshot in wanted {
            self.copy_one(target, &snapshot, &mut copied, progress, cancel)?;
        }
        Ok(copied)
    }

    fn copy_one(
        &self,
        target: &Repository,
        snapshot: &Snapshot,
        copied: &mut Copied,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let index = self.current_index()?;
        let used = self.walk_used(&index, [snapshot.tree], progress, cancel, &|_, nodes| {
            nodes.map(|_| ())
        })?;
        let mut writer = BlobWriter::new(target, cancel)?;
        // In the order of their packs, so that each is read once from front to end.
        let mut blobs: Vec<_> = used
            .into_iter()
            .filter_map(|(kind, id)| Some((index.find(kind, &id)?, kind, id)))
            .collect();
        blobs.sort_unstable_by_key(|(location, _, _)| (location.pack, location.entry.offset));
        for (_, kind, id) in blobs {
            cancel.check()?;
            if writer.has(kind, &id) {
                continue;
            }
            let plain = self.with_blobs(&index, |blobs| blobs.load(kind, &id))?;
            writer.blob(kind, &plain)?;
            copied.blobs += 1;
            copied.bytes += plain.len() as u64;
            progress.bytes(plain.len() as u64);
        }
        let new = Snapshot {
            original: Some(origin(snapshot)),
            parent: None,
            ..snapshot.clone()
        };
        writer.finish(&new)?;
        copied.snapshots += 1;
        Ok(())
    }
}

fn origin(snapshot: &Snapshot) -> Id {
    snapshot.original.unwrap_or(snapshot.id)
}
