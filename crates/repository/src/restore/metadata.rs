//! Owner, extended attributes, mode, times: in this order, since each may undo the one before it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use model::{Meta, Problem, Result, Timestamp, Xattr};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, Uid};
use xattr::FileExt;

/// Who restores: asked once, not for each file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restorer {
    is_root: bool,
    group: u32,
}

impl Restorer {
    pub(super) fn this() -> Self {
        Restorer {
            is_root: rustix::process::geteuid().is_root(),
            group: rustix::process::getegid().as_raw(),
        }
    }

    fn must_give_away(self, meta: &Meta) -> bool {
        self.is_root && (meta.uid, meta.gid) != (0, self.group)
    }
}

/// For an open file.
pub(super) fn apply_to_file(file: &File, path: &Path, meta: &Meta, who: Restorer) -> Result<Vec<String>> {
    let problem = |error: rustix::io::Errno| failed(path, error.into());
    if who.must_give_away(meta) {
        let (uid, gid) = owner(meta);
        rustix::fs::fchown(file, uid, gid).map_err(problem)?;
    }
    let mut notes = Vec::new();
    for attribute in &meta.xattrs {
        if let Err(error) = file.set_xattr(&attribute.name, &attribute.value) {
            notes.push(note(path, attribute, &error));
        }
    }
    // Mostly it was made with it; looking costs less than setting.
    if rustix::fs::fstat(file).map_err(problem)?.st_mode & 0o7777 != meta.mode & 0o7777 {
        rustix::fs::fchmod(file, Mode::from_raw_mode(meta.mode & 0o7777)).map_err(problem)?;
    }
    rustix::fs::futimens(file, &times(meta)).map_err(problem)?;
    Ok(notes)
}

/// For anything else, without following a link.
pub(super) fn apply_to_path(path: &Path, meta: &Meta) -> Result<Vec<String>> {
    let problem = |error: rustix::io::Errno| failed(path, error.into());
    let is_link = matches!(meta.kind, model::FileKind::Symlink { .. });
    let current = fs::symlink_metadata(path).map_err(|error| failed(path, error))?;
    if (current.uid(), current.gid()) != (meta.uid, meta.gid) && rustix::process::geteuid().is_root() {
        let (uid, gid) = owner(meta);
        rustix::fs::chownat(CWD, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW).map_err(problem)?;
    }
    let mut notes = Vec::new();
    for attribute in &meta.xattrs {
        if let Err(error) = xattr::set(path, &attribute.name, &attribute.value) {
            notes.push(note(path, attribute, &error));
        }
    }
    if !is_link {
        rustix::fs::chmod(path, Mode::from_raw_mode(meta.mode & 0o7777)).map_err(problem)?;
    }
    rustix::fs::utimensat(CWD, path, &times(meta), AtFlags::SYMLINK_NOFOLLOW).map_err(problem)?;
    Ok(notes)
}

fn owner(meta: &Meta) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))
}

fn times(meta: &Meta) -> Timestamps {
    let spec = |time: Timestamp| Timespec {
        tv_sec: time.seconds,
        tv_nsec: i64::from(time.nanos),
    };
    Timestamps {
        last_access: spec(meta.mtime),
        last_modification: spec(meta.mtime),
    }
}

fn failed(path: &Path, error: std::io::Error) -> Problem {
    Problem::io(
        format!("cannot set owner, mode or times of {}", path.display()),
        error,
    )
}

fn note(path: &Path, attribute: &Xattr, error: &std::io::Error) -> String {
    format!(
        "{}: the attribute {} was not set: {error}",
        path.display(),
        attribute.name.to_string_lossy()
    )
}
