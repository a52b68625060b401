//! Pruning keeps exactly what is reachable.

use std::sync::Arc;

use model::{Cancel, Clock, Kind, Progress};
use proptest::prelude::*;
use repository::storage::{Class, Fault, Faulty, Operation, Storage};
use repository::{GRACE_MS, Level, Options, Repository};
use testkit::FakeClock;

use crate::sample::{self, Files, all_snapshots_read, create, memory, noise, open, options, read, write};

fn prune(repository: &Repository) -> repository::PrunePlan {
    repository.prune(0, &Progress::new(), &Cancel::new()).unwrap()
}

fn is_clean(repository: &Repository) -> bool {
    repository
        .check(Level::Data, &Progress::new(), &Cancel::new())
        .unwrap()
        .findings
        .is_empty()
}

#[test]
fn what_nobody_uses_goes_and_all_else_stays() {
    let storage = memory();
    let repository = create(&storage);
    let first = write(&repository, None, &sample::files(1), 1).unwrap();
    let second = write(&repository, None, &sample::files(2), 2).unwrap();
    assert!(prune(&repository).is_empty());
    repository.forget(&[first.id]).unwrap();
    let planned = repository
        .plan_prune(0, &Progress::new(), &Cancel::new())
        .unwrap();
    let done = prune(&repository);
    assert_eq!(planned, done);
    assert!(done.bytes_freed > 1_000_000);
    assert_eq!(read(&repository, &second).unwrap(), sample::files(2));
    assert!(is_clean(&open(&storage).unwrap()));
    assert!(prune(&repository).is_empty(), "nothing is left to do");
}

#[test]
fn a_young_pack_is_spared() {
    let dir = tempfile::tempdir().unwrap();
    let storage = repository::storage::open(dir.path().to_str().unwrap()).unwrap();
    let repository = create(&storage);
    let first = write(&repository, None, &sample::files(1), 1).unwrap();
    repository.forget(&[first.id]).unwrap();
    let packs = storage.list(Class::Pack).unwrap().len();
    let plan = repository
        .prune(GRACE_MS, &Progress::new(), &Cancel::new())
        .unwrap();
    assert_eq!((plan.delete_unused.len(), plan.wait.len()), (0, packs));
    assert_eq!(storage.list(Class::Pack).unwrap().len(), packs);
    let plan = prune(&repository);
    assert_eq!(
        plan.delete_unindexed.len(),
        packs,
        "the second phase finds them without their index"
    );
    assert_eq!(storage.list(Class::Pack).unwrap(), []);
}

#[test]
fn a_backup_beside_a_prune_is_refused_and_the_other_way_round() {
    let storage = memory();
    let repository = create(&storage);
    write(&repository, None, &sample::files(1), 1).unwrap();
    let writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    let refused = repository.prune(0, &Progress::new(), &Cancel::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Locked);
    assert!(refused.message().contains("process"), "{refused}");
    drop(writer);
    prune(&repository);
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_backup_that_begins_while_a_prune_deletes_is_refused() {
    let storage = memory();
    let first = write(&create(&storage), None, &sample::files(1), 1).unwrap();
    open(&storage).unwrap().forget(&[first.id]).unwrap();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (inner, outcomes) = (storage.clone(), seen.clone());
    let hooked = Faulty::new(storage.clone(), Fault::Never).before(move |operation| {
        if matches!(operation, Operation::Delete(Class::Pack, _)) {
            let other = open(&inner).unwrap();
            outcomes.lock().unwrap().push(
                write(&other, None, &sample::files(3), 3)
                    .map(|_| ())
                    .map_err(|problem| problem.kind()),
            );
        }
    });
    let repository = Repository::open(Arc::new(hooked), sample::PASSWORD, options()).unwrap();
    prune(&repository);
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty());
    assert!(
        seen.iter().all(|outcome| *outcome == Err(Kind::Locked)),
        "{seen:?}"
    );
}

