//! Takes entries in their order and turns them into nodes and jobs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crossbeam_channel::Sender;
use model::{Content, Meta, Problem, Result};

use super::Need;
use super::assembly::{DirNumber, Known, ROOT, Ready};
use super::feeder::Large;
use super::parent;
use super::shared::{Announced, Shared, lock};
use super::worker::{self, Job, Small};
use crate::Id;
use crate::chunk::{Cutter, SMALL};
use crate::format::snapshot::Summary;
use crate::format::tree::Node;

/// A batch goes to a worker when it has this many files or bytes.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 2 << 20;

struct Open {
    name: Vec<u8>,
    number: DirNumber,
    known: Option<Known>,
    hint: usize,
}

pub(super) struct Announcer {
    open: Vec<Open>,
    batch: Vec<Small>,
    batch_bytes: u64,
    counts: Summary,
}

impl Announcer {
    pub(super) fn new(shared: &Shared, parent: Option<Id>) -> Self {
        let known = parent.and_then(|tree| parent::load(shared, tree));
        if let Some(known) = &known {
            lock(&shared.assembly).know(ROOT, known.clone());
        }
        let root = Open {
            name: Vec::new(),
            number: ROOT,
            known,
            hint: 0,
        };
        Announcer {
            open: vec![root],
            batch: Vec::new(),
            batch_bytes: 0,
            counts: Summary::default(),
        }
    }

    pub(super) fn counts(&self) -> Summary {
        self.counts.clone()
    }

    pub(super) fn entry(
        &mut self,
        shared: &Shared,
        path: &Path,
        meta: Meta,
        (content, need): (Content, Need),
        jobs: &Sender<Job>,
        large: &Sender<Large>,
    ) -> Result<()> {
        let name = self.enter_parent_of(shared, path, jobs)?;
        if meta.is_dir() {
            self.open_dir(shared, name, meta);
            return Ok(());
        }
        let dir = self.open.last_mut().expect("the root is never left");
        let old = parent::find(dir.known.as_ref(), name.as_bytes(), &mut dir.hint);
        let mut node = Node {
            name: name.as_bytes().to_vec(),
            meta,
            ..Node::default()
        };
        if !node.meta.is_file() {
            lock(&shared.assembly).add(dir.number, node, false);
            return Ok(());
        }
        self.counts.total_files_processed += 1;
        self.counts.total_bytes_processed += node.meta.size;
        match old {
            Some(old) if parent::is_unchanged(shared, old, &node.meta) => {
                self.counts.files_unmodified += 1;
                node.content.clone_from(&old.content);
                shared.progress.items(1);
                shared.progress.bytes(node.meta.size);
                lock(&shared.assembly).add(dir.number, node, false);
                return Ok(());
            }
            Some(_) => self.counts.files_changed += 1,
            None => self.counts.files_new += 1,
        }
        self.queue(shared, path, node, (content, need), jobs, large)
    }

    /// Hands a file that must be read to whoever reads it.
    fn queue(
        &mut self,
        shared: &Shared,
        path: &Path,
        node: Node,
        (content, need): (Content, Need),
        jobs: &Sender<Job>,
        large: &Sender<Large>,
    ) -> Result<()> {
        let size = node.meta.size;
        let known_size = match &content {
            Content::None => Some(0),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Path { .. } | Content::Beneath { .. } => Some(size),
            Content::Stream { .. } => None,
        };
        let chunking = match &content {
            Content::Path { chunking, .. }
            | Content::Beneath { chunking, .. }
            | Content::Stream { chunking, .. } => *chunking,
            _ => model::Chunking::Auto,
        };
        let cutter = Cutter::choose(chunking, &node.name, known_size);
        let inode = node.meta.inode;
        let dir = self.open.last().expect("the root is never left").number;
        let slot = lock(&shared.assembly).add(dir, node, true);
        shared.begin();
        if known_size.is_some_and(|size| size < SMALL) && cutter == Cutter::Whole {
            self.batch_bytes += size;
            self.batch.push(Small {
                slot,
                announced: Announced {
                    path: path.to_path_buf(),
                    size,
                    need,
                },
                content,
            });
            if self.batch.len() >= BATCH_FILES || self.batch_bytes >= BATCH_BYTES {
                self.send_batch(shared, jobs)?;
            }
            return Ok(());
        }
        let job = Large {
            slot,
            announced: Announced {
                path: path.to_path_buf(),
                size,
                need,
            },
            content,
            cutter,
            from_disk: inode != 0,
        };
        large.send(job).map_err(|_| gone(shared))
    }

