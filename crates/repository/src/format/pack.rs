//! Pack files: sealed blobs one after another, a sealed header, its length.
//!
//! ```text
//! blob 1 ‖ … ‖ blob n ‖ sealed header ‖ u32 LE length of the sealed header
//! ```
//! Rules: the blobs lie without gaps from offset 0 in the order of the header; all of a pack have one kind; the sealed header
//! has at most 16 MiB. A reader checks the sum of all lengths against the size of the file.

use model::{Problem, Result};

use super::seal::{Key, OVERHEAD};
use crate::Id;

/// What a blob holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobKind {
    Data,
    Tree,
}

/// One blob of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    pub kind: BlobKind,
    pub id: Id,
    pub offset: u32,
    /// Sealed length.
    pub length: u32,
    /// Length of the plaintext when it was compressed, else 0.
    pub plain_length: u32,
}

impl PackEntry {
    /// Length of the plaintext.
    pub fn size(&self) -> u32 {
        if self.plain_length > 0 {
            self.plain_length
        } else {
            self.length.saturating_sub(OVERHEAD as u32)
        }
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.plain_length > 0
    }

    fn header_length(&self) -> usize {
        if self.is_compressed() { 41 } else { SMALLEST_ENTRY }
    }
}

/// Of a sealed header.
pub const MAX_HEADER: usize = 16 << 20;
const SMALLEST_ENTRY: usize = 37;
/// A pack is closed before it has this many blobs.
pub const MAX_BLOBS: usize = 400_000;

/// Size of a pack file with these blobs.
pub fn file_size(entries: &[PackEntry]) -> u64 {
    let blobs: u64 = entries.iter().map(|entry| u64::from(entry.length)).sum();
    let header: usize = entries.iter().map(PackEntry::header_length).sum();
    blobs + (header + OVERHEAD + 4) as u64
}

pub fn encode_header(entries: &[PackEntry]) -> Vec<u8> {
    let mut header = Vec::with_capacity(entries.len() * 41);
    for entry in entries {
        let kind = u8::from(entry.kind == BlobKind::Tree);
        header.push(if entry.is_compressed() { kind + 2 } else { kind });
        header.extend_from_slice(&entry.length.to_le_bytes());
        if entry.is_compressed() {
            header.extend_from_slice(&entry.plain_length.to_le_bytes());
        }
        header.extend_from_slice(entry.id.as_bytes());
    }
    header
}

/// Appends the sealed header and its length: the file is complete.
pub fn finish(key: &Key, entries: &[PackEntry], file: &mut Vec<u8>) {
    let start = file.len();
    key.seal_append(&encode_header(entries), file);
    let length = (file.len() - start) as u32;
    file.extend_from_slice(&length.to_le_bytes());
}

pub fn parse_header(header: &[u8]) -> Result<Vec<PackEntry>> {
    let mut entries = Vec::with_capacity(header.len() / 41 + 1);
    let mut offset: u32 = 0;
    let mut rest = header;
    while let Some((&kind, after)) = rest.split_first() {
        let compressed = kind & 2 != 0;
        let need = if compressed { 40 } else { 36 };
        if kind > 3 || after.len() < need {
            return Err(malformed(
                "an entry of its header is of unknown type or cut short",
            ));
        }
        let number = |at: usize| u32::from_le_bytes(after[at..at + 4].try_into().expect("four bytes"));
        let id = Id::from_bytes(after[need - 32..need].try_into().expect("32 bytes"));
        let length = number(0);
        let plain_length = if compressed { number(4) } else { 0 };
        if (length as usize) < OVERHEAD || (compressed && plain_length == 0) {
            return Err(malformed("an entry of its header has an impossible length"));
        }
        let kind = if kind & 1 == 1 {
            BlobKind::Tree
        } else {
            BlobKind::Data
        };
        entries.push(PackEntry {
            kind,
            id,
            offset,
            length,
            plain_length,
        });
        offset = offset
            .checked_add(length)
            .ok_or_else(|| malformed("it is larger than 4 GiB"))?;
        rest = &after[need..];
    }
    Ok(entries)
}

/// How many bytes at the end of a file of this size hold header and length, told by the file's last four bytes.
pub fn tail_length(file_size: u64, last: [u8; 4]) -> Result<usize> {
    let length = u32::from_le_bytes(last) as usize;
    let possible = OVERHEAD + SMALLEST_ENTRY..=MAX_HEADER;
    if !possible.contains(&length) || length as u64 + 4 > file_size {
        return Err(malformed("the length of its header is impossible"));
    }
    Ok(length + 4)
}

/// The blobs of a pack, from the tail that [`tail_length`] measured.
pub fn read_tail(key: &Key, tail: &[u8], file_size: u64) -> Result<Vec<PackEntry>> {
    let sealed = tail
        .len()
        .checked_sub(4)
        .ok_or_else(|| malformed("it is too short"))?;
    let entries = parse_header(&key.open(&tail[..sealed])?)?;
    if self::file_size(&entries) == file_size {
        Ok(entries)
    } else {
        Err(malformed("its size is not the sum of its parts"))
    }
}

/// The blobs of a whole pack file.
pub fn read_file(key: &Key, file: &[u8]) -> Result<Vec<PackEntry>> {
    let last = file
        .last_chunk::<4>()
        .ok_or_else(|| malformed("it is too short"))?;
    let tail = tail_length(file.len() as u64, *last)?;
    read_tail(key, &file[file.len() - tail..], file.len() as u64)
}

fn malformed(why: &str) -> Problem {
    Problem::damaged(format!("a pack file is malformed: {why}"))
}
