//! Entries below a folder, reached without following a link.
//!
//! A *place* is a name in a folder that is held open. On the way there every folder is opened from the one above it, so
//! that a link that somebody, or an earlier run, put in a folder's place leads nowhere: nothing outside of the root is
//! ever moved, made or removed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// Only to go through, not to read.
const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Opens a living file below the root to be read, however deep it lies.
pub(super) fn open_living(root: &Path, relative: &Path) -> Result<File> {
    match rustix::fs::openat(CWD, root.join(relative), FILE, Mode::empty()) {
        // The kernel takes no longer path at once.
        Err(Errno::NAMETOOLONG) => Place::below(root, relative)?.open_file(),
        other => Ok(File::from(other?)),
    }
}

pub(super) struct Place {
    parent: OwnedFd,
    name: OsString,
}

fn enter(at: impl AsFd, name: &OsStr) -> Result<OwnedFd> {
    Ok(rustix::fs::openat(
        at,
        name,
        WAY | OFlags::NOFOLLOW,
        Mode::empty(),
    )?)
}

impl Place {
    /// The place of an entry below the root, or of the root itself; `NotFound` or `NotADirectory` when what is above it is
    /// no folder.
    pub(super) fn below(root: &Path, relative: &Path) -> Result<Place> {
        if relative.as_os_str().is_empty() {
            let name = root.file_name().ok_or(ErrorKind::InvalidInput)?;
            // Links above the root are how its owner wrote it.
            let above = root.parent().unwrap_or(Path::new("/"));
            return Ok(Place {
                parent: rustix::fs::openat(CWD, above, WAY, Mode::empty())?,
                name: name.to_owned(),
            });
        }
        let mut names = relative.components().map(|component| match component {
            Component::Normal(name) => Ok(name),
            _ => Err(Error::from(ErrorKind::InvalidInput)),
        });
        let mut parent = enter(CWD, root.as_os_str())?;
        let mut name = names.next().ok_or(ErrorKind::InvalidInput)??;
        for next in names {
            parent = enter(&parent, name)?;
            name = next?;
        }
        Ok(Place {
            parent,
            name: name.to_owned(),
        })
    }

    /// What is there at this moment.
    pub(super) fn stat(&self) -> Result<Option<Stat>> {
        match rustix::fs::statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    /// Opens a file to be read; neither a link nor a fifo that took its place holds anybody up.
    pub(super) fn open_file(&self) -> Result<File> {
        Ok(File::from(rustix::fs::openat(
            &self.parent,
            &self.name,
            FILE,
            Mode::empty(),
        )?))
    }

    /// Nothing, or whether it is a folder.
    pub(super) fn is_folder(&self) -> Result<Option<bool>> {
        let stat = self.stat()?;
        Ok(stat.map(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory))
    }

    /// A folder with something in it.
    pub(super) fn is_filled(&self) -> Result<bool> {
        if self.is_folder()? != Some(true) {
            return Ok(false);
        }
        let mut entries = Dir::read_from(self.open_folder()?)?.flatten();
        Ok(entries.any(|entry| !matches!(entry.file_name().to_bytes(), b"." | b"..")))
    }

    pub(super) fn move_to(&self, to: &Path) -> Result<()> {
        Ok(rustix::fs::renameat(&self.parent, &self.name, CWD, to)?)
    }

    pub(super) fn take_from(&self, from: &Path) -> Result<()> {
        Ok(rustix::fs::renameat(CWD, from, &self.parent, &self.name)?)
    }

    pub(super) fn make_folder(&self) -> Result<()> {
        Ok(rustix::fs::mkdirat(&self.parent, &self.name, Mode::RWXU)?)
    }

    /// Only an empty folder is removed.
    pub(super) fn remove_folder(&self) -> Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.parent,
            &self.name,
            AtFlags::REMOVEDIR,
        )?)
    }

    pub(super) fn open_folder(&self) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.parent, &self.name, flags, Mode::empty());
        let opened = open().or_else(|error| {
            if error != Errno::ACCESS {
                return Err(error);
            }
            // One's own, but not to be read. Root is never refused, so this changes nothing that is somebody else's.
            rustix::fs::chmodat(&self.parent, &self.name, Mode::RWXU, AtFlags::empty())?;
            open()
        });
        Ok(File::from(opened?))
    }
}
