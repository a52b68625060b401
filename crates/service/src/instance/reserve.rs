//! Room that is kept back, so that what is on a full disk can still be deleted.
//!
//! Nouns: the *reserve* is a file that only takes room: one in the data directory, and one beside a repository in a folder of its own.
//! Rules: deleting and pruning need a little room themselves (a lock, a new index, the catalog's log). Where a disk is full they get that of
//! the reserve. It is made again as soon as there is room; until then no backup begins, which would only use up what is left to delete with.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::{Kind, Problem, Result, Size};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

const LEAST: u64 = 512 << 10;
const MOST: u64 = 4 << 20;
/// Of a small disk no more than this part.
const PART: u64 = 64;
/// With less nothing can be relied on any more.
const TIGHT: u64 = 512 << 10;

#[derive(Debug)]
pub(crate) struct Reserve {
    dir: PathBuf,
    path: PathBuf,
}

struct Room {
    free: u64,
    /// What the reserve should have.
    wanted: u64,
}

impl Reserve {
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        Reserve {
            dir: dir.to_path_buf(),
            path: dir.join(name),
        }
    }

    /// `None` where nobody can say.
    fn room(&self) -> Option<Room> {
        let found = statvfs(&self.dir).ok()?;
        let total = found.f_blocks.saturating_mul(found.f_frsize);
        (total > 0).then(|| Room {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            wanted: (total / PART).clamp(LEAST, MOST),
        })
    }

    /// Lets the room go where the disk is full.
    pub(crate) fn give_up_if_tight(&self) -> Result<()> {
        if self.room().is_none_or(|room| room.free >= TIGHT) {
            return Ok(());
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Problem::io(
                format!("cannot remove {}", self.path.display()),
                error,
            )),
            _ => Ok(()),
        }
    }

    /// Makes it where there is room for it. An error when there is none.
    pub(crate) fn keep(&self) -> Result<()> {
        let Some(room) = self.room() else { return Ok(()) };
        if self.length() >= room.wanted {
            return Ok(());
        }
        if room.free >= room.wanted * 2 {
            return self.make(room.wanted);
        }
        let message = format!(
            "the disk of {} is full: {} are left, and they are needed to delete with",
            self.dir.display(),
            Size(room.free)
        );
        Err(Problem::new(Kind::NoSpace, message)
            .hint("free some space there: `cairn delete`, then `cairn repository prune --no-grace`"))
    }

    /// Takes back what was given up, or what is left of it: others would fill the disk to the last byte.
    pub(crate) fn take_back(&self) -> Result<()> {
        match self.room() {
            Some(room) if room.free >= room.wanted * 2 => self.keep(),
            Some(room) if self.length() == 0 && room.free >= LEAST / 4 => {
                self.make(room.free.min(room.wanted))
            }
            _ => Ok(()),
        }
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    fn make(&self, size: u64) -> Result<()> {
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path);
        let filled = match opened {
            // Where nothing can be written nothing can be deleted either.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
                ) =>
            {
                return Ok(());
            }
            opened => opened.and_then(|mut file| fill(&mut file, size)),
        };
        filled.map_err(|error| {
            // Half of it would be taken for the whole.
            let _ = fs::remove_file(&self.path);
            Problem::io(format!("cannot make {}", self.path.display()), error)
        })
    }
}

/// The room is taken for good, not only promised.
fn fill(file: &mut File, size: u64) -> std::io::Result<()> {
    match fallocate(&*file, FallocateFlags::empty(), 0, size) {
        Err(rustix::io::Errno::OPNOTSUPP) => {
            let zeros = vec![0; 64 << 10];
            for _ in 0..size / zeros.len() as u64 {
                file.write_all(&zeros)?;
            }
            Ok(())
        }
        other => other.map_err(Into::into),
    }
}
