//! Copies of what is read again and again: index files, snapshots, packs of listings. For storages that are far away.
//!
//! Nouns: a *cache* is a private folder per repository, named by its id, with one folder per class; a file in it is named as in the
//! storage and holds the same sealed bytes.
//!
//! Rules: nothing depends on it: losing it, or any byte of it, costs a download. What comes from it is checked as what comes from the
//! storage is; what does not fit is removed. It never speaks for the storage: checks and prunes do not ask it. A cache that cannot be
//! written is read; one that cannot be read is none. It stays below a limit: what was not used for longest goes first.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::Id;
use crate::format::seal::random;
use crate::storage::Class;

/// Larger packs are not fetched whole.
pub(crate) const MAX_PACK: u64 = 32 << 20;
/// An unfinished file that is older was left by a run that ended badly.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    limit: u64,
    /// Bytes in it, as far as this process knows; `None` before it looked.
    size: Mutex<Option<u64>>,
    read_only: AtomicBool,
}

fn folder(class: Class) -> Option<&'static str> {
    match class {
        Class::Index => Some("index"),
        Class::Snapshot => Some("snapshots"),
        Class::Pack => Some("packs"),
        Class::Config | Class::Key | Class::Lock | Class::Damage => None,
    }
}

const CLASSES: [Class; 3] = [Class::Index, Class::Snapshot, Class::Pack];

impl Cache {
    /// The cache of a repository below this folder.
    pub(crate) fn open(folder: &Path, repository: &Id, limit: u64) -> Self {
        let cache = Cache {
            root: folder.join(repository.hex()),
            limit,
            size: Mutex::new(None),
            read_only: AtomicBool::new(false),
        };
        let folders = CLASSES.into_iter().filter_map(self::folder);
        let made = folders
            .map(|name| cache.root.join(name))
            .try_for_each(|path| DirBuilder::new().recursive(true).mode(0o700).create(path));
        if made.is_err() {
            cache.read_only.store(true, Relaxed);
        }
        cache
    }

    pub(crate) fn is_writable(&self) -> bool {
        !self.read_only.load(Relaxed)
    }

    fn path(&self, class: Class, id: &Id) -> Option<PathBuf> {
        folder(class).map(|name| self.root.join(name).join(id.hex()))
    }

    /// A whole file, if it is here and what its name says.
    pub(crate) fn get(&self, class: Class, id: &Id) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(class, id)?).ok()?;
        if Id::of(&bytes) == *id {
            return Some(bytes);
        }
        self.remove(class, id);
        None
    }

    /// A part of a pack, not checked. Remembers that the pack was used.
    pub(crate) fn range(&self, pack: &Id, offset: u32, length: u32) -> Option<Vec<u8>> {
        let file = File::open(self.path(Class::Pack, pack)?).ok()?;
        let mut bytes = vec![0; length as usize];
        if file.read_exact_at(&mut bytes, u64::from(offset)).is_err() {
            self.remove(Class::Pack, pack);
            return None;
        }
        let used = file.metadata().and_then(|meta| meta.modified()).ok()?;
        if used.elapsed().is_ok_and(|since| since > LEFT_BEHIND) {
            // What is not marked as used merely goes earlier.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(bytes)
    }

    /// Keeps a copy. The bytes must be what the name says, or they are found out when they are read.
    pub(crate) fn put(&self, class: Class, id: &Id, bytes: &[u8]) {
        let Some(path) = self.path(class, id) else { return };
        if !self.is_writable() || bytes.len() as u64 > self.limit / 2 {
            return;
        }
        if write(&path, bytes).is_err() {
            // Full, read-only or gone: this run tries no more.
            self.read_only.store(true, Relaxed);
            return;
        }
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match *size {
            Some(before) => before + bytes.len() as u64,
            None => self.all_files().iter().map(|found| found.size).sum(),
        };
        *size = Some(if now > self.limit { self.trim() } else { now });
    }

    pub(crate) fn remove(&self, class: Class, id: &Id) {
        if let Some(path) = self.path(class, id) {
            // What cannot be removed is found out again next time.
            let _ = fs::remove_file(path);
        }
    }

    /// Removes what the storage has no more.
    pub(crate) fn keep_only(&self, class: Class, is_wanted: impl Fn(&Id) -> bool) {
        for found in self.files(class) {
            let stale = match &found.id {
                Some(id) => !is_wanted(id),
                None => found.used.elapsed().is_ok_and(|since| since > LEFT_BEHIND),
            };
            if stale {
                let _ = fs::remove_file(&found.path);
            }
        }
    }

    /// Makes room, somewhat more than is needed at the moment; how many bytes are left.
    fn trim(&self) -> u64 {
        let mut files = self.all_files();
        let mut size: u64 = files.iter().map(|found| found.size).sum();
        files.sort_by_key(|found| found.used);
        for found in files {
            if size <= self.limit / 4 * 3 {
                break;
            }
            let _ = fs::remove_file(&found.path);
            size -= found.size;
        }
        size
    }

    fn all_files(&self) -> Vec<Found> {
        CLASSES.iter().flat_map(|class| self.files(*class)).collect()
    }

    fn files(&self, class: Class) -> Vec<Found> {
        let listed = folder(class).and_then(|name| fs::read_dir(self.root.join(name)).ok());
        let found = |entry: fs::DirEntry| {
            let meta = entry.metadata().ok()?;
            Some(Found {
                id: entry.file_name().to_str().and_then(|name| Id::parse(name).ok()),
                path: entry.path(),
                size: meta.len(),
                used: meta.modified().ok()?,
            })
        };
        listed.into_iter().flatten().flatten().filter_map(found).collect()
    }
}

struct Found {
    /// `None` for an unfinished file.
    id: Option<Id>,
    path: PathBuf,
    size: u64,
    used: SystemTime,
}

/// Beside the target, then in its place: another process sees all of it or nothing.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut salt = [0; 8];
    random(&mut salt);
    let temporary = path.with_extension(format!("tmp-{}", hex::encode(salt)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // A full disk must not stay full of halves; the first error is the one that counts.
        let _ = fs::remove_file(&temporary);
    }
    written
}
