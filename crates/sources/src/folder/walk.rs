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

use std::path::{Path, PathBuf};

use model::{Cancel, Content, Meta, Problem, Result};
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;

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

/// The metadata of the root itself.
pub fn root_meta(root: &Path) -> Result<Meta> {
    let problem = |error: Errno| Problem::io(format!("cannot read {}", root.display()), error.into());
    let stat = rustix::fs::statat(CWD, root, AtFlags::SYMLINK_NOFOLLOW).map_err(problem)?;
    let mut meta = look::meta(&stat, PathBuf::new(), &Owners::read());
    if !meta.is_dir() {
        let what = if matches!(meta.kind, model::FileKind::Symlink { .. }) {
            "a link"
        } else {
            "no folder"
        };
        return Err(Problem::invalid(format!("{} is {what}", root.display())).hint("name the folder itself"));
    }
    meta.xattrs = look::xattrs(root);
    Ok(meta)
}

/// The metadata of one entry; nothing when it is not there.
pub fn entry_meta(path: &Path) -> Result<Option<Meta>> {
    let problem = |error: Errno| Problem::io(format!("cannot look at {}", path.display()), error.into());
    let stat = match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        other => other.map_err(problem)?,
    };
    let target = std::fs::read_link(path).unwrap_or_default();
    let mut meta = look::meta(&stat, target, &Owners::read());
    meta.xattrs = look::xattrs(path);
    Ok(Some(meta))
}

/// Visits everything below the root.
pub fn walk(root: &Path, options: &WalkOptions, visit: &mut Visit<'_>) -> Result<Walked> {
    let problem =
        |error: Errno| Problem::io(format!("cannot read the folder {}", root.display()), error.into());
    let mut descent = Descent::begin(root, options).map_err(problem)?;
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
