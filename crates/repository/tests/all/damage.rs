//! Damage: found, remembered, named, worked around, and gone after a repair; and never more of it than there is.

use std::path::Path;
use std::sync::Arc;

use model::{Cancel, Progress};
use repository::storage::{Class, Storage};
use repository::{Id, Level, RepairPlan, Report, Repository, Snapshot};

use crate::oracle::{back_up, on_disk, restic, run};
use crate::sample::{self, Files, all_snapshots_read, create, memory, noise, open, read, write};

pub(crate) fn check(storage: &Arc<dyn Storage>, level: Level) -> Report {
    let repository = open(storage).unwrap();
    repository.check(level, &Progress::new(), &Cancel::new()).unwrap()
}

pub(crate) fn repair(storage: &Arc<dyn Storage>) -> RepairPlan {
    let repository = open(storage).unwrap();
    let planned = repository
        .plan_repair(true, &Progress::new(), &Cancel::new())
        .unwrap();
    let done = repository.repair(true, &Progress::new(), &Cancel::new()).unwrap();
    assert_eq!(planned, done, "what is planned is done");
    done
}

fn prune(storage: &Arc<dyn Storage>) {
    open(storage)
        .unwrap()
        .prune(0, &Progress::new(), &Cancel::new())
        .unwrap();
}

fn names(storage: &Arc<dyn Storage>) -> Vec<(Class, Id)> {
    let mut names = Vec::new();
    for class in [
        Class::Snapshot,
        Class::Index,
        Class::Pack,
        Class::Damage,
        Class::Lock,
    ] {
        names.extend(
            storage
                .list(class)
                .unwrap()
                .into_iter()
                .map(|found| (class, found.id)),
        );
    }
    names.sort_unstable();
    names
}

/// After the first one, a repair changes nothing, and says the same of what is lost.
fn settles(storage: &Arc<dyn Storage>) -> RepairPlan {
    let first = repair(storage);
    let after = names(storage);
    let second = repair(storage);
    assert_eq!(names(storage), after, "a second repair changes nothing");
    assert!(!second.changes_index(), "{second:?}");
    assert_eq!(second.blobs_lost, first.blobs_lost);
    assert_eq!(second.incomplete_snapshots, first.incomplete_snapshots);
    first
}

pub(crate) fn files(seeds: impl IntoIterator<Item = u64>) -> Files {
    seeds
        .into_iter()
        .map(|seed| (format!("f{seed}").into(), noise(seed, 20_000)))
        .collect()
}

/// Two snapshots whose files lie in different packs.
pub(crate) fn two() -> (Arc<dyn Storage>, [Snapshot; 2]) {
    let storage = memory();
    let repository = create(&storage);
    let first = write(&repository, None, &files(1..9), 1).unwrap();
    let second = write(&repository, None, &files(20..29), 2).unwrap();
    (storage, [first, second])
}

/// A pack of files that the first snapshot alone needs.
pub(crate) fn a_pack_of_the_first(storage: &Arc<dyn Storage>, snapshots: &[Snapshot]) -> Id {
    let packs = storage.list(Class::Pack).unwrap();
    let is_it = |pack: &&repository::storage::Stored| {
        let bytes = storage.get(Class::Pack, &pack.id).unwrap();
        storage.delete(Class::Pack, &pack.id).unwrap();
        let hurt = unreadable(storage, snapshots);
        storage.put(Class::Pack, &pack.id, &bytes).unwrap();
        hurt == [snapshots[0].id] && pack.size > 10_000
    };
    packs.iter().find(is_it).unwrap().id
}

pub(crate) fn flip(storage: &Arc<dyn Storage>, pack: &Id, at: usize) {
    let mut bytes = storage.get(Class::Pack, pack).unwrap();
    bytes[at] ^= 1;
    storage.put(Class::Pack, pack, &bytes).unwrap();
}

/// Which snapshots cannot be read, as reading them tells.
pub(crate) fn unreadable(storage: &Arc<dyn Storage>, snapshots: &[Snapshot]) -> Vec<Id> {
    let repository = open(storage).unwrap();
    let is_bad = |snapshot: &&Snapshot| read(&repository, snapshot).is_err();
    snapshots
        .iter()
        .filter(is_bad)
        .map(|snapshot| snapshot.id)
        .collect()
}

