//! The only way in which anything below a folder is reached: from the folder, held open, without following a link.
//!
//! Nouns: a *root* is a source or target, opened once for a job; a *place* is a name in a folder that is held open. Whoever owns a folder on
//! the way may put a link, or another folder, in its place at any moment.
//!
//! Rules: a path below a root is resolved by the kernel beneath the root's handle and through no link (`openat2`), or folder by folder
//! where the kernel does not offer that. What is made, moved or removed is named relative to a handle. Nothing takes the place
//! of what came meanwhile, and only what was looked at is moved away. Above a root, links are followed as `above` allows.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::above::above;

/// Only to go through, not to read.
pub(super) const WAY: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Neither a link nor a fifo in a file's place holds anybody up.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

pub(super) const LIST: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The kernel takes no path of more than `PATH_MAX` bytes at once. Longer than any name.
const PIECE: usize = 2048;

/// Device and inode.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// Opens what is at a path below a folder.
fn reach(at: BorrowedFd<'_>, relative: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut rest = relative.as_os_str().as_bytes();
    let mut way: Option<OwnedFd> = None;
    while rest.len() > PIECE {
        let cut = rest[..PIECE].iter().rposition(|byte| *byte == b'/');
        let cut = cut.filter(|cut| *cut > 0).ok_or(Errno::NAMETOOLONG)?;
        let from = way.as_ref().map_or(at, AsFd::as_fd);
        way = Some(reach_piece(
            from,
            Path::new(OsStr::from_bytes(&rest[..cut])),
            WAY,
        )?);
        rest = &rest[cut + 1..];
    }
    let from = way.as_ref().map_or(at, AsFd::as_fd);
    reach_piece(from, Path::new(OsStr::from_bytes(rest)), flags)
}

fn reach_piece(at: BorrowedFd<'_>, piece: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(at, piece, flags, Mode::empty(), resolve) {
        // An old kernel, or a filter of system calls that does not know it.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => step_by_step(at, piece, flags),
        other => other,
    }
}

fn step_by_step(at: BorrowedFd<'_>, piece: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut names = piece.components();
    let last = names.next_back().ok_or(Errno::INVAL)?;
    let mut way: Option<OwnedFd> = None;
    for name in names {
        let from = way.as_ref().map_or(at, AsFd::as_fd);
        way = Some(rustix::fs::openat(from, plain(name)?, WAY, Mode::empty())?);
    }
    let from = way.as_ref().map_or(at, AsFd::as_fd);
    let last = if last == Component::CurDir {
        OsStr::new(".")
    } else {
        plain(last)?
    };
    rustix::fs::openat(from, last, flags, Mode::empty())
}

fn plain(component: Component<'_>) -> rustix::io::Result<&OsStr> {
    match component {
        Component::Normal(name) => Ok(name),
        _ => Err(Errno::INVAL),
    }
}

/// A plain file directly in a folder; nothing when there is none. Of a larger one, one byte more than `most`.
pub(super) fn read_small(root: &Path, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
    let Ok(root) = Root::open(root) else {
        return Ok(None);
    };
    let file = match reach(root.handle(), Path::new(name), FILE) {
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        other => File::from(other?),
    };
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map(|_| Some(bytes))
}

fn or_itself(relative: &Path) -> &Path {
    if relative.as_os_str().is_empty() {
        Path::new(".")
    } else {
        relative
    }
}

/// A shorter way to what lies in an open folder, for calls that take no handle. It must not be followed at its end.
pub(super) fn way_to(folder: BorrowedFd<'_>, name: &OsStr) -> PathBuf {
    let mut way = OsString::from(format!("/proc/self/fd/{}/", folder.as_raw_fd()));
    way.push(name);
    PathBuf::from(way)
}

/// A folder that is held open for a job.
pub(super) struct Root {
    handle: OwnedFd,
    stat: Stat,
}

impl Root {
    /// A link in its place is refused.
    pub(super) fn open(path: &Path) -> Result<Arc<Root>> {
        Place::of(path)?.open_root()
    }

    /// As it was when it was opened.
    pub(super) fn stat(&self) -> &Stat {
        &self.stat
    }

    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// To be listed.
    pub(super) fn list(&self) -> rustix::io::Result<OwnedFd> {
        rustix::fs::openat(&self.handle, ".", LIST, Mode::empty())
    }

    /// A folder in it, or itself.
    pub(super) fn folder(&self, relative: &Path) -> rustix::io::Result<OwnedFd> {
        reach(self.handle(), or_itself(relative), WAY)
    }

    /// For calls that take no handle: wherever the folder was moved, this leads there.
    pub(super) fn way(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }

    pub(super) fn names(&self) -> Result<Vec<OsString>> {
        names(self.list()?).map(|(_, names)| names)
    }

    /// Opens a living file to be read.
    pub(super) fn open_file(&self, relative: &Path) -> Result<File> {
        Ok(File::from(reach(self.handle(), relative, FILE)?))
    }
}

impl model::Beneath for Root {
    fn open(&self, relative: &Path) -> Result<File> {
        self.open_file(relative)
    }

    fn is_gone(&self, relative: &Path) -> bool {
        Place::below(self, relative).is_ok_and(|place| matches!(place.stat(), Ok(None)))
    }
}

pub(super) struct Place {
    parent: OwnedFd,
    name: OsString,
}

