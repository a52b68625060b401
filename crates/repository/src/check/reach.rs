//! Is anything left of what somebody wants to restore? A quick look, before a server is stopped for it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use model::{Cancel, Progress, Result};

use crate::Id;
use crate::damage::is_damage;
use crate::format::pack::BlobKind;
use crate::format::snapshot::Snapshot;
use crate::repository::Repository;
use crate::tree::Tree;
use crate::used::storage_is_there;

/// What can be restored, as far as indexes, listings, the names of packs and what was noted tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Something can be.
    pub is_something_whole: bool,
    /// Why something cannot be, if so.
    pub lost: Option<String>,
}

/// Where to begin.
#[derive(Default)]
struct Begin {
    listings: Vec<Id>,
    pieces: HashSet<Id>,
    is_something_whole: bool,
    lost: Option<String>,
}

impl Repository {
    /// Looks at what lies at and below these paths of a snapshot; at all of it when none is given. A path that is not there is passed over.
    pub fn reach(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Reach> {
        let _lock = self.lock_to_read(crate::lock::Operation::Read)?;
        let index = self.index_to_write_by()?;
        let begin = begin(&self.tree(snapshot)?, paths)?;
        let is_something_whole = AtomicBool::new(begin.is_something_whole);
        let lost = Mutex::new(begin.lost);
        let note_lost = |why: String| {
            lost.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(why);
        };
        let used = self.walk_used(&index, begin.listings, progress, cancel, &|id, nodes| {
            storage_is_there(&nodes)?;
            match nodes {
                Err(problem) => note_lost(format!("listing {}: {}", id.short(), problem.message())),
                Ok(nodes) => {
                    if nodes
                        .iter()
                        .any(|node| node.subtree.is_none() && node.content.is_empty())
                    {
                        is_something_whole.store(true, Relaxed);
                    }
                }
            }
            Ok(())
        })?;
        let pieces = used
            .iter()
            .filter(|(kind, _)| *kind == BlobKind::Data)
            .map(|(_, id)| id);
        let pieces: HashSet<Id> = pieces.chain(&begin.pieces).copied().collect();
        let places = |id: &Id| index.find_all(BlobKind::Data, id);
        let there = self.which_exist(pieces.iter().flat_map(places).map(|place| place.pack).collect())?;
        for id in &pieces {
            let mut places = places(id).into_iter();
            if places.any(|place| there.contains(&place.pack) && !index.damage().has(&place)) {
                is_something_whole.store(true, Relaxed);
            } else {
                note_lost(format!("piece {} of a file is damaged or missing", id.short()));
            }
        }
        Ok(Reach {
            is_something_whole: is_something_whole.into_inner(),
            lost: lost.into_inner().unwrap_or_else(PoisonError::into_inner),
        })
    }
}

fn begin(tree: &Tree, paths: &[PathBuf]) -> Result<Begin> {
    let mut begin = Begin::default();
    let root = [PathBuf::new()];
    let paths: &[PathBuf] = if paths.is_empty() { &root } else { paths };
    for path in paths {
        begin.add(tree, path)?;
    }
    Ok(begin)
}

impl Begin {
    fn add(&mut self, tree: &Tree, path: &Path) -> Result<()> {
        let entry = match tree.stat(path) {
            Err(problem) if is_damage(&problem) => {
                self.lost.get_or_insert(problem.message().to_owned());
                return Ok(());
            }
            found => found?,
        };
        if let Some(entry) = entry {
            self.listings.extend(entry.subtree);
            self.is_something_whole |= entry.subtree.is_none() && entry.content.is_empty();
            self.pieces.extend(entry.content);
        }
        Ok(())
    }
}
