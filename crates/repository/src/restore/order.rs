//! An order, resolved: what has to be made, linked and filled.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::{Cancel, FileKind, Problem, Progress, Result};
use rustix::fs::{CWD, Mode};

use super::{Wanted, is_special, metadata};
use crate::Id;
use crate::tree::{Entry, Tree};

/// A regular file to be written.
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) entry: Entry,
}

pub(super) struct Order {
    dirs: Vec<Target>,
    special: Vec<Target>,
    pub(super) files: Vec<Target>,
    /// (number of the file, further name of it)
    copies: Vec<(usize, PathBuf)>,
    notes: Mutex<Vec<String>>,
}

impl Order {
    pub(super) fn resolve(tree: &Tree, wanted: &[Wanted], into: &Path, cancel: &Cancel) -> Result<Self> {
        let mut order = Order {
            dirs: Vec::new(),
            special: Vec::new(),
            files: Vec::new(),
            copies: Vec::new(),
            notes: Mutex::default(),
        };
        let mut linked: HashMap<(u64, u64), usize> = HashMap::new();
        for (from, to) in wanted {
            cancel.check()?;
            let entry = tree
                .stat(from)?
                .ok_or_else(|| Problem::not_found(format!("“{}” is not in this backup", from.display())))?;
            let target = Target {
                path: below(into, to)?,
                entry,
            };
            let meta = &target.entry.meta;
            if meta.is_dir() {
                order.dirs.push(target);
            } else if is_special(&meta.kind) {
                order.special.push(target);
            } else {
                let is_linked = meta.links > 1 && meta.inode != 0;
                let first = is_linked.then(|| {
                    *linked
                        .entry((meta.device, meta.inode))
                        .or_insert(order.files.len())
                });
                match first {
                    // The same inode with other content cannot be the same file.
                    Some(number)
                        if order
                            .files
                            .get(number)
                            .is_some_and(|first| first.entry.content == target.entry.content) =>
                    {
                        order.copies.push((number, target.path));
                    }
                    _ => order.files.push(target),
                }
            }
        }
        Ok(order)
    }

    pub(super) fn count(&self) -> usize {
        self.dirs.len() + self.special.len() + self.files.len() + self.copies.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.entry.meta.size).sum()
    }

    pub(super) fn make_directories(&self) -> Result<()> {
        for dir in &self.dirs {
            match DirBuilder::new().mode(0o700).create(&dir.path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && is_real_dir(&dir.path) => {
                }
                other => other
                    .map_err(|error| Problem::io(format!("cannot make {}", dir.path.display()), error))?,
            }
        }
        Ok(())
    }

    /// Links, devices, fifos. Sockets mean nothing without who listens on them.
    pub(super) fn make_special(&self, progress: &Progress) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        let is_root = rustix::process::geteuid().is_root();
        for target in &self.special {
            let path = &target.path;
            let made = match &target.entry.meta.kind {
                FileKind::Symlink { target } => std::os::unix::fs::symlink(target, path),
                FileKind::Fifo => make_node(path, rustix::fs::FileType::Fifo, 0),
                FileKind::BlockDevice { device } if is_root => {
                    make_node(path, rustix::fs::FileType::BlockDevice, *device)
                }
                FileKind::CharDevice { device } if is_root => {
                    make_node(path, rustix::fs::FileType::CharacterDevice, *device)
                }
                _ => {
                    notes.push(format!(
                        "{}: sockets, and devices without root's rights, are not restored",
                        target.entry.path.display()
                    ));
                    continue;
                }
            };
            made.map_err(|error| Problem::io(format!("cannot make {}", path.display()), error))?;
            notes.extend(metadata::apply_to_path(path, &target.entry.meta)?);
            progress.items(1);
        }
        Ok(notes)
    }

    pub(super) fn link_copies(&self, progress: &Progress) -> Result<()> {
        for (number, path) in &self.copies {
            let first = &self.files[*number].path;
            fs::hard_link(first, path).map_err(|error| {
                Problem::io(
                    format!("cannot link {} to {}", path.display(), first.display()),
                    error,
                )
            })?;
            progress.items(1);
        }
        Ok(())
    }

    /// Deepest first: a change inside a directory changes its time.
    pub(super) fn finish_directories(&self) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        for dir in self.dirs.iter().rev() {
            notes.extend(metadata::apply_to_path(&dir.path, &dir.entry.meta)?);
        }
        Ok(notes)
    }

    pub(super) fn note(&self, notes: Vec<String>) {
        if !notes.is_empty() {
            self.notes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(notes);
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All pieces of all files as (number of the file, place in it, blob).
    pub(super) fn contents(&self) -> impl Iterator<Item = (usize, &[Id])> {
        self.files
            .iter()
            .enumerate()
            .map(|(number, file)| (number, file.entry.content.as_slice()))
    }
}

fn is_real_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

fn make_node(path: &Path, kind: rustix::fs::FileType, device: u64) -> std::io::Result<()> {
    rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), device).map_err(Into::into)
}

fn below(into: &Path, to: &Path) -> Result<PathBuf> {
    let safe = to
        .components()
        .all(|component| matches!(component, Component::Normal(_)))
        && to != Path::new("");
    if safe {
        return Ok(into.join(to));
    }
    Err(Problem::invalid(format!(
        "“{}” leads out of the folder that is restored into",
        to.display()
    )))
}
