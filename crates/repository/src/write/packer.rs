//! Packs, and how they get into the storage.
//!
//! Nouns: an *open pack* collects sealed blobs; there are several for data, and a blob goes into a random one, so that the order of packs does not
//! tell the lengths of a file's chunks; listings have a pack of their own. A full pack goes to a *storer*, which takes two, since two are
//! hashed at once.
//!
//! Rules: a stored pack is in the index in memory at once, and in an index file at the latest when half a million blobs or a
//! gigabyte have come together, so that an interrupted run is not lost.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use model::{Problem, Result};

use super::shared::{Shared, lock, spawn};
use crate::Id;
use crate::format::index_file::{self, PackContents};
use crate::format::pack::{self, BlobKind, PackEntry};
use crate::format::seal::Key;
use crate::hash;
use crate::storage::Class;

const STORERS: usize = 2;
/// How long a full pack waits for another one.
const PATIENCE: Duration = Duration::from_millis(100);
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
        self.named(id)
    }

    /// Both in the time of one and a half.
    fn seal_two(mut self, mut other: OpenPack, key: &Key) -> [(PackContents, Vec<u8>); 2] {
        pack::finish(key, &self.entries, &mut self.bytes);
        pack::finish(key, &other.entries, &mut other.bytes);
        let [id, id_of_other] = hash::pair(&self.bytes, &other.bytes);
        [self.named(id), other.named(id_of_other)]
    }

    fn named(self, id: Id) -> (PackContents, Vec<u8>) {
        let blobs = self.entries;
        (PackContents { id, blobs }, self.bytes)
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
    pub(super) data: Vec<Mutex<OpenPack>>,
    pub(super) trees: Mutex<OpenPack>,
    size: usize,
    full: Mutex<Option<Sender<OpenPack>>>,
    /// Locked while somebody takes two.
    take: Mutex<Receiver<OpenPack>>,
    used: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
    /// Stored, but in no index file yet.
    unindexed: Mutex<Vec<PackContents>>,
}

impl Packer {
    pub(super) fn new(threads: usize, size: usize) -> Self {
        // Full packs do not queue: they wait with who filled them.
        let (full, take) = crossbeam_channel::bounded(0);
        Packer {
            data: (0..=threads.max(1)).map(|_| Mutex::default()).collect(),
            trees: Mutex::default(),
            size: size.clamp(64 << 10, 128 << 20),
            full: Mutex::new(Some(full)),
            take: Mutex::new(take),
            used: crossbeam_channel::bounded(4),
            unindexed: Mutex::default(),
        }
    }

    /// Two full packs, or one when no other comes soon. `None` when no more will come.
    fn take_two(&self) -> Option<(OpenPack, Option<OpenPack>)> {
        let take = lock(&self.take);
        let first = take.recv().ok()?;
        Some((first, take.recv_timeout(PATIENCE).ok()))
    }

    pub(super) fn send(&self, pack: OpenPack) -> Result<()> {
        let sender = lock(&self.full).clone();
        let sent = sender.and_then(|sender| sender.send(pack).ok());
        sent.ok_or_else(|| Problem::internal("the threads that store packs are gone"))
    }

    /// Puts an empty pack, with a used buffer, in the place of a full one.
    pub(super) fn take_full(&self, open: &mut OpenPack) -> OpenPack {
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

    pub(super) fn is_full(&self, open: &OpenPack) -> bool {
        open.bytes.len() >= self.size || open.entries.len() >= pack::MAX_BLOBS
    }
}

pub(super) fn spawn_storers(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>> {
    let storer = |number| {
        let shared = Arc::clone(shared);
        spawn(&format!("storer-{number}"), move || {
            while let Some((pack, second)) = shared.packer.take_two() {
                if shared.is_broken() {
                    continue;
                }
                if let Err(problem) = shared.store(pack, second) {
                    shared.fail(problem);
                }
            }
        })
    };
    (0..STORERS).map(storer).collect()
}

impl Shared {
    fn store(&self, pack: OpenPack, second: Option<OpenPack>) -> Result<()> {
        let key = &self.repository.0.key;
        match second {
            None => self.put(pack.seal(key)),
            Some(second) => pack
                .seal_two(second, key)
                .into_iter()
                .try_for_each(|sealed| self.put(sealed)),
        }
    }

    fn put(&self, (contents, bytes): (PackContents, Vec<u8>)) -> Result<()> {
        self.repository.storage().put(Class::Pack, &contents.id, &bytes)?;
        let is_trees = contents.blobs.first().map(|entry| entry.kind) == Some(BlobKind::Tree);
        if let (Some(cache), true) = (&self.repository.0.cache, is_trees) {
            cache.put(Class::Pack, &contents.id, &bytes);
        }
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

    /// Hands the packs that are still open to the storers; small ones become one.
    pub(super) fn send_rest(&self) -> Result<()> {
        let mut rest = OpenPack::default();
        for open in &self.packer.data {
            let open = std::mem::take(&mut *lock(open));
            if rest.bytes.is_empty() {
                rest = open;
                continue;
            }
            if rest.bytes.len() + open.bytes.len() > 2 * self.packer.size {
                self.packer.send(std::mem::take(&mut rest))?;
            }
            rest.append(&open);
        }
        let trees = std::mem::take(&mut *lock(&self.packer.trees));
        for pack in [rest, trees] {
            if !pack.entries.is_empty() {
                self.packer.send(pack)?;
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
