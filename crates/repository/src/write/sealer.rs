//! Blobs, compressed and sealed, into open packs.
//!
//! Nouns: a [`Sealer`] is one thread's tools. An [`Effort`] says how hard a blob is compressed; a look at a few samples decides, since squeezing
//! what cannot be squeezed costs more than everything else.
//!
//! Rule: every sealed blob is opened again and compared before it counts, and what was compressed is expanded again.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, TryLockError};

use model::{Problem, Result};

use super::packer::OpenPack;
use super::shared::{Shared, lock};
use crate::Id;
use crate::format::pack::{BlobKind, PackEntry};
use crate::format::seal;

/// For bytes whose letters do not compress, but which may repeat themselves or hold long runs.
const QUICK_LEVEL: i32 = -5;
/// Smaller blobs are compressed rather than looked at.
const WORTH_A_LOOK: usize = 16 << 10;
/// Up to this size the quick level costs no more than finding out that it is in vain.
const WORTH_A_TRY: usize = 256 << 10;

/// One thread's tools for sealing blobs.
pub(super) struct Sealer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    quick: Option<zstd::bulk::Compressor<'static>>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    packed: Vec<u8>,
    expanded: Vec<u8>,
    random: u64,
}

impl Sealer {
    pub(super) fn new() -> Self {
        let mut seed = [0; 8];
        seal::random(&mut seed);
        Sealer {
            compressor: None,
            quick: None,
            decompressor: None,
            packed: Vec::new(),
            expanded: Vec::new(),
            random: u64::from_le_bytes(seed) | 1,
        }
    }

    /// Makes sure that a blob is, or will be, in the repository; its id.
    pub(super) fn blob(&mut self, shared: &Shared, kind: BlobKind, plain: &[u8]) -> Result<Id> {
        let id = Id::of(plain);
        self.named(shared, kind, id, plain).map(|()| id)
    }

    /// The same for a blob whose id is known.
    pub(super) fn named(&mut self, shared: &Shared, kind: BlobKind, id: Id, plain: &[u8]) -> Result<()> {
        if !shared.claim(kind, &id) {
            return Ok(());
        }
        if !self.compress(shared, kind, plain)? {
            return self.append(shared, kind, id, plain, 0);
        }
        let packed = std::mem::take(&mut self.packed);
        let appended = self.append(shared, kind, id, &packed, plain.len() as u32);
        self.packed = packed;
        appended
    }

    /// Fills `packed`; false when that does not pay.
    fn compress(&mut self, shared: &Shared, kind: BlobKind, plain: &[u8]) -> Result<bool> {
        let broken = |error| Problem::io("cannot compress", error);
        let level = shared.repository.0.options.level;
        let effort = match effort(kind, plain) {
            Effort::None if self.repeats_itself(plain).map_err(broken)? => Effort::Full,
            other => other,
        };
        let (compressor, level) = match effort {
            Effort::None => return Ok(false),
            Effort::Quick => (&mut self.quick, level.min(QUICK_LEVEL)),
            Effort::Full => (&mut self.compressor, level),
        };
        let compressor = tool(compressor, || zstd::bulk::Compressor::new(level)).map_err(broken)?;
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        compressor
            .compress_to_buffer(plain, &mut self.packed)
            .map_err(broken)?;
        if kind == BlobKind::Data && self.packed.len() + 4 >= plain.len() {
            return Ok(false);
        }
        if shared.repository.0.options.verify {
            self.verify(plain)?;
        }
        Ok(true)
    }

