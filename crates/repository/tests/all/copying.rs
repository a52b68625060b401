//! Copies into another repository: each is whole, or it is none and is named.

use std::sync::Arc;

use model::{Cancel, Progress};
use repository::storage::{Class, Memory, Storage};
use repository::{Id, Level, Repository};

use crate::damage::{a_pack_of_the_first, check, files, flip, repair, two, unreadable};
use crate::oracle::{back_up, on_disk, restic, run};
use crate::sample::{self, all_snapshots_read, create, memory, noise, open, read, write};

#[test]
fn copying_takes_what_is_whole_and_names_the_rest() {
    let (storage, snapshots) = two();
    let pack = a_pack_of_the_first(&storage, &snapshots);
    for way in ["flipped", "gone", "not in the index"] {
        match way {
            "flipped" => flip(&storage, &pack, 20),
            "gone" => storage.delete(Class::Pack, &pack).unwrap(),
            _ => drop(repair(&storage)),
        }
        let hurt = unreadable(&storage, &snapshots);
        assert_eq!(hurt.len(), 1);
        let to = memory();
        let target = create(&to);
        let copy = || {
            open(&storage)
                .unwrap()
                .copy_to(&target, &[], &Progress::new(), &Cancel::new())
                .unwrap()
        };
        let copied = copy();
        let left_out: Vec<Id> = copied.unreadable.iter().map(|one| one.id).collect();
        assert_eq!((copied.snapshots, left_out), (1, hurt.clone()), "{way}");
        assert!(copied.unreadable[0].why.contains(&hurt[0].short()), "{way}");
        assert_eq!(all_snapshots_read(&target), 1);
        assert!(
            check(&to, Level::Data).is_clean(),
            "{way}: {:?}",
            check(&to, Level::Data).findings
        );
        let again = copy();
        assert_eq!(
            (again.snapshots, again.present, again.unreadable.len()),
            (0, 1, 1),
            "{way}"
        );
    }
}

#[test]
fn a_root_listing_that_is_missing_stops_no_other_copy() {
    let storage = Arc::new(Memory::new());
    let dynamic: Arc<dyn Storage> = storage.clone();
    let repository = create(&dynamic);
    let whole = write(&repository, None, &files(1..9), 1).unwrap();
    let bad = write(&repository, None, &files(1..8), 2).unwrap();
    let last = write(&repository, None, &files(1..7), 3).unwrap();
    for pack in dynamic.list(Class::Pack).unwrap() {
        let bytes = dynamic.get(Class::Pack, &pack.id).unwrap();
        dynamic.delete(Class::Pack, &pack.id).unwrap();
        let good = [&whole, &last]
            .iter()
            .all(|snapshot| read(&open(&dynamic).unwrap(), snapshot).is_ok());
        if good && read(&open(&dynamic).unwrap(), &bad).is_err() {
            break;
        }
        dynamic.put(Class::Pack, &pack.id, &bytes).unwrap();
    }
    let target = create(&memory());
    let copied = open(&dynamic)
        .unwrap()
        .copy_to(&target, &[], &Progress::new(), &Cancel::new())
        .unwrap();
    assert_eq!((copied.snapshots, copied.unreadable[0].id), (2, bad.id));
}

#[test]
fn a_snapshot_that_restic_has_rewritten_is_copied() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let source = Repository::create(on_disk(&from), sample::PASSWORD, sample::options()).unwrap();
    let target = Repository::create(on_disk(&to), sample::PASSWORD, sample::options()).unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("file"), noise(1, 5_000)).unwrap();
    back_up(&source, &folder, None);
    let copy = || {
        source
            .copy_to(&target, &[], &Progress::new(), &Cancel::new())
            .unwrap()
            .snapshots
    };
    assert_eq!((copy(), copy()), (1, 0));
    run(&from, dir.path(), &["tag", "--add", "kept"]);
    assert_eq!((copy(), copy()), (1, 0), "as it is tagged now");
    let tags: Vec<Vec<String>> = target
        .snapshots()
        .unwrap()
        .into_iter()
        .map(|one| one.tags)
        .collect();
    assert!(tags.contains(&vec!["kept".to_owned()]), "{tags:?}");
    let told = run(&to, dir.path(), &["check", "--read-data"]);
    assert!(told.contains("no errors were found"), "{told}");
}
