//! Walks a folder and says everything about every entry, without reading any content.
//!
//! Nouns: a *descent* looks at one entry after the other, in order; a *batch* is what it found, on its way to the *visitor*, which keeps
//! the path and tells the caller. In a large folder the descent runs on a thread of its own, some batches ahead: while the
//! kernel looks up the next entries, the caller makes something of the last ones. A small folder is not worth a thread.
//!
//! Rules: works with handles of open folders, so that no link is followed on the way. Entries come depth-first, siblings in ascending order
//! of their raw names, all of them on the caller's thread. What cannot be read is noted and passed over; only the root must be readable.
//! A file that is gone when its turn comes was deleted; a folder that is gone may have been moved, and counts as not read.
//! What is ahead is bounded, so what is told of an entry is never much older than its turn; a cancel stops both threads at the next entry.

mod ahead;
mod batch;
mod descent;
mod levels;
mod look;
#[cfg(test)]
mod tests;
mod way;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Cancel, Content, Meta, Problem, Result};
use rustix::fs::FileType;
use rustix::io::Errno;

use super::beneath::{Place, Root, way_to};
use super::ignore_rules::IgnoreRules;
use super::owners::Owners;
use batch::{Batch, Visitor};
use descent::Descent;

/// How the folders begin in which a restore prepares what will come. They are never part of what is walked.
pub(super) const STAGING: &[u8] = b".cairn-restore-";

/// So many entries are looked at on the caller's own thread before it gets help.
const ALONE: usize = 256;

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
    /// What could not be read: relative path, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What was deleted between two looks.
    pub vanished: Vec<(PathBuf, String)>,
    /// What does not belong into a backup: sockets, and what is mounted on a folder where other file systems are not entered.
    pub left_out: Vec<(PathBuf, String)>,
}

/// Takes (path relative to the root, metadata, content to be opened when needed).
pub type Visit<'a> = dyn FnMut(&Path, Meta, Content) -> Result<()> + 'a;

/// Opens the root for a job; everything of the job is done in the folder that is there now.
pub(super) fn open_root(path: &Path) -> Result<Arc<Root>> {
    let problem = |error| Problem::io(format!("cannot read {}", path.display()), error);
    let place = Place::of(path).map_err(problem)?;
    let stat = place.stat().map_err(problem)?;
    let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
    if let Some(kind) = kind.filter(|kind| *kind != FileType::Directory) {
        let what = if kind == FileType::Symlink {
            "a link"
        } else {
            "no folder"
        };
        return Err(Problem::invalid(format!("{} is {what}", path.display())).hint("name the folder itself"));
    }
    place.open_root().map_err(problem)
}

/// The metadata of the root itself.
pub(super) fn root_meta(root: &Root) -> Meta {
    let mut meta = look::meta(root.stat(), PathBuf::new(), &Owners::read());
    meta.xattrs = look::xattrs(&way_to(root.handle(), OsStr::new(".")));
    meta
}

/// The metadata of one entry below the root; nothing when it is not there.
pub(super) fn entry_meta(root: &Root, path: &Path) -> std::io::Result<Option<Meta>> {
    let place = match Place::below(root, path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        other => other?,
    };
    let Some(stat) = place.stat()? else {
        return Ok(None);
    };
    let target = place.read_link().unwrap_or_default();
    let mut meta = look::meta(&stat, target, &Owners::read());
    meta.xattrs = look::xattrs(&place.way());
    Ok(Some(meta))
}

/// Visits everything below the folder at this path.
pub fn walk(path: &Path, options: &WalkOptions, visit: &mut Visit<'_>) -> Result<Walked> {
    walk_root(&open_root(path)?, path, options, visit)
}

/// Visits everything below the root. The path is for messages.
pub(super) fn walk_root(
    root: &Arc<Root>,
    path: &Path,
    options: &WalkOptions,
    visit: &mut Visit<'_>,
) -> Result<Walked> {
    let problem =
        |error: Errno| Problem::io(format!("cannot read the folder {}", path.display()), error.into());
    let mut descent = Descent::begin(root, path, options).map_err(problem)?;
    let mut visitor = Visitor::new(root, &options.cancel, visit);
    let mut batch = Batch::default();
    for _ in 0..ALONE {
        let goes_on = descent.fill(&mut batch, 1)?;
        visitor.take(&mut batch)?;
        if !goes_on {
            return Ok(descent.seen());
        }
    }
    ahead::walk(descent, &mut visitor)
}