#[test]
fn a_check_and_a_verification_name_the_snapshots_that_damage_affects() {
    let (storage, snapshots) = two();
    let all_packs = storage.list(Class::Pack).unwrap();
    for pack in &all_packs {
        let bytes = storage.get(Class::Pack, &pack.id).unwrap();
        for way in ["flipped", "cut", "gone"] {
            match way {
                "flipped" => flip(&storage, &pack.id, 20),
                "cut" => storage.put(Class::Pack, &pack.id, &bytes[..10]).unwrap(),
                _ => storage.delete(Class::Pack, &pack.id).unwrap(),
            }
            let hurt = unreadable(&storage, &snapshots);
            assert_eq!(hurt.len(), 1, "{way}");
            let report = check(&storage, Level::Data);
            assert_eq!(report.affected, hurt, "{way}: {:?}", report.findings);
            let report = check(&storage, Level::Structure);
            assert_eq!(report.affected, hurt, "{way}: what was found once is told again");
            let repository = open(&storage).unwrap();
            for snapshot in &snapshots {
                let report = repository
                    .verify(snapshot, Level::Data, &Progress::new(), &Cancel::new())
                    .unwrap();
                let expected = if hurt.contains(&snapshot.id) {
                    vec![snapshot.id]
                } else {
                    Vec::new()
                };
                assert_eq!(report.affected, expected, "{way}");
            }
            storage.put(Class::Pack, &pack.id, &bytes).unwrap();
            let report = check(&storage, Level::Data);
            assert!(report.is_clean(), "put back from a copy: {:?}", report.findings);
            assert_eq!(
                storage.list(Class::Damage).unwrap(),
                [],
                "and nothing is noted any more"
            );
        }
    }
    assert!(check(&storage, Level::Structure).findings.is_empty());
}

#[test]
fn the_next_backup_stores_again_what_was_found_damaged() {
    for find in ["check", "verify", "restore"] {
        for at in [20, 30_000] {
            let (storage, snapshots) = two();
            // The service holds a repository open for days; another process finds the damage.
            let held = open(&storage).unwrap();
            held.tree(&snapshots[0]).unwrap();
            // Only a check finds what lies below a listing that cannot be read.
            let smallest = if find == "check" { 0 } else { 10_000 };
            for pack in storage
                .list(Class::Pack)
                .unwrap()
                .iter()
                .filter(|pack| pack.size > smallest)
            {
                flip(&storage, &pack.id, at.min(pack.size as usize / 2));
            }
            let hurt = unreadable(&storage, &snapshots);
            assert_eq!(hurt.len(), 2);
            let finder = open(&storage).unwrap();
            match find {
                "check" => drop(check(&storage, Level::Data)),
                "verify" => {
                    for snapshot in &snapshots {
                        finder
                            .verify(snapshot, Level::Data, &Progress::new(), &Cancel::new())
                            .unwrap();
                    }
                }
                _ => {
                    for snapshot in &snapshots {
                        let dir = tempfile::tempdir().unwrap();
                        let tree = finder.tree(snapshot).unwrap();
                        let wanted = tree.everything_below(Path::new("")).unwrap();
                        let done = tree
                            .materialize(&wanted, &dir.path().join("r"), &Progress::new(), &Cancel::new())
                            .unwrap();
                        assert!(!done.unwritten.is_empty());
                    }
                }
            }
            write(&held, Some(&snapshots[0]), &files(1..9), 3).unwrap();
            write(&held, Some(&snapshots[1]), &files(20..29), 4).unwrap();
            assert_eq!(
                all_snapshots_read(&open(&storage).unwrap()),
                4,
                "{find}: the old ones are whole again, too"
            );
            let done = settles(&storage);
            assert_eq!(done.blobs_lost, 0, "what was healed is not lost: {done:?}");
            prune(&storage);
            assert!(check(&storage, Level::Data).findings.is_empty(), "{find}");
            assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 4);
        }
    }
}

#[test]
fn a_prune_between_the_finding_and_the_repair_keeps_the_good_copies() {
    let (storage, snapshots) = two();
    for pack in storage.list(Class::Pack).unwrap() {
        flip(&storage, &pack.id, 20);
    }
    check(&storage, Level::Data);
    let repository = open(&storage).unwrap();
    write(&repository, Some(&snapshots[0]), &files(1..9), 3).unwrap();
    write(&repository, Some(&snapshots[1]), &files(20..29), 4).unwrap();
    prune(&storage);
    assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 4);
    settles(&storage);
    prune(&storage);
    assert!(check(&storage, Level::Data).findings.is_empty());
}

#[test]
fn a_repair_that_is_run_again_changes_nothing_and_stores_nothing_twice() {
    let (storage, _) = two();
    let size = |storage: &Arc<dyn Storage>| -> u64 {
        storage
            .list(Class::Pack)
            .unwrap()
            .iter()
            .map(|found| found.size)
            .sum()
    };
    let before = size(&storage);
    for pack in storage.list(Class::Pack).unwrap() {
        flip(&storage, &pack.id, 20);
    }
    let first = settles(&storage);
    let after = size(&storage);
    assert!(after < 2 * before, "{before} became {after}");
    assert_eq!(first.incomplete_snapshots.len(), 2, "{first:?}");
    for _ in 0..3 {
        repair(&storage);
    }
    assert_eq!(size(&storage), after);
}

