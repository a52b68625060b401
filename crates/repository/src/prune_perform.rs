//! Carries a prune plan out, in the one order in which a crash does no harm.

use super::{
    BlobKind, Cancel, Class, HashMap, HashSet, Id, Index, Kind, Lock, OpenPack, PackContents, PackEntry,
    Problem, Progress, PrunePlan, Repository, Result, View, index, index_file, unsure,
};
use crate::read::open_blob;

/// An index file has no more blobs.
const INDEX_BLOBS: usize = 40_000;

impl Repository {
    pub(super) fn perform(
        &self,
        view: &View,
        plan: &mut PrunePlan,
        lock: &Lock,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        if plan.leaves_packs() && plan.wait.is_empty() && view.files.len() < 8 {
            return Ok(());
        }
        progress.phase("packs");
        let repack: HashSet<Id> = plan.repack.iter().copied().collect();
        let new_packs = match self.repack(view, &repack, progress, cancel) {
            // First goes what need not be written anew; that makes room for the next prune to do the rest.
            Err(problem) if problem.kind() == Kind::NoSpace && plan.frees_whole_packs() => {
                self.take_back(view)?;
                plan.leave_out_repacking();
                Vec::new()
            }
            other => other?,
        };
        cancel.check()?;
        lock.check()?;
        let gone: HashSet<Id> = [&plan.repack, &plan.delete_unused, &plan.forgotten]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        let waits: HashSet<Id> = plan.wait.iter().copied().collect();
        let stays = view
            .packs
            .iter()
            .filter(|pack| !gone.contains(&pack.id) && !waits.contains(&pack.id));
        let packs: Vec<PackContents> = stays.cloned().chain(new_packs).collect();
        progress.phase("index");
        let new_files = self.write_index(&packs)?;
        self.prove(view, &new_files)?;
        lock.prove()?;
        for file in view.files.difference(&new_files) {
            self.storage().delete(Class::Index, file)?;
        }
        // An old index that came back would promise packs that are gone.
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
        Ok(())
    }

    pub(super) fn delete_leftovers(&self, plan: &PrunePlan, lock: &Lock) -> Result<()> {
        for leftover in &plan.leftovers {
            lock.check()?;
            self.storage().delete_leftover(leftover)?;
        }
        Ok(())
    }

    /// Writes the used blobs of these packs into new ones, each blob opened and checked on the way.
    fn repack(
        &self,
        view: &View,
        repack: &HashSet<Id>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<PackContents>> {
        let mut written = Vec::new();
        let mut open: HashMap<BlobKind, OpenPack> = HashMap::new();
        let mut kept = view.kept_elsewhere(repack);
        for pack in view.packs.iter().filter(|pack| repack.contains(&pack.id)) {
            cancel.check()?;
            for entry in &pack.blobs {
                let key = (entry.kind, entry.id);
                if !view.used.contains(&key) || kept.contains(&key) {
                    continue;
                }
                let Some(sealed) = self.good_copy(pack, entry)? else {
                    return Err(unsure(&crate::read::missing(entry.kind, &entry.id)));
                };
                kept.insert(key);
                let target = open.entry(entry.kind).or_default();
                target.push(entry, &sealed);
                if target.bytes.len() >= self.0.options.pack_size {
                    written.push(self.store_pack(std::mem::take(target))?);
                }
            }
            progress.items(1);
        }
        for pack in open.into_values().filter(|pack| !pack.entries.is_empty()) {
            written.push(self.store_pack(pack)?);
        }
        Ok(written)
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

    /// The sealed bytes of a blob from this pack, or `None` when they do not open.
    fn good_copy(&self, pack: &PackContents, entry: &PackEntry) -> Result<Option<Vec<u8>>> {
        let sealed = self.storage().get_range(
            Class::Pack,
            &pack.id,
            u64::from(entry.offset),
            entry.length as usize,
        )?;
        Ok(open_blob(&self.0.key, entry, &sealed).is_ok().then_some(sealed))
    }

    pub(crate) fn store_pack(&self, pack: OpenPack) -> Result<PackContents> {
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
            packs.extend(index::load_file(self.storage(), &self.0.key, file)?.packs);
        }
        let stored: HashSet<Id> = self
            .storage()
            .list(Class::Pack)?
            .iter()
            .map(|found| found.id)
            .collect();
        let index = Index::of(&packs, HashSet::new());
        let is_there = |(kind, id): &(BlobKind, Id)| {
            index
                .find(*kind, id)
                .is_some_and(|location| stored.contains(&location.pack))
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

impl View {
    /// Used blobs that lie in a pack which stays.
    fn kept_elsewhere(&self, repack: &HashSet<Id>) -> HashSet<(BlobKind, Id)> {
        let stays = self
            .packs
            .iter()
            .filter(|pack| !repack.contains(&pack.id) && self.stored.contains_key(&pack.id));
        let blobs = stays
            .flat_map(|pack| &pack.blobs)
            .map(|entry| (entry.kind, entry.id));
        blobs.filter(|key| self.used.contains(key)).collect()
    }
}
