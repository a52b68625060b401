//! The way from the root of the file system to a source or a target.
//!
//! Links above a source are how the person who configured it wrote its path, so they are followed. But the owner of a folder on that way
//! may put a link there that leads anywhere.
//!
//! Rule: a link of root's, or of the user as whom Cairn runs, is followed. Anybody else's link must lead to a folder that belongs to the
//! link's owner: it takes nobody where they could not write themselves. Owner and target of a link are asked of one handle.

use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{Place, WAY};

/// As many as the kernel follows.
const LINKS: usize = 40;

enum Step {
    Enter(OsString),
    /// What was reached must belong to the owner of the link that led there.
    Belongs(u32),
}

fn push(steps: &mut Vec<Step>, path: &Path) {
    let names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    steps.extend(names.map(Step::Enter));
}

fn top() -> Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, "/", WAY, Mode::empty())?)
}

/// The place of a root, with what lies above it held open. What is missing above it is made, where that is asked for.
pub(super) fn above(root: &Path, make: bool) -> Result<Place> {
    let root = std::path::absolute(root)?;
    let name = root.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut steps = Vec::new();
    push(&mut steps, root.parent().unwrap_or(Path::new("/")));
    let (mut at, mut links) = (top()?, 0);
    while let Some(step) = steps.pop() {
        let name = match step {
            Step::Enter(name) => name,
            Step::Belongs(owner) if rustix::fs::fstat(&at)?.st_uid == owner => continue,
            Step::Belongs(_) => return Err(foreign()),
        };
        let next = enter(&at, &name, make)?;
        let stat = rustix::fs::fstat(&next)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => at = next,
            FileType::Symlink if links < LINKS => {
                links += 1;
                let target = rustix::fs::readlinkat(&next, "", Vec::new())?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if stat.st_uid != 0 && stat.st_uid != rustix::process::geteuid().as_raw() {
                    steps.push(Step::Belongs(stat.st_uid));
                }
                if target.is_absolute() {
                    at = top()?;
                }
                push(&mut steps, &target);
            }
            FileType::Symlink => return Err(Errno::LOOP.into()),
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
    }
    Ok(Place::in_folder(at, name))
}

/// Opens a name itself, be it a folder or a link.
fn enter(at: &OwnedFd, name: &OsStr, make: bool) -> Result<OwnedFd> {
    let open = || {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(at, name, flags, Mode::empty())
    };
    match open() {
        Err(Errno::NOENT) if make => match rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(open()?),
            Err(error) => Err(error.into()),
        },
        other => Ok(other?),
    }
}

fn foreign() -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        "a link above it belongs to another user than the folder that it leads to, and is not followed",
    )
}
