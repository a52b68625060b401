//! Walks a folder and says everything about every entry, without reading any content.
//!
//! Works with handles of open folders, so that a path is never resolved twice and no link is followed on the way. Entries come depth-first,
//! siblings in ascending order of their raw names. What cannot be read is noted and passed over; only the root must be readable.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use model::{Cancel, Chunking, Content, FileKind, Meta, Problem, Result, Timestamp, Xattr};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::ignore_rules::IgnoreRules;
use super::owners::Owners;

#[derive(Clone, Debug)]
pub struct WalkOptions {
    pub ignore: IgnoreRules,
    /// Do not enter other file systems.
    pub one_file_system: bool,
    pub cancel: Cancel,
}

impl Default for WalkOptions {
    fn default() -> Self {
        WalkOptions {
            ignore: IgnoreRules::none(),
            one_file_system: false,
            cancel: Cancel::new(),
        }
    }
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    pub files: u64,
    pub entries: u64,
    pub bytes: u64,
    pub ignored: u64,
    /// Relative path, and why it was passed over.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Takes (path relative to the root, metadata, content to be opened when needed).
pub type Visit<'a> = dyn FnMut(&Path, Meta, Content) -> Result<()> + 'a;

/// The metadata of the root itself.
pub fn root_meta(root: &Path) -> Result<Meta> {
    let problem = |error: Errno| Problem::io(format!("cannot read {}", root.display()), error.into());
    let stat = rustix::fs::statat(CWD, root, AtFlags::SYMLINK_NOFOLLOW).map_err(problem)?;
    let options = WalkOptions::default();
    let walker = Walker::new(root, &options);
    let mut meta = walker.meta(&stat, || Ok(PathBuf::new())).map_err(problem)?;
    if !meta.is_dir() {
        let what = if matches!(meta.kind, FileKind::Symlink { .. }) {
            "a link"
        } else {
            "no folder"
        };
        return Err(Problem::invalid(format!("{} is {what}", root.display())).hint("name the folder itself"));
    }
    meta.xattrs = xattrs(root);
    Ok(meta)
}

/// Visits everything below the root.
pub fn walk(root: &Path, options: &WalkOptions, visit: &mut Visit<'_>) -> Result<Walked> {
    let problem =
        |error: Errno| Problem::io(format!("cannot read the folder {}", root.display()), error.into());
    let handle = open_dir(CWD, root.as_os_str()).map_err(problem)?;
    let device = rustix::fs::fstat(&handle).map_err(problem)?.st_dev;
    let mut walker = Walker::new(root, options);
    walker.device = device;
    let names = names(&handle).map_err(problem)?;
    walker.children(&handle, names, visit)?;
    Ok(walker.seen)
}

struct Walker<'a> {
    options: &'a WalkOptions,
    owners: Owners,
    device: u64,
    /// Of the entry that is looked at: relative, and from the root of the file system.
    relative: PathBuf,
    full: PathBuf,
    seen: Walked,
}

