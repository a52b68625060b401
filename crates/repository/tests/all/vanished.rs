//! A repository whose folder goes away, or turns into another one, while it is open.

use std::fs;
use std::sync::Arc;

use model::Kind;
use repository::storage::{Class, Disk, Storage};
use repository::{Id, Repository};

use crate::sample::{create, files, noise, options, write};

#[test]
fn a_repository_that_is_gone_is_said_to_be_missing_and_never_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("disk/repository");
    fs::create_dir(dir.path().join("disk")).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(&place));
    let repository = create(&storage);
    write(&repository, None, &files(1), 1).unwrap();
    repository.check_there().unwrap();
    let disk = dir.path().join("disk");
    let away = dir.path().join("away");
    // The disk is not there at all; or its mount point is, bare.
    for is_bare in [false, true] {
        fs::rename(&disk, &away).unwrap();
        if is_bare {
            fs::create_dir(&disk).unwrap();
        }
        assert_eq!(
            repository.check_there().unwrap_err().kind(),
            Kind::RepositoryMissing
        );
        let stopped = write(&repository, None, &files(2), 2).unwrap_err();
        assert_eq!(stopped.kind(), Kind::RepositoryMissing, "{stopped}");
        for class in [Class::Pack, Class::Index, Class::Snapshot, Class::Lock] {
            let bytes = noise(3, 100);
            let stopped = storage.put(class, &Id::of(&bytes), &bytes).unwrap_err();
            assert_eq!(stopped.kind(), Kind::RepositoryMissing, "{class:?}: {stopped}");
        }
        if is_bare {
            assert_eq!(fs::read_dir(&disk).unwrap().count(), 0, "nothing was made there");
            fs::remove_dir(&disk).unwrap();
        }
        assert!(!disk.exists());
        fs::rename(&away, &disk).unwrap();
        repository.check_there().unwrap();
    }
    write(&repository, None, &files(2), 3).unwrap();
}

#[test]
fn another_repository_at_the_same_place_is_not_taken_for_the_one_that_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repository");
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(&place));
    let repository = create(&storage);
    fs::rename(&place, dir.path().join("away")).unwrap();
    let other: Arc<dyn Storage> = Arc::new(Disk::new(&place));
    Repository::create(other, "another password", options()).unwrap();
    let problem = repository.check_there().unwrap_err();
    assert_eq!(problem.kind(), Kind::RepositoryMissing);
    assert!(problem.message().contains(&repository.id().short()), "{problem}");
}
