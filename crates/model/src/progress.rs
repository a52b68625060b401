//! How long work is watched and stopped.
//!
//! [`Cancel`] is a shared flag that whoever works looks at between small steps (per chunk, per
//! file). [`Progress`] is a set of counters that the worker adds to and any number of watchers read
//! with [`Progress::seen`]; neither side ever waits for the other, apart from the short name of
//! the current item.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Problem, Result};

/// A request to stop, shared by everybody who takes part in a piece of work.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.0.store(true, Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// `Err(cancelled)` once somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            Err(Problem::cancelled())
        } else {
            Ok(())
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    items_done: AtomicU64,
    items_total: AtomicU64,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    now: Mutex<(String, String)>,
}

/// What a piece of work has done so far.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

/// One look at a [`Progress`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    pub phase: String,
    pub item: String,
    pub items_done: u64,
    pub items_total: u64,
    pub bytes_done: u64,
    pub bytes_total: u64,
}

impl Progress {
    pub fn new() -> Self {
        Self::default()
    }

    /// A new phase begins: its name is shown and the counters start again.
    pub fn phase(&self, name: &str) {
        let c = &self.0;
        for counter in [&c.items_done, &c.items_total, &c.bytes_done, &c.bytes_total] {
            counter.store(0, Relaxed);
        }
        *c.now.lock().unwrap_or_else(PoisonError::into_inner) = (name.to_owned(), String::new());
    }

    /// The thing worked on now. Call it per file, not per chunk.
    pub fn item(&self, name: &str) {
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.1.clear();
        now.1.push_str(name);
    }

    pub fn expect(&self, items: u64, bytes: u64) {
        self.0.items_total.fetch_add(items, Relaxed);
        self.0.bytes_total.fetch_add(bytes, Relaxed);
    }

    pub fn items(&self, n: u64) {
        self.0.items_done.fetch_add(n, Relaxed);
    }

    pub fn bytes(&self, n: u64) {
        self.0.bytes_done.fetch_add(n, Relaxed);
    }

    pub fn seen(&self) -> Seen {
        let c = &self.0;
        let (phase, item) = c.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Seen {
            phase,
            item,
            items_done: c.items_done.load(Relaxed),
            items_total: c.items_total.load(Relaxed),
            bytes_done: c.bytes_done.load(Relaxed),
            bytes_total: c.bytes_total.load(Relaxed),
        }
    }
}
