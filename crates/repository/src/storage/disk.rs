//! A repository in a folder, laid out as restic lays it out.
//!
//! Writing: a temporary file beside the target, length checked, fsync, rename, fsync of the folder, read-only at the end. So a name
//! that exists has all its bytes, also after a power cut. Temporary names never look like ids; listings pass over them, and a prune
//! removes those that killed writers left.
//! Folders come to be when they are first needed, but for one case: where a config was seen, a folder without one is no repository any
//! more (its disk is not mounted, somebody removed it), and nothing is made or written there.
//! Folders are 0700 and files 0400, with group bits when the config is readable for its group.

mod changes;
mod direct;
mod leftovers;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use model::{Kind, Problem, Result};

pub use changes::{Change, Witness};

use super::{Class, Leftover, Storage, Stored};
use crate::Id;
use crate::format::seal::random;
use changes::Changes;

/// A repository's folder.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    changes: Changes,
    /// Folders whose names are durable.
    settled: Mutex<HashSet<PathBuf>>,
    /// A config was read or written here.
    was_there: AtomicBool,
}

fn folder(class: Class) -> &'static str {
    match class {
        Class::Config => "",
        Class::Key => "keys",
        Class::Snapshot => "snapshots",
        Class::Index => "index",
        Class::Lock => "locks",
        Class::Pack => "data",
        Class::Damage => "damaged",
    }
}

impl Disk {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Disk {
            root: std::path::absolute(&root).unwrap_or(root),
            changes: Changes::default(),
            settled: Mutex::default(),
            was_there: AtomicBool::new(false),
        }
    }

    /// With somebody who looks on, and may stop it at any change.
    pub fn watched(root: impl Into<PathBuf>, witness: Box<dyn Witness>) -> Self {
        Disk {
            changes: Changes::watched(witness),
            ..Disk::new(root)
        }
    }

    fn path(&self, class: Class, id: &Id) -> PathBuf {
        let name = id.hex();
        match class {
            Class::Config => self.root.join("config"),
            Class::Pack => self.root.join("data").join(&name[..2]).join(name),
            _ => self.root.join(folder(class)).join(name),
        }
    }

    fn is_shared_with_group(&self) -> bool {
        fs::metadata(self.root.join("config")).is_ok_and(|meta| meta.mode() & 0o040 != 0)
    }

    fn write(&self, class: Class, id: &Id, bytes: &[u8], new: bool) -> Result<()> {
        let target = self.path(class, id);
        let problem = |error| Problem::io(format!("cannot write {}", target.display()), error);
        let temporary = self.write_temporary(&target, bytes).map_err(|error| {
            if error.kind() == ErrorKind::NotFound && self.is_gone() {
                gone(&self.root)
            } else {
                problem(error)
            }
        })?;
        let placed = if new {
            self.changes.link(&temporary, &target)
        } else {
            self.changes.rename(&temporary, &target)
        };
        if new || placed.is_err() {
            // After a link the temporary name is one too many; after a failed rename it is left over.
            self.changes.remove(&temporary).map_err(problem)?;
        }
        match placed {
            Err(error) if new && error.kind() == ErrorKind::AlreadyExists => {
                return Err(Problem::new(
                    Kind::Conflict,
                    format!("{} exists already", target.display()),
                ));
            }
            other => other.map_err(problem)?,
        }
        let dir = target.parent().unwrap_or(&self.root);
        self.changes.sync_folder(dir).map_err(problem)
    }

    fn write_temporary(&self, target: &Path, bytes: &[u8]) -> std::io::Result<PathBuf> {
        let mut salt = [0; 8];
        random(&mut salt);
        let name = target
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let temporary = target.with_file_name(leftovers::name(&name, salt));
        let group = self.is_shared_with_group();
        let dir = target.parent().unwrap_or(&self.root);
        self.settle_folder(dir, group)?;
        let mut file = match self.changes.file(&temporary) {
            // Somebody has tidied the empty folder away.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.settled().remove(dir);
                self.settle_folder(dir, group)?;
                self.changes.file(&temporary)?
            }
            other => other?,
        };
        let mode = if group { 0o440 } else { 0o400 };
        let written = self
            .changes
            .content(&temporary, &mut file, bytes, mode)
            .and_then(|()| self.changes.sync(&temporary, &file));
        if let Err(error) = written {
            // A full disk must not stay full of halves; the first error is the one to tell.
            let _ = self.changes.remove(&temporary);
            return Err(error);
        }
        Ok(temporary)
    }

    /// Was there a repository, and is there none now?
    fn is_gone(&self) -> bool {
        self.was_there.load(Ordering::Relaxed) && !self.root.join("config").exists()
    }

    /// Makes sure that a folder is there, and will be there after a power cut: it may come from a process that was killed before
    /// its name was durable.
    fn settle_folder(&self, path: &Path, group: bool) -> std::io::Result<()> {
        let Some(above) = path.parent() else { return Ok(()) };
        if self.settled().contains(path) {
            return Ok(());
        }
        let is_root = path == self.root;
        if is_root && self.root.join("config").exists() {
            // The config became durable after the root.
            return Ok(());
        }
        if self.is_gone() {
            return Err(ErrorKind::NotFound.into());
        }
        if !is_root && path.starts_with(&self.root) {
            self.settle_folder(above, group)?;
        }
        let mode = if group { 0o770 } else { 0o700 };
        let mut outcome = self.changes.folder(path, mode);
        if outcome
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound)
        {
            // What is above was there once, or never: it is made anew, and then this is tried a second and last time.
            self.settled().retain(|known| !path.starts_with(known));
            self.settle_folder(above, group)?;
            outcome = self.changes.folder(path, mode);
        }
        match outcome {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other?,
        }
        // Whatever is there before the sync is durable after it.
        let beside = if is_root { Vec::new() } else { folders_in(above)? };
        match self.changes.sync_folder(above) {
            // Above the root others rule, and may not let us look.
            Err(error) if is_root && error.kind() == ErrorKind::PermissionDenied => {}
            other => other?,
        }
        self.settled().extend(beside);
        self.settled().insert(path.to_path_buf());
        Ok(())
    }

    fn settled(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn folders_in(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn gone(root: &Path) -> Problem {
    Problem::new(
        Kind::RepositoryMissing,
        format!("the repository at {} is gone", root.display()),
    )
    .hint("is its disk mounted? Nothing was written in its place")
}

fn missing(class: Class, path: &Path) -> Problem {
    let problem = Problem::not_found(format!("{} is missing", path.display()));
    if class == Class::Pack {
        problem.hint("check the repository")
    } else {
        problem
    }
}

impl Storage for Disk {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn put(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.write(class, id, bytes, false)
    }

    fn put_new(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.write(class, id, bytes, true)?;
        if class == Class::Config {
            self.was_there.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>> {
        let path = self.path(class, id);
        let problem = |error: std::io::Error| match error.kind() {
            // Where a folder should be there is something else, or nothing.
            ErrorKind::NotFound | ErrorKind::NotADirectory => missing(class, &path),
            _ => Problem::io(format!("cannot read {}", path.display()), error),
        };
        let mut file = File::open(&path).map_err(problem)?;
        let mut bytes = Vec::with_capacity(file.metadata().map_err(problem)?.len() as usize);
        file.read_to_end(&mut bytes).map_err(problem)?;
        if class == Class::Config {
            self.was_there.store(true, Ordering::Relaxed);
        }
        Ok(bytes)
    }

    fn get_range(&self, class: Class, id: &Id, offset: u64, length: usize) -> Result<Vec<u8>> {
        let path = self.path(class, id);
        let mut bytes = vec![0; length];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, offset));
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(class, &path),
            ErrorKind::UnexpectedEof => {
                Problem::damaged(format!("{} is shorter than it must be", path.display()))
            }
            _ => Problem::io(format!("cannot read {}", path.display()), error),
        })?;
        Ok(bytes)
    }

    fn list(&self, class: Class) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        match class {
            Class::Config => found.extend(self.stat(class, &Id::default())?),
            Class::Pack => {
                for dir in sub_folders(&self.root.join("data"))? {
                    list_folder(&dir, &mut found)?;
                }
            }
            _ => list_folder(&self.root.join(folder(class)), &mut found)?,
        }
        Ok(found)
    }

    fn stat(&self, class: Class, id: &Id) -> Result<Option<Stored>> {
        let path = self.path(class, id);
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some(stored(*id, &meta))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(Problem::io(format!("cannot look at {}", path.display()), error)),
        }
    }

    fn delete(&self, class: Class, id: &Id) -> Result<()> {
        let path = self.path(class, id);
        if class == Class::Config {
            self.was_there.store(false, Ordering::Relaxed);
        }
        match self.changes.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Problem::io(format!("cannot delete {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    fn settle(&self, class: Class) -> Result<()> {
        let dir = self.root.join(folder(class));
        let mut dirs = if class == Class::Pack {
            sub_folders(&dir)?
        } else {
            Vec::new()
        };
        dirs.push(dir);
        for dir in dirs {
            match self.changes.sync_folder(&dir) {
                // Nothing was ever put there.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => {
                    other.map_err(|error| Problem::io(format!("cannot sync {}", dir.display()), error))?;
                }
            }
        }
        Ok(())
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.find_leftovers()
    }

    fn delete_leftover(&self, leftover: &Leftover) -> Result<()> {
        self.remove_leftover(&leftover.place)
    }
}

