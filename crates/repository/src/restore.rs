//! Entries of a tree as files on a disk.
//!
//! Nouns: an *order* lists what is written where below a root; a *piece* is a blob and the place in a file where it goes. Pieces are sorted by
//! pack and offset and spread over the threads by pack, so every pack is read once, in large ranges.
//!
//! Rules: the root is private to the caller, nothing in it is followed or overwritten (every file is created anew); every byte is
//! verified before it is written; metadata comes last, of directories deepest first; runs of zeros become holes. What is damaged or missing
//! in the repository stops only the entries that need it: they are not there at all, and are named ([`Unwritten`]). On any other
//! error the caller throws the root away.

mod metadata;
mod order;
mod pieces;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use model::{Cancel, FileKind, Problem, Progress, Result};

use crate::damage::Damage;
use crate::lock::Operation;
use crate::tree::Tree;
use order::Order;

/// What is written where: (path in the tree, path below the root). Directories before what lies in them.
pub type Wanted = (PathBuf, PathBuf);

/// An entry that was not written, because something that it needs is damaged or missing in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// In the tree.
    pub path: PathBuf,
    /// Below the root, where it would be.
    pub to: PathBuf,
    pub why: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Materialized {
    /// What could not be kept of entries that were written.
    pub notes: Vec<String>,
    pub unwritten: Vec<Unwritten>,
}

impl Tree {
    /// Writes these entries below `into`, which is made when it is absent.
    pub fn materialize(
        &self,
        wanted: &[Wanted],
        into: &Path,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Materialized> {
        let lock = self.repository.lock_to_read(Operation::Read)?;
        let tree = &self.refreshed()?;
        let order = Order::resolve(tree, wanted, into, cancel)?;
        progress.expect(order.count() as u64, order.bytes());
        make_root(into)?;
        order.make_directories()?;
        let mut notes = order.make_special(progress)?;
        let lost = pieces::write(tree, &order, progress, cancel)?;
        order.link_copies(progress)?;
        notes.extend(order.finish_directories()?);
        notes.extend(order.notes());
        notes.sort();
        notes.dedup();
        if lock.is_some() {
            // Best effort: what is not noted for the next backup is found again by a check.
            let _ = self.repository.note_damage(&Damage::of_blobs(&lost, &tree.index));
        }
        Ok(Materialized {
            notes,
            unwritten: order.unwritten(),
        })
    }

    /// Everything below a directory of the tree, as an order that puts it below the root.
    pub fn everything_below(&self, dir: &Path) -> Result<Vec<Wanted>> {
        let mut wanted = Vec::new();
        self.walk(dir, &mut |entry| {
            let to = entry.path.strip_prefix(dir).unwrap_or(&entry.path).to_path_buf();
            wanted.push((entry.path, to));
            Ok(())
        })?;
        Ok(wanted)
    }

    /// Restores a directory of the tree to a folder that does not exist yet: staged beside it, moved into place when whole.
    pub fn restore_folder(
        &self,
        dir: &Path,
        target: &Path,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<String>> {
        let exists = || {
            Problem::new(
                model::Kind::Conflict,
                format!("{} exists already", target.display()),
            )
            .hint("restore to a new folder, or move that one away")
        };
        if target.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let name = target
            .file_name()
            .ok_or_else(|| Problem::invalid(format!("{} is not a place for a folder", target.display())))?;
        let mut staging = std::ffi::OsString::from(".cairn-restore-");
        staging.push(name);
        let staging = target.with_file_name(staging);
        let wanted = self.everything_below(dir)?;
        let restored = self.materialize(&wanted, &staging, progress, cancel).and_then(
            |Materialized { notes, unwritten }| {
                if let Some(first) = unwritten.first() {
                    let path = first.path.display();
                    return Err(Problem::damaged(format!(
                        "“{path}” cannot be restored: {}",
                        first.why
                    )));
                }
                let moved = rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    &staging,
                    rustix::fs::CWD,
                    target,
                    rustix::fs::RenameFlags::NOREPLACE,
                );
                moved.map_err(|error| {
                    Problem::io(
                        format!("cannot move the restored folder to {}", target.display()),
                        error.into(),
                    )
                })?;
                Ok(notes)
            },
        );
        if restored.is_err() && staging.exists() {
            std::fs::remove_dir_all(&staging).map_err(|error| {
                Problem::io(
                    format!("cannot remove the unfinished {}", staging.display()),
                    error,
                )
            })?;
        }
        restored
    }
}

fn make_root(into: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(into) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && into.is_dir() => Ok(()),
        other => other.map_err(|error| Problem::io(format!("cannot make {}", into.display()), error)),
    }
}

pub(crate) fn is_special(kind: &FileKind) -> bool {
    !matches!(kind, FileKind::File | FileKind::Dir)
}
