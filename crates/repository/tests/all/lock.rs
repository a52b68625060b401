//! Who may do what beside whom, and what becomes of locks whose owner is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock, Kind};
use repository::Operation;
use repository::format::seal::Key;
use repository::format::{lock_file::LockFile, snapshot::time_text, unpacked};
use repository::lock::{Found, Lock, Mode};
use repository::storage::{Class, Storage};

use crate::sample::memory;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

const NOW: i64 = 1_767_323_045_000;
const MINUTE: i64 = 60_000;

fn clock() -> (Arc<Hand>, Arc<dyn Clock>) {
    let hand = Arc::new(Hand(AtomicI64::new(NOW)));
    (hand.clone(), hand)
}

fn put(storage: &Arc<dyn Storage>, key: &Key, file: &LockFile) {
    let sealed = unpacked::encode(key, &file.encode());
    storage
        .put(Class::Lock, &repository::Id::of(&sealed), &sealed)
        .unwrap();
}

fn elsewhere(time_ms: i64, exclusive: bool) -> LockFile {
    LockFile {
        time: time_text(time_ms),
        exclusive,
        hostname: "another-machine".into(),
        username: "ann".into(),
        pid: 1,
        uid: 0,
        gid: 0,
    }
}

#[test]
fn every_pair_of_operations_is_as_the_table_says() {
    let key = Key::random();
    let (_, clock) = clock();
    for held in Operation::ALL {
        for wanted in Operation::ALL {
            let storage = memory();
            let _first = Lock::acquire(&storage, &key, held.mode(), &clock).unwrap();
            let second = Lock::acquire(&storage, &key, wanted.mode(), &clock);
            let both = held.mode() == Mode::Shared && wanted.mode() == Mode::Shared;
            assert_eq!(second.is_ok(), both, "{held:?} beside {wanted:?}");
            if let Err(problem) = second {
                assert_eq!(problem.kind(), Kind::Locked);
            }
        }
    }
}

#[test]
fn a_released_lock_leaves_nothing_and_a_refused_one_neither() {
    let (storage, key, (_, clock)) = (memory(), Key::random(), clock());
    let first = Lock::acquire(&storage, &key, Mode::Exclusive, &clock).unwrap();
    assert!(Lock::acquire(&storage, &key, Mode::Shared, &clock).is_err());
    assert_eq!(storage.list(Class::Lock).unwrap().len(), 1);
    drop(first);
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_lock_from_another_machine_counts_until_it_is_half_an_hour_old() {
    let (key, (_, clock)) = (Key::random(), clock());
    for (age, is_in_the_way) in [(29 * MINUTE, true), (31 * MINUTE, false)] {
        let storage = memory();
        put(&storage, &key, &elsewhere(NOW - age, true));
        let acquired = Lock::acquire(&storage, &key, Mode::Shared, &clock);
        assert_eq!(acquired.is_err(), is_in_the_way, "{age}");
        if let Err(problem) = acquired {
            assert!(problem.message().contains("another-machine"), "{problem}");
            assert!(problem.hint_text().is_some());
        }
    }
}

#[test]
fn a_wrong_clock_does_not_make_a_live_lock_stale() {
    let file = elsewhere(NOW - 300 * MINUTE, true);
    let found = |modified_ms| Found {
        id: repository::Id::default(),
        file: Some(file.clone()),
        size: 100,
        modified_ms,
    };
    assert!(
        !found(Some(NOW - MINUTE)).is_stale(NOW, "here"),
        "the storage says that it was written a minute ago"
    );
    assert!(found(Some(NOW - 40 * MINUTE)).is_stale(NOW, "here"));
}

#[test]
fn a_lock_of_a_dead_process_of_this_machine_is_removed() {
    let (storage, key, (_, clock)) = (memory(), Key::random(), clock());
    let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
    put(
        &storage,
        &key,
        &LockFile {
            hostname: here,
            pid: i64::from(i32::MAX),
            ..elsewhere(NOW, true)
        },
    );
    Lock::acquire(&storage, &key, Mode::Exclusive, &clock).unwrap();
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_refreshed_lock_has_a_new_name_and_one_that_was_not_refreshed_in_time_is_lost() {
    let (storage, key, (hand, clock)) = (memory(), Key::random(), clock());
    let lock = Lock::acquire(&storage, &key, Mode::Shared, &clock).unwrap();
    let before = storage.list(Class::Lock).unwrap();
    hand.0.fetch_add(5 * MINUTE, Ordering::SeqCst);
    lock.refresh().unwrap();
    let after = storage.list(Class::Lock).unwrap();
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before[0].id, after[0].id);
    lock.check().unwrap();
    hand.0.fetch_add(23 * MINUTE, Ordering::SeqCst);
    assert_eq!(lock.check().unwrap_err().kind(), Kind::Locked);
    lock.refresh().unwrap();
    lock.check().unwrap();
    hand.0.fetch_add(23 * MINUTE, Ordering::SeqCst);
    for found in storage.list(Class::Lock).unwrap() {
        storage.delete(Class::Lock, &found.id).unwrap();
    }
    assert_eq!(lock.refresh().unwrap_err().kind(), Kind::Locked);
    assert!(lock.check().is_err());
}

#[test]
fn a_lock_that_somebody_removed_is_not_written_anew() {
    let (storage, key, (_, clock)) = (memory(), Key::random(), clock());
    let lock = Lock::acquire(&storage, &key, Mode::Shared, &clock).unwrap();
    for found in storage.list(Class::Lock).unwrap() {
        storage.delete(Class::Lock, &found.id).unwrap();
    }
    let lost = lock.refresh().unwrap_err();
    assert_eq!(lost.kind(), Kind::Locked);
    assert!(lost.hint_text().is_some());
    assert!(lock.check().is_err());
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_torn_lock_is_in_the_way_and_an_empty_one_is_not() {
    let (key, (_, clock)) = (Key::random(), clock());
    let storage = memory();
    storage
        .put(Class::Lock, &repository::Id::of(b"torn"), b"torn")
        .unwrap();
    assert!(Lock::acquire(&storage, &key, Mode::Shared, &clock).is_err());
    let storage = memory();
    storage.put(Class::Lock, &repository::Id::of(b""), b"").unwrap();
    Lock::acquire(&storage, &key, Mode::Shared, &clock).unwrap();
}
