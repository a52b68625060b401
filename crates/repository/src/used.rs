//! Which blobs the snapshots use.
//!
//! Rule: everything or an error. Who deletes by this list must never get a shorter one.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, PoisonError};

use model::{Cancel, Kind, Problem, Progress, Result};

use crate::Id;
use crate::format::pack::BlobKind;
use crate::format::tree::{self, Node};
use crate::index::Index;
use crate::repository::Repository;

/// (kind, id) of every blob that is reachable.
pub(crate) type Used = HashSet<(BlobKind, Id)>;

/// Sees each listing, or why it cannot be read; what it returns decides.
type Visit<'a> = dyn Fn(&Id, Result<Vec<Node>>) -> Result<()> + Sync + 'a;

/// Listings still to be read, shared by the threads.
struct Walk<'a> {
    todo: Mutex<Vec<Id>>,
    signal: Condvar,
    pending: AtomicUsize,
    used: Mutex<Used>,
    failure: Mutex<Option<Problem>>,
    visit: &'a Visit<'a>,
}

impl Repository {
    /// Walks every listing below these roots once. `visit` sees each one, or why it cannot be read; what it returns decides.
    pub(crate) fn walk_used(
        &self,
        index: &Index,
        roots: impl IntoIterator<Item = Id>,
        progress: &Progress,
        cancel: &Cancel,
        visit: &Visit<'_>,
    ) -> Result<Used> {
        let roots: HashSet<Id> = roots.into_iter().collect();
        let walk = Walk {
            pending: AtomicUsize::new(roots.len()),
            used: Mutex::new(roots.iter().map(|id| (BlobKind::Tree, *id)).collect()),
            todo: Mutex::new(roots.into_iter().collect()),
            signal: Condvar::new(),
            failure: Mutex::new(None),
            visit,
        };
        std::thread::scope(|scope| {
            for _ in 0..self.0.options.threads.max(1) {
                scope.spawn(|| walk.run(self, index, progress, cancel));
            }
        });
        let failure = walk.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or_else(
            || Ok(walk.used.into_inner().unwrap_or_else(PoisonError::into_inner)),
            Err,
        )
    }
}

/// A listing that merely cannot be reached says nothing about any snapshot.
pub(crate) fn storage_is_there(nodes: &Result<Vec<Node>>) -> Result<()> {
    match nodes {
        Err(problem) if problem.kind() == Kind::Unavailable => {
            Err(Problem::new(Kind::Unavailable, problem.message())
                .hint(problem.hint_text().unwrap_or("check the address and the network")))
        }
        _ => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Walk<'_> {
    fn run(&self, repository: &Repository, index: &Index, progress: &Progress, cancel: &Cancel) {
        while let Some(id) = self.next() {
            let done = cancel.check().and_then(|()| self.listing(repository, index, &id));
            progress.items(1);
            if let Err(problem) = done {
                lock(&self.failure).get_or_insert(problem);
            }
            if self.pending.fetch_sub(1, Ordering::AcqRel) == 1 || lock(&self.failure).is_some() {
                let _guard = lock(&self.todo);
                self.signal.notify_all();
            }
        }
    }

    fn next(&self) -> Option<Id> {
        let mut todo = lock(&self.todo);
        loop {
            if lock(&self.failure).is_some() {
                return None;
            }
            if let Some(id) = todo.pop() {
                return Some(id);
            }
            if self.pending.load(Ordering::Acquire) == 0 {
                return None;
            }
            todo = self.signal.wait(todo).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn listing(&self, repository: &Repository, index: &Index, id: &Id) -> Result<()> {
        let nodes = repository
            .with_blobs(index, |blobs| blobs.load(BlobKind::Tree, id))
            .and_then(|json| tree::decode(&json));
        if let Ok(nodes) = &nodes {
            self.take_in(nodes);
        }
        (self.visit)(id, nodes)
    }

    fn take_in(&self, nodes: &[Node]) {
        let mut fresh = Vec::new();
        let mut used = lock(&self.used);
        for node in nodes {
            used.extend(node.content.iter().map(|id| (BlobKind::Data, *id)));
            fresh.extend(node.subtree.filter(|id| used.insert((BlobKind::Tree, *id))));
        }
        drop(used);
        if !fresh.is_empty() {
            self.pending.fetch_add(fresh.len(), Ordering::AcqRel);
            lock(&self.todo).extend(fresh);
            self.signal.notify_all();
        }
    }
}
