//! Is everything there, and is it what it should be?
//!
//! Nouns: a [`Finding`] is one thing that is wrong, with what it means; *errors* mean that something cannot be restored or is not what its name
//! says, *hints* that the repository could be tidier. A snapshot is *affected* when not all of it can be restored.
//! [`Level::Structure`] reads indexes, snapshots and listings and compares packs with sizes; [`Level::Data`] reads every byte as well.
//!
//! Rules: checking changes nothing of what is stored, and goes on after a finding; it finds also what stock restic does not: names that lead
//! out, listings out of order, lengths that do not fit. Damage that is found is noted in the repository (`damage`), so that the next backup
//! stores again what it still has; damage that was noted is told again until every byte was read and found right.

mod affected;
mod data;
mod findings;
mod reach;

use std::collections::{HashMap, HashSet};

use model::{Cancel, Progress, Result};

use crate::Id;
use crate::damage::Damage;
use crate::format::index_file::PackContents;
use crate::format::pack;
use crate::format::snapshot::Snapshot;
use crate::index::{self, Index};
use crate::lock::Operation;
use crate::repository::Repository;
use crate::storage::Class;
pub use reach::Reach;

use findings::{Findings, check_listing, take_pack};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Structure,
    Data,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Something cannot be restored.
    pub is_error: bool,
    pub text: String,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub snapshots: u64,
    pub packs: u64,
    pub bytes_read: u64,
    pub findings: Vec<Finding>,
    /// Snapshots that cannot be restored whole, because their own file, a listing or a piece of a file is damaged or missing.
    pub affected: Vec<Id>,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        !self.findings.iter().any(|finding| finding.is_error)
    }

    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.findings
            .iter()
            .filter(|finding| finding.is_error)
            .map(|finding| finding.text.as_str())
    }
}

impl Repository {
    /// Checks the whole repository.
    pub fn check(&self, level: Level, progress: &Progress, cancel: &Cancel) -> Result<Report> {
        let lock = self.lock_to_read(Operation::Check)?;
        let findings = Findings::default();
        progress.phase("snapshots");
        let found = self.stored_snapshots()?;
        let snapshots = found.readable;
        progress.phase("index");
        let packs = self.readable_packs(&findings)?;
        let index = Index::of(&packs, HashSet::new());
        let noted = self.noted_damage()?;
        self.compare_packs(&packs, &findings)?;
        progress.phase("listings");
        let roots = snapshots.iter().map(|snapshot| snapshot.tree);
        self.walk_used(&index, roots, progress, cancel, &|id, nodes| {
            check_listing(&index, id, nodes, &findings);
            Ok(())
        })?;
        let mut report = Report {
            snapshots: snapshots.len() as u64,
            packs: packs.len() as u64,
            ..Report::default()
        };
        if level == Level::Data {
            progress.phase("data");
            report.bytes_read = self.read_packs(&packs, &findings, progress, cancel)?;
        } else {
            findings.noted(&packs, &noted);
        }
        let damage = findings.damage();
        if lock.is_some() {
            findings.kept(self.note_what_was_read(level, &damage, &noted));
        }
        if findings.has_errors() {
            report.affected = self.affected(&index, &snapshots, &damage, cancel)?;
        }
        for unreadable in found.unreadable {
            findings.error(format!("a snapshot cannot be read: {}", unreadable.why));
            report.affected.push(unreadable.id);
        }
        report.findings = findings.sorted();
        Ok(report)
    }

    fn note_what_was_read(&self, level: Level, damage: &Damage, noted: &Damage) -> Result<()> {
        match level {
            Level::Structure => self.note_damage(damage),
            Level::Data => self.note_all_damage(damage, noted),
        }
    }

