//! Copies snapshots into another repository, which has another key and other chunk boundaries only where it wrote itself.
//!
//! Rules: blobs are opened and checked here and sealed anew there; what is there already is not copied; a snapshot is copied only when everything
//! that it reaches was. One of which something is damaged or missing is left out and told; the others are copied. A copied snapshot keeps
//! its time, paths and tags and names the one it came from. It is there already when one that came from the same says the same:
//! so copying twice adds nothing, and one that was rewritten meanwhile (`restic tag`, `restic rewrite`) is copied, as restic does it.

use std::collections::HashMap;

use model::{Cancel, Problem, Progress, Result};

use crate::Id;
use crate::damage::{Damage, is_damage};
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
    /// Were there already.
    pub present: u64,
    /// Left out: they, or something that they reach, cannot be read.
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
        let from = self.lock_to_read(Operation::CopyFrom)?;
        let there = target.readable_snapshots()?.readable;
        let mut by_origin: HashMap<Id, Vec<&Snapshot>> = HashMap::new();
        for snapshot in &there {
            by_origin.entry(origin(snapshot)).or_default().push(snapshot);
            by_origin.entry(snapshot.id).or_default().push(snapshot);
        }
        let is_chosen = |id: &Id| only.is_empty() || only.contains(id);
        let mut found = self.readable_snapshots()?;
        found.unreadable.retain(|unreadable| is_chosen(&unreadable.id));
        let mut copied = Copied {
            unreadable: found.unreadable,
            ..Copied::default()
        };
        let mut damage = Damage::default();
        for snapshot in found.readable.iter().filter(|snapshot| is_chosen(&snapshot.id)) {
            let same = by_origin.get(&origin(snapshot));
            if same.is_some_and(|there| there.iter().any(|one| says_the_same(one, snapshot))) {
                copied.present += 1;
                continue;
            }
            match self.copy_one(target, snapshot, &mut copied, &mut damage, progress, cancel)? {
                None => copied.snapshots += 1,
                Some(why) => copied.unreadable.push(Unreadable {
                    id: snapshot.id,
                    why: format!("snapshot {}: {}", snapshot.id.short(), why.message()),
                }),
            }
        }
        if from.is_some() {
            // Best effort: what is not noted is found again.
            let _ = self.note_damage(&damage);
        }
        Ok(copied)
    }

    /// Why it could not be copied, if it is the stored bytes' fault.
    fn copy_one(
        &self,
        target: &Repository,
        snapshot: &Snapshot,
        copied: &mut Copied,
        damage: &mut Damage,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Option<Problem>> {
        let index = self.current_index()?;
        let walked = self.walk_used(&index, [snapshot.tree], progress, cancel, &|_, nodes| {
            nodes.map(|_| ())
        });
        let used = match walked {
            Err(problem) if is_damage(&problem) => return Ok(Some(problem)),
            other => other?,
        };
        if let Some((kind, id)) = used.iter().find(|(kind, id)| !index.contains(*kind, id)) {
            return Ok(Some(crate::read::missing(*kind, id)));
        }
        let mut writer = BlobWriter::new(target, cancel)?;
        // In the order of their packs, so that each is read once from front to end.
        let places = |(kind, id)| index.find(kind, &id).map(|place| (place, kind, id));
        let mut blobs: Vec<_> = used.into_iter().filter_map(places).collect();
        blobs.sort_unstable_by_key(|(location, _, _)| (location.pack, location.entry.offset));
        for (_, kind, id) in blobs {
            cancel.check()?;
            if writer.has(kind, &id) {
                continue;
            }
            let plain = match self.with_blobs(&index, |blobs| blobs.load(kind, &id)) {
                Err(problem) if is_damage(&problem) => {
                    damage.add(Damage::of_blobs(&[(kind, id)], &index));
                    // What was copied of it is there for the others.
                    writer.give_up()?;
                    return Ok(Some(problem));
                }
                other => other?,
            };
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
        Ok(None)
    }
}

fn origin(snapshot: &Snapshot) -> Id {
    snapshot.original.unwrap_or(snapshot.id)
}

/// As restic compares them: not by their names, nor by what program wrote them.
fn says_the_same(one: &Snapshot, other: &Snapshot) -> bool {
    let is_same_time = match (one.time_ms(), other.time_ms()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.time == other.time,
    };
    is_same_time
        && one.tree == other.tree
        && (&one.hostname, &one.username, one.uid, one.gid)
            == (&other.hostname, &other.username, other.uid, other.gid)
        && (&one.paths, &one.excludes, &one.tags) == (&other.paths, &other.excludes, &other.tags)
}
