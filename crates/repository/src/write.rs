//! Writing one snapshot.
//!
//! Nouns: the caller *announces* entries depth-first; an entry that equals the parent snapshot's is taken over unread; all others become
//! *jobs* for the workers, which read, cut, hash, compress, seal and pack. A *feeder* thread reads large files and cuts them ahead of
//! the workers; *storers* hash and store full packs. A directory's listing is written when everything below it is known.
//!
//! Invariants: packs are durable before the index, the index before the snapshot; `finish` is the only commit point; a dropped
//! writer commits nothing, but the packs that it stored are indexed, so that the next try uses them. Memory is
//! bounded: a fixed number of blocks, batches and packs is on its way at any time.

mod announce;
mod assembly;
mod blobs;
mod far;
mod feeder;
mod packer;
mod parent;
mod sealer;
mod shared;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use model::{Cancel, Content, Meta, Progress, Result};

pub(crate) use blobs::BlobWriter;
pub(crate) use packer::OpenPack;

use crate::Id;
use crate::format::snapshot::{Snapshot, Summary, time_text};
use crate::lock::Operation;
use crate::repository::Repository;
use announce::Announcer;
use feeder::Large;
use shared::Shared;
use worker::Job;

/// What a snapshot says of itself.
#[derive(Clone, Debug, Default)]
pub struct SnapshotMeta {
    /// Start of the backup, milliseconds since 1970 UTC.
    pub time_ms: i64,
    pub hostname: String,
    pub username: String,
    pub paths: Vec<String>,
    pub tags: Vec<String>,
    pub excludes: Vec<String>,
}

/// A child of the root, after everything announced so far has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub name: PathBuf,
    /// Listing of a directory.
    pub tree: Option<Id>,
    pub content: Vec<Id>,
}

/// An entry whose content is not in the snapshot as it was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub path: PathBuf,
    pub why: String,
    pub fate: Fate,
    /// Its length when it was announced.
    pub size: u64,
}

/// What became of an entry that could not be read as it was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the snapshot, but it changed while it was read.
    Changed,
    /// It was deleted before its turn came, so it is not in the snapshot.
    Vanished,
    /// It is there, but not in the snapshot.
    Unreadable,
}

/// What it means for the snapshot when the content of an entry cannot be read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The writer fails, and no snapshot comes to be.
    Required,
    /// The entry is left out and told in [`Writer::unread`].
    MayLack,
}

/// Writes one snapshot.
pub struct Writer {
    shared: Arc<Shared>,
    announcer: Announcer,
    jobs: Option<Sender<Job>>,
    large: Option<Sender<Large>>,
    threads: Vec<JoinHandle<()>>,
    parent: Option<Id>,
    finished: bool,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer(finished: {})", self.finished)
    }
}

impl Repository {
    /// Begins a snapshot. What equals the parent's entries is not read again.
    pub fn writer(&self, parent: Option<&Snapshot>, progress: &Progress, cancel: &Cancel) -> Result<Writer> {
        self.check_writable()?;
        let lock = self.lock(Operation::Backup)?;
        let shared = Arc::new(Shared::new(self, lock, progress, cancel)?);
        let announcer = Announcer::new(&shared, parent.map(|snapshot| snapshot.tree));
        let (jobs, take_jobs) = crossbeam_channel::bounded(2 * shared.threads());
        let (large, take_large) = crossbeam_channel::bounded(64);
        let mut threads = Vec::new();
        for number in 0..shared.threads() {
            let (shared, jobs) = (Arc::clone(&shared), take_jobs.clone());
            threads.push(shared::spawn(&format!("worker-{number}"), move || {
                worker::run(&shared, &jobs);
            })?);
        }
        let (feeding, feed) = (Arc::clone(&shared), jobs.clone());
        threads.push(shared::spawn("feeder", move || {
            feeder::run(&feeding, &take_large, &feed);
        })?);
        threads.extend(packer::spawn_storers(&shared)?);
        Ok(Writer {
            shared,
            announcer,
            jobs: Some(jobs),
            large: Some(large),
            threads,
            parent: parent.map(|snapshot| snapshot.id),
            finished: false,
        })
    }
}

impl Writer {
    /// Announces one entry that may lack; see `model::entry` for the order.
    pub fn entry(&mut self, path: &Path, meta: Meta, content: Content) -> Result<()> {
        self.entry_with(path, meta, content, Need::MayLack)
    }

    /// Announces one entry and says what it means when its content cannot be read whole.
    pub fn entry_with(&mut self, path: &Path, meta: Meta, content: Content, need: Need) -> Result<()> {
        self.shared.check()?;
        let (Some(jobs), Some(large)) = (&self.jobs, &self.large) else {
            return Err(model::Problem::internal(
                "an entry was announced after the snapshot was finished",
            ));
        };
        self.announcer
            .entry(&self.shared, path, meta, (content, need), jobs, large)
    }

    /// Waits until everything announced so far is written; the children of the root.
    pub fn settle(&mut self) -> Result<Vec<Settled>> {
        if let Some(jobs) = &self.jobs {
            self.announcer.close_all(&self.shared, jobs)?;
        }
        self.shared.wait_until_idle()?;
        Ok(self.shared.root_children())
    }

    /// Entries that may lack and could not be read as they were announced.
    pub fn unread(&self) -> Vec<Unread> {
        self.shared.unread()
    }

    /// Commits: packs, index, snapshot.
    pub fn finish(mut self, meta: &SnapshotMeta) -> Result<Snapshot> {
        self.settle()?;
        let tree = self.shared.finish_root()?;
        self.shared.send_rest()?;
        self.stop();
        self.shared.check()?;
        self.shared.save_index(true)?;
        self.shared.check()?;
        let snapshot = self.snapshot(meta, tree);
        let id = self.shared.repository.commit(&self.shared.lock, &snapshot)?;
        self.finished = true;
        Ok(Snapshot { id, ..snapshot })
    }

    fn snapshot(&self, meta: &SnapshotMeta, tree: Id) -> Snapshot {
        let end = self.shared.repository.now_ms();
        let summary = Summary {
            backup_start: time_text(meta.time_ms),
            backup_end: time_text(end),
            ..self
                .shared
                .held(self.shared.counts.summary(self.announcer.counts()))
        };
        Snapshot {
            time: time_text(meta.time_ms),
            parent: self.parent,
            tree,
            paths: meta.paths.clone(),
            hostname: meta.hostname.clone(),
            username: meta.username.clone(),
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            excludes: meta.excludes.clone(),
            tags: meta.tags.clone(),
            program_version: format!("cairn {}", env!("CARGO_PKG_VERSION")),
            summary: Some(summary),
            ..Snapshot::default()
        }
    }

    /// Lets all threads end.
    fn stop(&mut self) {
        self.jobs = None;
        self.large = None;
        self.shared.close_packs();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                self.shared.fail(model::Problem::internal(
                    "a thread of the writer ended unexpectedly",
                ));
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        self.shared.abandon();
        self.stop();
        // Best effort: without it the packs are found by the next prune instead of the next backup.
        let _ = self.shared.save_index(true);
    }
}
