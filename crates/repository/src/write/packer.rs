//! Blobs into packs, packs into the storage.
//!
//! Nouns: an *open pack* collects sealed blobs; there are several for data, and a blob goes into a random one, so that the order of packs does not
//! tell the lengths of a file's chunks; listings have a pack of their own. A full pack goes to a *storer*.
//!
//! Rules: every sealed blob is opened again and compared before it counts; a stored pack is in the index in memory at once, and in an index
//! file at the latest when half a million blobs or a gigabyte have come together, so that an interrupted run is not lost.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};
use model::{Problem, Result};

use super::shared::{Shared, lock, spawn};
use crate::Id;
use crate::format::index_file::{self, PackContents};
use crate::format::pack::{self, BlobKind, PackEntry};
use crate::format::seal::{self, Key};
use crate::storage::Class;

/// Packs that may wait for a storer.
const QUEUE: usize = 1;
const STORERS: usize = 2;
/// An index file has no more blobs.
const INDEX_BLOBS: usize = 40_000;
/// After this many stored packs the index is saved.
const INDEX_PACKS: usize = 64;

#[derive(Default)]
pub(crate) struct OpenPack {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<PackEntry>,
}

impl OpenPack {
    /// The finished file and what is in it.
    pub(crate) fn seal(mut self, key: &Key) -> (PackContents, Vec<u8>) {
        pack::finish(key, &self.entries, &mut self.bytes);
        let id = Id::of(&self.bytes);
        (
            PackContents {
                id,
                blobs: self.entries,
            },
            self.bytes,
        )
    }

    /// Takes over a sealed blob.
    pub(crate) fn push(&mut self, entry: &PackEntry, sealed: &[u8]) {
        self.entries.push(PackEntry {
            offset: self.bytes.len() as u32,
            ..*entry
        });
        self.bytes.extend_from_slice(sealed);
    }

    /// Takes over the blobs of another one.
    fn append(&mut self, other: &OpenPack) {
        let base = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&other.bytes);
        self.entries.extend(other.entries.iter().map(|entry| PackEntry {
            offset: entry.offset + base,
            ..*entry
        }));
    }
}

pub(super) struct Packer {
    data: Vec<Mutex<OpenPack>>,
    trees: Mutex<OpenPack>,
    size: usize,
    full: Mutex<Option<Sender<OpenPack>>>,
    take: Receiver<OpenPack>,
    used: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
    /// Stored, but in no index file yet.
    unindexed: Mutex<Vec<PackContents>>,
}

impl Packer {
    pub(super) fn new(threads: usize, size: usize) -> Self {
        let (full, take) = crossbeam_channel::bounded(QUEUE);
        Packer {
            data: (0..=threads.max(1)).map(|_| Mutex::default()).collect(),
            trees: Mutex::default(),
            size: size.clamp(64 << 10, 128 << 20),
            full: Mutex::new(Some(full)),
            take,
            used: crossbeam_channel::bounded(4),
            unindexed: Mutex::default(),
        }
    }

    fn send(&self, pack: OpenPack) -> Result<()> {
        let sender = lock(&self.full).clone();
        let sent = sender.and_then(|sender| sender.send(pack).ok());
        sent.ok_or_else(|| Problem::internal("the threads that store packs are gone"))
    }

    /// Puts an empty pack, with a used buffer, in the place of a full one.
    fn take_full(&self, open: &mut OpenPack) -> OpenPack {
        let mut bytes = self.used.1.try_recv().unwrap_or_default();
        bytes.clear();
        std::mem::replace(
            open,
            OpenPack {
                bytes,
                entries: Vec::new(),
            },
        )
    }

    fn is_full(&self, open: &OpenPack) -> bool {
        open.bytes.len() >= self.size || open.entries.len() >= pack::MAX_BLOBS
    }
}