impl Place {
    /// The place of a root: what is above it is the choice of who wrote its path.
    pub(super) fn of(root: &Path) -> Result<Place> {
        above(root, false)
    }

    pub(super) fn in_folder(parent: OwnedFd, name: &OsStr) -> Place {
        let name = name.to_owned();
        Place { parent, name }
    }

    /// The place of an entry below the root; `NotFound` or `NotADirectory` when what is above it is no folder.
    pub(super) fn below(root: &Root, relative: &Path) -> Result<Place> {
        for component in relative.components() {
            plain(component)?;
        }
        let name = relative.file_name().ok_or(ErrorKind::InvalidInput)?;
        let parent = root.folder(relative.parent().unwrap_or(Path::new("")));
        // A link is no folder.
        let parent = parent.map_err(|error| {
            if error == Errno::LOOP {
                Errno::NOTDIR
            } else {
                error
            }
        })?;
        Ok(Place::in_folder(parent, name))
    }

    /// Another name in the same folder.
    pub(super) fn beside(&self, name: &OsStr) -> Result<Place> {
        Ok(Place::in_folder(self.parent.try_clone()?, name))
    }

    pub(super) fn parent(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }

    /// What is there at this moment.
    pub(super) fn stat(&self) -> Result<Option<Stat>> {
        match rustix::fs::statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    pub(super) fn read_link(&self) -> Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.parent, &self.name, Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// For calls that take no handle; a link at its end must not be followed.
    pub(super) fn way(&self) -> PathBuf {
        way_to(self.parent(), &self.name)
    }

    /// Holds the folder that is there.
    pub(super) fn open_root(&self) -> Result<Arc<Root>> {
        let handle = self.open(WAY)?;
        let stat = rustix::fs::fstat(&handle)?;
        Ok(Arc::new(Root { handle, stat }))
    }

    fn open(&self, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        rustix::fs::openat(&self.parent, &self.name, flags, Mode::empty())
    }

    pub(super) fn open_folder(&self) -> Result<File> {
        let opened = self.open(LIST).or_else(|error| {
            if error != Errno::ACCESS {
                return Err(error);
            }
            // One's own, but not to be read. Root is never refused, so this changes nothing that is somebody else's.
            let folder = self.open(WAY)?;
            rustix::fs::chmod(way_to(folder.as_fd(), OsStr::new(".")), Mode::RWXU)?;
            rustix::fs::openat(&folder, ".", LIST, Mode::empty())
        });
        Ok(File::from(opened?))
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

    /// Moves what is here there, where nothing must be; `AlreadyExists` when something is.
    pub(super) fn move_to(&self, to: &Place) -> Result<()> {
        match rustix::fs::renameat_with(
            &self.parent,
            &self.name,
            &to.parent,
            &to.name,
            RenameFlags::NOREPLACE,
        ) {
            // The file system, or the kernel, cannot say that nothing must be there.
            Err(Errno::INVAL | Errno::NOSYS) => {
                if to.stat()?.is_some() {
                    return Err(Error::from(ErrorKind::AlreadyExists));
                }
                Ok(rustix::fs::renameat(
                    &self.parent,
                    &self.name,
                    &to.parent,
                    &to.name,
                )?)
            }
            other => Ok(other?),
        }
    }

    /// `AlreadyExists` when anything is there, even a link.
    pub(super) fn make_folder(&self) -> Result<()> {
        Ok(rustix::fs::mkdirat(&self.parent, &self.name, Mode::RWXU)?)
    }

    /// A folder that people asked for: readable as their mask says.
    pub(super) fn make_folder_for_all(&self) -> Result<()> {
        let mode = Mode::from_raw_mode(0o777);
        Ok(rustix::fs::mkdirat(&self.parent, &self.name, mode)?)
    }

    /// Only an empty folder is removed.
    pub(super) fn remove_folder(&self) -> Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.parent,
            &self.name,
            AtFlags::REMOVEDIR,
        )?)
    }

    /// The folder itself, by another way to it.
    pub(super) fn itself(root: &Root) -> Result<Place> {
        Ok(Place::in_folder(root.handle.try_clone()?, OsStr::new(".")))
    }

    /// The same place once more.
    pub(super) fn beside_itself(&self) -> Result<Place> {
        self.beside(&self.name)
    }
}

impl Root {
    /// Removes all that is in it, one name after the other, however deep it is; the folder itself stays.
    pub(super) fn empty(&self) -> Result<()> {
        let mut open: Vec<(OwnedFd, Vec<OsString>)> = vec![names(self.list()?)?];
        while let Some((at, left)) = open.last_mut() {
            let Some(name) = left.pop() else {
                open.pop();
                if let Some((at, left)) = open.last_mut()
                    && let Some(name) = left.pop()
                {
                    Place::in_folder(at.try_clone()?, &name).remove_folder()?;
                }
                continue;
            };
            match rustix::fs::unlinkat(&at, &name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => {
                    let place = Place::in_folder(at.try_clone()?, &name);
                    let below = names(OwnedFd::from(place.open_folder()?))?;
                    left.push(name);
                    open.push(below);
                }
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn names(folder: OwnedFd) -> Result<(OwnedFd, Vec<OsString>)> {
    let listed = rustix::fs::openat(&folder, ".", LIST, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(listed)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok((folder, names))
}
