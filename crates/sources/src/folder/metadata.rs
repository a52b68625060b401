//! Owner, attributes, mode and times of a folder that exists already, by its handle.

use std::fs::File;
use std::io::Result;

use model::Meta;
use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid};
use xattr::FileExt;

pub(super) fn apply_to_folder(folder: &File, meta: &Meta) -> Result<()> {
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
        rustix::fs::fchown(folder, Some(uid), Some(gid))?;
    }
    for attribute in &meta.xattrs {
        // A file system without attributes cannot keep them; the plan that verifies the restore shows the difference.
        let _ = folder.set_xattr(&attribute.name, &attribute.value);
    }
    rustix::fs::fchmod(folder, Mode::from_raw_mode(meta.mode & 0o7777))?;
    let time = Timespec {
        tv_sec: meta.mtime.seconds,
        tv_nsec: i64::from(meta.mtime.nanos),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::futimens(folder, &times)?)
}
