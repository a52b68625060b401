//! Reads a backup's tree for others, and remembers the damage that they come upon.
//!
//! Rule: whatever a restore, a comparison or an export finds damaged in a backup marks that backup, whether the work goes on or stops.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Kind, Problem, Result};
use sources::{Context, Entry, Materialize, ReadSeek, Recorded, Tree, Unwritten};

use crate::Service;
use crate::backups::adapters::TreeOf;
use crate::backups::damage::Loss;

#[derive(Clone, Default)]
struct Damage(Arc<AtomicBool>);

impl Damage {
    fn in_result<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(problem) = &result {
            self.note(problem);
        }
        result
    }

    fn note(&self, problem: &Problem) {
        if problem.kind() == Kind::Damaged {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The tree of a backup, watched.
pub(crate) struct Watched {
    tree: TreeOf,
    damage: Damage,
}

impl Watched {
    /// What the backup's manifest says for restores.
    pub(crate) fn recorded(&self) -> Result<Recorded> {
        self.damage.in_result(self.tree.recorded())
    }
}

impl Tree for Watched {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        self.damage.in_result(self.tree.list(dir))
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        self.damage.in_result(self.tree.stat(path))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        let file = self.damage.in_result(self.tree.open(path))?;
        let damage = self.damage.clone();
        Ok(Box::new(WatchedFile { file, damage }))
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.damage.in_result(self.tree.same_content(path, stream, cx))
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        let unwritten = self.damage.in_result(self.tree.materialize(order, cx))?;
        if !unwritten.is_empty() {
            self.damage.0.store(true, Ordering::Relaxed);
        }
        Ok(unwritten)
    }
}

struct WatchedFile {
    file: Box<dyn ReadSeek>,
    damage: Damage,
}

impl Read for WatchedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        let cause = read.as_ref().err().and_then(io::Error::get_ref);
        if let Some(problem) = cause.and_then(|cause| cause.downcast_ref::<Problem>()) {
            self.damage.note(problem);
        }
        read
    }
}

impl Seek for WatchedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Service {
    /// Work on the tree of a snapshot.
    pub(crate) async fn with_tree<T: Send + 'static>(
        &self,
        snapshot: &str,
        work: impl FnOnce(Watched) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let tree = match self.tree_of(snapshot).await {
            Err(problem) => {
                if matches!(problem.kind(), Kind::Damaged | Kind::NotFound) {
                    self.note_loss(snapshot, Loss::of_snapshot(&problem)).await?;
                }
                return Err(problem);
            }
            Ok(tree) => TreeOf(tree),
        };
        let damage = Damage::default();
        let watched = Watched {
            tree,
            damage: damage.clone(),
        };
        let done = self.blocking(move || work(watched)).await;
        if damage.0.load(Ordering::Relaxed) {
            self.note_loss(snapshot, Loss::Pieces).await?;
        }
        done
    }
}