pub(super) fn spawn_storers(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>> {
    let storer = |number| {
        let shared = Arc::clone(shared);
        spawn(&format!("storer-{number}"), move || {
            for pack in &shared.packer.take {
                if shared.is_stopped() {
                    continue;
                }
                if let Err(problem) = shared.store(pack) {
                    shared.fail(problem);
                }
            }
        })
    };
    (0..STORERS).map(storer).collect()
}

impl Shared {
    fn store(&self, pack: OpenPack) -> Result<()> {
        let (contents, bytes) = pack.seal(&self.repository.0.key);
        self.repository.storage().put(Class::Pack, &contents.id, &bytes)?;
        self.index.add(&contents);
        let _ = self.packer.used.0.try_send(bytes);
        let due = {
            let mut unindexed = lock(&self.packer.unindexed);
            unindexed.push(contents);
            unindexed.len() >= INDEX_PACKS
        };
        if due { self.save_index(false) } else { Ok(()) }
    }

    /// No more packs will come: the storers end when they are through.
    pub(super) fn close_packs(&self) {
        *lock(&self.packer.full) = None;
    }

    /// Stores the packs that are still open; small ones become one.
    pub(super) fn store_rest(&self) -> Result<()> {
        let mut rest = OpenPack::default();
        for open in &self.packer.data {
            let open = std::mem::take(&mut *lock(open));
            if rest.bytes.len() + open.bytes.len() > 2 * self.packer.size {
                self.store(std::mem::take(&mut rest))?;
            }
            rest.append(&open);
        }
        let trees = std::mem::take(&mut *lock(&self.packer.trees));
        for pack in [rest, trees] {
            if !pack.entries.is_empty() {
                self.store(pack)?;
            }
        }
        Ok(())
    }

    /// Writes index files for stored packs; `all` also for the last few.
    pub(super) fn save_index(&self, all: bool) -> Result<()> {
        let mut packs = std::mem::take(&mut *lock(&self.packer.unindexed));
        while !packs.is_empty() {
            let mut blobs = 0;
            let fits = packs.iter().take_while(|pack| {
                blobs += pack.blobs.len();
                blobs <= INDEX_BLOBS
            });
            let count = fits.count().max(1);
            if !all && count == packs.len() && packs.len() < INDEX_PACKS {
                break;
            }
            let later = packs.split_off(count);
            self.repository
                .put_relied_on(&self.lock, Class::Index, &index_file::encode(&packs))?;
            packs = later;
        }
        lock(&self.packer.unindexed).append(&mut packs);
        Ok(())
    }
}

/// One thread's tools for sealing blobs.
pub(super) struct Sealer<'s> {
    shared: &'s Shared,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    packed: Vec<u8>,
    check: Vec<u8>,
    expanded: Vec<u8>,
    random: u64,
}

impl<'s> Sealer<'s> {
    pub(super) fn new(shared: &'s Shared) -> Self {
        let mut seed = [0; 8];
        seal::random(&mut seed);
        Sealer {
            shared,
            compressor: None,
            decompressor: None,
            packed: Vec::new(),
            check: Vec::new(),
            expanded: Vec::new(),
            random: u64::from_le_bytes(seed) | 1,
        }
    }

    /// Makes sure that a blob is, or will be, in the repository; its id.
    pub(super) fn blob(&mut self, kind: BlobKind, plain: &[u8]) -> Result<Id> {
        let id = Id::of(plain);
        if !self.shared.claim(kind, &id) {
            return Ok(id);
        }
        let compressed = !plain.is_empty() && self.compress(kind, plain)?;
        let packed = std::mem::take(&mut self.packed);
        let stored = if compressed { packed.as_slice() } else { plain };
        let appended = self.append(kind, id, stored, plain, compressed);
        self.packed = packed;
        appended.map(|()| id)
    }

    /// Fills `packed`; false when that does not pay.
    fn compress(&mut self, kind: BlobKind, plain: &[u8]) -> Result<bool> {
        let broken = |error| Problem::io("cannot compress", error);
        if self.compressor.is_none() {
            let level = self.shared.repository.0.options.level;
            self.compressor = Some(zstd::bulk::Compressor::new(level).map_err(broken)?);
        }
        let Some(compressor) = &mut self.compressor else {
            return Ok(false);
        };
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        if kind == BlobKind::Data && !looks_compressible(compressor, plain, &mut self.packed) {
            return Ok(false);
        }
        self.packed.clear();
        compressor
            .compress_to_buffer(plain, &mut self.packed)
            .map_err(broken)?;
        Ok(kind == BlobKind::Tree || self.packed.len() + 4 < plain.len())
    }