    /// Is every byte of this snapshot there and right? Reads the packs' ranges that it uses.
    pub fn verify(
        &self,
        snapshot: &Snapshot,
        level: Level,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Report> {
        let lock = self.lock_to_read(Operation::Read)?;
        let findings = Findings::default();
        let index = self.index_to_write_by()?;
        progress.phase("listings");
        let used = self.walk_used(&index, [snapshot.tree], progress, cancel, &|id, nodes| {
            check_listing(&index, id, nodes, &findings);
            Ok(())
        })?;
        let mut wanted: HashMap<Id, PackContents> = HashMap::new();
        for (kind, id) in &used {
            if let Some(location) = index.find(*kind, id) {
                let pack = wanted.entry(location.pack).or_insert_with(|| PackContents {
                    id: location.pack,
                    blobs: Vec::new(),
                });
                pack.blobs.push(location.entry);
            }
        }
        let packs: Vec<PackContents> = wanted.into_values().collect();
        let mut report = Report {
            snapshots: 1,
            packs: packs.len() as u64,
            ..Report::default()
        };
        if level == Level::Data {
            progress.phase("data");
            report.bytes_read = self.read_blobs(packs, &index, &findings, progress, cancel)?;
        } else {
            self.packs_exist(&packs, &index, &findings)?;
        }
        if lock.is_some() {
            findings.kept(self.note_damage(&findings.damage()));
        }
        report.findings = findings.sorted();
        if !report.is_clean() {
            report.affected.push(snapshot.id);
        }
        Ok(report)
    }

    fn readable_packs(&self, findings: &Findings) -> Result<Vec<PackContents>> {
        let mut seen: HashMap<Id, PackContents> = HashMap::new();
        for found in self.storage().list(Class::Index)? {
            match index::load_file(self.storage(), &self.0.key, &found.id) {
                Ok(file) => file
                    .packs
                    .into_iter()
                    .for_each(|pack| take_pack(&mut seen, pack, findings)),
                Err(problem) => findings.problem("an index file cannot be read", &problem),
            }
        }
        Ok(seen.into_values().collect())
    }

    /// Indexed packs against stored ones.
    fn compare_packs(&self, packs: &[PackContents], findings: &Findings) -> Result<()> {
        let stored: HashMap<Id, u64> = self
            .storage()
            .list(Class::Pack)?
            .iter()
            .map(|found| (found.id, found.size))
            .collect();
        for indexed in packs {
            let expected = pack::file_size(&indexed.blobs);
            match stored.get(&indexed.id) {
                None => findings.bad_pack(
                    indexed.id,
                    format!(
                        "pack {} is in the index, but not in the storage",
                        indexed.id.short()
                    ),
                ),
                Some(size) if *size != expected => findings.bad_pack(
                    indexed.id,
                    format!(
                        "pack {} has {size} bytes instead of {expected}",
                        indexed.id.short()
                    ),
                ),
                Some(_) => {}
            }
        }
        let known: HashSet<Id> = packs.iter().map(|pack| pack.id).collect();
        let unknown = stored.keys().filter(|id| !known.contains(*id)).count();
        if unknown > 0 {
            findings.hint(format!(
                "{unknown} packs are in no index: left by an interrupted backup; prune removes them"
            ));
        }
        Ok(())
    }

    /// A pack that is gone hurts where it held the only copy.
    fn packs_exist(&self, packs: &[PackContents], index: &Index, findings: &Findings) -> Result<()> {
        let places = |entry: &pack::PackEntry| index.find_all(entry.kind, &entry.id);
        let blobs = packs.iter().flat_map(|pack| &pack.blobs);
        let there = self.which_exist(blobs.flat_map(places).map(|place| place.pack).collect())?;
        for wanted in packs.iter().filter(|pack| !there.contains(&pack.id)) {
            let text = format!("pack {} is missing", wanted.id.short());
            let is_elsewhere = |entry: &pack::PackEntry| {
                let mut places = places(entry).into_iter();
                places.any(|place| there.contains(&place.pack))
            };
            if wanted.blobs.iter().all(is_elsewhere) {
                findings.spare_pack(
                    wanted.id,
                    format!("{text}; all that is needed of it lies elsewhere, too"),
                );
            } else {
                findings.bad_pack(wanted.id, text);
            }
        }
        Ok(())
    }

    /// Which of these packs are stored.
    pub(crate) fn which_exist(&self, packs: HashSet<Id>) -> Result<HashSet<Id>> {
        /// More are not asked for one by one.
        const FEW: usize = 50;
        if packs.len() > FEW {
            let stored = self.storage().list(Class::Pack)?;
            return Ok(stored.iter().map(|found| found.id).collect());
        }
        let mut there = HashSet::new();
        for id in packs {
            if self.storage().stat(Class::Pack, &id)?.is_some() {
                there.insert(id);
            }
        }
        Ok(there)
    }
}
