//! What the format asks of a processor for some data, each primitive by itself: `primitives FOLDER…`.
//!
//! On one thread, over bytes that are in memory: cutting, SHA-256 of what goes in and of what comes out, zstd and back, sealing and opening
//! (AES-256-CTR, Poly1305) of what comes out. Chunks are what the engine makes of them: small files whole, large ones in
//! pieces of 64 KiB (region files, databases) or 1 MiB. The libraries are those of the engine, used plainly. Seconds of the
//! quickest of three rounds, and their sum.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use repository::Id;
use repository::format::seal::Key;

/// So much at a time is in memory.
const PORTION: usize = 256 << 20;
const LEVEL: i32 = 1;
const NAMES: [&str; 7] = [
    "cut",
    "SHA-256 of the content",
    "zstd",
    "zstd back, to compare",
    "seal (AES-256-CTR, Poly1305)",
    "open, to compare",
    "SHA-256 of the packs",
];

type Times = [Duration; NAMES.len()];

#[derive(Default)]
struct Portion {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
    times: Times,
}

fn main() -> std::io::Result<()> {
    let mut portion = Portion::default();
    for folder in std::env::args().skip(1) {
        each_file(Path::new(&folder), &mut portion)?;
    }
    portion.measure();
    for (name, took) in NAMES.iter().zip(portion.times) {
        println!("{name:<32} {:.3}", took.as_secs_f64());
    }
    let sum: Duration = portion.times.iter().sum();
    println!("sum {:.3}", sum.as_secs_f64());
    Ok(())
}

fn each_file(folder: &Path, portion: &mut Portion) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            each_file(&entry.path(), portion)?;
        } else if kind.is_file() {
            portion.add(&entry.path())?;
        }
    }
    Ok(())
}

impl Portion {
    fn add(&mut self, path: &Path) -> std::io::Result<()> {
        let bytes = std::fs::read(path)?;
        let in_pages = path.extension().is_some_and(|extension| extension == "mca");
        let length = match bytes.len() {
            0..0x8_0000 => 0x8_0000,
            _ if in_pages => 64 << 10,
            _ => 1 << 20,
        };
        self.bytes += bytes.len();
        self.chunks.extend(bytes.chunks(length).map(<[u8]>::to_vec));
        if self.bytes >= PORTION {
            self.measure();
        }
        Ok(())
    }

    /// The quickest of three rounds is added up.
    fn measure(&mut self) {
        let chunks = std::mem::take(&mut self.chunks);
        self.bytes = 0;
        let rounds = [round(&chunks), round(&chunks), round(&chunks)];
        for (at, sum) in self.times.iter_mut().enumerate() {
            *sum += rounds.iter().map(|times| times[at]).min().unwrap_or_default();
        }
    }
}

fn round(chunks: &[Vec<u8>]) -> Times {
    let key = Key::random();
    let mut compressor = zstd::bulk::Compressor::new(LEVEL).expect("there is memory for zstd");
    let mut decompressor = zstd::bulk::Decompressor::new().expect("there is memory for zstd");
    let mut times = Times::default();
    let (mut packed, mut sealed, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    let mut expanded = Vec::new();
    for chunk in chunks {
        packed.clear();
        packed.reserve(zstd::zstd_safe::compress_bound(chunk.len()));
        expanded.clear();
        expanded.reserve(chunk.len());
        sealed.clear();
        opened.clear();
        if chunk.len() == 1 << 20 {
            timed(&mut times[0], || gear(chunk));
        }
        timed(&mut times[1], || Id::of(chunk));
        timed(&mut times[2], || {
            compressor.compress_to_buffer(chunk, &mut packed).is_ok()
        });
        let is_smaller = packed.len() < chunk.len();
        if is_smaller {
            timed(&mut times[3], || {
                decompressor.decompress_to_buffer(&packed, &mut expanded).is_ok()
            });
        }
        let stored = if is_smaller { &packed } else { chunk };
        timed(&mut times[4], || key.seal_append(stored, &mut sealed));
        timed(&mut times[5], || key.open_append(&sealed, &mut opened).is_ok());
        timed(&mut times[6], || Id::of(&sealed));
    }
    times
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) {
    let start = Instant::now();
    black_box(work());
    *sum += start.elapsed();
}

/// A rolling hash over the half of a chunk in which a cut is looked for.
fn gear(chunk: &[u8]) -> u64 {
    let table: [u64; 256] = std::array::from_fn(|at| (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let half = &chunk[chunk.len() / 2..];
    half.iter().fold(0, |hash: u64, byte| {
        (hash << 1).wrapping_add(table[usize::from(*byte)])
    })
}
