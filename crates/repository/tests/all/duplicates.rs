//! Blobs and packs that are there more than once: a prune ends with each once, and a second one finds nothing to do.

use std::path::Path;
use std::sync::Arc;

use model::{Cancel, Content, Meta, Progress};
use repository::format::index_file;
use repository::format::unpacked;
use repository::storage::{Class, Fault, Faulty, Memory, Storage};
use repository::{Id, Level, PrunePlan, Repository, Snapshot};

use crate::oracle::{on_disk, restic, run};
use crate::sample::{self, Files, all_snapshots_read, create, memory, noise, open, options, read, write};

fn prune(repository: &Repository) -> PrunePlan {
    repository.prune(0, &Progress::new(), &Cancel::new()).unwrap()
}

fn findings(repository: &Repository) -> Vec<String> {
    let report = repository.check(Level::Data, &Progress::new(), &Cancel::new());
    report
        .unwrap()
        .findings
        .into_iter()
        .map(|found| found.text)
        .collect()
}

/// A prune, and then another one that has nothing to do and leaves everything as it is.
fn converges(storage: &Arc<dyn Storage>) -> PrunePlan {
    let first = prune(&open(storage).unwrap());
    let count = |class| storage.list(class).unwrap().len();
    let after = (count(Class::Index), count(Class::Pack));
    let second = prune(&open(storage).unwrap());
    assert!(
        second.is_empty(),
        "a second prune finds nothing to do: {second:?}"
    );
    assert_eq!(
        (count(Class::Index), count(Class::Pack)),
        after,
        "and leaves no index file over"
    );
    assert_eq!(findings(&open(storage).unwrap()), Vec::<String>::new());
    first
}

/// Writes as somebody who does not see what the others have written.
fn write_unseen(storage: &Arc<dyn Storage>, key: &Repository, files: &Files, time_ms: i64) -> Snapshot {
    let alone: Arc<dyn Storage> = Arc::new(Memory::new());
    for class in [Class::Config, Class::Key] {
        for found in storage.list(class).unwrap() {
            alone
                .put(class, &found.id, &storage.get(class, &found.id).unwrap())
                .unwrap();
        }
    }
    let repository = Repository::open_with_key(alone.clone(), key.master_key().clone(), options()).unwrap();
    let snapshot = write(&repository, None, files, time_ms).unwrap();
    merge(&alone, storage);
    snapshot
}

/// What `cp -a` of one repository over another one does.
fn merge(from: &Arc<dyn Storage>, to: &Arc<dyn Storage>) {
    for class in [Class::Pack, Class::Index, Class::Snapshot] {
        for found in from.list(class).unwrap() {
            to.put(class, &found.id, &from.get(class, &found.id).unwrap())
                .unwrap();
        }
    }
}

fn files(seeds: impl IntoIterator<Item = u64>) -> Files {
    seeds
        .into_iter()
        .map(|seed| (format!("f{seed}").into(), noise(seed, 20_000)))
        .collect()
}

#[test]
fn two_merged_copies_of_a_repository_are_pruned_to_one() {
    let storage = memory();
    let key = create(&storage);
    for time in 1..=4 {
        write_unseen(&storage, &key, &files(1..20), time);
    }
    let done = converges(&storage);
    assert!(done.bytes_freed > 1_000_000, "{done:?}");
    assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 4);
    let stored: u64 = storage
        .list(Class::Pack)
        .unwrap()
        .iter()
        .map(|found| found.size)
        .sum();
    assert!(stored < 19 * 20_000 * 11 / 10, "{stored} bytes are left");
}

