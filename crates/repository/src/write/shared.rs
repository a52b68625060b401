//! What all threads of a writer share.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use model::{Cancel, Kind, Problem, Progress, Result};

use super::assembly::Assembly;
use super::packer::Packer;
use super::{Fate, Need, Settled, Unread};
use crate::Id;
use crate::format::pack::BlobKind;
use crate::format::snapshot::Summary;
use crate::index::Index;
use crate::lock::Lock;
use crate::repository::Repository;

const SHARDS: usize = 16;

pub(super) struct Shared {
    pub(super) repository: Repository,
    pub(super) lock: Lock,
    pub(super) index: Arc<Index>,
    pub(super) progress: Progress,
    pub(super) packer: Packer,
    pub(super) counts: Counts,
    pub(super) assembly: Mutex<Assembly>,
    cancel: Cancel,
    /// Nobody goes on.
    failed: AtomicBool,
    /// Nothing more is stored.
    broken: AtomicBool,
    failure: Mutex<Option<Problem>>,
    unread: Mutex<Vec<Unread>>,
    /// Blobs that this run has taken on, by the first bits of their id.
    claimed: [Mutex<HashSet<(BlobKind, Id)>>; SHARDS],
    busy: AtomicUsize,
    idle: (Mutex<()>, Condvar),
}

/// An entry as it was announced.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) need: Need,
}

/// How much was new.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) data_blobs: AtomicU64,
    pub(super) tree_blobs: AtomicU64,
    pub(super) added: AtomicU64,
    pub(super) added_packed: AtomicU64,
}

impl Counts {
    pub(super) fn summary(&self, announced: Summary) -> Summary {
        Summary {
            data_blobs: self.data_blobs.load(Relaxed),
            tree_blobs: self.tree_blobs.load(Relaxed),
            data_added: self.added.load(Relaxed),
            data_added_packed: self.added_packed.load(Relaxed),
            ..announced
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| Problem::io("cannot start a thread", error))
}

impl Shared {
    pub(super) fn new(
        repository: &Repository,
        lock: Lock,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Self> {
        Ok(Shared {
            repository: repository.clone(),
            lock,
            index: repository.index_to_write_by()?,
            progress: progress.clone(),
            packer: Packer::new(repository.0.options.threads, repository.0.options.pack_size),
            counts: Counts::default(),
            assembly: Mutex::new(Assembly::new()),
            cancel: cancel.clone(),
            failed: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            failure: Mutex::new(None),
            unread: Mutex::default(),
            claimed: Default::default(),
            busy: AtomicUsize::new(0),
            idle: (Mutex::new(()), Condvar::new()),
        })
    }

    pub(super) fn threads(&self) -> usize {
        self.repository.0.options.threads.max(1)
    }

    /// Go on? Looked at between small steps by every thread.
    pub(super) fn check(&self) -> Result<()> {
        if self.failed.load(Relaxed) {
            return Err(lock(&self.failure).take().unwrap_or_else(Problem::cancelled));
        }
        self.cancel.check()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.failed.load(Relaxed) || self.cancel.is_cancelled()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    /// The first problem is the one that is told.
    pub(super) fn fail(&self, problem: Problem) {
        lock(&self.failure).get_or_insert(problem);
        self.broken.store(true, Relaxed);
        self.failed.store(true, Relaxed);
        self.wake();
    }

    /// Everybody stops; packs that are full already are stored, for the next try.
    pub(super) fn abandon(&self) {
        self.failed.store(true, Relaxed);
        self.wake();
    }

    /// The content of an entry could not be read. `is_gone`: nothing is there any more.
    pub(super) fn unreadable(&self, entry: Announced, error: &io::Error, is_gone: bool) {
        let fate = if is_gone { Fate::Vanished } else { Fate::Unreadable };
        self.lacks(entry, error.to_string(), fate);
    }

    pub(super) fn changed(&self, entry: Announced) {
        self.lacks(entry, "it changed while it was read".to_owned(), Fate::Changed);
    }

    /// The one place that decides what a lacking content means.
    fn lacks(&self, entry: Announced, why: String, fate: Fate) {
        match entry.need {
            Need::Required => self.fail(
                Problem::new(
                    Kind::Unavailable,
                    format!("“{}” could not be read whole: {why}", entry.path.display()),
                )
                .hint("no backup came to be; mend what stands in the way, then try again"),
            ),
            Need::MayLack => lock(&self.unread).push(Unread {
                path: entry.path,
                why,
                fate,
                size: entry.size,
            }),
        }
    }

    /// The same summary without what was announced and is not in the snapshot.
    pub(super) fn held(&self, summary: Summary) -> Summary {
        let unread = lock(&self.unread);
        let lacking = unread.iter().filter(|unread| unread.fate != Fate::Changed);
        let (files, bytes) = lacking.fold((0, 0), |(files, bytes), one| (files + 1, bytes + one.size));
        Summary {
            total_files_processed: summary.total_files_processed.saturating_sub(files),
            total_bytes_processed: summary.total_bytes_processed.saturating_sub(bytes),
            ..summary
        }
    }

    pub(super) fn unread(&self) -> Vec<Unread> {
        lock(&self.unread).clone()
    }

    /// True for the first who asks: the blob is not in the repository, and nobody else is about to store it.
    pub(super) fn claim(&self, kind: BlobKind, id: &Id) -> bool {
        !self.index.holds(kind, id)
            && lock(&self.claimed[usize::from(id.as_bytes()[0]) % SHARDS]).insert((kind, *id))
    }

    pub(super) fn begin(&self) {
        self.busy.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        if self.busy.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.wake();
        }
    }

    fn wake(&self) {
        let _guard = lock(&self.idle.0);
        self.idle.1.notify_all();
    }

    pub(super) fn wait_until_idle(&self) -> Result<()> {
        let mut guard = lock(&self.idle.0);
        while self.busy.load(std::sync::atomic::Ordering::Acquire) > 0 && !self.is_stopped() {
            // The time-out is for a cancel, which has no way to wake us.
            let waited = self
                .idle
                .1
                .wait_timeout(guard, std::time::Duration::from_millis(100));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(guard);
        self.check()
    }

    pub(super) fn root_children(&self) -> Vec<Settled> {
        lock(&self.assembly).root_children()
    }

    /// Writes the root's listing; everything below it must be written.
    pub(super) fn finish_root(&self) -> Result<Id> {
        let ready = lock(&self.assembly).close_root();
        let Some(ready) = ready else {
            return Err(Problem::internal(
                "the root was finished before what lies below it",
            ));
        };
        super::worker::store_listing(self, &ready)
    }
}
