//! Rebuilds the index from the packs, and sets damaged packs aside.
//!
//! Nouns: a pack is *whole* when all its bytes are what its name says (or, where no data is read, as many as the index says); a blob is *lost*
//! when a snapshot needs it and no pack has a copy that opens. A [`RepairPlan`] says what is wrong, what its mending would change, and what
//! no mending brings back.
//!
//! Rules: the new index holds whole packs only. Of a damaged pack those blobs that open, and lie in no whole pack, are copied into new packs; then
//! it leaves the index and waits there for the next prune, so that nobody counts on its other blobs, stock restic neither, and the
//! next backup stores them again while their source still exists. Nothing but index files and notes about damage is deleted. A repair that is
//! run again finds nothing to change, and names again what is lost.

use std::collections::HashSet;

use model::{Cancel, Kind, Progress, Result};

use crate::Id;
use crate::damage::Damage;
use crate::format::index_file::{self, PackContents};
use crate::format::pack::{self, BlobKind, PackEntry};
use crate::index::{self, Index};
use crate::lock::Operation;
use crate::prune::Repacker;
use crate::read::open_blob;
use crate::repository::Repository;
use crate::snapshots::Unreadable;
use crate::storage::{Class, Stored};
use crate::used::storage_is_there;

/// What a repair would do, and what it cannot mend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairPlan {
    /// Index files that cannot be read.
    pub unreadable_index_files: Vec<Id>,
    /// In the index, but not stored: they leave the index.
    pub missing_packs: Vec<Id>,
    /// Stored, but in no index, or listed wrongly: their headers are read.
    pub packs_added: Vec<Id>,
    /// Neither header nor index tell what is in them. They stay where they are, and in no index.
    pub unreadable_packs: Vec<Id>,
    /// Packs with bytes that are not what they should be; their good blobs are copied into new packs and they leave the index.
    pub damaged_packs: Vec<Id>,
    /// Damaged packs that an earlier repair has taken out of the index; nothing that is needed is in them, and a prune removes them.
    pub waiting_packs: Vec<Id>,
    /// Blobs that snapshots need and that are nowhere.
    pub blobs_lost: u64,
    /// Snapshots that cannot be restored whole, because blobs of theirs are lost.
    pub incomplete_snapshots: Vec<Id>,
    /// Snapshots whose own file cannot be read.
    pub damaged_snapshots: Vec<Unreadable>,
}

impl RepairPlan {
    /// Nothing is broken, and nothing is lost.
    pub fn is_empty(&self) -> bool {
        !self.changes_index() && self.is_whole() && self.unreadable_packs.is_empty()
    }

    /// Can every snapshot be restored whole afterwards?
    pub fn is_whole(&self) -> bool {
        self.blobs_lost == 0 && self.incomplete_snapshots.is_empty() && self.damaged_snapshots.is_empty()
    }

    /// Is there anything that a repair does?
    pub fn changes_index(&self) -> bool {
        let packs = [&self.missing_packs, &self.packs_added, &self.damaged_packs];
        !self.unreadable_index_files.is_empty() || packs.iter().any(|packs| !packs.is_empty())
    }
}

/// What the index files say.
#[derive(Default)]
struct Told {
    files: HashSet<Id>,
    packs: std::collections::HashMap<Id, PackContents>,
}

/// What was found in the packs.
#[derive(Default)]
struct Looked {
    plan: RepairPlan,
    files: HashSet<Id>,
    whole: Vec<PackContents>,
    /// Damaged packs, each with what may be in it.
    damaged: Vec<PackContents>,
}

impl Repository {
    /// What a repair would change; `read_data` also looks for blobs that do not open.
    pub fn plan_repair(&self, read_data: bool, progress: &Progress, cancel: &Cancel) -> Result<RepairPlan> {
        let _lock = self.lock(Operation::Read)?;
        let mut looked = self.look_at_packs(read_data, progress, cancel)?;
        let index = Index::of(&looked.whole, HashSet::new());
        let mut saved = HashSet::new();
        self.rescue(&mut looked, &index, cancel, &mut |entry, _| {
            saved.insert((entry.kind, entry.id));
            Ok(())
        })?;
        // Listings that would be rescued can be read where they are now.
        let all: Vec<PackContents> = looked.whole.iter().chain(&looked.damaged).cloned().collect();
        let lost = |kind, id: &Id| !index.contains(kind, id) && !saved.contains(&(kind, *id));
        self.name_the_rest(&Index::of(&all, HashSet::new()), &lost, &mut looked.plan, cancel)?;
        Ok(looked.plan)
    }

