//! One snapshot's file is damaged: the others are listed, read, copied and added to; nothing is deleted until somebody has decided.

use std::sync::Arc;

use model::{Cancel, Kind, Progress};
use repository::storage::{Class, Fault, Faulty, Memory, Storage};
use repository::{Id, Level, Repository, Snapshot};

use crate::sample::{self, all_snapshots_read, create, memory, open, options, read, write};

/// A repository with three snapshots, of which the middle one cannot be read.
struct Hurt {
    repository: Repository,
    storage: Arc<dyn Storage>,
    good: [Snapshot; 2],
    bad: Id,
}

const WAYS: [&str; 3] = ["flipped", "cut", "unreadable"];

fn hurt(way: &str) -> Hurt {
    let storage = Arc::new(Memory::new());
    let dynamic: Arc<dyn Storage> = storage.clone();
    let repository = create(&dynamic);
    let [first, bad, last] =
        [1, 2, 3].map(|n| write(&repository, None, &sample::files(n), n as i64).unwrap());
    let mut files = storage.files();
    let bytes = files.get_mut(&(Class::Snapshot, bad.id)).unwrap();
    match way {
        "flipped" => bytes[40] ^= 1,
        "cut" => bytes.truncate(30),
        _ => {}
    }
    let inner: Arc<dyn Storage> = Arc::new(Memory::with(files));
    let fault = match way {
        "unreadable" => Fault::Unreadable(Class::Snapshot, bad.id),
        _ => Fault::Never,
    };
    let storage: Arc<dyn Storage> = Arc::new(Faulty::new(inner, fault));
    Hurt {
        repository: open(&storage).unwrap(),
        storage,
        good: [first, last],
        bad: bad.id,
    }
}

#[test]
fn the_others_are_listed_and_read_and_the_damaged_one_is_named() {
    for way in WAYS {
        let hurt = hurt(way);
        let found = hurt.repository.readable_snapshots().unwrap();
        assert_eq!(found.readable, hurt.good, "{way}");
        let named: Vec<Id> = found.unreadable.iter().map(|one| one.id).collect();
        assert_eq!(named, [hurt.bad], "{way}");
        assert!(found.unreadable[0].why.contains(&hurt.bad.short()), "{way}");
        assert_eq!(
            read(&hurt.repository, &hurt.good[0]).unwrap(),
            sample::files(1),
            "{way}"
        );
        let stats = hurt.repository.stats(&Progress::new(), &Cancel::new()).unwrap();
        assert_eq!(
            (stats.snapshots, stats.unreadable_snapshots.len()),
            (2, 1),
            "{way}"
        );
    }
}

#[test]
fn backups_go_on_also_from_a_damaged_parent() {
    for way in WAYS {
        let hurt = hurt(way);
        let new = write(&hurt.repository, Some(&hurt.good[1]), &sample::files(4), 4).unwrap();
        assert_eq!(read(&hurt.repository, &new).unwrap(), sample::files(4), "{way}");
    }
}

#[test]
fn a_check_finds_it_and_goes_on() {
    for way in WAYS {
        let report = hurt(way)
            .repository
            .check(Level::Data, &Progress::new(), &Cancel::new())
            .unwrap();
        assert_eq!(report.snapshots, 2, "{way}");
        assert_eq!(report.errors().count(), 1, "{way}: {:?}", report.findings);
        assert!(
            report
                .errors()
                .all(|error| error.contains("a snapshot cannot be read"))
        );
    }
}

#[test]
fn the_others_are_copied() {
    for way in WAYS {
        let hurt = hurt(way);
        let target = create(&memory());
        let copied = hurt
            .repository
            .copy_to(&target, &[], &Progress::new(), &Cancel::new())
            .unwrap();
        assert_eq!((copied.snapshots, copied.unreadable.len()), (2, 1), "{way}");
        assert_eq!(all_snapshots_read(&target), 2, "{way}");
    }
}

#[test]
fn nothing_is_pruned_and_the_file_and_the_way_out_are_named() {
    for way in WAYS {
        let hurt = hurt(way);
        let before = hurt.storage.list(Class::Pack).unwrap();
        for refused in [
            hurt.repository
                .prune(0, &Progress::new(), &Cancel::new())
                .unwrap_err(),
            hurt.repository
                .plan_prune(0, &Progress::new(), &Cancel::new())
                .unwrap_err(),
        ] {
            assert_eq!(refused.kind(), Kind::Damaged, "{way}");
            assert!(refused.message().contains("nothing was deleted"), "{refused}");
            assert!(refused.message().contains(&hurt.bad.short()), "{refused}");
            assert!(
                refused.hint_text().unwrap().contains(&hurt.bad.hex()),
                "{refused}"
            );
        }
        assert_eq!(hurt.storage.list(Class::Pack).unwrap(), before, "{way}");
        assert_eq!(hurt.storage.list(Class::Lock).unwrap(), [], "{way}");
    }
}

#[test]
fn nothing_else_is_forgotten_until_the_damaged_one_is_given_up() {
    for way in WAYS {
        let hurt = hurt(way);
        let refused = hurt.repository.forget(&[hurt.good[0].id]).unwrap_err();
        assert_eq!(refused.kind(), Kind::Damaged, "{way}");
        assert!(refused.message().contains(&hurt.bad.short()), "{refused}");
        assert!(refused.hint_text().unwrap().contains("cairn delete"), "{refused}");
        assert_eq!(hurt.storage.list(Class::Snapshot).unwrap().len(), 3, "{way}");
        hurt.repository.forget(&[hurt.bad]).unwrap();
        hurt.repository.forget(&[hurt.good[0].id]).unwrap();
        hurt.repository
            .prune(0, &Progress::new(), &Cancel::new())
            .unwrap();
        assert_eq!(all_snapshots_read(&hurt.repository), 1, "{way}");
    }
}

#[test]
fn a_storage_that_is_away_is_no_damaged_snapshot() {
    let hurt = hurt("flipped");
    let gone: Arc<dyn Storage> = Arc::new(Faulty::new(hurt.storage, Fault::ListingFails));
    let key = hurt.repository.master_key().clone();
    let repository = Repository::open_with_key(gone, key, options()).unwrap();
    assert_eq!(
        repository.readable_snapshots().unwrap_err().kind(),
        Kind::Unavailable
    );
}
