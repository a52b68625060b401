//! The repository after a crash at every single change, after torn writes, after lost answers, and with every byte flipped.

use std::sync::Arc;

use model::{Cancel, Kind, Progress, Result};
use repository::storage::{Class, Fault, Faulty, Memory, Storage};
use repository::{Level, Options, Repository};

use crate::sample::{self, Files, all_snapshots_read, create, memory, noise, open, options, read, write};

fn small_files(seed: u64) -> Files {
    (0..6)
        .map(|number| {
            (
                format!("d{}/{number}", number % 2).into(),
                noise(seed * 10 + number, 30_000),
            )
        })
        .collect()
}

/// Two snapshots, one of which is forgotten: there is something to prune.
fn with_history() -> Memory {
    let storage = Arc::new(Memory::new());
    let dynamic: Arc<dyn Storage> = storage.clone();
    let repository = create(&dynamic);
    let first = write(&repository, None, &small_files(1), 1).unwrap();
    write(&repository, None, &small_files(2), 2).unwrap();
    repository.forget(&[first.id]).unwrap();
    Memory::with(storage.files())
}

type Work = dyn Fn(&Repository) -> Result<()>;

/// Runs the work with a crash at change 0, 1, 2 … until it gets through; after each, everything committed must read.
fn crash_everywhere(before: &Memory, fault: fn(usize) -> Fault, work: &Work, committed: usize) {
    for at in 0.. {
        let storage: Arc<dyn Storage> = Arc::new(Memory::with(before.files()));
        let faulty: Arc<dyn Storage> = Arc::new(Faulty::new(storage.clone(), fault(at)));
        let done =
            Repository::open(faulty, sample::PASSWORD, options()).and_then(|repository| work(&repository));
        // Whoever crashed left its lock; it names a living process (this one), so it is removed as an operator would.
        for lock in storage.list(Class::Lock).unwrap() {
            storage.delete(Class::Lock, &lock.id).unwrap();
        }
        let after = open(&storage).unwrap();
        assert!(all_snapshots_read(&after) >= committed, "crash at change {at}");
        let report = after
            .check(Level::Data, &Progress::new(), &Cancel::new())
            .unwrap();
        let torn = report
            .errors()
            .all(|error| error.contains("does not hold what its name says") || error.contains("malformed"));
        assert!(
            report.is_clean() || torn,
            "crash at change {at}: {:?}",
            report.findings
        );
        if done.is_ok() {
            assert!(at >= 2, "the work changes more than that");
            return;
        }
        // The same again, undisturbed, must work, and leave a clean repository.
        work(&after).unwrap_or_else(|problem| panic!("after a crash at change {at}: {problem}"));
        assert!(all_snapshots_read(&open(&storage).unwrap()) >= committed);
    }
}

fn backup(repository: &Repository) -> Result<()> {
    let files = small_files(3);
    let snapshot = write(repository, None, &files, 3)?;
    assert_eq!(read(repository, &snapshot)?, files);
    Ok(())
}

fn prune(repository: &Repository) -> Result<()> {
    repository.prune(0, &Progress::new(), &Cancel::new()).map(|_| ())
}

fn forget_all(repository: &Repository) -> Result<()> {
    let ids: Vec<_> = repository
        .snapshots()?
        .iter()
        .map(|snapshot| snapshot.id)
        .collect();
    repository.forget(&ids)
}

#[test]
fn a_backup_that_crashes_anywhere_loses_nothing() {
    crash_everywhere(&with_history(), Fault::CrashBefore, &backup, 1);
    crash_everywhere(&with_history(), Fault::CrashAfter, &backup, 1);
}

#[test]
fn a_prune_that_crashes_anywhere_loses_nothing() {
    crash_everywhere(&with_history(), Fault::CrashBefore, &prune, 1);
    crash_everywhere(&with_history(), Fault::CrashAfter, &prune, 1);
}

#[test]
fn forgetting_that_crashes_anywhere_leaves_what_is_left_readable() {
    crash_everywhere(&with_history(), Fault::CrashBefore, &forget_all, 0);
}

