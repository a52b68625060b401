//! The repository after a power cut: whatever was not synced is gone, wholly or in part.
//!
//! The storage on disk works on a real folder and tells of every call that changes something; a model of the kernel says what each moment
//! leaves on the disk if the power goes then. So a sync that is forgotten somewhere is a test that fails.

mod kernel;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use model::{Cancel, Kind, Progress, Result};
use repository::storage::{Class, Disk, Memory, Storage};
use repository::{Id, Level, Repository};

use crate::sample::{Files, PASSWORD, all_snapshots_read, create, noise, open, options, read, write};
use kernel::{Cut, Shared};

/// Two packs and a bit; half of it is the same for all seeds.
fn some_files(seed: u64) -> Files {
    let file = |number| {
        let seed = if number % 2 == 0 { 7 } else { seed };
        let bytes = noise(seed * 10 + number, 30_000);
        (format!("d{}/{number}", number % 2).into(), bytes)
    };
    (0..6).map(file).collect()
}

/// The folder is only the stage, the model knows what is durable: where syncing costs nothing the test is fast.
fn stage() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

fn watched(root: &Path, kernel: &Shared) -> Arc<dyn Storage> {
    Arc::new(Disk::watched(root, Box::new(kernel.clone())))
}

fn prune(repository: &Repository) -> Result<()> {
    repository.prune(0, &Progress::new(), &Cancel::new()).map(|_| ())
}

fn is_clean(repository: &Repository) {
    let report = repository
        .check(Level::Data, &Progress::new(), &Cancel::new())
        .unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// At once, or after what the refusal asks for.
fn can_be_created(storage: &Arc<dyn Storage>) {
    if let Err(refused) = Repository::create(storage.clone(), PASSWORD, options()) {
        assert!(refused.message().contains("interrupted"), "{refused}");
        assert!(refused.hint_text().is_some_and(|hint| hint.contains("“keys”")));
        for found in storage.list(Class::Key).unwrap() {
            storage.delete(Class::Key, &found.id).unwrap();
        }
        create(storage);
    }
    write(&open(storage).unwrap(), None, &some_files(1), 1).unwrap();
}

/// Everything committed reads, nothing is damaged, and the work goes on.
fn survives(cut: &Cut) {
    let storage: Arc<dyn Storage> = Arc::new(Memory::with(cut.left.files()));
    let repository = match open(&storage) {
        Err(problem) if cut.committed.is_empty() => {
            assert_eq!(problem.kind(), Kind::RepositoryMissing);
            return can_be_created(&storage);
        }
        opened => opened.unwrap(),
    };
    let there: Vec<_> = repository
        .snapshots()
        .unwrap()
        .iter()
        .map(|found| found.id)
        .collect();
    assert!(
        cut.committed.iter().all(|id| there.contains(id)),
        "a committed snapshot is gone"
    );
    assert!(
        !cut.forgotten.iter().any(|id| there.contains(id)),
        "a forgotten snapshot is back"
    );
    all_snapshots_read(&repository);
    is_clean(&repository);
    let files = some_files(9);
    let next = write(&repository, None, &files, 9).unwrap();
    let again = open(&storage).unwrap();
    assert_eq!(read(&again, &next).unwrap(), files);
    assert_eq!(all_snapshots_read(&again), there.len() + 1);
    is_clean(&again);
}

fn all_survive(cuts: &[Cut]) {
    for cut in cuts {
        let survived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| survives(cut)));
        assert!(survived.is_ok(), "after a cut at change {}", cut.at);
    }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_committed() {
    let dir = stage();
    let kernel = Shared::new(&dir.path().join("r"));
    let storage = watched(&dir.path().join("r"), &kernel);
    let repository = create(&storage);
    let mut snapshots = Vec::new();
    for seed in 1..=2 {
        let snapshot = write(&repository, None, &some_files(seed), seed as i64).unwrap();
        kernel.commit(snapshot.id);
        snapshots.push(snapshot);
    }
    kernel.forgetting(snapshots[0].id);
    repository.forget(&[snapshots[0].id]).unwrap();
    kernel.forgotten(snapshots[0].id);
    prune(&repository).unwrap();
    let third = write(&repository, None, &some_files(1), 3).unwrap();
    kernel.commit(third.id);
    let cuts = kernel.take_cuts();
    assert!(cuts.len() > 30);
    all_survive(&cuts);
}