#[test]
fn copies_that_overlap_in_part_and_are_forgotten_in_part_are_pruned_without_a_loss() {
    for seed in 0..12_u64 {
        let storage = memory();
        let key = create(&storage);
        let mut gone = Vec::new();
        for time in 0..6 {
            let from = (seed * 7 + time * 5) % 11;
            let snapshot = write_unseen(
                &storage,
                &key,
                &files(from..from + 4 + (seed + time) % 6),
                time as i64,
            );
            if (seed + time) % 3 == 0 {
                gone.push(snapshot.id);
            }
        }
        let repository = open(&storage).unwrap();
        repository.forget(&gone).unwrap();
        converges(&storage);
        assert_eq!(
            all_snapshots_read(&open(&storage).unwrap()),
            6 - gone.len(),
            "seed {seed}"
        );
    }
}

/// Writes an index file as it is given.
fn put_index(storage: &Arc<dyn Storage>, repository: &Repository, json: &[u8]) {
    let sealed = unpacked::encode(repository.master_key(), json);
    storage.put(Class::Index, &Id::of(&sealed), &sealed).unwrap();
}

fn indexed(storage: &Arc<dyn Storage>, repository: &Repository) -> Vec<index_file::PackContents> {
    let files = storage.list(Class::Index).unwrap().into_iter().map(|found| {
        let sealed = storage.get(Class::Index, &found.id).unwrap();
        let json = unpacked::decode(repository.master_key(), &sealed, unpacked::LARGE).unwrap();
        index_file::decode(&json).unwrap().packs
    });
    index_file::merge(files)
}

#[test]
fn index_files_that_list_the_same_packs_become_one_that_lists_each_once() {
    let storage = memory();
    let repository = create(&storage);
    write(&repository, None, &sample::files(1), 1).unwrap();
    let packs = indexed(&storage, &repository);
    put_index(&storage, &repository, &index_file::encode(&packs));
    put_index(&storage, &repository, &index_file::encode(&packs[..1]));
    assert_eq!(storage.list(Class::Index).unwrap().len(), 3);
    converges(&storage);
    assert_eq!(storage.list(Class::Index).unwrap().len(), 1);
    assert_eq!(indexed(&storage, &repository).len(), packs.len());
}

#[test]
fn packs_that_rustic_has_marked_for_deletion_are_settled() {
    let storage = memory();
    let repository = create(&storage);
    let kept = write(&repository, None, &files(1..9), 1).unwrap();
    let gone = write(&repository, None, &files(20..29), 2).unwrap();
    repository.forget(&[gone.id]).unwrap();
    let packs = indexed(&storage, &repository);
    for found in storage.list(Class::Index).unwrap() {
        storage.delete(Class::Index, &found.id).unwrap();
    }
    // Also one that is still needed: another writer used it while it was marked.
    let marked = index_file::encode(&packs);
    let text = String::from_utf8(marked)
        .unwrap()
        .replacen("\"packs\"", "\"packs_to_delete\"", 1);
    put_index(&storage, &repository, text.as_bytes());
    converges(&storage);
    assert_eq!(read(&open(&storage).unwrap(), &kept).unwrap(), files(1..9));
}

#[test]
fn a_pack_that_is_gone_and_lies_whole_elsewhere_stops_no_prune() {
    let storage = memory();
    let key = create(&storage);
    write_unseen(&storage, &key, &files(1..9), 1);
    let gone = storage.list(Class::Pack).unwrap();
    write_unseen(&storage, &key, &files(1..9), 2);
    for found in gone {
        storage.delete(Class::Pack, &found.id).unwrap();
    }
    converges(&storage);
    assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 2);
}

/// Flips a byte of every blob in these packs.
fn flip(storage: &Arc<dyn Storage>, packs: &[Id]) {
    for pack in packs {
        let mut bytes = storage.get(Class::Pack, pack).unwrap();
        for at in (5..bytes.len() - 2_000.min(bytes.len() / 2)).step_by(500) {
            bytes[at] ^= 1;
        }
        storage.put(Class::Pack, pack, &bytes).unwrap();
    }
}

