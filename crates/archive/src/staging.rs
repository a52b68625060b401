//! The private folder (0700) into which an import is unpacked.
//!
//! Rules: everything is made by handles of its folder, found component by component without following a link; files
//! are made and never opened when they are there. Files stay readable and folders passable for their owner whatever
//! the archive says, and nothing gets set-uid, an owner or attributes on this disk. Dropped, the folder is gone.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use model::{Kind, Meta, Problem, Result};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use tempfile::TempDir;

#[derive(Debug)]
pub(super) struct Staging {
    dir: TempDir,
    root: OwnedFd,
    /// The folder that was used last: archives list what lies together one after the other.
    last: Option<(PathBuf, OwnedFd)>,
}

const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);

impl Staging {
    pub(super) fn make(root: &Path) -> Result<Self> {
        let trouble = |error| {
            Problem::io(
                format_args!("making a folder to unpack in, in {}", root.display()),
                error,
            )
        };
        let dir = tempfile::Builder::new()
            .prefix("import-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(root)
            .map_err(trouble)?;
        let handle =
            rustix::fs::open(dir.path(), FOLDER, Mode::empty()).map_err(|errno| trouble(errno.into()))?;
        Ok(Staging {
            dir,
            root: handle,
            last: None,
        })
    }

    pub(super) fn into_dir(self) -> TempDir {
        self.dir
    }

    /// Refuses at once what cannot fit.
    pub(super) fn check_space(&self, bytes: u64) -> Result<()> {
        let stat = rustix::fs::fstatvfs(&self.root)
            .map_err(|errno| self.trouble("measuring", Path::new(""), errno))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if bytes <= free {
            return Ok(());
        }
        let message = format!(
            "the archive unpacks to {bytes} bytes and only {free} are free in {}",
            self.dir.path().display()
        );
        Err(Problem::new(Kind::NoSpace, message).hint("free some space on that disk, then try again"))
    }

    pub(super) fn folder(&mut self, path: &Path) -> Result<()> {
        self.within("making the folder", path, |parent, name| {
            rustix::fs::mkdirat(parent, name, Mode::RWXU)
        })
    }

    pub(super) fn file(&mut self, path: &Path) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = self.within("making", path, |parent, name| {
            rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
        })?;
        Ok(File::from(handle))
    }

    /// The last touch to a file that was written whole.
    pub(super) fn dress_file(&self, path: &Path, file: &File, meta: &Meta) -> Result<()> {
        self.dress(path, file.as_fd(), meta, 0o600)
    }

    pub(super) fn dress_folder(&mut self, path: &Path, meta: &Meta) -> Result<()> {
        let handle = self.open_folder(path)?;
        self.dress(path, handle.as_fd(), meta, 0o700)
    }

    fn dress(&self, path: &Path, handle: impl AsFd, meta: &Meta, least: u32) -> Result<()> {
        let mode = Mode::from_raw_mode((meta.mode & 0o777) | least);
        rustix::fs::fchmod(&handle, mode)
            .map_err(|errno| self.trouble("setting the mode of", path, errno))?;
        match rustix::fs::futimens(&handle, &times(meta)) {
            // A time that this file system cannot hold stays in the list of entries.
            Ok(()) | Err(Errno::INVAL | Errno::RANGE | Errno::OVERFLOW) => Ok(()),
            Err(errno) => Err(self.trouble("setting the time of", path, errno)),
        }
    }

    pub(super) fn hard_link(&mut self, path: &Path, first: &Path) -> Result<()> {
        let folder = self.open_folder(first.parent().unwrap_or(Path::new("")))?;
        let name = first.file_name().unwrap_or_default().to_owned();
        self.within("linking", path, |parent, new| {
            rustix::fs::linkat(&folder, &name, parent, new, AtFlags::empty())
        })
    }

    pub(super) fn symlink(&mut self, path: &Path, target: &Path, meta: &Meta) -> Result<()> {
        self.within("making the link", path, |parent, name| {
            rustix::fs::symlinkat(target, parent, name)?;
            match rustix::fs::utimensat(parent, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(()) | Err(Errno::INVAL | Errno::RANGE | Errno::OVERFLOW) => Ok(()),
                Err(errno) => Err(errno),
            }
        })
    }

    pub(super) fn open(&mut self, path: &Path) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = self.within("opening", path, |parent, name| {
            rustix::fs::openat(parent, name, flags, Mode::empty())
        })?;
        Ok(File::from(handle))
    }

    fn within<T>(
        &mut self,
        doing: &str,
        path: &Path,
        act: impl FnOnce(&OwnedFd, &OsStr) -> Result<T, Errno>,
    ) -> Result<T> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default();
        if self.last.as_ref().is_none_or(|(at, _)| at != parent) {
            self.last = Some((parent.to_path_buf(), self.open_folder(parent)?));
        }
        let folder = self.last.as_ref().map_or(&self.root, |(_, handle)| handle);
        act(folder, name).map_err(|errno| self.trouble(doing, path, errno))
    }

    fn open_folder(&self, path: &Path) -> Result<OwnedFd> {
        let begin = self.root.try_clone();
        let mut at = begin
            .map_err(|error| Problem::io(format_args!("opening {}", self.dir.path().display()), error))?;
        for component in path.components() {
            at = rustix::fs::openat(&at, component.as_os_str(), FOLDER, Mode::empty())
                .map_err(|errno| self.trouble("opening", path, errno))?;
        }
        Ok(at)
    }

    fn trouble(&self, doing: &str, path: &Path, errno: Errno) -> Problem {
        let whole = self.dir.path().join(path);
        Problem::io(format_args!("{doing} {}", whole.display()), errno.into())
    }
}

fn times(meta: &Meta) -> Timestamps {
    let time = Timespec {
        tv_sec: meta.mtime.seconds,
        tv_nsec: i64::from(meta.mtime.nanos.min(999_999_999)),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
