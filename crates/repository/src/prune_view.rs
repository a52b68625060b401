//! What a prune has seen, and which copies it relies on.

use super::{
    BlobKind, Cancel, Class, Damage, HashMap, HashSet, Id, Index, Leftover, PackContents, PackEntry, Problem,
    Progress, PrunePlan, Repository, Result, Snapshot, Stored, Used, index_file, pack,
};
use crate::index::load_file;

/// An index file has no more blobs.
pub(super) const INDEX_BLOBS: usize = 40_000;
/// So few index files are let be, however small they are.
const FEW_FILES: usize = 8;

/// Everything that was looked at for a plan.
pub(super) struct View {
    pub(super) files: HashSet<Id>,
    pub(super) packs: Vec<PackContents>,
    pub(super) stored: HashMap<Id, Stored>,
    pub(super) used: Used,
    pub(super) leftovers: Vec<Leftover>,
    /// Which pack's copy of each used blob is kept.
    pub(super) keepers: HashMap<(BlobKind, Id), Id>,
    pub(super) damage: Damage,
    /// A pack is named twice, or as one that somebody has marked for deletion.
    names_twice: bool,
}

impl Repository {
    /// Looks at everything; any doubt is an error.
    pub(super) fn look(&self, progress: &Progress, cancel: &Cancel) -> Result<View> {
        progress.phase("snapshots");
        let snapshots = self.all_snapshots()?;
        progress.phase("index");
        let files: HashSet<Id> = self
            .storage()
            .list(Class::Index)?
            .iter()
            .map(|found| found.id)
            .collect();
        let (mut listed, mut marked) = (Vec::new(), Vec::new());
        for file in &files {
            let file = load_file(self.storage(), &self.0.key, file)?;
            listed.push(file.packs);
            marked.push(file.marked);
        }
        let named: usize = listed.iter().map(Vec::len).sum();
        let is_marked = marked.iter().any(|packs| !packs.is_empty());
        let packs = index_file::merge(listed.into_iter().chain(marked));
        let index = Index::of(&packs, files.clone());
        progress.phase("listings");
        let roots = snapshots.iter().map(|snapshot| snapshot.tree);
        let used = self.walk_used(&index, roots, progress, cancel, &|id, nodes| {
            nodes
                .map(|_| ())
                .map_err(|problem| unsure(&problem.context(format!("listing {}", id.short()))))
        })?;
        if let Some((kind, id)) = used.iter().find(|(kind, id)| !index.contains(*kind, id)) {
            return Err(unsure(&crate::read::missing(*kind, id)));
        }
        let stored = self.storage().list(Class::Pack)?;
        let mut view = View {
            files,
            names_twice: is_marked || named > packs.len(),
            packs,
            stored: stored.into_iter().map(|found| (found.id, found)).collect(),
            used,
            leftovers: self.storage().leftovers()?,
            keepers: HashMap::new(),
            damage: self.noted_damage()?,
        };
        view.choose_keepers()?;
        Ok(view)
    }

    /// One that cannot be read still needs its data, and nobody knows which.
    fn all_snapshots(&self) -> Result<Vec<Snapshot>> {
        let found = self.stored_snapshots()?;
        if let Some(gone) = found.gone.first() {
            let problem = format!("snapshot {} is listed, but not there", gone.short());
            return Err(unsure(&Problem::damaged(problem)));
        }
        let doubt = |problem: Problem| problem.context("not pruned, nothing was deleted");
        found.all(self).map_err(doubt)
    }

    /// A plan by which no copy goes while the one that stays does not open. What is found damaged on the way is noted.
    pub(super) fn plan_by_sound_copies(
        &self,
        view: &mut View,
        grace_ms: i64,
        cancel: &Cancel,
    ) -> Result<PrunePlan> {
        let mut proven = HashSet::new();
        loop {
            let plan = view.plan(grace_ms, self.now_ms(), self.0.options.pack_size as u64);
            let mut found = Damage::default();
            for (key, pack, entry) in view.relied_on(&plan) {
                cancel.check()?;
                if !proven.contains(&key) && self.good_copy(&pack, &entry)?.is_none() {
                    found.add_blob(pack, entry.id);
                }
                proven.insert(key);
            }
            if found.is_empty() {
                return Ok(plan);
            }
            self.note_damage(&found)?;
            view.damage.add(found);
            view.choose_keepers()?;
            proven.clear();
        }
    }
}

pub(super) fn unsure(problem: &Problem) -> Problem {
    Problem::damaged(format!("not pruned, nothing was deleted: {}", problem.message())).hint(
        "`cairn repository check` names the backups that are affected; run `cairn repository repair`, then back up \
         again what is still there, or delete those backups",
    )
}