#[test]
fn a_copy_goes_only_when_the_one_that_stays_was_read_and_is_right() {
    for damaged_first in [true, false] {
        let storage = memory();
        let key = create(&storage);
        write_unseen(&storage, &key, &files(1..9), 1);
        let first: Vec<Id> = storage
            .list(Class::Pack)
            .unwrap()
            .iter()
            .map(|found| found.id)
            .collect();
        write_unseen(&storage, &key, &files(1..9), 2);
        let all = storage
            .list(Class::Pack)
            .unwrap()
            .into_iter()
            .map(|found| found.id);
        let (one, other): (Vec<Id>, Vec<Id>) = all.partition(|id| first.contains(id));
        // Nobody has found the damage yet, and which copy a prune would keep is not known here: so both are tried.
        flip(&storage, if damaged_first { &one } else { &other });
        converges(&storage);
        assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 2);
    }
}

#[test]
fn a_prune_that_cannot_prove_its_index_leaves_none_behind() {
    let storage = memory();
    let repository = create(&storage);
    let first = write(&repository, None, &files(1..9), 1).unwrap();
    write(&repository, None, &files(5..14), 2).unwrap();
    repository.forget(&[first.id]).unwrap();
    let before = storage.list(Class::Index).unwrap().len();
    for at in 0..12 {
        let inner: Arc<dyn Storage> = Arc::new(Memory::with(copied(&storage)));
        let faulty = Arc::new(Faulty::new(inner.clone(), Fault::FailOnce(at, model::Kind::Io)));
        let pruner = Repository::open_with_key(faulty, repository.master_key().clone(), options()).unwrap();
        let _ = pruner.prune(0, &Progress::new(), &Cancel::new());
        for lock in inner.list(Class::Lock).unwrap() {
            inner.delete(Class::Lock, &lock.id).unwrap();
        }
        let again =
            Repository::open_with_key(inner.clone(), repository.master_key().clone(), options()).unwrap();
        again.prune(0, &Progress::new(), &Cancel::new()).unwrap();
        assert!(
            inner.list(Class::Index).unwrap().len() <= before,
            "failed at {at}"
        );
        assert_eq!(all_snapshots_read(&again), 1);
    }
}

fn copied(storage: &Arc<dyn Storage>) -> std::collections::BTreeMap<(Class, Id), Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    for class in [
        Class::Config,
        Class::Key,
        Class::Snapshot,
        Class::Index,
        Class::Pack,
    ] {
        for found in storage.list(class).unwrap() {
            let id = if class == Class::Config {
                Id::default()
            } else {
                found.id
            };
            files.insert((class, id), storage.get(class, &found.id).unwrap());
        }
    }
    files
}

#[test]
fn stock_restic_accepts_what_a_prune_makes_of_two_merged_copies() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    run(&path, dir.path(), &["init", "-q"]);
    let copy = |to: &Path| {
        let done = std::process::Command::new("cp")
            .arg("-a")
            .arg(&path)
            .arg(to)
            .status();
        assert!(done.unwrap().success());
    };
    let other = dir.path().join("other");
    copy(&other);
    for (place, text) in [(&path, "one"), (&other, "two")] {
        let folder = dir.path().join("folder");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("alike"), noise(1, 300_000)).unwrap();
        std::fs::write(folder.join("different"), text).unwrap();
        run(place, dir.path(), &["backup", "-q", "folder"]);
    }
    merge(&on_disk(&other), &on_disk(&path));
    let storage = on_disk(&path);
    let mut writer = open(&storage)
        .unwrap()
        .writer(None, &Progress::new(), &Cancel::new())
        .unwrap();
    let content = Content::Bytes(noise(1, 300_000));
    writer
        .entry(Path::new("alike"), Meta::file(300_000), content)
        .unwrap();
    writer.finish(&sample::meta(5)).unwrap();
    converges(&storage);
    let told = run(&path, dir.path(), &["check", "--read-data"]);
    assert!(told.contains("no errors were found"), "{told}");
    assert!(run(&path, dir.path(), &["prune"]).contains("unused size after prune"));
    assert_eq!(all_snapshots_read(&open(&storage).unwrap()), 3);
}