#[test]
fn a_repair_that_crashes_anywhere_loses_nothing() {
    let storage = with_history();
    let index = storage.list(Class::Index).unwrap();
    storage.delete(Class::Index, &index[0].id).unwrap();
    let repair = |repository: &Repository| {
        repository
            .repair(false, &Progress::new(), &Cancel::new())
            .map(|_| ())
    };
    // Before the repair the snapshot cannot be read, so only the end is looked at.
    for at in 0.. {
        let inner: Arc<dyn Storage> = Arc::new(Memory::with(storage.files()));
        let faulty: Arc<dyn Storage> = Arc::new(Faulty::new(inner.clone(), Fault::CrashBefore(at)));
        let done =
            Repository::open(faulty, sample::PASSWORD, options()).and_then(|repository| repair(&repository));
        for lock in inner.list(Class::Lock).unwrap() {
            inner.delete(Class::Lock, &lock.id).unwrap();
        }
        let after = open(&inner).unwrap();
        repair(&after).unwrap();
        assert_eq!(all_snapshots_read(&after), 1);
        assert!(
            after
                .check(Level::Data, &Progress::new(), &Cancel::new())
                .unwrap()
                .is_clean()
        );
        if done.is_ok() {
            return;
        }
    }
}

#[test]
fn every_flipped_byte_is_noticed_and_none_gives_wrong_data() {
    let storage = Arc::new(Memory::new());
    let dynamic: Arc<dyn Storage> = storage.clone();
    let repository = create(&dynamic);
    let files = Files::from([
        ("a".into(), b"some text, some text, some text".to_vec()),
        ("d/b".into(), noise(1, 90)),
    ]);
    let snapshot = write(&repository, None, &files, 1).unwrap();
    for ((class, id), bytes) in storage.files() {
        for at in 0..bytes.len() {
            let mut changed = storage.files();
            changed.get_mut(&(class, id)).unwrap()[at] ^= 0x10;
            let broken: Arc<dyn Storage> = Arc::new(Memory::with(changed));
            let read =
                open(&broken).and_then(|repository| read(&repository, &repository.snapshot(&snapshot.id)?));
            if let Ok(found) = &read {
                assert_eq!(*found, files, "{class:?} byte {at}: wrong data");
            }
            let report = open(&broken)
                .and_then(|repository| repository.check(Level::Data, &Progress::new(), &Cancel::new()));
            let noticed = report.map_or(true, |report| !report.is_clean());
            assert!(noticed, "{class:?} byte {at} of {} was not noticed", bytes.len());
        }
    }
}

#[test]
fn the_next_backup_heals_what_a_repair_has_dropped() {
    let storage = Arc::new(Memory::new());
    let dynamic: Arc<dyn Storage> = storage.clone();
    let files = small_files(1);
    write(&create(&dynamic), None, &files, 1).unwrap();
    let mut changed = storage.files();
    let pack = changed
        .keys()
        .find(|(class, _)| *class == Class::Pack)
        .copied()
        .unwrap();
    changed.get_mut(&pack).unwrap()[100] ^= 1;
    let broken: Arc<dyn Storage> = Arc::new(Memory::with(changed));
    let repository = open(&broken).unwrap();
    let plan = repository.repair(true, &Progress::new(), &Cancel::new()).unwrap();
    assert_eq!((plan.damaged_packs.len(), plan.blobs_lost), (1, 1));
    let healed = write(&repository, None, &files, 2).unwrap();
    assert_eq!(
        healed.summary.as_ref().unwrap().data_blobs + healed.summary.as_ref().unwrap().tree_blobs,
        1
    );
    assert_eq!(all_snapshots_read(&repository), 2);
}

#[test]
fn a_listing_that_fails_stops_a_prune_before_it_deletes() {
    let storage: Arc<dyn Storage> = Arc::new(with_history());
    let before = storage.list(Class::Pack).unwrap().len();
    let faulty: Arc<dyn Storage> = Arc::new(Faulty::new(storage.clone(), Fault::ListingFails));
    // The index is loaded from the healthy storage; only what comes after sees failing listings.
    let repository =
        Repository::open_with_key(faulty, open(&storage).unwrap().master_key().clone(), options()).unwrap();
    assert!(prune(&repository).is_err());
    assert_eq!(storage.list(Class::Pack).unwrap().len(), before);
}

#[test]
fn reads_that_lie_are_errors() {
    for fault in [Fault::WrongBytes, Fault::ShortReads] {
        let storage = memory();
        let snapshot = write(&create(&storage), None, &small_files(1), 1).unwrap();
        let key = open(&storage).unwrap().master_key().clone();
        let lying: Arc<dyn Storage> = Arc::new(Faulty::new(storage, fault));
        let outcome = Repository::open_with_key(lying, key, options())
            .and_then(|repository| read(&repository, &snapshot));
        assert_eq!(outcome.unwrap_err().kind(), Kind::Damaged, "{fault:?}");
    }
}