fn open_dir(at: impl AsFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

/// The names in a folder, in ascending order.
fn names(handle: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(handle)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

impl<'a> Walker<'a> {
    fn new(root: &Path, options: &'a WalkOptions) -> Self {
        Walker {
            options,
            owners: Owners::read(),
            device: 0,
            relative: PathBuf::new(),
            full: root.to_path_buf(),
            seen: Walked::default(),
        }
    }

    fn children(&mut self, dir: &OwnedFd, names: Vec<CString>, visit: &mut Visit<'_>) -> Result<()> {
        for name in names {
            self.options.cancel.check()?;
            let text = OsStr::from_bytes(name.to_bytes());
            self.relative.push(text);
            self.full.push(text);
            let done = self.entry(dir, &name, visit);
            self.relative.pop();
            self.full.pop();
            done?;
        }
        Ok(())
    }

    fn entry(&mut self, dir: &OwnedFd, name: &CString, visit: &mut Visit<'_>) -> Result<()> {
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => {
                self.skip(error);
                return Ok(());
            }
        };
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if self.options.ignore.matches(&self.relative, is_dir) {
            self.seen.ignored += 1;
            return Ok(());
        }
        let link = || {
            let target = rustix::fs::readlinkat(dir, name, Vec::new())?;
            Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
        };
        let mut meta = match self.meta(&stat, link) {
            Ok(meta) => meta,
            Err(error) => {
                self.skip(error);
                return Ok(());
            }
        };
        if meta.kind == FileKind::Socket {
            self.seen
                .skipped
                .push((self.relative.clone(), "a socket has no content".to_owned()));
            return Ok(());
        }
        if !matches!(meta.kind, FileKind::Symlink { .. }) {
            meta.xattrs = xattrs(&self.full);
        }
        self.seen.entries += 1;
        if is_dir {
            self.directory(dir, name, &stat, meta, visit)
        } else {
            self.leaf(meta, visit)
        }
    }

    fn leaf(&mut self, meta: Meta, visit: &mut Visit<'_>) -> Result<()> {
        let content = if meta.is_file() && meta.size > 0 {
            Content::Path {
                path: self.full.clone(),
                chunking: Chunking::Auto,
            }
        } else {
            Content::None
        };
        if meta.is_file() {
            self.seen.files += 1;
            self.seen.bytes += meta.size;
        }
        visit(&self.relative, meta, content)
    }

    fn directory(
        &mut self,
        dir: &OwnedFd,
        name: &CString,
        stat: &Stat,
        meta: Meta,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        if self.options.one_file_system && stat.st_dev != self.device {
            // The mount point itself is kept, as an empty folder.
            return visit(&self.relative, meta, Content::None);
        }
        let opened = open_dir(dir, OsStr::from_bytes(name.to_bytes()))
            .and_then(|handle| Ok((names(&handle)?, handle)));
        match opened {
            Ok((names, handle)) => {
                visit(&self.relative, meta, Content::None)?;
                self.children(&handle, names, visit)
            }
            Err(error) => {
                self.skip(error);
                visit(&self.relative, meta, Content::None)
            }
        }
    }

    fn skip(&mut self, error: Errno) {
        self.seen
            .skipped
            .push((self.relative.clone(), std::io::Error::from(error).to_string()));
    }

    fn meta(
        &self,
        stat: &Stat,
        link: impl FnOnce() -> rustix::io::Result<PathBuf>,
    ) -> rustix::io::Result<Meta> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => FileKind::Dir,
            FileType::Symlink => FileKind::Symlink { target: link()? },
            FileType::BlockDevice => FileKind::BlockDevice { device: stat.st_rdev },
            FileType::CharacterDevice => FileKind::CharDevice { device: stat.st_rdev },
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            _ => FileKind::File,
        };
        let time = |seconds, nanos| Timestamp { seconds, nanos };
        Ok(Meta {
            mode: stat.st_mode & 0o7777,
            mtime: time(stat.st_mtime, stat.st_mtime_nsec as u32),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec as u32),
            uid: stat.st_uid,
            gid: stat.st_gid,
            user: self.owners.user(stat.st_uid),
            group: self.owners.group(stat.st_gid),
            inode: stat.st_ino,
            device: stat.st_dev,
            links: if kind == FileKind::Dir { 0 } else { stat.st_nlink },
            size: if kind == FileKind::File {
                stat.st_size as u64
            } else {
                0
            },
            xattrs: Vec::new(),
            kind,
        })
    }
}

/// A file system without extended attributes has none to keep.
fn xattrs(path: &Path) -> Vec<Xattr> {
    let mut list = [0_u8; 1024];
    match rustix::fs::llistxattr(path, &mut list[..]) {
        Ok(0) | Err(Errno::NOTSUP | Errno::ACCESS | Errno::NOENT) => Vec::new(),
        _ => {
            let names = xattr::list(path).into_iter().flatten();
            names
                .filter_map(|name| {
                    Some(Xattr {
                        value: xattr::get(path, &name).ok()??,
                        name,
                    })
                })
                .collect()
        }
    }
}

/// Opens a living file for reading without following a link.
pub fn open_living(path: &Path) -> std::io::Result<impl Read + use<>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    Ok(File::from(handle))
}
