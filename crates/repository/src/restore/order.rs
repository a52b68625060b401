//! An order, resolved: what has to be made, linked and filled.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Cancel, FileKind, Problem, Progress, Result};
use rustix::fs::{CWD, Mode};

use super::{Unwritten, Wanted, is_special, metadata};
use crate::Id;
use crate::damage::is_damage;
use crate::tree::{Entry, Tree};

/// A regular file to be written.
pub(super) struct Target {
    pub(super) path: PathBuf,
    /// Below the root.
    to: PathBuf,
    pub(super) entry: Entry,
}

impl Target {
    pub(super) fn unwritten(&self, why: &str) -> Unwritten {
        Unwritten {
            path: self.entry.path.clone(),
            to: self.to.clone(),
            why: why.to_owned(),
        }
    }
}

pub(super) struct Order {
    dirs: Vec<Target>,
    special: Vec<Target>,
    pub(super) files: Vec<Target>,
    /// (number of the file, further name of it)
    copies: Vec<(usize, Target)>,
    /// (number of the link or fifo, further name of it)
    special_copies: Vec<(usize, Target)>,
    notes: Mutex<Vec<String>>,
    /// Files that cannot be written, by number, and why.
    failed: Mutex<HashMap<usize, String>>,
    /// Entries that cannot even be looked up.
    unfound: Vec<Unwritten>,
}

/// Names of the same file find each other by device and inode.
type Linked = HashMap<(u64, u64), usize>;

impl Order {
    pub(super) fn resolve(tree: &Tree, wanted: &[Wanted], into: &Path, cancel: &Cancel) -> Result<Self> {
        let mut order = Order {
            dirs: Vec::new(),
            special: Vec::new(),
            files: Vec::new(),
            copies: Vec::new(),
            special_copies: Vec::new(),
            notes: Mutex::default(),
            failed: Mutex::default(),
            unfound: Vec::new(),
        };
        let (mut linked, mut linked_special) = (Linked::new(), Linked::new());
        for (from, to) in wanted {
            cancel.check()?;
            let path = below(into, to)?;
            let entry = match tree.stat(from) {
                Err(problem) if is_damage(&problem) => {
                    order.unfound.push(Unwritten {
                        path: from.clone(),
                        to: to.clone(),
                        why: problem.message().to_owned(),
                    });
                    continue;
                }
                found => found?.ok_or_else(|| {
                    Problem::not_found(format!("“{}” is not in this backup", from.display()))
                })?,
            };
            let to = to.clone();
            let target = Target { path, to, entry };
            let kind = &target.entry.meta.kind;
            if target.entry.meta.is_dir() {
                order.dirs.push(target);
            } else if is_special(kind) {
                let can_be_linked = matches!(kind, FileKind::Symlink { .. } | FileKind::Fifo);
                let linked = can_be_linked.then_some(&mut linked_special);
                place(target, linked, &mut order.special, &mut order.special_copies);
            } else {
                place(target, Some(&mut linked), &mut order.files, &mut order.copies);
            }
        }
        Ok(order)
    }

    pub(super) fn count(&self) -> usize {
        self.dirs.len()
            + self.special.len()
            + self.files.len()
            + self.copies.len()
            + self.special_copies.len()
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
        let failed = self.failed();
        let files = self
            .copies
            .iter()
            .filter(|(number, _)| !failed.contains_key(number));
        let files = files.map(|(number, copy)| (&self.files[*number], copy));
        let special = self.special_copies.iter();
        let special = special.map(|(number, copy)| (&self.special[*number], copy));
        for (Target { path: first, .. }, Target { path, .. }) in files.chain(special) {
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

    fn failed(&self) -> MutexGuard<'_, HashMap<usize, String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file cannot be written; the first reason is the one that is told.
    pub(super) fn fail(&self, number: usize, why: &str) {
        self.failed().entry(number).or_insert_with(|| why.to_owned());
    }

    pub(super) fn has_failed(&self, number: usize) -> bool {
        self.failed().contains_key(&number)
    }

    /// What was begun of files that failed goes.
    pub(super) fn remove_failed(&self) -> Result<()> {
        for number in self.failed().keys() {
            let path = &self.files[*number].path;
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Problem::io(
                        format!("cannot remove the unfinished {}", path.display()),
                        error,
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// In the order of their paths.
    pub(super) fn unwritten(&self) -> Vec<Unwritten> {
        let failed = self.failed();
        let files = failed
            .iter()
            .map(|(number, why)| self.files[*number].unwritten(why));
        let copies = self.copies.iter();
        let copies = copies.filter_map(|(number, copy)| Some(copy.unwritten(failed.get(number)?)));
        let mut unwritten: Vec<Unwritten> = files.chain(copies).collect();
        unwritten.extend(self.unfound.iter().cloned());
        unwritten.sort_by(|a, b| (&a.path, &a.to).cmp(&(&b.path, &b.to)));
        unwritten
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

/// Among those that are made, or among the further names of one of them.
fn place(
    target: Target,
    linked: Option<&mut Linked>,
    made: &mut Vec<Target>,
    copies: &mut Vec<(usize, Target)>,
) {
    let meta = &target.entry.meta;
    let is_linked = meta.links > 1 && meta.inode != 0;
    let first = linked
        .filter(|_| is_linked)
        .map(|linked| *linked.entry((meta.device, meta.inode)).or_insert(made.len()));
    // The same inode with other content cannot be the same file.
    let is_same = |first: &&Target| {
        (&first.entry.content, &first.entry.meta.kind) == (&target.entry.content, &meta.kind)
    };
    match first {
        Some(number) if made.get(number).as_ref().is_some_and(is_same) => copies.push((number, target)),
        _ => made.push(target),
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