    fn append(
        &mut self,
        kind: BlobKind,
        id: Id,
        stored: &[u8],
        plain: &[u8],
        compressed: bool,
    ) -> Result<()> {
        let shared = self.shared;
        let full = {
            let mut open = match kind {
                BlobKind::Tree => lock(&shared.packer.trees),
                BlobKind::Data => self.any_data_pack(),
            };
            let start = open.bytes.len();
            shared.repository.0.key.seal_append(stored, &mut open.bytes);
            let length = (open.bytes.len() - start) as u32;
            let plain_length = if compressed { plain.len() as u32 } else { 0 };
            open.entries.push(PackEntry {
                kind,
                id,
                offset: start as u32,
                length,
                plain_length,
            });
            if shared.repository.0.options.verify {
                self.verify(&open.bytes[start..], plain, compressed)?;
            }
            self.count(kind, plain.len(), length);
            shared
                .packer
                .is_full(&open)
                .then(|| shared.packer.take_full(&mut open))
        };
        full.map_or(Ok(()), |pack| shared.packer.send(pack))
    }

    fn count(&self, kind: BlobKind, plain: usize, sealed: u32) {
        let counts = &self.shared.counts;
        let blobs = if kind == BlobKind::Tree {
            &counts.tree_blobs
        } else {
            &counts.data_blobs
        };
        blobs.fetch_add(1, Relaxed);
        counts.added.fetch_add(plain as u64, Relaxed);
        counts.added_packed.fetch_add(u64::from(sealed), Relaxed);
    }

    /// A random open pack that nobody else is filling.
    fn any_data_pack(&mut self) -> std::sync::MutexGuard<'s, OpenPack> {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let packs = &self.shared.packer.data;
        let first = (self.random >> 33) as usize % packs.len();
        for at in 0..packs.len() {
            match packs[(first + at) % packs.len()].try_lock() {
                Ok(open) => return open,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&packs[first])
    }

    /// Opens what was sealed and compares: a fault of memory or processor must not become a backup.
    fn verify(&mut self, sealed: &[u8], plain: &[u8], compressed: bool) -> Result<()> {
        let fault = || {
            Problem::internal("a sealed blob does not open as what was sealed: memory or processor of this machine are faulty")
                .hint("test the machine's memory before trusting it with a backup")
        };
        self.check.clear();
        self.shared
            .repository
            .0
            .key
            .open_append(sealed, &mut self.check)
            .map_err(|_| fault())?;
        if !compressed {
            return if self.check == plain { Ok(()) } else { Err(fault()) };
        }
        if self.decompressor.is_none() {
            self.decompressor = Some(zstd::bulk::Decompressor::new().map_err(|_| fault())?);
        }
        let Some(decompressor) = &mut self.decompressor else {
            return Err(fault());
        };
        self.expanded.clear();
        self.expanded.reserve(plain.len());
        decompressor
            .decompress_to_buffer(&self.check, &mut self.expanded)
            .map_err(|_| fault())?;
        if self.expanded == plain {
            Ok(())
        } else {
            Err(fault())
        }
    }
}

/// Tries four small samples of a large chunk: compressing what cannot be compressed costs more than everything else.
fn looks_compressible(
    compressor: &mut zstd::bulk::Compressor<'static>,
    plain: &[u8],
    scratch: &mut Vec<u8>,
) -> bool {
    const SAMPLE: usize = 4096;
    if plain.len() < 8 * SAMPLE {
        return true;
    }
    let step = (plain.len() - SAMPLE) / 3;
    (0..4).any(|at| {
        scratch.clear();
        let sample = &plain[at * step..at * step + SAMPLE];
        compressor
            .compress_to_buffer(sample, scratch)
            .is_ok_and(|length| length < SAMPLE - SAMPLE / 32)
    })
}
