//! Is everything there, and is it what it should be?
//!
//! Nouns: a [`Finding`] is one thing that is wrong, with what it means; *errors* mean that something cannot be restored, *hints* that the
//! repository could be tidier. [`Level::Structure`] reads indexes, snapshots and listings and compares packs with sizes;
//! [`Level::Data`] reads every byte as well.
//!
//! Rules: checking changes nothing and goes on after a finding; it finds also what stock restic does not: names that lead out,
//! listings out of order, lengths that do not fit.

mod findings;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use model::{Cancel, Progress, Result};

use crate::Id;
use crate::format::index_file::PackContents;
use crate::format::pack;
use crate::format::snapshot::Snapshot;
use crate::index::{self, Index};
use crate::lock::Operation;
use crate::read::open_blob;
use crate::repository::Repository;
use crate::storage::Class;
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
        let _lock = self.lock_to_read(Operation::Check)?;
        let findings = Findings::default();
        progress.phase("snapshots");
        let snapshots = self.stored_snapshots()?;
        for unreadable in &snapshots.unreadable {
            findings.error(format!("a snapshot cannot be read: {}", unreadable.why));
        }
        let snapshots = snapshots.readable;
        progress.phase("index");
        let packs = self.readable_packs(&findings)?;
        let index = Index::of(&packs, HashSet::new());
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
        }
        report.findings = findings.sorted();
        Ok(report)
    }

    /// Is every byte of this snapshot there and right? Reads the packs' ranges that it uses.
    pub fn verify(
        &self,
        snapshot: &Snapshot,
        level: Level,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Report> {
        let _lock = self.lock_to_read(Operation::Read)?;
        let findings = Findings::default();
        let index = self.current_index()?;
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
        self.packs_exist(&packs, &findings)?;
        if level == Level::Data {
            progress.phase("data");
            report.bytes_read = self.read_blobs(packs, &findings, progress, cancel)?;
        }
        report.findings = findings.sorted();
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
                None => findings.error(format!(
                    "pack {} is in the index, but not in the storage",
                    indexed.id.short()
                )),
                Some(size) if *size != expected => findings.error(format!(
                    "pack {} has {size} bytes instead of {expected}",
                    indexed.id.short()
                )),
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

    fn packs_exist(&self, packs: &[PackContents], findings: &Findings) -> Result<()> {
        for wanted in packs {
            if self.storage().stat(Class::Pack, &wanted.id)?.is_none() {
                findings.error(format!("pack {} is missing", wanted.id.short()));
            }
        }
        Ok(())
    }

    /// Every byte of these packs: name, header, each blob. How many bytes were read.
    fn read_packs(
        &self,
        packs: &[PackContents],
        findings: &Findings,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<u64> {
        let sizes = packs.iter().map(|pack| pack::file_size(&pack.blobs)).sum();
        progress.expect(packs.len() as u64, sizes);
        self.spread(packs, cancel, &|pack| {
            let bytes = match crate::read::whole_file(self.storage(), Class::Pack, &pack.id) {
                Ok(bytes) => bytes,
                Err(problem) => {
                    findings.problem(&format!("pack {}", pack.id.short()), &problem);
                    return Ok(());
                }
            };
            progress.items(1);
            progress.bytes(bytes.len() as u64);
            self.check_pack(pack, &bytes, findings);
            Ok(())
        })?;
        Ok(sizes)
    }

    fn check_pack(&self, indexed: &PackContents, bytes: &[u8], findings: &Findings) {
        let name = indexed.id.short();
        match pack::read_file(&self.0.key, bytes) {
            Ok(entries) if entries == indexed.blobs => {}
            Ok(_) => findings.error(format!(
                "pack {name}: the index says something else than its header"
            )),
            Err(problem) => findings.problem(&format!("pack {name}"), &problem),
        }
        for entry in &indexed.blobs {
            let range = entry.offset as usize..(entry.offset + entry.length) as usize;
            let opened = bytes
                .get(range)
                .map(|sealed| open_blob(&self.0.key, entry, sealed));
            match opened {
                Some(Ok(_)) => {}
                Some(Err(problem)) => findings.problem(&format!("pack {name}"), &problem),
                None => findings.error(format!("pack {name} ends before blob {}", entry.id.short())),
            }
        }
    }

    /// Only the blobs that are listed.
    fn read_blobs(
        &self,
        mut packs: Vec<PackContents>,
        findings: &Findings,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<u64> {
        let length = |pack: &PackContents| {
            pack.blobs
                .iter()
                .map(|entry| u64::from(entry.length))
                .sum::<u64>()
        };
        let total = packs.iter().map(length).sum();
        progress.expect(packs.len() as u64, total);
        for pack in &mut packs {
            pack.blobs.sort_unstable_by_key(|entry| entry.offset);
        }
        self.spread(&packs, cancel, &|pack| {
            for run in pack.blobs.chunk_by(|a, b| a.offset + a.length == b.offset) {
                cancel.check()?;
                self.read_run(&pack.id, run, findings);
            }
            progress.items(1);
            progress.bytes(length(pack));
            Ok(())
        })?;
        Ok(total)
    }

    /// Blobs that lie one after another.
    fn read_run(&self, pack: &Id, run: &[pack::PackEntry], findings: &Findings) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return;
        };
        let length = (last.offset + last.length - first.offset) as usize;
        match self
            .storage()
            .get_range(Class::Pack, pack, u64::from(first.offset), length)
        {
            Ok(bytes) => {
                for entry in run {
                    let start = (entry.offset - first.offset) as usize;
                    if let Err(problem) =
                        open_blob(&self.0.key, entry, &bytes[start..start + entry.length as usize])
                    {
                        findings.problem(&format!("pack {}", pack.short()), &problem);
                    }
                }
            }
            Err(problem) => findings.problem(&format!("pack {}", pack.short()), &problem),
        }
    }

    /// One pack after the other, on all threads.
    pub(crate) fn spread(
        &self,
        packs: &[PackContents],
        cancel: &Cancel,
        work: &(dyn Fn(&PackContents) -> Result<()> + Sync),
    ) -> Result<()> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.0.options.threads.max(1) {
                scope.spawn(|| {
                    while let Some(pack) = packs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    {
                        if let Err(problem) = cancel.check().and_then(|()| work(pack)) {
                            failure
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .get_or_insert(problem);
                            return;
                        }
                    }
                });
            }
        });
        failure
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }
}
