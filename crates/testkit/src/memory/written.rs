//! Entries of a tree in memory, written as files: bytes, links, hard links, modes, owners, times, attributes.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use model::{FileKind, Meta, Problem, Result};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid};
use sources::{Context, Materialize};

use super::tree::Node;

type Find<'a> = dyn Fn(&Path) -> Result<&'a Node> + 'a;

pub(super) fn write(find: &Find<'_>, order: &Materialize, cx: &Context) -> Result<()> {
    if !order.into.is_dir() {
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&order.into)
            .map_err(|error| Problem::io(format!("cannot make {}", order.into.display()), error))?;
    }
    let mut linked: HashMap<(u64, u64), PathBuf> = HashMap::new();
    let mut folders = Vec::new();
    for (from, to) in &order.entries {
        cx.cancel.check()?;
        let (node, target) = (find(from)?, order.into.join(to));
        if node.meta.is_dir() {
            folders.push((target.clone(), node.meta.clone()));
        }
        write_one(node, &target, &mut linked)
            .map_err(|error| Problem::io(format!("cannot write {}", target.display()), error))?;
    }
    // A folder's time changes with what is put into it.
    for (path, meta) in folders.iter().rev() {
        finish(path, meta)
            .map_err(|error| Problem::io(format!("cannot finish {}", path.display()), error))?;
    }
    Ok(())
}

fn write_one(node: &Node, to: &Path, linked: &mut HashMap<(u64, u64), PathBuf>) -> std::io::Result<()> {
    let meta = &node.meta;
    if meta.links > 1 && meta.inode != 0 && !meta.is_dir() {
        let first = linked
            .entry((meta.device, meta.inode))
            .or_insert_with(|| to.to_path_buf());
        if first != to {
            return fs::hard_link(first, to);
        }
    }
    let mode = Mode::from_raw_mode(meta.mode);
    match &meta.kind {
        FileKind::File => fs::write(to, &node.bytes)?,
        FileKind::Dir => return fs::create_dir_all(to),
        FileKind::Symlink { target } => std::os::unix::fs::symlink(target, to)?,
        FileKind::Fifo => rustix::fs::mknodat(CWD, to, FileType::Fifo, mode, 0)?,
        FileKind::BlockDevice { .. } | FileKind::CharDevice { .. } | FileKind::Socket => return Ok(()),
    }
    finish(to, meta)
}

fn finish(path: &Path, meta: &Meta) -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
        rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if !matches!(meta.kind, FileKind::Symlink { .. }) {
        for attribute in &meta.xattrs {
            xattr::set(path, &attribute.name, &attribute.value)?;
        }
        rustix::fs::chmod(path, Mode::from_raw_mode(meta.mode))?;
    }
    set_time(path, meta.mtime)
}

/// Gives an entry its time, without following a link.
pub(crate) fn set_time(path: &Path, time: model::Timestamp) -> std::io::Result<()> {
    let time = Timespec {
        tv_sec: time.seconds,
        tv_nsec: i64::from(time.nanos),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        CWD,
        path,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}