fn stored(id: Id, meta: &fs::Metadata) -> Stored {
    let modified = meta
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Stored {
        id,
        size: meta.len(),
        modified_ms: modified.map(|since| since.as_millis() as i64),
    }
}

fn read_folder(path: &Path) -> Result<Vec<fs::DirEntry>> {
    let problem = |error| Problem::io(format!("cannot list {}", path.display()), error);
    match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.and_then(Iterator::collect).map_err(problem),
    }
}

/// `data/00` … `data/ff`.
fn sub_folders(path: &Path) -> Result<Vec<PathBuf>> {
    let is_one = |entry: &fs::DirEntry| {
        entry.file_name().len() == 2 && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    Ok(read_folder(path)?
        .iter()
        .filter(|entry| is_one(entry))
        .map(fs::DirEntry::path)
        .collect())
}

fn list_folder(path: &Path, found: &mut Vec<Stored>) -> Result<()> {
    for entry in read_folder(path)? {
        let Some(id) = entry.file_name().to_str().and_then(|name| Id::parse(name).ok()) else {
            continue;
        };
        match entry.metadata() {
            Ok(meta) if meta.is_file() => found.push(stored(id, &meta)),
            Ok(_) => {}
            // Deleted between the two calls: it is not there.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Problem::io(
                    format!("cannot look at {}", entry.path().display()),
                    error,
                ));
            }
        }
    }
    Ok(())
}
