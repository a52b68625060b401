//! Which processes on this data directory are alive: each that carries jobs out holds a lock on a file named after it.
//!
//! The lock goes with the process, however it ends; so whoever can take it knows that the owner is gone, at once and not when a lease has
//! run out. Processes on other machines have no file here: for them the lease speaks.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use model::{Problem, Result};
use rustix::fs::{FlockOperation, flock};

use crate::instance::data_dir::private_dir;

#[derive(Debug)]
pub(crate) struct Alive {
    dir: PathBuf,
    own: OnceLock<(PathBuf, File)>,
}

/// An owner who is gone.
pub(crate) struct Dead {
    path: PathBuf,
    /// Keeps others from burying the same.
    _lock: File,
}

fn trouble(path: &Path) -> impl Fn(std::io::Error) -> Problem + '_ {
    move |error| Problem::io(format!("cannot use {}", path.display()), error)
}

impl Alive {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Alive {
            dir,
            own: OnceLock::new(),
        }
    }

    /// From now on everybody sees that this owner lives. True the first time.
    pub(crate) fn show(&self, owner: &str) -> Result<bool> {
        if self.own.get().is_some() {
            return Ok(false);
        }
        private_dir(&self.dir)?;
        let path = self.dir.join(owner);
        let file = open(&path).map_err(trouble(&path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| trouble(&path)(errno.into()))?;
        // Of two threads that come at once, the second one's lock is let go with its file.
        Ok(self.own.set((path, file)).is_ok())
    }

    /// Those who are gone without a word.
    pub(crate) fn dead(&self) -> Result<Vec<Dead>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(trouble(&self.dir))?,
        };
        let mut dead = Vec::new();
        for entry in entries {
            let path = entry.map_err(trouble(&self.dir))?.path();
            if self.own.get().is_some_and(|(own, _)| *own == path) {
                continue;
            }
            let file = match OpenOptions::new().write(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(trouble(&path))?,
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                dead.push(Dead { path, _lock: file });
            }
        }
        Ok(dead)
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

impl Drop for Alive {
    fn drop(&mut self) {
        if let Some((path, _)) = self.own.get() {
            let _ = fs::remove_file(path);
        }
    }
}

impl Dead {
    pub(crate) fn owner(&self) -> &str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    pub(crate) fn bury(self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(trouble(&self.path)(error)),
            _ => Ok(()),
        }
    }
}
