//! Locks: who may do what beside whom, as restic's protocol has it.
//!
//! Nouns: a lock is a small file that says who holds it; any number of *shared* ones, or one *exclusive* one and nothing else.
//! A holder writes a new one every five minutes and deletes the old; a lock whose holder is gone is *stale*.
//!
//! Rules (the whole table is in `docs/locking.md`): taking is check, write, wait, check again; a stale lock is removed without asking
//! anybody, judged by its own time *and* by when the storage says it was written, so that a wrong clock kills no live
//! lock; a holder that could not refresh for 22.5 minutes must stop writing ([`Lock::check`]).

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Clock, Kind, Problem, Result};

use crate::Id;
use crate::format::lock_file::LockFile;
use crate::format::seal::Key;
use crate::format::snapshot::time_text;
use crate::format::unpacked;
use crate::storage::{Class, Storage};

const REFRESH: Duration = Duration::from_mins(5);
/// Older locks are stale.
pub(crate) const STALE_MS: i64 = 30 * 60 * 1000;
/// Without a refresh for this long a holder must not write any more.
const LOST_MS: i64 = 22 * 60 * 1000 + 30_000;
/// How it is said that somebody is in the way.
pub(crate) const LOCKED: &str = "the repository is locked";
/// Between writing a lock and looking for those who did the same.
const SETTLE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Shared,
    Exclusive,
}

/// What is done to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Backup,
    Read,
    CopyFrom,
    CopyInto,
    AddKey,
    RemoveKey,
    Forget,
    Check,
    Prune,
    Repair,
}

impl Operation {
    pub const ALL: [Operation; 10] = [
        Operation::Backup,
        Operation::Read,
        Operation::CopyFrom,
        Operation::CopyInto,
        Operation::AddKey,
        Operation::RemoveKey,
        Operation::Forget,
        Operation::Check,
        Operation::Prune,
        Operation::Repair,
    ];

    /// The lock it needs. Forgetting only deletes snapshot files, and checking only reads: with the grace of prune neither harms
    /// a writer, so both are shared here where restic excludes everybody.
    pub fn mode(self) -> Mode {
        match self {
            Operation::Prune | Operation::Repair | Operation::RemoveKey => Mode::Exclusive,
            _ => Mode::Shared,
        }
    }
}

struct Held {
    storage: Arc<dyn Storage>,
    key: Key,
    clock: Arc<dyn Clock>,
    mode: Mode,
    name: Mutex<Id>,
    refreshed_ms: AtomicI64,
    lost: AtomicBool,
    stop: (Mutex<bool>, Condvar),
}

/// A lock that is held; dropping it releases it.
pub struct Lock {
    held: Arc<Held>,
    keeper: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lock({:?})", self.held.mode)
    }
}

/// A lock file that was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: Id,
    /// `None` when it cannot be read.
    pub file: Option<LockFile>,
    pub size: u64,
    pub modified_ms: Option<i64>,
}

impl Lock {
    /// Takes a lock, or says who is in the way.
    pub fn acquire(
        storage: &Arc<dyn Storage>,
        key: &Key,
        mode: Mode,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let storage = Arc::clone(storage);
        let wait = |duration| std::thread::sleep(duration);
        let now = clock.now_ms();
        look_for_conflict(&*storage, key, mode, None, now)?;
        let name = write(&*storage, key, mode, now)?;
        let held = Arc::new(Held {
            storage,
            key: key.clone(),
            clock: Arc::clone(clock),
            mode,
            name: Mutex::new(name),
            refreshed_ms: AtomicI64::new(now),
            lost: AtomicBool::new(false),
            stop: (Mutex::new(false), Condvar::new()),
        });
        let mut lock = Lock { held, keeper: None };
        // Two who take a shared lock at once do not disturb each other: only when somebody is exclusive the order matters.
        if mode == Mode::Exclusive
            || !lock
                .held
                .storage
                .list(Class::Lock)?
                .iter()
                .all(|found| found.id == name)
        {
            wait(SETTLE);
        }
        look_for_conflict(&*lock.held.storage, key, mode, Some(&name), clock.now_ms())?;
        lock.keep();
        Ok(lock)
    }

    /// Still ours? Ask before anything is committed or deleted.
    pub fn check(&self) -> Result<()> {
        let age = self.held.clock.now_ms() - self.held.refreshed_ms.load(Ordering::Relaxed);
        if age > LOST_MS || self.held.lost.load(Ordering::Relaxed) {
            return Err(Problem::new(
                Kind::Locked,
                "the lock on the repository was lost: it could not be refreshed in time",
            )
            .hint("start again"));
        }
        Ok(())
    }

    /// Still ours for sure: nobody can have begun anything exclusive since it was taken. One that was only late is refreshed.
    pub(crate) fn prove(&self) -> Result<()> {
        if self.check().is_err() {
            self.held.refresh()?;
        }
        self.held.prove()?;
        self.check()
    }

    /// Writes the lock anew with the present time, then deletes the old one.
    pub fn refresh(&self) -> Result<()> {
        self.held.refresh()
    }

