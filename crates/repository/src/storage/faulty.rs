//! Storages that fail on demand, wait on demand, or remember what was done: for tests of this crate and of those above it.
//!
//! A [`Faulty`] counts the operations that change something and fails as its [`Fault`] says; a crash is a fault after which nothing
//! works any more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Kind, Problem, Result};

use super::{Class, Leftover, Storage, Stored};
use crate::Id;

/// What happens at the chosen operation. Numbers count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Never,
    /// Nothing works from this change on; the change itself has not happened.
    CrashBefore(usize),
    /// This change happens, but its answer is lost; nothing works after it.
    CrashAfter(usize),
    /// Half of the bytes of this change are stored under their final name, then nothing works any more.
    CrashTorn(usize),
    /// This one change fails; later ones work.
    FailOnce(usize, Kind),
    /// Every listing fails.
    ListingFails,
    /// Every read gives other bytes.
    WrongBytes,
    /// Every read gives too few bytes.
    ShortReads,
    /// This one file is there and cannot be read.
    Unreadable(Class, Id),
}

/// One operation, as [`Faulty::log`] remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Put(Class, Id),
    Delete(Class, Id),
}

type Hook = dyn Fn(Operation) + Send + Sync;

/// A storage with faults.
pub struct Faulty {
    inner: Arc<dyn Storage>,
    fault: Fault,
    changes: AtomicUsize,
    log: Mutex<Vec<Operation>>,
    before: Option<Box<Hook>>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Faulty({:?})", self.fault)
    }
}

impl Faulty {
    pub fn new(inner: Arc<dyn Storage>, fault: Fault) -> Self {
        Faulty {
            inner,
            fault,
            changes: AtomicUsize::new(0),
            log: Mutex::default(),
            before: None,
        }
    }

    /// Calls this before every change: where a test lets something else happen.
    #[must_use]
    pub fn before(mut self, hook: impl Fn(Operation) + Send + Sync + 'static) -> Self {
        self.before = Some(Box::new(hook));
        self
    }

    /// How many changes were tried.
    pub fn changes(&self) -> usize {
        self.changes.load(Ordering::SeqCst)
    }

    pub fn log(&self) -> Vec<Operation> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_down(&self) -> bool {
        let done = self.changes();
        match self.fault {
            Fault::CrashBefore(at) | Fault::CrashAfter(at) | Fault::CrashTorn(at) => done > at,
            _ => false,
        }
    }

    fn change(
        &self,
        operation: Operation,
        whole: &dyn Fn() -> Result<()>,
        half: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        if let Some(hook) = &self.before {
            hook(operation);
        }
        if self.is_down() {
            return Err(down());
        }
        let number = self.changes.fetch_add(1, Ordering::SeqCst);
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(operation);
        match self.fault {
            Fault::CrashBefore(at) if number >= at => Err(down()),
            Fault::CrashAfter(at) if number >= at => {
                if number == at {
                    whole()?;
                }
                Err(down())
            }
            Fault::CrashTorn(at) if number >= at => {
                if number == at {
                    half()?;
                }
                Err(down())
            }
            Fault::FailOnce(at, kind) if number == at => {
                Err(Problem::new(kind, "a fault of the storage, for a test"))
            }
            _ => whole(),
        }
    }

    fn spoil(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        if self.is_down() {
            return Err(down());
        }
        match self.fault {
            Fault::WrongBytes => {
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
            }
            Fault::ShortReads => bytes.truncate(bytes.len().saturating_sub(1)),
            _ => {}
        }
        Ok(bytes)
    }
}

fn down() -> Problem {
    Problem::new(Kind::Unavailable, "the storage is gone, for a test")
}

impl Storage for Faulty {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        let half = || self.inner.put(class, id, &bytes[..bytes.len() / 2]);
        self.change(
            Operation::Put(class, *id),
            &|| self.inner.put(class, id, bytes),
            &half,
        )
    }

    fn put_new(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        let half = || self.inner.put_new(class, id, &bytes[..bytes.len() / 2]);
        self.change(
            Operation::Put(class, *id),
            &|| self.inner.put_new(class, id, bytes),
            &half,
        )
    }

    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>> {
        if self.fault == Fault::Unreadable(class, *id) {
            return Err(Problem::new(
                Kind::Io,
                "this part of the disk cannot be read, for a test",
            ));
        }
        self.spoil(self.inner.get(class, id)?)
    }

    fn get_range(&self, class: Class, id: &Id, offset: u64, length: usize) -> Result<Vec<u8>> {
        let bytes = self.spoil(self.inner.get_range(class, id, offset, length)?)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(Problem::damaged("a read came back short"))
        }
    }

    fn list(&self, class: Class) -> Result<Vec<Stored>> {
        if self.is_down() || self.fault == Fault::ListingFails {
            return Err(down());
        }
        self.inner.list(class)
    }

    fn stat(&self, class: Class, id: &Id) -> Result<Option<Stored>> {
        if self.is_down() {
            Err(down())
        } else {
            self.inner.stat(class, id)
        }
    }

    fn delete(&self, class: Class, id: &Id) -> Result<()> {
        let delete = || self.inner.delete(class, id);
        self.change(Operation::Delete(class, *id), &delete, &|| Ok(()))
    }

    fn settle(&self, class: Class) -> Result<()> {
        if self.is_down() {
            Err(down())
        } else {
            self.inner.settle(class)
        }
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        if self.is_down() || self.fault == Fault::ListingFails {
            return Err(down());
        }
        self.inner.leftovers()
    }

    fn delete_leftover(&self, leftover: &Leftover) -> Result<()> {
        if self.is_down() {
            return Err(down());
        }
        self.inner.delete_leftover(leftover)
    }
}
