//! Opens a file to be read, however deep it lies.
//!
//! The kernel takes no path of more than `PATH_MAX` bytes at once. A longer one is gone through in pieces, each opened from the folder
//! where the last one ended. The last name is never followed when it is a link.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Result;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Longer than any name, and well below `PATH_MAX`.
const PIECE: usize = 2048;

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

pub(super) fn open(path: &Path) -> Result<File> {
    match rustix::fs::openat(CWD, path, FILE, Mode::empty()) {
        Err(Errno::NAMETOOLONG) => Ok(in_pieces(path)?),
        other => Ok(File::from(other?)),
    }
}

fn in_pieces(path: &Path) -> rustix::io::Result<File> {
    let mut rest = path.as_os_str().as_bytes();
    let mut at: Option<OwnedFd> = None;
    while rest.len() > PIECE {
        let cut = rest[..PIECE].iter().rposition(|byte| *byte == b'/');
        let cut = cut.filter(|cut| *cut > 0).ok_or(Errno::NAMETOOLONG)?;
        at = Some(open_at(at.as_ref(), &rest[..cut], WAY)?);
        rest = &rest[cut + 1..];
    }
    open_at(at.as_ref(), rest, FILE).map(File::from)
}

fn open_at(at: Option<&OwnedFd>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = OsStr::from_bytes(path);
    match at {
        Some(at) => rustix::fs::openat(at, path, flags, Mode::empty()),
        None => rustix::fs::openat(CWD, path, flags, Mode::empty()),
    }
}