/// Somebody falls asleep just before the snapshot is stored; meanwhile its lock goes and everything that nobody uses is pruned.
fn prune_before_the_snapshot(
    storage: &Arc<dyn Storage>,
    clock: &FakeClock,
    sleep_ms: i64,
) -> Arc<dyn Storage> {
    let (inner, clock) = (storage.clone(), clock.clone());
    let hooked = Faulty::new(storage.clone(), Fault::Never).before(move |operation| {
        if matches!(operation, Operation::Put(Class::Snapshot, _)) {
            clock.set(clock.now_ms() + sleep_ms);
            if sleep_ms == 0 {
                for lock in inner.list(Class::Lock).unwrap() {
                    inner.delete(Class::Lock, &lock.id).unwrap();
                }
            }
            prune(&Repository::open(inner.clone(), sample::PASSWORD, at(&clock)).unwrap());
        }
    });
    Arc::new(hooked)
}

fn at(clock: &FakeClock) -> Options {
    Options {
        clock: Arc::new(clock.clone()),
        ..options()
    }
}

/// Forty minutes asleep, or a lock that somebody removed by force.
const ASLEEP_OR_ROBBED: [i64; 2] = [40 * 60_000, 0];

#[test]
fn a_backup_whose_blobs_were_pruned_while_it_slept_is_no_backup() {
    for sleep_ms in ASLEEP_OR_ROBBED {
        let (storage, clock) = (memory(), FakeClock::new());
        let repository = Repository::create(storage.clone(), sample::PASSWORD, at(&clock)).unwrap();
        let first = write(&repository, None, &sample::files(1), 1).unwrap();
        repository.forget(&[first.id]).unwrap();
        let asleep = prune_before_the_snapshot(&storage, &clock, sleep_ms);
        let writer = Repository::open(asleep, sample::PASSWORD, at(&clock)).unwrap();
        let refused = write(&writer, None, &sample::files(1), 2).unwrap_err();
        assert_eq!(refused.kind(), Kind::Locked, "{refused}");
        assert!(refused.hint_text().is_some());
        assert_eq!(writer.snapshots().unwrap(), []);
        assert!(is_clean(&open(&storage).unwrap()));
        write(&open(&storage).unwrap(), None, &sample::files(1), 3).unwrap();
        assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 1);
    }
}

#[test]
fn a_backup_that_only_slept_goes_on() {
    let (storage, clock) = (memory(), FakeClock::new());
    Repository::create(storage.clone(), sample::PASSWORD, at(&clock)).unwrap();
    let hand = clock.clone();
    let asleep = Faulty::new(storage.clone(), Fault::Never).before(move |operation| {
        if matches!(operation, Operation::Put(Class::Pack, _)) {
            hand.set(hand.now_ms() + 40 * 60_000);
        }
    });
    let writer = Repository::open(Arc::new(asleep), sample::PASSWORD, at(&clock)).unwrap();
    write(&writer, None, &sample::files(1), 1).unwrap();
    assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 1);
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_copy_whose_blobs_were_pruned_while_it_slept_is_no_copy() {
    for sleep_ms in ASLEEP_OR_ROBBED {
        let (from, to, clock) = (memory(), memory(), FakeClock::new());
        let source = create(&from);
        write(&source, None, &sample::files(1), 1).unwrap();
        Repository::create(to.clone(), sample::PASSWORD, at(&clock)).unwrap();
        let asleep = prune_before_the_snapshot(&to, &clock, sleep_ms);
        let target = Repository::open(asleep, sample::PASSWORD, at(&clock)).unwrap();
        let refused = source
            .copy_to(&target, &[], &Progress::new(), &Cancel::new())
            .unwrap_err();
        assert_eq!(refused.kind(), Kind::Locked, "{refused}");
        assert_eq!(target.snapshots().unwrap(), []);
        assert!(is_clean(&open(&to).unwrap()));
    }
}

