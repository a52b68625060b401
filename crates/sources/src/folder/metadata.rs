//! Owner, attributes, mode and times of a folder that exists already.

use std::path::Path;

use model::{Meta, Problem, Result};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, Uid};

pub(super) fn apply_to_folder(path: &Path, meta: &Meta) -> Result<()> {
    let problem = |error: rustix::io::Errno| {
        Problem::io(
            format!("cannot set owner, mode or times of {}", path.display()),
            error.into(),
        )
    };
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
        rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(problem)?;
    }
    for attribute in &meta.xattrs {
        // A file system without attributes cannot keep them; the plan that verifies the restore shows the difference.
        let _ = xattr::set(path, &attribute.name, &attribute.value);
    }
    rustix::fs::chmod(path, Mode::from_raw_mode(meta.mode & 0o7777)).map_err(problem)?;
    let time = Timespec {
        tv_sec: meta.mtime.seconds,
        tv_nsec: i64::from(meta.mtime.nanos),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(problem)
}
