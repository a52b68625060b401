//! Carries a prune plan out, in the one order in which a crash does no harm.

use super::view::{INDEX_BLOBS, View, unsure};
use super::{
    BlobKind, Cancel, Class, HashMap, HashSet, Id, Index, Kind, Lock, OpenPack, PackContents, PackEntry,
    Problem, Progress, PrunePlan, Repository, Result, index_file,
};
use crate::damage::is_damage;
use crate::index::load_file;
use crate::read::open_blob;

impl Repository {
    /// The packs that are in the index afterwards.
    pub(super) fn perform(
        &self,
        view: &View,
        plan: &mut PrunePlan,
        lock: &Lock,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<PackContents>> {
        progress.phase("packs");
        let new_packs = match self.repack(view, &plan.repack, progress, cancel) {
            // First goes what need not be written anew; that makes room for the next prune to do the rest.
            Err(problem) if problem.kind() == Kind::NoSpace && plan.frees_whole_packs() => {
                self.take_back(view)?;
                plan.leave_out_repacking();
                // Copies that were to be read by writing them anew are relied on as they are.
                for (_, pack, entry) in view.relied_on(plan) {
                    if self.good_copy(&pack, &entry)?.is_none() {
                        return Err(problem);
                    }
                }
                Vec::new()
            }
            other => other?,
        };
        let leaving = view.leaving(plan);
        let stays = view.packs.iter().filter(|pack| !leaving.contains(&pack.id));
        let packs: Vec<PackContents> = stays.cloned().chain(new_packs).collect();
        if !leaving.is_empty() || plan.tidies_index {
            cancel.check()?;
            lock.check()?;
            progress.phase("index");
            self.replace_index(view, &packs, lock)?;
        }
        // An old index that came back would promise packs that are gone; a prune that was killed may have deleted it, too.
        self.storage().settle(Class::Index)?;
        lock.prove()?;
        progress.phase("deleting");
        for id in [&plan.delete_unindexed, &plan.delete_unused, &plan.repack]
            .into_iter()
            .flatten()
        {
            lock.check()?;
            self.storage().delete(Class::Pack, id)?;
            progress.items(1);
        }
        Ok(packs)
    }

    /// New index files, read back; then the old ones go.
    fn replace_index(&self, view: &View, packs: &[PackContents], lock: &Lock) -> Result<()> {
        let new_files = self.write_index(packs)?;
        if let Err(problem) = self.prove(view, &new_files) {
            for file in new_files.difference(&view.files) {
                self.storage().delete(Class::Index, file)?;
            }
            return Err(problem);
        }
        lock.prove()?;
        for file in view.files.difference(&new_files) {
            self.storage().delete(Class::Index, file)?;
        }
        Ok(())
    }

    pub(super) fn delete_leftovers(&self, plan: &PrunePlan, lock: &Lock) -> Result<()> {
        for leftover in &plan.leftovers {
            lock.check()?;
            self.storage().delete_leftover(leftover)?;
        }
        Ok(())
    }

    /// Writes the blobs that these packs keep into new ones, each opened and checked on the way.
    fn repack(
        &self,
        view: &View,
        repack: &[Id],
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<PackContents>> {
        let repack: HashSet<Id> = repack.iter().copied().collect();
        let mut packer = Repacker::new(self);
        let mut done: HashSet<(BlobKind, Id)> = HashSet::new();
        for pack in view.packs.iter().filter(|pack| repack.contains(&pack.id)) {
            cancel.check()?;
            for entry in &pack.blobs {
                if !view.keeps(pack, entry) || !done.insert((entry.kind, entry.id)) {
                    continue;
                }
                let (entry, sealed) = match self.good_copy(&pack.id, entry)? {
                    Some(sealed) => (*entry, sealed),
                    None => self.another_copy(view, entry)?,
                };
                packer.push(&entry, &sealed)?;
            }
            progress.items(1);
        }
        packer.finish()
    }

    /// The sealed bytes of a blob from this pack, or `None` when they are not there or do not open.
    pub(super) fn good_copy(&self, pack: &Id, entry: &PackEntry) -> Result<Option<Vec<u8>>> {
        let (from, length) = (u64::from(entry.offset), entry.length as usize);
        match self.storage().get_range(Class::Pack, pack, from, length) {
            Ok(sealed) => Ok(open_blob(&self.0.key, entry, &sealed).is_ok().then_some(sealed)),
            Err(problem) if is_damage(&problem) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Removes the packs that were written since the view was taken. The lock lets nobody else write.
    fn take_back(&self, view: &View) -> Result<()> {
        for found in self.storage().list(Class::Pack)? {
            if !view.stored.contains_key(&found.id) {
                self.storage().delete(Class::Pack, &found.id)?;
            }
        }
        self.storage().settle(Class::Pack)
    }

    /// The same blob from any other pack.
    fn another_copy(&self, view: &View, wanted: &PackEntry) -> Result<(PackEntry, Vec<u8>)> {
        for pack in &view.packs {
            let is_it = |entry: &&PackEntry| (entry.kind, entry.id) == (wanted.kind, wanted.id);
            for entry in pack.blobs.iter().filter(is_it) {
                if let Some(sealed) = self.good_copy(&pack.id, entry)? {
                    return Ok((*entry, sealed));
                }
            }
        }
        let what = format!("blob {} does not open in any pack", wanted.id.short());
        Err(unsure(&Problem::damaged(what)))
    }

    fn store_pack(&self, pack: OpenPack) -> Result<PackContents> {
        let (contents, bytes) = pack.seal(&self.0.key);
        self.storage().put(Class::Pack, &contents.id, &bytes)?;
        Ok(contents)
    }

    /// Index files for these packs; their names.
    pub(crate) fn write_index(&self, packs: &[PackContents]) -> Result<HashSet<Id>> {
        let mut names = HashSet::new();
        let mut from = 0;
        while from < packs.len() {
            let mut blobs = 0;
            let fits = packs[from..].iter().take_while(|pack| {
                blobs += pack.blobs.len();
                blobs <= INDEX_BLOBS
            });
            let to = from + fits.count().max(1);
            names.insert(self.put_sealed(Class::Index, &index_file::encode(&packs[from..to]))?);
            from = to;
        }
        Ok(names)
    }

    /// Reads the new index back: every used blob must be in it, in a pack that is stored.
    fn prove(&self, view: &View, files: &HashSet<Id>) -> Result<()> {
        let mut packs = Vec::new();
        for file in files {
            packs.extend(load_file(self.storage(), &self.0.key, file)?.packs);
        }
        let stored: HashSet<Id> = self
            .storage()
            .list(Class::Pack)?
            .iter()
            .map(|found| found.id)
            .collect();
        let index = Index::of(&packs, HashSet::new());
        let is_there = |(kind, id): &(BlobKind, Id)| {
            let mut places = index.find_all(*kind, id).into_iter();
            places.any(|place| stored.contains(&place.pack))
        };
        match view.used.iter().find(|key| !is_there(key)) {
            None => Ok(()),
            Some((kind, id)) => Err(Problem::internal(format!(
                "not pruned, nothing was deleted: the new index lacks {kind:?} {}",
                id.short()
            ))),
        }
    }
}

/// Packs that are being filled with blobs of others.
pub(crate) struct Repacker<'a> {
    repository: &'a Repository,
    open: HashMap<BlobKind, OpenPack>,
    written: Vec<PackContents>,
}

impl<'a> Repacker<'a> {
    pub(crate) fn new(repository: &'a Repository) -> Self {
        Repacker {
            repository,
            open: HashMap::new(),
            written: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, entry: &PackEntry, sealed: &[u8]) -> Result<()> {
        let target = self.open.entry(entry.kind).or_default();
        target.push(entry, sealed);
        if target.bytes.len() >= self.repository.0.options.pack_size {
            let full = std::mem::take(target);
            self.written.push(self.repository.store_pack(full)?);
        }
        Ok(())
    }

    /// Stores the rest; all packs that were written.
    pub(crate) fn finish(mut self) -> Result<Vec<PackContents>> {
        let rest = self.open.into_values().filter(|pack| !pack.entries.is_empty());
        for pack in rest {
            self.written.push(self.repository.store_pack(pack)?);
        }
        Ok(self.written)
    }
}