    /// Repairs; what was changed, and what is left.
    pub fn repair(&self, read_data: bool, progress: &Progress, cancel: &Cancel) -> Result<RepairPlan> {
        self.check_deletable()?;
        let lock = self.lock(Operation::Repair)?;
        let mut looked = self.look_at_packs(read_data, progress, cancel)?;
        let index = Index::of(&looked.whole, HashSet::new());
        let mut packer = Repacker::new(self);
        self.rescue(&mut looked, &index, cancel, &mut |entry, sealed| {
            packer.push(entry, sealed)
        })?;
        looked.whole.extend(packer.finish()?);
        let Looked {
            mut plan,
            files,
            whole,
            ..
        } = looked;
        if plan.changes_index() {
            lock.check()?;
            let new_files = self.write_index(&whole)?;
            lock.prove()?;
            for file in files.difference(&new_files) {
                self.storage().delete(Class::Index, file)?;
            }
            self.storage().settle(Class::Index)?;
        }
        lock.check()?;
        self.forget_all_notes()?;
        let index = self.reload_index()?;
        let lost = |kind, id: &Id| !index.contains(kind, id);
        self.name_the_rest(&index, &lost, &mut plan, cancel)?;
        Ok(plan)
    }

    fn told_by_index(&self, plan: &mut RepairPlan) -> Result<Told> {
        let mut told = Told::default();
        let mut listed = Vec::new();
        for found in self.storage().list(Class::Index)? {
            told.files.insert(found.id);
            match index::load_file(self.storage(), &self.0.key, &found.id) {
                Ok(file) => listed.extend([file.packs, file.marked]),
                Err(problem) if problem.kind() == Kind::Unavailable => return Err(problem),
                Err(_) => plan.unreadable_index_files.push(found.id),
            }
        }
        let packs = index_file::merge(listed).into_iter();
        told.packs = packs.map(|pack| (pack.id, pack)).collect();
        Ok(told)
    }

    fn look_at_packs(&self, read_data: bool, progress: &Progress, cancel: &Cancel) -> Result<Looked> {
        let mut looked = Looked::default();
        let told = self.told_by_index(&mut looked.plan)?;
        let noted = self.noted_damage()?;
        let stored = self.storage().list(Class::Pack)?;
        let names: HashSet<Id> = stored.iter().map(|found| found.id).collect();
        let missing = told.packs.keys().filter(|id| !names.contains(id));
        looked.plan.missing_packs = missing.copied().collect();
        progress.expect(stored.len() as u64, stored.iter().map(|found| found.size).sum());
        for found in &stored {
            cancel.check()?;
            self.look_at_pack(found, told.packs.get(&found.id), read_data, &noted, &mut looked)?;
            progress.items(1);
            progress.bytes(found.size);
        }
        looked.files = told.files;
        looked.plan.missing_packs.sort_unstable();
        Ok(looked)
    }

    fn look_at_pack(
        &self,
        found: &Stored,
        indexed: Option<&PackContents>,
        read_data: bool,
        noted: &Damage,
        looked: &mut Looked,
    ) -> Result<()> {
        let must_read = read_data || indexed.is_some_and(|pack| noted.touches(pack));
        let trusted = indexed.filter(|pack| pack::file_size(&pack.blobs) == found.size);
        if let (Some(pack), false) = (trusted, must_read) {
            looked.whole.push(pack.clone());
            return Ok(());
        }
        let contents = match (self.read_header(found), indexed) {
            (Ok(blobs), _) => PackContents { id: found.id, blobs },
            (Err(problem), _) if problem.kind() == Kind::Unavailable => return Err(problem),
            // Without a header the index may still tell where the blobs are.
            (Err(_), Some(pack)) => {
                looked.set_aside(pack.clone(), true);
                return Ok(());
            }
            (Err(_), None) => {
                looked.plan.unreadable_packs.push(found.id);
                return Ok(());
            }
        };
        // One that stands in no index was never asked about, so its bytes are looked at in any case.
        let is_whole = (!must_read && indexed.is_some()) || self.is_whole(&found.id)?;
        if is_whole {
            if indexed != Some(&contents) {
                looked.plan.packs_added.push(found.id);
            }
            looked.whole.push(contents);
        } else {
            looked.set_aside(contents, indexed.is_some());
        }
        Ok(())
    }

