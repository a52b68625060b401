//! Reading beside those who write and prune, and where nothing can be written.

use std::path::Path;
use std::sync::{Arc, Mutex};

use model::{Cancel, Kind, Progress, Result};
use repository::storage::{Class, Fault, Faulty, Operation, Storage};
use repository::{Level, Repository, Snapshot};

use crate::sample::{self, Files, create, memory, noise, open, options, read, write};

fn some_files(seed: u64) -> Files {
    let shared = (0..8).map(|number| (format!("{number}").into(), noise(number + 1, 20_000)));
    let own = [("own".into(), noise(seed + 100, 20_000))];
    shared.chain(own).collect()
}

fn prune(repository: &Repository) -> Result<()> {
    repository.prune(0, &Progress::new(), &Cancel::new()).map(|_| ())
}

fn restore(repository: &Repository, snapshot: &Snapshot, into: &Path) -> Result<Vec<String>> {
    let tree = repository.tree(snapshot)?;
    tree.restore_folder(Path::new(""), into, &Progress::new(), &Cancel::new())
}

fn is_restored(into: &Path, files: &Files) {
    for (path, bytes) in files {
        assert_eq!(std::fs::read(into.join(path)).unwrap(), *bytes);
    }
}

/// Two snapshots that share most of their blobs; the first is forgotten, so a prune writes the packs anew.
fn with_something_to_rewrite() -> (Arc<dyn Storage>, Snapshot) {
    let storage = memory();
    let repository = create(&storage);
    let first = write(&repository, None, &some_files(1), 1).unwrap();
    let second = write(&repository, None, &some_files(2), 2).unwrap();
    repository.forget(&[first.id]).unwrap();
    (storage, second)
}

#[test]
fn a_reader_finds_what_a_prune_has_moved() {
    let (storage, second) = with_something_to_rewrite();
    let reader = open(&storage).unwrap();
    let tree = reader.tree(&second).unwrap();
    let listed = tree.list(Path::new("")).unwrap();
    let packs = storage.list(Class::Pack).unwrap();
    prune(&open(&storage).unwrap()).unwrap();
    assert_ne!(storage.list(Class::Pack).unwrap(), packs);
    for entry in listed {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut tree.open(&entry.path).unwrap(), &mut bytes).unwrap();
        assert_eq!(bytes, some_files(2)[&entry.path]);
    }
    assert_eq!(read(&reader, &second).unwrap(), some_files(2));
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("out");
    tree.restore_folder(Path::new(""), &into, &Progress::new(), &Cancel::new())
        .unwrap();
    is_restored(&into, &some_files(2));
}

/// What `other` gives when it is tried just before a change that `moment` chooses.
fn beside<T: Send + 'static>(
    storage: &Arc<dyn Storage>,
    moment: fn(Operation) -> bool,
    other: impl Fn() -> T + Send + Sync + 'static,
) -> (Arc<dyn Storage>, Arc<Mutex<Vec<T>>>) {
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let seen = outcomes.clone();
    let hooked = Faulty::new(storage.clone(), Fault::Never).before(move |operation| {
        if moment(operation) {
            seen.lock().unwrap().push(other());
        }
    });
    (Arc::new(hooked), outcomes)
}

#[test]
fn a_restore_beside_a_prune_is_refused_and_the_other_way_round() {
    let (storage, second) = with_something_to_rewrite();
    let dir = tempfile::tempdir().unwrap();
    let (inner, snapshot, into) = (storage.clone(), second.clone(), dir.path().join("refused"));
    let (hooked, outcomes) = beside(
        &storage,
        |operation| matches!(operation, Operation::Delete(Class::Pack, _)),
        move || restore(&open(&inner).unwrap(), &snapshot, &into).map_err(|problem| problem.kind()),
    );
    prune(&open(&hooked).unwrap()).unwrap();
    let seen = std::mem::take(&mut *outcomes.lock().unwrap());
    assert!(
        !seen.is_empty() && seen.iter().all(|outcome| *outcome == Err(Kind::Locked)),
        "{seen:?}"
    );

    let inner = storage.clone();
    let (hooked, outcomes) = beside(
        &storage,
        |operation| matches!(operation, Operation::Delete(Class::Lock, _)),
        move || prune(&open(&inner).unwrap()).map_err(|problem| problem.kind()),
    );
    let into = dir.path().join("out");
    restore(&open(&hooked).unwrap(), &second, &into).unwrap();
    assert_eq!(*outcomes.lock().unwrap(), [Err(Kind::Locked)]);
    is_restored(&into, &some_files(2));
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_repository_that_cannot_be_written_to_is_checked_and_restored_all_the_same() {
    let (storage, second) = with_something_to_rewrite();
    let dir = tempfile::tempdir().unwrap();
    let read_only =
        || -> Arc<dyn Storage> { Arc::new(Faulty::new(storage.clone(), Fault::FailOnce(0, Kind::Io))) };
    let into = dir.path().join("out");
    restore(&open(&read_only()).unwrap(), &second, &into).unwrap();
    is_restored(&into, &some_files(2));
    let report = open(&read_only())
        .unwrap()
        .check(Level::Data, &Progress::new(), &Cancel::new())
        .unwrap();
    assert!(report.is_clean());
    let refused = Repository::open(read_only(), sample::PASSWORD, options())
        .unwrap()
        .prune(0, &Progress::new(), &Cancel::new())
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Io);
}