impl View {
    /// One that is full of used blobs, when there is a choice; one whose copy is known to be damaged only when there is none.
    fn choose_keepers(&mut self) -> Result<()> {
        let used_part = |pack: &PackContents| {
            let used = pack.blobs.iter().filter(|entry| self.is_used(entry));
            (used.count() * 1000 / pack.blobs.len().max(1), pack.id)
        };
        let mut packs: Vec<&PackContents> = self.packs.iter().filter(|pack| self.is_usable(pack)).collect();
        packs.sort_by_cached_key(|pack| std::cmp::Reverse(used_part(pack)));
        let mut keepers = HashMap::new();
        for is_damaged in [false, true] {
            for pack in &packs {
                let copies = pack.blobs.iter().filter(|entry| {
                    self.is_used(entry) && self.damage.has_blob(&pack.id, &entry.id) == is_damaged
                });
                for entry in copies {
                    keepers.entry((entry.kind, entry.id)).or_insert(pack.id);
                }
            }
        }
        self.keepers = keepers;
        self.check_kept()
    }

    fn is_used(&self, entry: &PackEntry) -> bool {
        self.used.contains(&(entry.kind, entry.id))
    }

    /// Is it there, with its right size?
    fn is_usable(&self, pack: &PackContents) -> bool {
        let stored = self.stored.get(&pack.id);
        stored.is_some_and(|stored| stored.size == pack::file_size(&pack.blobs))
    }

    /// Every used blob must lie in a pack that is there with its right size.
    fn check_kept(&self) -> Result<()> {
        let Some(lost) = self.used.iter().find(|key| !self.keepers.contains_key(*key)) else {
            return Ok(());
        };
        let holds = |pack: &&PackContents| pack.blobs.iter().any(|entry| (entry.kind, entry.id) == *lost);
        let Some(pack) = self.packs.iter().find(holds) else {
            return Err(unsure(&crate::read::missing(lost.0, &lost.1)));
        };
        let what = if self.stored.contains_key(&pack.id) {
            "has another size than the index says"
        } else {
            "is missing"
        };
        Err(unsure(&Problem::damaged(format!(
            "pack {} {what}",
            pack.id.short()
        ))))
    }

    pub(super) fn keeps(&self, pack: &PackContents, entry: &PackEntry) -> bool {
        self.keepers.get(&(entry.kind, entry.id)) == Some(&pack.id)
    }

    pub(super) fn is_kept_although_damaged(&self, pack: &PackContents) -> bool {
        let mut blobs = pack.blobs.iter();
        blobs.any(|entry| self.damage.has_blob(&pack.id, &entry.id) && self.keeps(pack, entry))
    }

    /// Would fewer index files do, or does one of them say what another one says?
    pub(super) fn is_index_untidy(&self) -> bool {
        let blobs: usize = self.packs.iter().map(|pack| pack.blobs.len()).sum();
        self.names_twice || self.files.len() >= FEW_FILES.max(2 * (blobs / INDEX_BLOBS + 1))
    }

    /// Packs that leave the index.
    pub(super) fn leaving(&self, plan: &PrunePlan) -> HashSet<Id> {
        let indexed: HashSet<Id> = self.packs.iter().map(|pack| pack.id).collect();
        let leaving = [&plan.repack, &plan.delete_unused, &plan.forgotten, &plan.wait];
        let leaving = leaving.into_iter().flatten().copied();
        leaving.filter(|id| indexed.contains(id)).collect()
    }

    /// Copies that stay as they are, while another copy of the same blob goes.
    pub(super) fn relied_on(&self, plan: &PrunePlan) -> Vec<((BlobKind, Id), Id, PackEntry)> {
        let leaving = self.leaving(plan);
        let (go, stay): (Vec<_>, Vec<_>) = self.packs.iter().partition(|pack| leaving.contains(&pack.id));
        let go = go.into_iter().filter(|pack| self.is_usable(pack));
        let gone: HashSet<(BlobKind, Id)> = go
            .flat_map(|pack| pack.blobs.iter().map(move |entry| (pack, entry)))
            .filter(|(pack, entry)| self.is_used(entry) && !self.damage.has_blob(&pack.id, &entry.id))
            .map(|(_, entry)| (entry.kind, entry.id))
            .collect();
        let kept = stay
            .into_iter()
            .flat_map(|pack| pack.blobs.iter().map(move |entry| (pack, entry)));
        kept.filter(|(pack, entry)| self.keeps(pack, entry) && gone.contains(&(entry.kind, entry.id)))
            .map(|(pack, entry)| ((entry.kind, entry.id), pack.id, *entry))
            .collect()
    }
}
