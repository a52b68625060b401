//! Looks at one entry after the other, in order.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use model::Result;
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::super::beneath::{Root, way_to};
use super::batch::{Batch, Found};
use super::levels::Levels;
use super::way::Way;
use super::{STAGING, WalkOptions, Walked, look};

/// `PATH_MAX`, with its ending zero.
const LONGEST_PATH: usize = 4096;

const REPLACED: &str = "another folder took its place while it was looked at";

pub(super) struct Descent<'a> {
    options: &'a WalkOptions,
    /// Of the root.
    device: u64,
    levels: Levels,
    /// To the entry that is looked at.
    way: Way,
    /// Folders that were left since the last entry.
    left: usize,
    seen: Walked,
}

impl<'a> Descent<'a> {
    pub(super) fn begin(root: &Root, path: &Path, options: &'a WalkOptions) -> rustix::io::Result<Self> {
        let levels = Levels::begin(root)?;
        Ok(Descent {
            options,
            device: levels.device()?,
            levels,
            way: Way::from(path),
            left: 0,
            seen: Walked::default(),
        })
    }

    /// Fills a batch with what comes next; false when nothing comes after it.
    pub(super) fn fill(&mut self, batch: &mut Batch, most: usize) -> Result<bool> {
        let mut name = Vec::new();
        while batch.len() < most {
            self.options.cancel.check()?;
            if let Some((name, was_dir)) = self.levels.next_name(&mut name) {
                self.way.push(name.to_bytes());
                let found = self.look(name, was_dir);
                if !found.as_ref().is_some_and(|found| found.enters) {
                    self.way.pop();
                }
                if let Some(found) = found {
                    batch.push(std::mem::take(&mut self.left), name.to_bytes(), found);
                }
            } else if self.levels.leave() {
                self.way.pop();
                self.left += 1;
            } else {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn seen(self) -> Walked {
        self.seen
    }

    fn look(&mut self, name: &CStr, was_dir: bool) -> Option<Found> {
        // When the folder itself cannot be reached any more, nobody knows what became of what is in it.
        let examined = match self.levels.innermost() {
            Ok(_) => self.examine(name),
            Err(error) => {
                self.skip(error);
                return None;
            }
        };
        examined.unwrap_or_else(|error| {
            // A folder may have been moved to where it is not looked for.
            if error == Errno::NOENT && !was_dir {
                let why = std::io::Error::from(error).to_string();
                self.seen.vanished.push((self.way.relative().to_path_buf(), why));
            } else {
                self.skip(error);
            }
            None
        })
    }

    /// Nothing when the entry does not belong into a backup.
    fn examine(&mut self, name: &CStr) -> rustix::io::Result<Option<Found>> {
        let dir = self.levels.innermost()?;
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_dir = kind == FileType::Directory;
        let is_staging = is_dir && name.to_bytes().starts_with(STAGING);
        if is_staging || self.options.ignore.matches(self.way.relative(), is_dir) {
            self.seen.ignored += 1;
            return Ok(None);
        }
        let (mut target, mut xattrs) = (PathBuf::new(), Vec::new());
        match kind {
            FileType::Symlink => {
                let read = rustix::fs::readlinkat(dir, name, Vec::new())?;
                target = PathBuf::from(OsString::from_vec(read.into_bytes()));
            }
            FileType::Socket => {
                self.leave_out("a socket has no content");
                return Ok(None);
            }
            // Mostly there are none, and that is asked quickest by the path. What there is is read from the open folder alone.
            _ if self.way.full().as_os_str().len() < LONGEST_PATH && look::has_none(self.way.full()) => {}
            _ => xattrs = look::xattrs(&way_to(dir, OsStr::from_bytes(name.to_bytes()))),
        }
        self.count(kind, &stat);
        Ok(Some(Found {
            enters: is_dir && self.enter(name, &stat),
            stat,
            target,
            xattrs,
        }))
    }

    fn count(&mut self, kind: FileType, stat: &Stat) {
        self.seen.entries += 1;
        if matches!(kind, FileType::RegularFile | FileType::Unknown) {
            self.seen.files += 1;
            self.seen.bytes += stat.st_size as u64;
        }
    }

    fn enter(&mut self, name: &CStr, stat: &Stat) -> bool {
        if self.options.one_file_system && stat.st_dev != self.device {
            // The mount point itself is kept, as an empty folder.
            self.leave_out("another file system is mounted here");
            return false;
        }
        match self.levels.enter(name, stat) {
            Err(Errno::STALE) => {
                let path = self.way.relative().to_path_buf();
                self.seen.skipped.push((path, REPLACED.to_owned()));
                false
            }
            entered => entered.map_err(|error| self.skip(error)).is_ok(),
        }
    }

    fn leave_out(&mut self, why: &str) {
        let path = self.way.relative().to_path_buf();
        self.seen.left_out.push((path, why.to_owned()));
    }

    fn skip(&mut self, error: Errno) {
        let why = std::io::Error::from(error).to_string();
        self.seen.skipped.push((self.way.relative().to_path_buf(), why));
    }
}
