//! Frees what no snapshot uses any more.
//!
//! Nouns: a [`PrunePlan`] says which packs go and which are written anew; it is data, made without changing anything. Performing it: new
//! packs durable, new index durable, old index gone, packs gone.
//!
//! *Keeper* of a used blob is the pack whose copy stays, when there are several.
//!
//! Rules: any error while looking (a listing, a tree, an index) ends it before the first deletion; a blob that is used but in no index
//! ends it; a copy goes only when that of the keeper was read and is right; a pack that became unused goes only when it is older than the grace, so that a writer that slept loses
//! nothing; the new index is read back and compared before anything is deleted. Exclusive lock throughout. Unfinished files of killed
//! writers go when they are older than any lock lives: whoever wrote one must have stopped by then.

use std::collections::{HashMap, HashSet};

use model::{Cancel, Kind, Problem, Progress, Result};

use crate::Id;
use crate::damage::Damage;
use crate::format::index_file::{self, PackContents};
use crate::format::pack::{self, BlobKind, PackEntry};
use crate::format::snapshot::Snapshot;
use crate::index::Index;
use crate::lock::{Lock, Operation, STALE_MS};
use crate::repository::Repository;
use crate::storage::{Class, Leftover, Stored};
use crate::used::Used;
use crate::write::OpenPack;

#[path = "prune_perform.rs"]
mod perform;
#[path = "prune_view.rs"]
mod view;

pub(crate) use perform::Repacker;
use view::View;

/// Packs younger than this are not deleted for being unused.
pub const GRACE_MS: i64 = 24 * 3600 * 1000;
/// Up to this part of what is used may stay unused inside packs.
const MAX_UNUSED_PERCENT: u64 = 5;
/// Packs below this are put together when there are many of them.
const SMALL_PACK: u64 = 4 << 20;
const MANY_SMALL: usize = 10;

/// What a prune would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunePlan {
    /// In no index: left by interrupted runs.
    pub delete_unindexed: Vec<Id>,
    /// Indexed, with nothing in them that is used.
    pub delete_unused: Vec<Id>,
    /// Unused, but too young to go; they leave the index and stay for the next prune.
    pub wait: Vec<Id>,
    /// Their used blobs are written into new packs.
    pub repack: Vec<Id>,
    pub bytes_freed: u64,
    /// Of that, what repacking frees.
    bytes_freed_by_repacking: u64,
    pub bytes_repacked: u64,
    pub bytes_used: u64,
    pub bytes_stay_unused: u64,
    /// Packs of the index that are neither used nor stored.
    pub forgotten: Vec<Id>,
    /// Unfinished files of writers that were killed.
    pub leftovers: Vec<Leftover>,
    /// Index files that are there.
    pub index_files: usize,
    /// They are too many, or name a pack twice, and are written anew for that.
    pub tidies_index: bool,
}

impl PrunePlan {
    pub fn is_empty(&self) -> bool {
        self.leftovers.is_empty() && self.leaves_packs() && !self.tidies_index
    }

    /// Is there something to delete that need not be written anew first?
    fn frees_whole_packs(&self) -> bool {
        !self.delete_unindexed.is_empty() || !self.delete_unused.is_empty()
    }

    /// There is no room for it.
    fn leave_out_repacking(&mut self) {
        self.repack.clear();
        self.bytes_freed -= self.bytes_freed_by_repacking;
        self.bytes_stay_unused += std::mem::take(&mut self.bytes_freed_by_repacking);
        self.bytes_repacked = 0;
    }

    fn leaves_packs(&self) -> bool {
        self.delete_unindexed.is_empty()
            && self.delete_unused.is_empty()
            && self.repack.is_empty()
            && self.forgotten.is_empty()
    }
}

impl Repository {
    /// What pruning would do now. `grace_ms` is [`GRACE_MS`] unless nobody else writes.
    pub fn plan_prune(&self, grace_ms: i64, progress: &Progress, cancel: &Cancel) -> Result<PrunePlan> {
        let _lock = self.lock(Operation::Read)?;
        Ok(self
            .look(progress, cancel)?
            .plan(grace_ms, self.now_ms(), self.0.options.pack_size as u64))
    }

    /// Prunes; what was done.
    pub fn prune(&self, grace_ms: i64, progress: &Progress, cancel: &Cancel) -> Result<PrunePlan> {
        self.check_deletable()?;
        let lock = self.lock(Operation::Prune)?;
        // A snapshot that somebody deleted must not come back after its blobs have gone.
        self.storage().settle(Class::Snapshot)?;
        let mut view = self.look(progress, cancel)?;
        let mut plan = self.plan_by_sound_copies(&mut view, grace_ms, cancel)?;
        let packs = self.perform(&view, &mut plan, &lock, progress, cancel)?;
        self.delete_leftovers(&plan, &lock)?;
        self.forget_notes(&packs)?;
        self.reload_index()?;
        Ok(plan)
    }
}