#[test]
fn two_writers_at_once_both_commit() {
    let storage = memory();
    create(&storage);
    std::thread::scope(|scope| {
        for seed in 1..=3 {
            let storage = &storage;
            scope.spawn(move || {
                write(&open(storage).unwrap(), None, &sample::files(seed), seed as i64).unwrap()
            });
        }
    });
    let repository = open(&storage).unwrap();
    assert_eq!(all_snapshots_read(&repository), 3);
    prune(&repository);
    assert_eq!(all_snapshots_read(&repository), 3);
    assert!(is_clean(&repository));
}

#[test]
fn an_incomplete_index_stops_a_prune() {
    let storage = memory();
    let repository = create(&storage);
    write(&repository, None, &sample::files(1), 1).unwrap();
    for found in storage.list(Class::Index).unwrap() {
        storage.delete(Class::Index, &found.id).unwrap();
    }
    let packs = storage.list(Class::Pack).unwrap().len();
    let stopped = open(&storage)
        .unwrap()
        .prune(0, &Progress::new(), &Cancel::new())
        .unwrap_err();
    assert!(stopped.message().contains("nothing was deleted"), "{stopped}");
    assert_eq!(storage.list(Class::Pack).unwrap().len(), packs);
    let mended = open(&storage).unwrap();
    mended.repair(false, &Progress::new(), &Cancel::new()).unwrap();
    assert_eq!(all_snapshots_read(&mended), 1);
}

#[test]
fn copying_gives_the_same_files_under_another_key_and_adds_nothing_twice() {
    let (from, to) = (memory(), memory());
    let (source, target) = (create(&from), create(&to));
    write(&source, None, &sample::files(1), 1).unwrap();
    write(&source, None, &sample::files(2), 2).unwrap();
    let copy = || {
        source
            .copy_to(&target, &[], &Progress::new(), &Cancel::new())
            .unwrap()
    };
    assert_eq!(copy().snapshots, 2);
    let nothing = repository::Copied {
        present: 2,
        ..repository::Copied::default()
    };
    assert_eq!(copy(), nothing);
    let copied = target.snapshots().unwrap();
    assert_eq!(read(&target, &copied[0]).unwrap(), sample::files(1));
    assert_eq!(read(&target, &copied[1]).unwrap(), sample::files(2));
    assert!(is_clean(&target));
    assert_ne!(from.list(Class::Pack).unwrap(), to.list(Class::Pack).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_history_keeps_exactly_what_is_reachable(
        contents in proptest::collection::vec(proptest::collection::vec(0..12_u64, 1..8), 1..6),
        forgotten in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let repository = create(&memory());
        let tree = |seeds: &Vec<u64>| -> Files {
            seeds.iter().map(|seed| (format!("f{seed}").into(), noise(*seed, 20_000))).collect()
        };
        let mut kept = Vec::new();
        let mut gone = Vec::new();
        for (at, seeds) in contents.iter().enumerate() {
            let snapshot = write(&repository, None, &tree(seeds), at as i64).unwrap();
            if forgotten[at] { gone.push(snapshot.id) } else { kept.push((snapshot, tree(seeds))) }
        }
        repository.forget(&gone).unwrap();
        prune(&repository);
        for (snapshot, files) in &kept {
            prop_assert_eq!(&read(&repository, snapshot).unwrap(), files);
        }
        prop_assert!(is_clean(&repository));
        let unique: std::collections::HashSet<u64> = kept.iter().flat_map(|(_, files)| files.keys()).map(|path| {
            path.to_str().unwrap()[1..].parse().unwrap()
        }).collect();
        let stats = repository.stats(&Progress::new(), &Cancel::new()).unwrap();
        let waste = stats.stored_bytes as f64 / (unique.len() as f64 * 20_000.0 + 1.0);
        prop_assert!(unique.is_empty() || waste < 1.3, "{} bytes for {} files", stats.stored_bytes, unique.len());
    }
}
