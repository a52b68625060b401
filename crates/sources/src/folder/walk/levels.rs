//! The folders from the root down to where a descent is.
//!
//! Nouns: a *level* is a folder that was entered and not yet left, with the names in it that are still to come. A folder is opened from the
//! one above it, never through a link.
//!
//! Rules: only the root and the innermost levels are held open, so that however deep a tree goes, it never takes more than a few handles.
//! A level that was closed is opened again on the way back, from the folder below it or, when that was moved meanwhile, from the
//! root; only if it still is the same folder. If it is not, the rest of its names are entries that are gone.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::{Errno, Result};

use super::super::beneath::{Identity, Root};

/// Levels that are held open, besides the root.
pub(super) const MOST_OPEN: usize = 32;
/// Room for what the kernel says of a folder at once.
const LISTING: usize = 32 << 10;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

enum Handle {
    Open(OwnedFd),
    Closed(Identity),
    /// It could not be opened again.
    Lost(Errno),
}

struct Level {
    handle: Handle,
    name: CString,
    names: Names,
}

pub(super) struct Levels {
    levels: Vec<Level>,
    listing: Box<[MaybeUninit<u8>]>,
}

impl Levels {
    pub(super) fn begin(root: &Root) -> Result<Self> {
        let mut levels = Levels {
            levels: Vec::new(),
            listing: vec![MaybeUninit::uninit(); LISTING].into(),
        };
        levels.push(root.list()?, CString::default())?;
        Ok(levels)
    }

    /// The file system of the innermost level.
    pub(super) fn device(&self) -> Result<u64> {
        match self.levels.last().map(|level| &level.handle) {
            Some(Handle::Open(handle)) => identity(handle).map(|(device, _)| device),
            _ => Err(Errno::NOENT),
        }
    }

    /// Takes the next name in the innermost level, and whether it was a folder's when the level was read.
    pub(super) fn next_name<'n>(&mut self, name: &'n mut Vec<u8>) -> Option<(&'n CStr, bool)> {
        let names = &mut self.levels.last_mut()?.names;
        let (next, was_dir) = names.next()?;
        name.clear();
        name.extend_from_slice(next.to_bytes_with_nul());
        Some((CStr::from_bytes_with_nul(name).ok()?, was_dir))
    }

    /// The innermost level, open.
    pub(super) fn innermost(&mut self) -> Result<BorrowedFd<'_>> {
        if let Some(Handle::Closed(wanted)) = self.levels.last().map(|level| &level.handle) {
            let again = self
                .open_from_root(*wanted)
                .map_or_else(Handle::Lost, Handle::Open);
            if let Some(level) = self.levels.last_mut() {
                level.handle = again;
            }
        }
        match self.levels.last().map(|level| &level.handle) {
            Some(Handle::Open(handle)) => Ok(handle.as_fd()),
            Some(Handle::Lost(error)) => Err(*error),
            _ => Err(Errno::NOENT),
        }
    }

    /// Makes a folder in the innermost level the innermost: the one that was looked at, and no other that took its place.
    pub(super) fn enter(&mut self, name: &CStr, seen: &Stat) -> Result<()> {
        let above = self.innermost()?;
        let handle = rustix::fs::openat(above, name, OFlags::RDONLY | FOLDER, Mode::empty())?;
        if identity(&handle)? != (seen.st_dev, seen.st_ino) {
            return Err(Errno::STALE);
        }
        self.push(handle, name.to_owned())
    }

    fn push(&mut self, handle: OwnedFd, name: CString) -> Result<()> {
        let names = Names::read(&handle, &mut self.listing)?;
        let handle = Handle::Open(handle);
        self.levels.push(Level { handle, name, names });
        // The root stays: everything else can be found again from there.
        let far = self.levels.len().checked_sub(1 + MOST_OPEN);
        if let Some(far) = far.filter(|far| *far > 0) {
            self.levels[far].close();
        }
        Ok(())
    }

    /// Leaves the innermost level; false when that was the root.
    pub(super) fn leave(&mut self) -> bool {
        let left = self.levels.pop();
        let Some(above) = self.levels.last_mut() else {
            return false;
        };
        if let (Handle::Closed(wanted), Some(Handle::Open(below))) =
            (&above.handle, left.map(|level| level.handle))
            && let Ok(handle) = open_same(below.as_fd(), c"..", *wanted)
        {
            above.handle = Handle::Open(handle);
        }
        true
    }

    /// Opens the innermost level by all the names above it.
    fn open_from_root(&self, wanted: Identity) -> Result<OwnedFd> {
        let [root, way @ .., last] = self.levels.as_slice() else {
            return Err(Errno::NOENT);
        };
        let Handle::Open(root) = &root.handle else {
            return Err(Errno::NOENT);
        };
        let mut handle = root.try_clone().map_err(|_| Errno::MFILE)?;
        for level in way {
            handle = rustix::fs::openat(&handle, &level.name, OFlags::PATH | FOLDER, Mode::empty())?;
        }
        open_same(handle.as_fd(), &last.name, wanted)
    }
}

impl Level {
    fn close(&mut self) {
        // Who cannot be told apart later stays open.
        if let Handle::Open(handle) = &self.handle
            && let Ok(identity) = identity(handle)
        {
            self.handle = Handle::Closed(identity);
        }
    }
}

fn identity(handle: impl AsFd) -> Result<Identity> {
    rustix::fs::fstat(handle).map(|stat| (stat.st_dev, stat.st_ino))
}

fn open_same(at: BorrowedFd<'_>, name: &CStr, wanted: Identity) -> Result<OwnedFd> {
    let handle = rustix::fs::openat(at, name, OFlags::PATH | FOLDER, Mode::empty())?;
    if identity(&handle)? == wanted {
        Ok(handle)
    } else {
        Err(Errno::NOENT)
    }
}

/// The names in a folder, in ascending order, each with the zero byte that ends it.
struct Names {
    bytes: Vec<u8>,
    /// Where they begin and end, and whether they are folders' names.
    order: std::vec::IntoIter<(usize, usize, bool)>,
}

impl Names {
    fn read(handle: &OwnedFd, listing: &mut [MaybeUninit<u8>]) -> Result<Self> {
        let (mut bytes, mut order) = (Vec::new(), Vec::new());
        let mut entries = RawDir::new(handle, listing);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let start = bytes.len();
                bytes.extend_from_slice(name.to_bytes_with_nul());
                order.push((start, bytes.len(), entry.file_type() == FileType::Directory));
            }
        }
        // The zero byte is less than any other: a name comes before what it begins.
        order.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        let order = order.into_iter();
        Ok(Names { bytes, order })
    }

    fn next(&mut self) -> Option<(&CStr, bool)> {
        let (start, end, is_dir) = self.order.next()?;
        Some((CStr::from_bytes_with_nul(&self.bytes[start..end]).ok()?, is_dir))
    }
}
