//! The end of a zip: where its directory lies, how many entries it lists, and that nothing comes before, between or
//! after.
//!
//! Rules: read before the directory is taken into memory, so that its size is judged first. The end record is the last
//! thing in the file, with its comment; directory and end records touch; both counts agree; no name is listed twice.
//! Whoever reads the archive by another way through its records sees the same entries.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

use model::{Problem, Result};

use super::limits::Limits;
use super::receiver::reading;
use super::refusal::{refuse, refuse_whole, too_large};

const END: &[u8] = b"PK\x05\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const END64: &[u8] = b"PK\x06\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const END_BYTES: usize = 22;
const LOCATOR_BYTES: usize = 20;
const END64_BYTES: usize = 56;
const ENTRY_BYTES: usize = 46;
/// Flags of an encryption that hides the directory too, and of its stronger kin.
const STRONG: u16 = 1 << 6 | 1 << 13;

/// What the end records say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) entries: u64,
    pub(super) directory: u64,
    size: u64,
    /// Where the directory has to stop.
    stop: u64,
}

pub(super) fn check(file: &mut (impl Read + Seek), limits: &Limits) -> Result<End> {
    let end = find(file)?;
    if end.entries > limits.entries {
        return Err(too_large(format!(
            "it holds more than {} entries",
            limits.entries
        )));
    }
    if end.size > limits.names {
        return Err(too_large(format!(
            "its directory takes more than {} bytes",
            limits.names
        )));
    }
    if end.directory.checked_add(end.size) != Some(end.stop) {
        return Err(refuse_whole(
            "its records do not add up: something was put before or into it, or it is cut short",
        ));
    }
    check_names(file, end)?;
    Ok(end)
}

fn find(file: &mut (impl Read + Seek)) -> Result<End> {
    let length = file.seek(SeekFrom::End(0)).map_err(trouble)?;
    let tail_bytes = length.min((END_BYTES + LOCATOR_BYTES) as u64 + u64::from(u16::MAX));
    let tail_at = length - tail_bytes;
    let mut tail = vec![0; tail_bytes as usize];
    read_at(file, tail_at, &mut tail)?;
    let Some(at) = tail.windows(END.len()).rposition(|window| window == END) else {
        return Err(refuse_whole(
            "it is cut short, or something follows it: its end is not where it should be",
        ));
    };
    let Some(record) = tail.get(at..at + END_BYTES) else {
        return Err(refuse_whole("it is cut short"));
    };
    match (at + END_BYTES + usize::from(u16_at(record, 20))).cmp(&tail.len()) {
        std::cmp::Ordering::Greater => return Err(refuse_whole("it is cut short")),
        std::cmp::Ordering::Less => return Err(refuse_whole("something follows its end")),
        std::cmp::Ordering::Equal => {}
    }
    let plain = plain(record, tail_at + at as u64)?;
    match at.checked_sub(LOCATOR_BYTES).map(|from| &tail[from..at]) {
        Some(locator) if locator.starts_with(LOCATOR) => {
            large(file, locator, tail_at + (at - LOCATOR_BYTES) as u64, plain)
        }
        _ => Ok(plain),
    }
}

fn plain(record: &[u8], at: u64) -> Result<End> {
    let one_disk = u16_at(record, 4) == 0 && u16_at(record, 6) == 0;
    if !one_disk || u16_at(record, 8) != u16_at(record, 10) {
        return Err(refuse_whole("it is one of several volumes"));
    }
    Ok(End {
        entries: u64::from(u16_at(record, 10)),
        size: u64::from(u32_at(record, 12)),
        directory: u64::from(u32_at(record, 16)),
        stop: at,
    })
}

/// The record for large archives; what the plain one says besides must be the same, or “see there”.
fn large(file: &mut (impl Read + Seek), locator: &[u8], locator_at: u64, plain: End) -> Result<End> {
    let wrong = || refuse_whole("its end records contradict each other");
    let at = u64_at(locator, 8);
    let mut record = [0; END64_BYTES];
    if u32_at(locator, 4) != 0 || u32_at(locator, 16) > 1 || at > locator_at {
        return Err(wrong());
    }
    read_at(file, at, &mut record)?;
    let end = at
        .checked_add(12)
        .and_then(|from| from.checked_add(u64_at(&record, 4)));
    if !record.starts_with(END64) || end != Some(locator_at) || u64_at(&record, 24) != u64_at(&record, 32) {
        return Err(wrong());
    }
    let found = End {
        entries: u64_at(&record, 32),
        size: u64_at(&record, 40),
        directory: u64_at(&record, 48),
        stop: at,
    };
    let agree = |small: u64, large: u64, see_there: u64| small == large || small == see_there;
    let agreed = agree(plain.entries, found.entries, u64::from(u16::MAX))
        && agree(plain.size, found.size, u64::from(u32::MAX))
        && agree(plain.directory, found.directory, u64::from(u32::MAX));
    if agreed { Ok(found) } else { Err(wrong()) }
}

fn check_names(file: &mut (impl Read + Seek), end: End) -> Result<()> {
    file.seek(SeekFrom::Start(end.directory)).map_err(trouble)?;
    let mut directory = file.take(end.size);
    let mut names = HashSet::new();
    for _ in 0..end.entries {
        let mut fixed = [0; ENTRY_BYTES];
        directory.read_exact(&mut fixed).map_err(trouble)?;
        if !fixed.starts_with(ENTRY) {
            return Err(refuse_whole("its directory is damaged"));
        }
        let mut name = vec![0; usize::from(u16_at(&fixed, 28))];
        directory.read_exact(&mut name).map_err(trouble)?;
        let mut rest = vec![0; usize::from(u16_at(&fixed, 30)) + usize::from(u16_at(&fixed, 32))];
        directory.read_exact(&mut rest).map_err(trouble)?;
        if u16_at(&fixed, 8) & STRONG != 0 {
            return Err(refuse(
                &name,
                "is encrypted in a way that Cairn does not read; use AES-256",
            ));
        }
        if names.contains(&name) {
            return Err(refuse(&name, "is there twice"));
        }
        names.insert(name);
    }
    if directory.limit() > 0 {
        return Err(refuse_whole(
            "its directory lists more than its end record counts",
        ));
    }
    Ok(())
}

fn read_at(file: &mut (impl Read + Seek), at: u64, into: &mut [u8]) -> Result<()> {
    file.seek(SeekFrom::Start(at)).map_err(trouble)?;
    file.read_exact(into).map_err(trouble)
}

fn trouble(error: std::io::Error) -> Problem {
    reading(b"", error)
}

/// Numbers are little-endian; every caller's slice is longer than what is asked for.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length]
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    number(bytes, at, 2) as u16
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    number(bytes, at, 4) as u32
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    number(bytes, at, 8)
}
