//! The calls with which a repository in a folder changes the file system.
//!
//! Nouns: a [`Change`] is one such call; a [`Witness`] is asked before it and told after it, one change at a time.
//! Rules: the disk storage changes nothing in any other way. So a witness of all changes knows what a power cut may take away: content
//! that was not synced since, and names whose folder was not synced since. Without a witness a call is just made.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::Result;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::direct;

/// One call that changes something, or makes durable what was changed.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A folder was made.
    Folder(&'a Path),
    /// A file was made; it is empty.
    File(&'a Path),
    Content(&'a Path, &'a [u8]),
    /// A file's content, or the names in a folder.
    Synced(&'a Path),
    Renamed(&'a Path, &'a Path),
    Linked(&'a Path, &'a Path),
    Removed(&'a Path),
}

/// Looks on while a disk storage works: for tests.
pub trait Witness: Send {
    /// May it be done? An error is what the process sees of the call.
    fn before(&mut self, change: Change<'_>) -> Result<()>;
    /// It was done.
    fn after(&mut self, change: Change<'_>);
}

#[derive(Default)]
pub(super) struct Changes {
    witness: Option<Mutex<Box<dyn Witness>>>,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Changes(watched: {})", self.witness.is_some())
    }
}

impl Changes {
    pub(super) fn watched(witness: Box<dyn Witness>) -> Self {
        Changes {
            witness: Some(Mutex::new(witness)),
        }
    }

    fn make<T>(&self, change: Change<'_>, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(witness) = &self.witness else {
            return call();
        };
        let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        witness.before(change)?;
        let made = call()?;
        witness.after(change);
        Ok(made)
    }

    pub(super) fn folder(&self, path: &Path, mode: u32) -> Result<()> {
        self.make(Change::Folder(path), || DirBuilder::new().mode(mode).create(path))
    }

    /// A file that is not there yet.
    pub(super) fn file(&self, path: &Path) -> Result<File> {
        self.make(Change::File(path), || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
        })
    }

    /// The only content of a file, and its mode from now on.
    pub(super) fn content(&self, path: &Path, file: &mut File, bytes: &[u8], mode: u32) -> Result<()> {
        self.make(Change::Content(path, bytes), || {
            direct::write(file, bytes)?;
            file.set_permissions(Permissions::from_mode(mode))
        })
    }

    pub(super) fn sync(&self, path: &Path, file: &File) -> Result<()> {
        self.make(Change::Synced(path), || file.sync_all())
    }

    pub(super) fn sync_folder(&self, path: &Path) -> Result<()> {
        let folder = File::open(path)?;
        self.sync(path, &folder)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.make(Change::Renamed(from, to), || fs::rename(from, to))
    }

    pub(super) fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.make(Change::Linked(from, to), || fs::hard_link(from, to))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.make(Change::Removed(path), || fs::remove_file(path))
    }
}