    fn send_batch(&mut self, shared: &Shared, jobs: &Sender<Job>) -> Result<()> {
        self.batch_bytes = 0;
        if self.batch.is_empty() {
            return Ok(());
        }
        jobs.send(Job::Batch(std::mem::take(&mut self.batch)))
            .map_err(|_| gone(shared))
    }

    fn open_dir(&mut self, shared: &Shared, name: &OsStr, meta: Meta) {
        let above = self.open.last_mut().expect("the root is never left");
        let old = parent::find(above.known.as_ref(), name.as_bytes(), &mut above.hint);
        let known = old
            .and_then(|node| node.subtree)
            .and_then(|tree| parent::load(shared, tree));
        match &known {
            Some(_) => self.counts.dirs_unmodified += 1,
            None => self.counts.dirs_new += 1,
        }
        let node = Node {
            name: name.as_bytes().to_vec(),
            meta,
            ..Node::default()
        };
        let mut assembly = lock(&shared.assembly);
        let slot = assembly.add(above.number, node, true);
        let number = assembly.open(slot, known.clone());
        drop(assembly);
        self.open.push(Open {
            name: name.as_bytes().to_vec(),
            number,
            known,
            hint: 0,
        });
    }

    /// Leaves and enters directories until the one that holds `path` is the innermost; its name there.
    fn enter_parent_of<'p>(
        &mut self,
        shared: &Shared,
        path: &'p Path,
        jobs: &Sender<Job>,
    ) -> Result<&'p OsStr> {
        let wrong = || Problem::internal(format!("“{}” is not a path inside a backup", path.display()));
        let mut components = path.components();
        let Some(Component::Normal(name)) = components.next_back() else {
            return Err(wrong());
        };
        let mut depth = 1;
        for component in components {
            let Component::Normal(part) = component else {
                return Err(wrong());
            };
            let is_open = self
                .open
                .get(depth)
                .is_some_and(|open| open.name == part.as_bytes());
            if !is_open {
                self.close_down_to(shared, depth, jobs)?;
                self.open_dir(shared, part, Meta::dir());
            }
            depth += 1;
        }
        self.close_down_to(shared, depth, jobs)?;
        Ok(name)
    }

    fn close_down_to(&mut self, shared: &Shared, depth: usize, jobs: &Sender<Job>) -> Result<()> {
        while self.open.len() > depth {
            let Some(dir) = self.open.pop() else { break };
            let ready = lock(&shared.assembly).close(dir.number);
            pass_on(shared, ready, jobs)?;
        }
        Ok(())
    }

    /// Everything that was announced is with the workers; only the root stays open.
    pub(super) fn close_all(&mut self, shared: &Shared, jobs: &Sender<Job>) -> Result<()> {
        self.send_batch(shared, jobs)?;
        self.close_down_to(shared, 1, jobs)
    }
}

/// A listing that is ready already is written by a worker, unless it is the parent's.
fn pass_on(shared: &Shared, ready: Option<Ready>, jobs: &Sender<Job>) -> Result<()> {
    let Some(ready) = ready else { return Ok(()) };
    if worker::is_known(shared, &ready) {
        return worker::write_listings(shared, Some(ready));
    }
    shared.begin();
    jobs.send(Job::Listing(Box::new(ready))).map_err(|_| gone(shared))
}

fn gone(shared: &Shared) -> Problem {
    shared
        .check()
        .err()
        .unwrap_or_else(|| Problem::internal("the workers of the writer are gone"))
}
