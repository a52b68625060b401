//! Reads every byte of packs, or those bytes of them that a snapshot uses.

use std::sync::{Mutex, PoisonError};

use model::{Cancel, Progress, Result};

use super::findings::Findings;
use crate::Id;
use crate::damage::is_damage;
use crate::format::index_file::PackContents;
use crate::format::pack::{self, PackEntry};
use crate::index::Index;
use crate::read::open_blob;
use crate::repository::Repository;
use crate::storage::Class;

impl Repository {
    /// Every byte of these packs: name, header, each blob. How many bytes were read.
    pub(super) fn read_packs(
        &self,
        packs: &[PackContents],
        findings: &Findings,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<u64> {
        let sizes = packs.iter().map(|pack| pack::file_size(&pack.blobs)).sum();
        progress.expect(packs.len() as u64, sizes);
        self.spread(packs, cancel, &|pack| {
            let name = pack.id.short();
            let bytes = match self.storage().get(Class::Pack, &pack.id) {
                Ok(bytes) => bytes,
                Err(problem) => {
                    let text = format!("pack {name}: {}", problem.message());
                    if is_damage(&problem) {
                        findings.bad_pack(pack.id, text);
                    } else {
                        findings.error(text);
                    }
                    return Ok(());
                }
            };
            progress.items(1);
            progress.bytes(bytes.len() as u64);
            if Id::of(&bytes) != pack.id {
                findings.error(format!("pack {name} does not hold what its name says"));
            }
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
            let end = entry.offset as usize + entry.length as usize;
            let opened = match bytes.get(entry.offset as usize..end) {
                Some(sealed) => open_blob(&self.0.key, entry, sealed).map(|_| ()),
                None => Err(model::Problem::damaged(format!(
                    "it ends before blob {}",
                    entry.id.short()
                ))),
            };
            if let Err(problem) = opened {
                findings.bad_blob(indexed.id, entry.id, &problem, false);
            }
        }
    }

    /// Only the blobs that are listed.
    pub(super) fn read_blobs(
        &self,
        mut packs: Vec<PackContents>,
        index: &Index,
        findings: &Findings,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<u64> {
        let length = |pack: &PackContents| {
            let lengths = pack.blobs.iter().map(|entry| u64::from(entry.length));
            lengths.sum::<u64>()
        };
        let total = packs.iter().map(length).sum();
        progress.expect(packs.len() as u64, total);
        for pack in &mut packs {
            pack.blobs.sort_unstable_by_key(|entry| entry.offset);
        }
        self.spread(&packs, cancel, &|pack| {
            for run in pack.blobs.chunk_by(|a, b| a.offset + a.length == b.offset) {
                cancel.check()?;
                self.read_run(&pack.id, run, index, findings);
            }
            progress.items(1);
            progress.bytes(length(pack));
            Ok(())
        })?;
        Ok(total)
    }

    /// Blobs that lie one after another.
    fn read_run(&self, pack: &Id, run: &[PackEntry], index: &Index, findings: &Findings) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return;
        };
        let length = (last.offset + last.length - first.offset) as usize;
        let from = u64::from(first.offset);
        let bytes = self.storage().get_range(Class::Pack, pack, from, length);
        for entry in run {
            let start = (entry.offset - first.offset) as usize;
            let opened = match &bytes {
                Ok(bytes) => open_blob(&self.0.key, entry, &bytes[start..start + entry.length as usize]),
                // One that cannot be read, or is not there, does not speak for its neighbours.
                Err(_) => self.open_at(pack, entry),
            };
            if let Err(problem) = opened {
                let elsewhere = self.with_blobs(index, |blobs| blobs.load(entry.kind, &entry.id));
                findings.bad_blob(*pack, entry.id, &problem, elsewhere.is_ok());
            }
        }
    }

    /// The plaintext of a blob from this pack.
    pub(crate) fn open_at(&self, pack: &Id, entry: &PackEntry) -> Result<Vec<u8>> {
        let (from, length) = (u64::from(entry.offset), entry.length as usize);
        let sealed = self.storage().get_range(Class::Pack, pack, from, length)?;
        open_blob(&self.0.key, entry, &sealed)
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