    fn keep(&mut self) {
        let held = Arc::clone(&self.held);
        self.keeper = std::thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || held.keep())
            .ok();
    }
}

impl Held {
    fn keep(&self) {
        let (stop, signal) = &self.stop;
        let mut stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            let (guard, timeout) = signal
                .wait_timeout(stopped, REFRESH)
                .unwrap_or_else(PoisonError::into_inner);
            stopped = guard;
            if !*stopped && timeout.timed_out() && self.refresh().is_err() {
                let age = self.clock.now_ms() - self.refreshed_ms.load(Ordering::Relaxed);
                self.lost.fetch_or(age > LOST_MS, Ordering::Relaxed);
            }
        }
    }

    fn prove(&self) -> Result<()> {
        let name = self.name.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_there(&name)
    }

    /// A lock that somebody removed was no lock from then on: writing it anew would hide that.
    fn is_there(&self, name: &Id) -> Result<()> {
        if self.storage.stat(Class::Lock, name)?.is_some() {
            return Ok(());
        }
        self.lost.store(true, Ordering::Relaxed);
        Err(Problem::new(
            Kind::Locked,
            "the lock on the repository was removed by somebody else",
        )
        .hint("start again"))
    }

    fn refresh(&self) -> Result<()> {
        let now = self.clock.now_ms();
        let mut name = self.name.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_there(&name)?;
        let fresh = write(&*self.storage, &self.key, self.mode, now)?;
        if let Err(lost) = self.is_there(&name) {
            // Removed while the new one was written: whoever did that may not have seen the new one.
            self.storage.delete(Class::Lock, &fresh)?;
            return Err(lost);
        }
        let old = std::mem::replace(&mut *name, fresh);
        self.refreshed_ms.store(now, Ordering::Relaxed);
        self.storage.delete(Class::Lock, &old)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        *self.held.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.held.stop.1.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        // What cannot be deleted becomes stale within half an hour.
        let name = *self.held.name.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.held.storage.delete(Class::Lock, &name);
    }
}

fn write(storage: &dyn Storage, key: &Key, mode: Mode, now_ms: i64) -> Result<Id> {
    let file = LockFile {
        time: time_text(now_ms),
        exclusive: mode == Mode::Exclusive,
        hostname: hostname(),
        username: std::env::var("USER").unwrap_or_default(),
        pid: i64::from(std::process::id()),
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
    };
    let sealed = unpacked::encode(key, &file.encode());
    let name = Id::of(&sealed);
    storage.put(Class::Lock, &name, &sealed)?;
    Ok(name)
}

pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// All lock files.
pub fn list(storage: &dyn Storage, key: &Key) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for stored in storage.list(Class::Lock)? {
        let read = if stored.size == 0 {
            Ok(Vec::new())
        } else {
            storage.get(Class::Lock, &stored.id)
        };
        let file = match read {
            Ok(sealed) => unpacked::decode(key, &sealed, unpacked::SMALL)
                .and_then(|json| LockFile::decode(&json))
                .ok(),
            Err(problem) if problem.kind() == Kind::NotFound => continue,
            Err(problem) => return Err(problem),
        };
        found.push(Found {
            id: stored.id,
            file,
            size: stored.size,
            modified_ms: stored.modified_ms,
        });
    }
    Ok(found)
}

impl Found {
    /// Has its holder gone? A lock that cannot be read is judged by the storage's time alone.
    pub fn is_stale(&self, now_ms: i64, host: &str) -> bool {
        let old = |ms: i64| now_ms - ms > STALE_MS;
        let stored_old = self.modified_ms.is_none_or(old);
        match &self.file {
            None => self.size == 0 || (self.modified_ms.is_some() && stored_old),
            Some(file) if file.hostname == host && !process_exists(file.pid) => true,
            Some(file) => file.time_ms().is_ok_and(old) && stored_old,
        }
    }

    fn who(&self) -> String {
        match &self.file {
            Some(file) => {
                let what = if file.exclusive { ", exclusively" } else { "" };
                format!(
                    "by {} (process {}){what} since {}",
                    file.hostname, file.pid, file.time
                )
            }
            None => format!("by {}, which cannot be read", self.id.short()),
        }
    }
}

fn process_exists(pid: i64) -> bool {
    i32::try_from(pid).is_ok_and(|pid| pid > 0 && std::path::Path::new(&format!("/proc/{pid}")).exists())
}

fn look_for_conflict(
    storage: &dyn Storage,
    key: &Key,
    mode: Mode,
    mine: Option<&Id>,
    now_ms: i64,
) -> Result<()> {
    let host = hostname();
    for found in list(storage, key)? {
        if Some(&found.id) == mine || found.size == 0 {
            continue;
        }
        if found.is_stale(now_ms, &host) {
            storage.delete(Class::Lock, &found.id)?;
        } else if mode == Mode::Exclusive || found.file.as_ref().is_none_or(|file| file.exclusive) {
            return Err(Problem::new(Kind::Locked, format!("{LOCKED} {}", found.who()))
                .hint("wait until that has ended; a lock whose owner is gone is removed by itself after half an hour"));
        }
    }
    Ok(())
}