    fn is_whole(&self, pack: &Id) -> Result<bool> {
        match crate::read::whole_file(self.storage(), Class::Pack, pack) {
            Ok(_) => Ok(true),
            Err(problem) if problem.kind() == Kind::Unavailable => Err(problem),
            Err(_) => Ok(false),
        }
    }

    fn read_header(&self, found: &Stored) -> Result<Vec<PackEntry>> {
        let last = self
            .storage()
            .get_range(Class::Pack, &found.id, found.size.saturating_sub(4), 4)?;
        let last: [u8; 4] = last.try_into().unwrap_or_default();
        let length = pack::tail_length(found.size, last)?;
        let tail = self
            .storage()
            .get_range(Class::Pack, &found.id, found.size - length as u64, length)?;
        pack::read_tail(&self.0.key, &tail, found.size)
    }

    /// Hands over the blobs of damaged packs that open and lie in no whole one, each once.
    fn rescue(
        &self,
        looked: &mut Looked,
        index: &Index,
        cancel: &Cancel,
        take: &mut dyn FnMut(&PackEntry, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut taken: HashSet<(BlobKind, Id)> = HashSet::new();
        for pack in &looked.damaged {
            cancel.check()?;
            let bytes = self.storage().get(Class::Pack, &pack.id).or_else(|problem| {
                if problem.kind() == Kind::Unavailable {
                    return Err(problem);
                }
                Ok(Vec::new())
            })?;
            let mut is_needed = false;
            for entry in &pack.blobs {
                let key = (entry.kind, entry.id);
                if index.contains(entry.kind, &entry.id) || taken.contains(&key) {
                    continue;
                }
                let range = entry.offset as usize..entry.offset as usize + entry.length as usize;
                let sealed = bytes.get(range);
                if let Some(sealed) = sealed.filter(|sealed| open_blob(&self.0.key, entry, sealed).is_ok()) {
                    take(entry, sealed)?;
                    taken.insert(key);
                    is_needed = true;
                }
            }
            let waiting = &mut looked.plan.waiting_packs;
            if let Some(at) = waiting.iter().position(|id| *id == pack.id).filter(|_| is_needed) {
                looked.plan.damaged_packs.push(waiting.remove(at));
            }
        }
        Ok(())
    }

    /// What no repair brings back: blobs that snapshots need, those snapshots, and snapshots that cannot be read themselves.
    fn name_the_rest(
        &self,
        index: &Index,
        is_lost: &(dyn Fn(BlobKind, &Id) -> bool + Sync),
        plan: &mut RepairPlan,
        cancel: &Cancel,
    ) -> Result<()> {
        let found = self.stored_snapshots()?;
        plan.damaged_snapshots = found.unreadable;
        let roots = found.readable.iter().map(|snapshot| snapshot.tree);
        let used = self.walk_used(index, roots, &Progress::new(), cancel, &|_, nodes| {
            storage_is_there(&nodes)
        })?;
        let lost: HashSet<(BlobKind, Id)> =
            used.into_iter().filter(|(kind, id)| is_lost(*kind, id)).collect();
        plan.blobs_lost = lost.len() as u64;
        if !lost.is_empty() {
            let damage = Damage::of_blobs(&lost, index);
            plan.incomplete_snapshots = self.affected(index, &found.readable, &damage, cancel)?;
        }
        Ok(())
    }
}

impl Looked {
    fn set_aside(&mut self, pack: PackContents, is_indexed: bool) {
        let aside = if is_indexed {
            &mut self.plan.damaged_packs
        } else {
            &mut self.plan.waiting_packs
        };
        aside.push(pack.id);
        self.damaged.push(pack);
    }
}