#[test]
fn a_repair_names_what_is_lost_damaged_and_missing() {
    let (storage, snapshots) = two();
    let pack = a_pack_of_the_first(&storage, &snapshots);
    storage.delete(Class::Pack, &pack).unwrap();
    let hurt = unreadable(&storage, &snapshots);
    let third = write(&open(&storage).unwrap(), None, &files(40..42), 3).unwrap();
    let mut bytes = storage.get(Class::Snapshot, &third.id).unwrap();
    bytes[40] ^= 1;
    storage.put(Class::Snapshot, &third.id, &bytes).unwrap();
    let first = settles(&storage);
    assert_eq!(first.missing_packs, [pack]);
    assert_eq!(first.incomplete_snapshots, hurt);
    assert!(first.blobs_lost > 0);
    let unread: Vec<Id> = first.damaged_snapshots.iter().map(|one| one.id).collect();
    assert_eq!(unread, [third.id]);
    assert!(!first.is_empty() && !first.is_whole());
    let report = check(&storage, Level::Structure);
    assert_eq!(report.affected, [hurt, vec![third.id]].concat());
    // Given up, and everything is well.
    open(&storage).unwrap().forget(&report.affected).unwrap();
    prune(&storage);
    assert!(repair(&storage).is_empty());
    assert!(check(&storage, Level::Data).findings.is_empty());
}

#[test]
fn stock_restic_accepts_what_repair_backup_and_prune_leave() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let storage = on_disk(&path);
    let repository = Repository::create(storage.clone(), sample::PASSWORD, sample::options()).unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    for number in 0..12 {
        std::fs::write(folder.join(format!("sub/{number}")), noise(number, 20_000)).unwrap();
    }
    let first = back_up(&repository, &folder, None);
    for pack in storage.list(Class::Pack).unwrap() {
        flip(&storage, &pack.id, 20);
    }
    check(&storage, Level::Data);
    run(&path, dir.path(), &["snapshots"]);
    let second = back_up(&open(&storage).unwrap(), &folder, Some(&first));
    let told = run(&path, dir.path(), &["check"]);
    assert!(
        told.contains("no errors were found"),
        "the notes are no concern of restic: {told}"
    );
    settles(&storage);
    let told = run(&path, dir.path(), &["check", "--read-data"]);
    assert!(told.contains("no errors were found"), "{told}");
    prune(&storage);
    let told = run(&path, dir.path(), &["check", "--read-data"]);
    assert!(told.contains("no errors were found"), "{told}");
    for snapshot in [&first, &second] {
        run(
            &path,
            dir.path(),
            &["restore", "-q", &snapshot.id.hex(), "--target", "out"],
        );
    }
}

#[test]
fn what_is_damaged_stops_only_the_files_that_need_it() {
    let storage = memory();
    let repository = create(&storage);
    let mut files = files(1..30);
    files.insert("large".into(), noise(99, 1_500_000));
    files.insert("empty".into(), Vec::new());
    let snapshot = write(&repository, None, &files, 1).unwrap();
    for pack in storage
        .list(Class::Pack)
        .unwrap()
        .iter()
        .filter(|pack| pack.size > 10_000)
        .step_by(3)
    {
        flip(&storage, &pack.id, 20);
    }
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("r");
    let tree = open(&storage).unwrap().tree(&snapshot).unwrap();
    let wanted = tree.everything_below(Path::new("")).unwrap();
    let done = tree
        .materialize(&wanted, &into, &Progress::new(), &Cancel::new())
        .unwrap();
    let unwritten: Vec<&Path> = done.unwritten.iter().map(|one| one.path.as_path()).collect();
    assert!((1..files.len() - 1).contains(&unwritten.len()), "{unwritten:?}");
    for (path, bytes) in &files {
        let written = std::fs::read(into.join(path));
        if unwritten.contains(&path.as_path()) {
            assert!(written.is_err(), "nothing half is left of {}", path.display());
            assert!(
                tree.restore_folder(
                    Path::new(""),
                    &dir.path().join("all"),
                    &Progress::new(),
                    &Cancel::new()
                )
                .is_err()
            );
        } else {
            assert_eq!(written.unwrap(), *bytes, "{}", path.display());
        }
    }
    assert!(
        done.unwritten.iter().all(|one| one.why.contains("blob")),
        "{:?}",
        done.unwritten
    );
}
