//! What a file system says of one entry, in the project's words.

use std::path::{Path, PathBuf};

use model::{FileKind, Meta, Timestamp, Xattr};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::super::owners::Owners;

/// `target` is where a link leads.
pub(super) fn meta(stat: &Stat, target: PathBuf, owners: &Owners) -> Meta {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Symlink { target },
        FileType::BlockDevice => FileKind::BlockDevice { device: stat.st_rdev },
        FileType::CharacterDevice => FileKind::CharDevice { device: stat.st_rdev },
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::File,
    };
    let time = |seconds, nanos| Timestamp { seconds, nanos };
    Meta {
        mode: stat.st_mode & 0o7777,
        mtime: time(stat.st_mtime, stat.st_mtime_nsec as u32),
        ctime: time(stat.st_ctime, stat.st_ctime_nsec as u32),
        uid: stat.st_uid,
        gid: stat.st_gid,
        user: owners.user(stat.st_uid),
        group: owners.group(stat.st_gid),
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
    }
}

/// A file system without extended attributes has none to keep.
pub(super) fn has_none(path: &Path) -> bool {
    let mut list = [0_u8; 1024];
    let listed = rustix::fs::llistxattr(path, &mut list[..]);
    matches!(listed, Ok(0) | Err(Errno::NOTSUP | Errno::ACCESS))
}

/// Of what lies there, also of a link itself. The path must begin at an open folder.
pub(super) fn xattrs(path: &Path) -> Vec<Xattr> {
    if has_none(path) {
        return Vec::new();
    }
    let names = xattr::list(path).into_iter().flatten();
    let read = names.filter_map(|name| {
        Some(Xattr {
            value: xattr::get(path, &name).ok()??,
            name,
        })
    });
    read.collect()
}
