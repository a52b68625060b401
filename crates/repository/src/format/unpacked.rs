//! Index, snapshot and lock files: `seal(0x02 ‖ zstd(JSON))`, or sealed bare JSON from older writers.
//!
//! Rule: what is decompressed is bounded by the caller's limit, and nothing may follow the compressed frame.

use std::io::Read;

use model::{Problem, Result};

use super::seal::Key;

/// Bound for snapshots and locks.
pub const SMALL: usize = 16 << 20;
/// Bound for index files.
pub const LARGE: usize = 1 << 30;

pub fn encode(key: &Key, json: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(json, 3).expect("compression into memory does not fail");
    let plain = [&[2], packed.as_slice()].concat();
    key.seal(&plain)
}

pub fn decode(key: &Key, sealed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let plain = key.open(sealed)?;
    match plain.first() {
        Some(2) => decompress(&plain[1..], limit),
        Some(b'{' | b'[') | None if plain.len() <= limit => Ok(plain),
        Some(b'{' | b'[') | None => Err(too_large(limit)),
        Some(other) => Err(Problem::damaged(format!(
            "unknown encoding {other:#04x} of an index, snapshot or lock file"
        ))),
    }
}

/// One whole zstd stream, bounded.
fn decompress(packed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let broken = |error| Problem::damaged("compressed data does not decompress").caused_by(error);
    let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(broken)?;
    let mut json = Vec::new();
    decoder
        .take(limit as u64 + 1)
        .read_to_end(&mut json)
        .map_err(broken)?;
    if json.len() > limit {
        return Err(too_large(limit));
    }
    Ok(json)
}

fn too_large(limit: usize) -> Problem {
    Problem::damaged(format!(
        "an index, snapshot or lock file holds more than {limit} bytes"
    ))
}