    /// Noise may still come twice.
    fn repeats_itself(&mut self, plain: &[u8]) -> std::io::Result<bool> {
        const SAMPLE: usize = 16 << 10;
        if plain.len() < 2 * SAMPLE {
            return Ok(false);
        }
        let quick = tool(&mut self.quick, || zstd::bulk::Compressor::new(QUICK_LEVEL))?;
        let step = (plain.len() - SAMPLE) / 3;
        for at in 0..4 {
            self.packed.clear();
            self.packed.reserve(zstd::zstd_safe::compress_bound(SAMPLE));
            let sample = &plain[at * step..at * step + SAMPLE];
            if quick.compress_to_buffer(sample, &mut self.packed)? < SAMPLE - SAMPLE / 32 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Expands what was compressed and compares.
    fn verify(&mut self, plain: &[u8]) -> Result<()> {
        let decompressor =
            tool(&mut self.decompressor, zstd::bulk::Decompressor::new).map_err(|_| fault())?;
        self.expanded.clear();
        self.expanded.reserve(plain.len());
        decompressor
            .decompress_to_buffer(&self.packed, &mut self.expanded)
            .map_err(|_| fault())?;
        if self.expanded == plain {
            Ok(())
        } else {
            Err(fault())
        }
    }

    fn append(
        &mut self,
        shared: &Shared,
        kind: BlobKind,
        id: Id,
        stored: &[u8],
        plain_length: u32,
    ) -> Result<()> {
        let key = &shared.repository.0.key;
        let full = {
            let mut open = match kind {
                BlobKind::Tree => lock(&shared.packer.trees),
                BlobKind::Data => self.any_data_pack(shared),
            };
            let start = open.bytes.len();
            key.seal_append(stored, &mut open.bytes);
            if shared.repository.0.options.verify && !key.opens_as(&open.bytes[start..], stored) {
                return Err(fault());
            }
            let entry = PackEntry {
                kind,
                id,
                offset: start as u32,
                length: (open.bytes.len() - start) as u32,
                plain_length,
            };
            open.entries.push(entry);
            count(shared, &entry);
            shared
                .packer
                .is_full(&open)
                .then(|| shared.packer.take_full(&mut open))
        };
        full.map_or(Ok(()), |pack| shared.packer.send(pack))
    }

    /// A random open pack that nobody else is filling.
    fn any_data_pack<'s>(&mut self, shared: &'s Shared) -> MutexGuard<'s, OpenPack> {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let packs = &shared.packer.data;
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
}

fn count(shared: &Shared, entry: &PackEntry) {
    let counts = &shared.counts;
    let blobs = if entry.kind == BlobKind::Tree {
        &counts.tree_blobs
    } else {
        &counts.data_blobs
    };
    blobs.fetch_add(1, Relaxed);
    counts.added.fetch_add(u64::from(entry.size()), Relaxed);
    counts.added_packed.fetch_add(u64::from(entry.length), Relaxed);
}

/// A fault of memory or processor must not become a backup.
fn fault() -> Problem {
    Problem::internal(
        "a sealed blob does not open as what was sealed: memory or processor of this machine are faulty",
    )
    .hint("test the machine's memory before trusting it with a backup")
}

/// What is made when it is first needed, and kept.
fn tool<T>(kept: &mut Option<T>, make: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<&mut T> {
    match kept {
        Some(tool) => Ok(tool),
        None => Ok(kept.insert(make()?)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    None,
    Quick,
    Full,
}

fn effort(kind: BlobKind, plain: &[u8]) -> Effort {
    if plain.is_empty() {
        return Effort::None;
    }
    if kind == BlobKind::Tree || plain.len() < WORTH_A_LOOK {
        return Effort::Full;
    }
    let samples = Samples::of(plain);
    if !samples.is_noise() {
        Effort::Full
    } else if samples.repeated > 0 || plain.len() <= WORTH_A_TRY {
        Effort::Quick
    } else {
        Effort::None
    }
}

/// How often each byte occurs in some samples, and how often one merely repeats the one before it.
struct Samples {
    counts: [u16; 256],
    counted: u32,
    repeated: u32,
}

impl Samples {
    const NUMBER: usize = 8;
    const LENGTH: usize = 1024;

    fn of(plain: &[u8]) -> Self {
        let mut samples = Samples {
            counts: [0; 256],
            counted: 0,
            repeated: 0,
        };
        let step = (plain.len() - Self::LENGTH) / (Self::NUMBER - 1);
        for at in 0..Self::NUMBER {
            samples.add(&plain[at * step..at * step + Self::LENGTH]);
        }
        samples
    }

    /// Runs say nothing of how well the other bytes compress.
    fn add(&mut self, sample: &[u8]) {
        const WORD: usize = 8;
        for words in sample.as_chunks::<WORD>().0 {
            if *words == [words[0]; WORD] {
                self.repeated += WORD as u32;
                continue;
            }
            for byte in words {
                self.counts[usize::from(*byte)] += 1;
            }
            self.counted += WORD as u32;
        }
    }

    /// Is every byte about as likely as any other? Then the chance that two are equal is hardly above 1 in 256.
    fn is_noise(&self) -> bool {
        let squares: u64 = self.counts.iter().map(|count| u64::from(*count).pow(2)).sum();
        let counted = u64::from(self.counted);
        // Of noise n + n²/256 are expected; a quarter more saves an entropy coder less than its tables cost.
        squares <= counted + counted * counted / 256 * 5 / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut reader = blake3::Hasher::new().finalize_xof();
        let mut bytes = vec![0; length];
        reader.fill(&mut bytes);
        bytes
    }

    #[test]
    fn samples_decide_how_hard_a_blob_is_compressed() {
        let of = |plain: &[u8]| effort(BlobKind::Data, plain);
        assert_eq!(of(&noise(1 << 20)), Effort::None);
        assert_eq!(of(&noise(64 << 10)), Effort::Quick);
        assert_eq!(of(&noise(1000)), Effort::Full);
        assert_eq!(of(&[]), Effort::None);
        assert_eq!(of(&b"the same words over and over ".repeat(50_000)), Effort::Full);
        let mut padded = noise(1 << 20);
        padded.chunks_mut(4096).for_each(|page| page[3000..].fill(0));
        assert_eq!(of(&padded), Effort::Quick);
        let digits: Vec<u8> = noise(1 << 20).iter().map(|byte| byte & 0x3f).collect();
        assert_eq!(of(&digits), Effort::Full);
        assert_eq!(of(&vec![0; 1 << 20]), Effort::Quick);
    }

    #[test]
    fn noise_that_comes_again_is_not_taken_for_noise() {
        let mut sealer = Sealer::new();
        assert!(!sealer.repeats_itself(&noise(1 << 20)).unwrap());
        assert!(sealer.repeats_itself(&noise(500).repeat(2000)).unwrap());
    }
}
