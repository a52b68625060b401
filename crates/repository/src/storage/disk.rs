//! A repository in a folder, laid out as restic lays it out.
//!
//! Writing: a temporary file beside the target, length checked, fsync, rename, fsync of the folder, read-only at the end. So a name
//! that exists has all its bytes, also after a power cut. Temporary names never look like ids; listings pass over them.
//! Folders are 0700 and files 0400, with group bits when the config is readable for its group.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use model::{Kind, Problem, Result};

use super::{Class, Storage, Stored};
use crate::Id;
use crate::format::seal::random;

/// A repository's folder.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

fn folder(class: Class) -> &'static str {
    match class {
        Class::Config => "",
        Class::Key => "keys",
        Class::Snapshot => "snapshots",
        Class::Index => "index",
        Class::Lock => "locks",
        Class::Pack => "data",
    }
}

impl Disk {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Disk {
            root: std::path::absolute(&root).unwrap_or(root),
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
        let temporary = self.write_temporary(&target, bytes).map_err(problem)?;
        let placed = if new {
            fs::hard_link(&temporary, &target)
        } else {
            fs::rename(&temporary, &target)
        };
        if new || placed.is_err() {
            // After a link the temporary name is one too many; after a failed rename it is left over.
            fs::remove_file(&temporary).map_err(problem)?;
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
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(problem)
    }

    fn write_temporary(&self, target: &Path, bytes: &[u8]) -> std::io::Result<PathBuf> {
        let mut salt = [0; 8];
        random(&mut salt);
        let name = target
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let temporary = target.with_file_name(format!("{name}-tmp-{}", hex::encode(salt)));
        let group = self.is_shared_with_group();
        let create = || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)
        };
        let mut file = match create() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_folder(target.parent().unwrap_or(&self.root), group)?;
                create()?
            }
            other => other?,
        };
        let written = file
            .write_all(bytes)
            .and_then(|()| file.set_permissions(Permissions::from_mode(if group { 0o440 } else { 0o400 })))
            .and_then(|()| file.sync_all());
        if let Err(error) = written {
            // A full disk must not stay full of halves; the first error is the one to tell.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        Ok(temporary)
    }
}

/// Makes a folder, and durably its name in the folder above.
fn make_folder(path: &Path, group: bool) -> std::io::Result<()> {
    let Some(above) = path.parent() else { return Ok(()) };
    let mode = if group { 0o770 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder(above, group)?;
            return make_folder(path, group);
        }
        other => other?,
    }
    File::open(above)?.sync_all()
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
        self.write(class, id, bytes, true)
    }

    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>> {
        let path = self.path(class, id);
        let problem = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => missing(class, &path),
            _ => Problem::io(format!("cannot read {}", path.display()), error),
        };
        let mut file = File::open(&path).map_err(problem)?;
        let mut bytes = Vec::with_capacity(file.metadata().map_err(problem)?.len() as usize);
        file.read_to_end(&mut bytes).map_err(problem)?;
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
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Problem::io(format!("cannot look at {}", path.display()), error)),
        }
    }

    fn delete(&self, class: Class, id: &Id) -> Result<()> {
        let path = self.path(class, id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Problem::io(format!("cannot delete {}", path.display()), error))
            }
            _ => Ok(()),
        }
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
