//! Rebuilds the index from the packs, and sets damaged packs aside.
//!
//! Nouns: a [`RepairPlan`] says what is wrong with the index and what its mending would change. Rules: a pack whose header can be read is
//! kept, with those of its blobs that open; blobs that do not are dropped from the index, so that the next backup stores them again
//! while their source still exists; nothing but index files is deleted.

use std::collections::{HashMap, HashSet};

use model::{Cancel, Progress, Result};

use crate::Id;
use crate::format::index_file::PackContents;
use crate::format::pack::{self, PackEntry};
use crate::index;
use crate::lock::Operation;
use crate::read::open_blob;
use crate::repository::Repository;
use crate::storage::{Class, Stored};
use crate::write::OpenPack;

/// What a repair would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairPlan {
    /// Index files that cannot be read.
    pub unreadable_index_files: Vec<Id>,
    /// In the index, but not stored: they leave the index.
    pub missing_packs: Vec<Id>,
    /// Stored, but in no index, or listed wrongly: their headers are read.
    pub packs_added: Vec<Id>,
    /// Neither header nor index tell what is in them.
    pub unreadable_packs: Vec<Id>,
    /// Packs with blobs that do not open; the good ones are copied into new packs.
    pub damaged_packs: Vec<Id>,
    pub blobs_lost: u64,
}

impl RepairPlan {
    pub fn is_empty(&self) -> bool {
        *self == RepairPlan::default()
    }
}

struct Mended {
    plan: RepairPlan,
    packs: Vec<PackContents>,
    /// Good blobs of damaged packs.
    rescued: Vec<(PackEntry, Vec<u8>)>,
    files: HashSet<Id>,
}

impl Repository {
    /// What a repair would change; `read_data` also looks for blobs that do not open.
    pub fn plan_repair(&self, read_data: bool, progress: &Progress, cancel: &Cancel) -> Result<RepairPlan> {
        let _lock = self.lock(Operation::Read)?;
        Ok(self.mend(read_data, progress, cancel)?.plan)
    }

    /// Repairs; what was changed.
    pub fn repair(&self, read_data: bool, progress: &Progress, cancel: &Cancel) -> Result<RepairPlan> {
        self.check_deletable()?;
        let lock = self.lock(Operation::Repair)?;
        let Mended {
            plan,
            mut packs,
            rescued,
            files,
        } = self.mend(read_data, progress, cancel)?;
        if plan.is_empty() {
            return Ok(plan);
        }
        let mut open: HashMap<pack::BlobKind, OpenPack> = HashMap::new();
        for (entry, sealed) in &rescued {
            open.entry(entry.kind).or_default().push(entry, sealed);
        }
        for rescued in open.into_values() {
            packs.push(self.store_pack(rescued)?);
        }
        lock.check()?;
        let new_files = self.write_index(&packs)?;
        lock.prove()?;
        for file in files.difference(&new_files) {
            self.storage().delete(Class::Index, file)?;
        }
        self.storage().settle(Class::Index)?;
        self.reload_index()?;
        Ok(plan)
    }

    fn mend(&self, read_data: bool, progress: &Progress, cancel: &Cancel) -> Result<Mended> {
        let mut plan = RepairPlan::default();
        let mut indexed: HashMap<Id, PackContents> = HashMap::new();
        let files: HashSet<Id> = self
            .storage()
            .list(Class::Index)?
            .iter()
            .map(|found| found.id)
            .collect();
        for file in &files {
            match index::load_file(self.storage(), &self.0.key, file) {
                Ok(file) => indexed.extend(file.packs.into_iter().map(|pack| (pack.id, pack))),
                Err(_) => plan.unreadable_index_files.push(*file),
            }
        }
        let stored = self.storage().list(Class::Pack)?;
        let names: HashSet<Id> = stored.iter().map(|found| found.id).collect();
        plan.missing_packs = indexed.keys().filter(|id| !names.contains(id)).copied().collect();
        progress.expect(stored.len() as u64, stored.iter().map(|found| found.size).sum());
        let mut mended = Mended {
            plan,
            packs: Vec::new(),
            rescued: Vec::new(),
            files,
        };
        for found in &stored {
            cancel.check()?;
            self.mend_pack(found, indexed.get(&found.id), read_data, &mut mended)?;
            progress.items(1);
            progress.bytes(found.size);
        }
        Ok(mended)
    }

    fn mend_pack(
        &self,
        found: &Stored,
        indexed: Option<&PackContents>,
        read_data: bool,
        mended: &mut Mended,
    ) -> Result<()> {
        let trusted = indexed.filter(|pack| pack::file_size(&pack.blobs) == found.size);
        if let (Some(pack), false) = (trusted, read_data) {
            mended.packs.push(pack.clone());
            return Ok(());
        }
        let header = self.read_header(found);
        let contents = match (header, indexed) {
            (Ok(blobs), Some(pack)) if blobs == pack.blobs => pack.clone(),
            (Ok(blobs), _) => {
                mended.plan.packs_added.push(found.id);
                PackContents { id: found.id, blobs }
            }
            // Without a header the index may still tell where the blobs are.
            (Err(_), Some(pack)) => return self.rescue(found, pack, mended),
            (Err(problem), None) if problem.kind() == model::Kind::Damaged => {
                mended.plan.unreadable_packs.push(found.id);
                return Ok(());
            }
            (Err(problem), None) => return Err(problem),
        };
        let is_whole = !read_data || crate::read::whole_file(self.storage(), Class::Pack, &found.id).is_ok();
        if is_whole {
            mended.packs.push(contents);
            return Ok(());
        }
        self.rescue(found, &contents, mended)
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

    /// Takes over the blobs that open.
    fn rescue(&self, found: &Stored, contents: &PackContents, mended: &mut Mended) -> Result<()> {
        mended.plan.damaged_packs.push(found.id);
        let bytes = self.storage().get(Class::Pack, &found.id)?;
        for entry in &contents.blobs {
            let range = entry.offset as usize..entry.offset as usize + entry.length as usize;
            match bytes
                .get(range)
                .filter(|sealed| open_blob(&self.0.key, entry, sealed).is_ok())
            {
                Some(sealed) => mended.rescued.push((*entry, sealed.to_vec())),
                None => mended.plan.blobs_lost += 1,
            }
        }
        Ok(())
    }
}
