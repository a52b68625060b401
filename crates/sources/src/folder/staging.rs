//! Where a restore prepares what will come.
//!
//! A *staging folder* must lie in the same mount as its target, since only then a rename is one step. Beside the target is best: it is
//! in nobody's way there. Where the target is a mount point of its own, or nothing may be written beside it, it lies directly in the
//! target; walks pass it over, and the target's own time is put back when it goes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use model::{Kind, Problem, Result, Timestamp};
use rustix::fs::{Access, AtFlags, CWD, StatxFlags, Timespec, Timestamps};
use serde_json::{Value, json};

use super::Part;

#[derive(Debug)]
pub(super) struct Staging {
    pub(super) dir: PathBuf,
    pub(super) is_inside: bool,
}

impl Staging {
    /// The one that an earlier run of the job made, or where one can be made.
    pub(super) fn of(part: &Part, job: &str) -> Self {
        let (root, parent) = (&part.root, parent(&part.root));
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        let beside = parent.join(format!(".cairn-restore-{job}-{name}"));
        let inside = root.join(format!(".cairn-restore-{job}"));
        let is_there = |dir: &Path| dir.symlink_metadata().is_ok();
        let is_inside =
            !is_there(&beside) && (is_there(&inside) || (root.is_dir() && !is_good(parent, root)));
        Staging {
            dir: if is_inside { inside } else { beside },
            is_inside,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.dir.symlink_metadata().is_ok()
    }
}

/// Finds out before anything is touched that something would have to be moved to another file system. `folders` are those in which
/// something will be moved.
pub(super) fn check_mounts(root: &Path, folders: &BTreeSet<&Path>) -> Result<()> {
    let Some(here) = mount_of(root) else {
        return Ok(());
    };
    let other = folders.iter().find(|folder| {
        let existing = folder.ancestors().find_map(|above| mount_of(&root.join(above)));
        existing.is_some_and(|mount| mount != here)
    });
    let Some(folder) = other else {
        return Ok(());
    };
    Err(Problem::new(
        Kind::Refused,
        format!(
            "another file system is mounted in {}, at or above “{}”: what the restore would change there cannot be moved in in one step",
            root.display(),
            folder.display()
        ),
    )
    .hint("nothing was changed; unmount it, choose other paths with --path, or give what is mounted there a source of its own"))
}

/// A rename between them is one step, and both folders can be written to.
fn is_good(parent: &Path, root: &Path) -> bool {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    mount_of(parent) == mount_of(root) && rustix::fs::accessat(CWD, parent, access, AtFlags::EACCESS).is_ok()
}

pub(super) fn parent(root: &Path) -> &Path {
    root.parent().unwrap_or(Path::new("/"))
}

/// What tells mounts apart: their number, also when one file system is mounted twice; the device where the kernel does not tell it.
fn mount_of(path: &Path) -> Option<(u64, u64)> {
    let mask = StatxFlags::MNT_ID | StatxFlags::BASIC_STATS;
    match rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, mask) {
        Ok(found) if found.stx_mask & StatxFlags::MNT_ID.bits() != 0 => Some((1, found.stx_mnt_id)),
        _ => rustix::fs::lstat(path).ok().map(|stat| (0, stat.st_dev)),
    }
}

/// When the folder itself was changed, as the journal keeps it.
pub(super) fn time_of(root: &Path) -> Value {
    let time = |meta: fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        kept_time(Timestamp {
            seconds: meta.mtime(),
            nanos: meta.mtime_nsec() as u32,
        })
    };
    root.symlink_metadata().map_or(Value::Null, time)
}

pub(super) fn kept_time(time: Timestamp) -> Value {
    json!({ "seconds": time.seconds, "nanos": time.nanos })
}

/// Puts that time back. Where it cannot be, that is no reason to call a restore failed.
pub(super) fn put_back_time(root: &Path, kept: &Value) {
    let (Some(seconds), Some(nanos)) = (kept["seconds"].as_i64(), kept["nanos"].as_i64()) else {
        return;
    };
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let _ = rustix::fs::utimensat(CWD, root, &times, AtFlags::SYMLINK_NOFOLLOW);
}
