//! What an item of a folder's plan says: which path it is about, what lies there, and a fingerprint of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use model::{Action, FileKind, Item, Meta, Problem, Result};
use rustix::fs::{FileType, Stat};
use serde_json::{Value, json};

use super::Folder;
use crate::Tree;

/// What the item of a path holds beside words.
pub(super) fn data(relative: &Path) -> Value {
    json!({ "path": hex::encode(relative.as_os_str().as_bytes()) })
}

/// The relative path that an item is about.
pub(super) fn path_of(item: &Item) -> Result<PathBuf> {
    let text = item.data.get("path").and_then(Value::as_str).unwrap_or_default();
    let bytes =
        hex::decode(text).map_err(|_| Problem::damaged("a stored plan names a path that cannot be read"))?;
    Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
}

/// Where a capture holds what the item would touch, as the plan saw it.
pub(super) fn find_saved(folder: &Folder, item: &Item, capture: &dyn Tree) -> Result<Option<PathBuf>> {
    let named = folder.parts.iter().find(|part| part.name == item.part);
    let ((Some(part), _) | (None, [part])) = (named, folder.parts.as_slice()) else {
        return Ok(None);
    };
    let path = part.tree.join(path_of(item)?);
    let found = capture.stat(&path)?;
    let is_it = found.is_some_and(|entry| fingerprint(&entry.meta) == item.fingerprint);
    Ok(is_it.then_some(path))
}

pub(super) fn word(meta: &Meta) -> &'static str {
    match meta.kind {
        FileKind::File => "file",
        FileKind::Dir => "folder",
        FileKind::Symlink { .. } => "link",
        FileKind::BlockDevice { .. } | FileKind::CharDevice { .. } => "device",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
    }
}

/// Everything but the contents.
pub(super) fn is_as_then(now: &Meta, then: &Meta) -> bool {
    let owner = |meta: &Meta| {
        rustix::process::geteuid()
            .is_root()
            .then_some((meta.uid, meta.gid))
    };
    let is_link = matches!(now.kind, FileKind::Symlink { .. });
    now.kind == then.kind
        && (is_link || now.mode == then.mode)
        && now.size == then.size
        && now.mtime == then.mtime
        && owner(now) == owner(then)
        && now.xattrs == then.xattrs
}

/// By which a living thing is known again.
pub(super) fn fingerprint(meta: &Meta) -> String {
    // A folder's own time changes with every file in it; its items tell that.
    if meta.is_dir() {
        return format!("{:o}", meta.mode);
    }
    let Meta {
        size,
        mtime,
        inode,
        mode,
        ..
    } = meta;
    format!("{size}-{}.{}-{inode}-{mode:o}", mtime.seconds, mtime.nanos)
}

/// The same of what is there at this moment.
pub(super) fn living_fingerprint(stat: &Stat) -> String {
    let (kind, mode) = (FileType::from_raw_mode(stat.st_mode), stat.st_mode & 0o7777);
    let size = match kind {
        FileType::Directory => return format!("{mode:o}"),
        FileType::RegularFile | FileType::Unknown => stat.st_size,
        _ => 0,
    };
    let (seconds, nanos, inode) = (stat.st_mtime, stat.st_mtime_nsec, stat.st_ino);
    format!("{size}-{seconds}.{nanos}-{inode}-{mode:o}")
}

pub(super) fn detail(action: Action, meta: &Meta, now: Option<&Meta>) -> String {
    let size = |meta: &Meta| model::Size(meta.size).to_string();
    match (action, now) {
        (Action::Update, Some(now)) if now.kind != meta.kind => format!("{} → {}", word(now), word(meta)),
        (Action::Update, Some(now)) if now.size != meta.size => format!("{} → {}", size(now), size(meta)),
        (Action::Update, Some(now)) if now.mtime != meta.mtime => "changed since".to_owned(),
        (Action::Update, Some(_)) => "mode, owner, attributes or hard links".to_owned(),
        _ if meta.is_file() => size(meta),
        _ => String::new(),
    }
}
