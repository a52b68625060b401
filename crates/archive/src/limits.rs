//! How much an import may cost, and the counting of it.
//!
//! Rules: bytes count when they are written, whatever the archive announced; what is kept in memory (names, targets,
//! attributes) has a limit of its own, so that no header can fill the memory. The ratio only matters once an archive
//! has grown by more than [`SLACK`]: small files of zeros are nobody's attack.

use model::Result;

use super::refusal::{refuse, too_large};

/// Below this size an archive may expand as it likes.
const SLACK: u64 = 64 << 20;

/// What an import may hold; each is a limit that an administrator can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub entries: u64,
    pub entry_bytes: u64,
    pub total_bytes: u64,
    /// Bytes written for one byte of archive.
    pub ratio: u64,
    /// Folders within folders.
    pub depth: usize,
    /// Bytes of one path.
    pub path: usize,
    /// Bytes of names, targets of links and attributes, all together.
    pub names: u64,
    /// Bytes of `manifest.json`.
    pub manifest: u64,
    /// Refuse names that differ by case alone (for targets that cannot tell them apart).
    pub one_case: bool,
    /// Keep links that point outside the archive. Off for everything that a stranger may have made.
    pub outside_links: bool,
    /// Take over owners, set-uid and set-gid bits and attributes other than `user.`. Off likewise.
    pub owners: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            entries: 1_000_000,
            entry_bytes: 64 << 30,
            total_bytes: 256 << 30,
            ratio: 1_000,
            depth: 128,
            path: 3_072,
            names: 256 << 20,
            manifest: 16 << 20,
            one_case: false,
            outside_links: false,
            owners: false,
        }
    }
}

/// What has been used of the limits so far.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    archive_bytes: u64,
    entries: u64,
    written: u64,
    names: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits, archive_bytes: u64) -> Self {
        Budget {
            limits,
            archive_bytes,
            entries: 0,
            written: 0,
            names: 0,
        }
    }

    pub(super) fn entry(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(too_large(format!(
                "it holds more than {} entries",
                self.limits.entries
            )));
        }
        Ok(())
    }

    pub(super) fn remember(&mut self, bytes: usize) -> Result<()> {
        self.names += bytes as u64;
        if self.names > self.limits.names {
            return Err(too_large(format!(
                "its names and attributes take more than {} bytes",
                self.limits.names
            )));
        }
        Ok(())
    }

    /// What an entry says of its length, before any of it is read.
    pub(super) fn announced(&self, name: &[u8], bytes: u64) -> Result<()> {
        if bytes > self.limits.entry_bytes {
            return Err(too_large_entry(name, self.limits.entry_bytes));
        }
        self.total(name, self.written.saturating_add(bytes))
    }

    /// `so_far` of this entry with the piece that is about to be written.
    pub(super) fn write(&mut self, name: &[u8], so_far: u64, piece: u64) -> Result<()> {
        if so_far > self.limits.entry_bytes {
            return Err(too_large_entry(name, self.limits.entry_bytes));
        }
        self.written += piece;
        self.total(name, self.written)?;
        let allowed = self.archive_bytes.saturating_mul(self.limits.ratio);
        if self.written > SLACK.max(allowed) {
            let why = format!(
                "unpacks to more than {} times its size, as a bomb does",
                self.limits.ratio
            );
            return Err(refuse(name, why));
        }
        Ok(())
    }

    fn total(&self, name: &[u8], bytes: u64) -> Result<()> {
        if bytes > self.limits.total_bytes {
            let name = super::refusal::shown(name);
            return Err(too_large(format!(
                "with “{name}” it unpacks to more than {} bytes",
                self.limits.total_bytes
            )));
        }
        Ok(())
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

fn too_large_entry(name: &[u8], limit: u64) -> model::Problem {
    too_large(format!(
        "“{}” is larger than {limit} bytes",
        super::refusal::shown(name)
    ))
}