#[test]
fn a_full_or_dying_disk_ends_the_backup_and_the_next_one_works() {
    for (at, kind) in (0..5).flat_map(|at| [Kind::NoSpace, Kind::Io, Kind::Refused].map(|kind| (at, kind))) {
        let storage = memory();
        create(&storage);
        let faulty: Arc<dyn Storage> = Arc::new(Faulty::new(storage.clone(), Fault::FailOnce(at, kind)));
        let repository = Repository::open(faulty, sample::PASSWORD, options()).unwrap();
        let failed = write(&repository, None, &small_files(1), 1).unwrap_err();
        assert_eq!(failed.kind(), kind, "at {at}: {failed}");
        assert_eq!(repository.snapshots().unwrap(), []);
        write(&repository, None, &small_files(1), 1).unwrap();
        assert_eq!(all_snapshots_read(&repository), 1);
    }
}

/// What a check of a torn repository asks for: a repair, and forgetting what is no snapshot.
fn do_as_told(storage: &Arc<dyn Storage>, repository: &Repository) {
    let unreadable = |found: &repository::storage::Stored| repository.snapshot(&found.id).is_err();
    let snapshots = storage.list(Class::Snapshot).unwrap();
    let torn: Vec<_> = snapshots
        .iter()
        .filter(|found| unreadable(found))
        .map(|found| found.id)
        .collect();
    repository.forget(&torn).unwrap();
    repository.repair(true, &Progress::new(), &Cancel::new()).unwrap();
}

fn is_clean(repository: &Repository) -> bool {
    let report = repository.check(Level::Data, &Progress::new(), &Cancel::new());
    report.unwrap().is_clean()
}

#[test]
fn a_file_that_a_crash_has_torn_is_told_and_mended() {
    let works: [(&Work, usize); 2] = [(&backup, 1), (&prune, 1)];
    for (work, committed) in works {
        let before = with_history();
        let mut told = 0;
        for at in 0.. {
            let storage: Arc<dyn Storage> = Arc::new(Memory::with(before.files()));
            let torn: Arc<dyn Storage> = Arc::new(Faulty::new(storage.clone(), Fault::CrashTorn(at)));
            let done = open(&torn).and_then(|repository| work(&repository));
            for lock in storage.list(Class::Lock).unwrap() {
                storage.delete(Class::Lock, &lock.id).unwrap();
            }
            told += usize::from(!is_clean(&open(&storage).unwrap()));
            do_as_told(&storage, &open(&storage).unwrap());
            let after = open(&storage).unwrap();
            assert!(all_snapshots_read(&after) >= committed, "torn at change {at}");
            assert!(is_clean(&after), "torn at change {at}");
            work(&after).unwrap();
            assert!(is_clean(&open(&storage).unwrap()));
            if done.is_ok() {
                break;
            }
        }
        assert!(told >= 1, "a torn index or snapshot is an error");
    }
}

#[test]
fn a_prune_without_room_to_write_anew_deletes_first_what_needs_no_writing() {
    let storage = Arc::new(Memory::new());
    let dynamic: Arc<dyn Storage> = storage.clone();
    // One after another, so that it is certain which files share a pack.
    let one_by_one = Options {
        threads: 1,
        ..options()
    };
    let repository = Repository::create(dynamic, sample::PASSWORD, one_by_one).unwrap();
    let part: Files = small_files(1).into_iter().step_by(2).collect();
    let gone = [
        write(&repository, None, &small_files(1), 1).unwrap().id,
        write(&repository, None, &small_files(3), 2).unwrap().id,
    ];
    write(&repository, None, &part, 3).unwrap();
    repository.forget(&gone).unwrap();
    let prune = |repository: &Repository| repository.prune(0, &Progress::new(), &Cancel::new());
    let mut put_off = 0;
    for at in 0..40 {
        let storage: Arc<dyn Storage> = Arc::new(Memory::with(storage.files()));
        let faulty: Arc<dyn Storage> =
            Arc::new(Faulty::new(storage.clone(), Fault::FailOnce(at, Kind::NoSpace)));
        let repository = Repository::open(faulty, sample::PASSWORD, options()).unwrap();
        let done = prune(&repository);
        // The fault may have hit the removal of the lock.
        for lock in storage.list(Class::Lock).unwrap() {
            storage.delete(Class::Lock, &lock.id).unwrap();
        }
        assert_eq!(all_snapshots_read(&repository), 1, "at {at}");
        assert!(is_clean(&repository), "at {at}");
        let Ok(done) = done else { continue };
        if done.repack.is_empty() {
            assert!(
                !done.delete_unused.is_empty() && done.bytes_repacked == 0,
                "{done:?}"
            );
            assert!(
                !prune(&repository).unwrap().repack.is_empty(),
                "the next one does the rest"
            );
            put_off += 1;
        }
    }
    assert!(put_off > 0);
}