impl View {
    fn plan(&self, grace_ms: i64, now_ms: i64, pack_size: u64) -> PrunePlan {
        let mut plan = PrunePlan {
            index_files: self.files.len(),
            tidies_index: self.is_index_untidy(),
            ..PrunePlan::default()
        };
        let is_old = |id: &Id| {
            // A storage that does not tell times cannot be asked to wait.
            self.stored.get(id).is_some_and(|stored| {
                grace_ms <= 0 || stored.modified_ms.is_none_or(|ms| now_ms - ms >= grace_ms)
            })
        };
        let indexed: HashSet<Id> = self.packs.iter().map(|pack| pack.id).collect();
        for (id, stored) in self.stored.iter().filter(|(id, _)| !indexed.contains(*id)) {
            if is_old(id) {
                plan.bytes_freed += stored.size;
                plan.delete_unindexed.push(*id);
            } else {
                plan.wait.push(*id);
            }
        }
        let mut partly = Vec::new();
        let mut small = Vec::new();
        for pack in &self.packs {
            let is_kept = |entry: &&PackEntry| self.keepers.get(&(entry.kind, entry.id)) == Some(&pack.id);
            let used: u64 = pack
                .blobs
                .iter()
                .filter(is_kept)
                .map(|entry| u64::from(entry.length))
                .sum();
            let total: u64 = pack.blobs.iter().map(|entry| u64::from(entry.length)).sum();
            plan.bytes_used += used;
            if used == 0 {
                self.plan_unused(pack, &is_old, &mut plan);
            } else if self.is_kept_although_damaged(pack) {
                // Its only copy of something does not open, so it cannot be written anew.
                plan.bytes_stay_unused += total - used;
            } else if pack.blobs.iter().any(|entry| entry.kind != pack.blobs[0].kind) {
                plan.repack.push(pack.id);
                plan.bytes_repacked += used;
            } else if used < total {
                partly.push((pack.id, used, total - used, pack.blobs[0].kind));
            } else if total < SMALL_PACK.min(pack_size / 2) {
                small.push((pack.id, used));
            }
        }
        plan_partly(partly, &mut plan);
        if small.len() >= MANY_SMALL {
            plan.bytes_repacked += small.iter().map(|(_, used)| used).sum::<u64>();
            plan.repack.extend(small.into_iter().map(|(id, _)| id));
        }
        plan.repack.sort_unstable();
        self.plan_leftovers(now_ms, &mut plan);
        plan
    }

    fn plan_leftovers(&self, now_ms: i64, plan: &mut PrunePlan) {
        let is_old = |ms: i64| now_ms - ms > STALE_MS;
        let old = self
            .leftovers
            .iter()
            .filter(|left| left.modified_ms.is_some_and(is_old));
        plan.leftovers = old.cloned().collect();
        plan.bytes_freed += plan.leftovers.iter().map(|left| left.size).sum::<u64>();
    }

    fn plan_unused(&self, pack: &PackContents, is_old: &dyn Fn(&Id) -> bool, plan: &mut PrunePlan) {
        match self.stored.get(&pack.id) {
            None => plan.forgotten.push(pack.id),
            Some(stored) if is_old(&pack.id) => {
                plan.bytes_freed += stored.size;
                plan.delete_unused.push(pack.id);
            }
            Some(stored) => {
                plan.bytes_stay_unused += stored.size;
                plan.wait.push(pack.id);
            }
        }
    }
}

/// The most wasteful first, listings before data, until what stays unused is little.
fn plan_partly(mut partly: Vec<(Id, u64, u64, BlobKind)>, plan: &mut PrunePlan) {
    let mut unused: u64 = partly.iter().map(|(_, _, unused, _)| unused).sum();
    let allowed = plan.bytes_used * MAX_UNUSED_PERCENT / 100;
    partly.sort_by_key(|(id, used, unused, kind)| {
        (
            *kind == BlobKind::Data,
            std::cmp::Reverse(unused * 1000 / (used + unused)),
            *id,
        )
    });
    for (id, used, free, kind) in partly {
        if unused <= allowed && kind == BlobKind::Data {
            break;
        }
        plan.repack.push(id);
        plan.bytes_repacked += used;
        plan.bytes_freed += free;
        plan.bytes_freed_by_repacking += free;
        unused -= free;
    }
    plan.bytes_stay_unused += unused;
}