/// Work is done by a process that is killed before its change 0, 1, 2 …; another one goes on; then the power goes.
fn killed_then_cut(
    killed: &(dyn Fn(&Repository) -> Result<()> + Sync),
    next: &(dyn Fn(&Repository, &Shared) + Sync),
) {
    let (number, is_through) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Most of the time goes by waiting for whether a lock is disputed: that can be done many times at once.
        for _ in 0..8 {
            scope.spawn(|| {
                while !is_through.load(Ordering::Relaxed) {
                    let at = number.fetch_add(1, Ordering::Relaxed);
                    if !killed_at_then_cut(at, killed, next) {
                        assert!(at > 10, "the work changes more than that");
                        is_through.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

/// False when the work got through before it was killed.
fn killed_at_then_cut(
    at: usize,
    killed: &dyn Fn(&Repository) -> Result<()>,
    next: &dyn Fn(&Repository, &Shared),
) -> bool {
    let dir = stage();
    let root = dir.path().join("r");
    let kernel = Shared::new(&root);
    kernel.recording(false);
    let repository = create(&watched(&root, &kernel));
    for seed in 1..=2 {
        let snapshot = write(&repository, None, &some_files(seed), seed as i64).unwrap();
        kernel.commit(snapshot.id);
    }
    kernel.settle();
    kernel.forgetting(repository.snapshots().unwrap()[0].id);
    kernel.kill_after(Some(at));
    let done = open(&watched(&root, &kernel)).and_then(|repository| killed(&repository));
    let was_killed = kernel.was_killed();
    kernel.kill_after(None);
    // The lock names a living process (this one), so it is removed as an operator would.
    let plain = Disk::new(&root);
    for lock in plain.list(Class::Lock).unwrap() {
        plain.delete(Class::Lock, &lock.id).unwrap();
    }
    next(&open(&watched(&root, &kernel)).unwrap(), &kernel);
    kernel.cut_now();
    all_survive(&kernel.take_cuts());
    if !was_killed {
        done.unwrap();
    }
    was_killed
}

#[test]
fn what_is_put_into_a_folder_that_a_killed_process_made_is_durable() {
    let classes = [
        Class::Config,
        Class::Key,
        Class::Snapshot,
        Class::Index,
        Class::Pack,
    ];
    for (class, at) in classes
        .into_iter()
        .flat_map(|class| (0..12).map(move |at| (class, at)))
    {
        let dir = stage();
        let root = dir.path().join("r");
        let kernel = Shared::new(&root);
        kernel.recording(false);
        let [one, two] =
            [0, 1].map(|last| Id::from_bytes([[7; 31].as_slice(), &[last]].concat().try_into().unwrap()));
        kernel.kill_after(Some(at));
        let _ = watched(&root, &kernel).put(class, &one, b"one");
        kernel.kill_after(None);
        watched(&root, &kernel).put(class, &two, b"two").unwrap();
        kernel.cut_now();
        for cut in kernel.take_cuts() {
            let read = cut.left.get(class, &two);
            assert!(
                read.is_ok_and(|bytes| bytes == b"two"),
                "{class:?}, killed at change {at}"
            );
        }
    }
}

#[test]
fn what_a_killed_backup_left_is_durable_before_the_next_one_relies_on_it() {
    let backup = |repository: &Repository| write(repository, None, &some_files(3), 3).map(|_| ());
    killed_then_cut(&backup, &|repository, kernel| {
        kernel.commit(write(repository, None, &some_files(3), 4).unwrap().id);
    });
}

#[test]
fn what_a_killed_forget_deleted_is_gone_for_good_before_a_prune_relies_on_it() {
    let forget_and_prune = |repository: &Repository| {
        repository.forget(&[repository.snapshots()?[0].id])?;
        prune(repository)
    };
    killed_then_cut(&forget_and_prune, &|repository, kernel| {
        kernel.cut_now();
        prune(repository).unwrap();
    });
}

#[test]
fn a_power_cut_while_an_index_is_repaired_leaves_something_to_repair() {
    let dir = stage();
    let root = dir.path().join("r");
    let kernel = Shared::new(&root);
    let storage = watched(&root, &kernel);
    kernel.recording(false);
    let repository = create(&storage);
    let snapshot = write(&repository, None, &some_files(1), 1).unwrap();
    for found in storage.list(Class::Index).unwrap() {
        storage.delete(Class::Index, &found.id).unwrap();
    }
    storage.put(Class::Index, &Id::of(b"noise"), b"noise").unwrap();
    kernel.settle();
    kernel.recording(true);
    let mend = |repository: &Repository| repository.repair(true, &Progress::new(), &Cancel::new()).unwrap();
    mend(&open(&storage).unwrap());
    let cuts = kernel.take_cuts();
    assert!(!cuts.is_empty());
    for cut in cuts {
        let left: Arc<dyn Storage> = Arc::new(Memory::with(cut.left.files()));
        let repository = open(&left).unwrap();
        mend(&repository);
        is_clean(&repository);
        assert_eq!(
            read(&repository, &snapshot).unwrap(),
            some_files(1),
            "after a cut at change {}",
            cut.at
        );
    }
    kernel.commit(snapshot.id);
    all_survive(&kernel.take_cuts());
}
