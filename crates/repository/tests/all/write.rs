//! What goes in comes out, and only what is new is stored.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use model::{Cancel, Chunking, Content, Kind, Meta, Problem, Progress};
use proptest::prelude::*;
use repository::storage::Class;
use repository::{Level, Repository};

use crate::sample::{self, Files, create, memory, meta, noise, open, options, read, write};

#[test]
fn what_goes_in_comes_out() {
    let storage = memory();
    let repository = create(&storage);
    let files = sample::files(1);
    let snapshot = write(&repository, None, &files, 1000).unwrap();
    assert_eq!(read(&repository, &snapshot).unwrap(), files);
    assert_eq!(read(&open(&storage).unwrap(), &snapshot).unwrap(), files);
    let report = repository
        .check(Level::Data, &Progress::new(), &Cancel::new())
        .unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn the_same_again_adds_nothing() {
    let repository = create(&memory());
    let files = sample::files(1);
    let first = write(&repository, None, &files, 1000).unwrap();
    let second = write(&repository, Some(&first), &files, 2000).unwrap();
    assert_eq!(second.tree, first.tree);
    assert_eq!(second.summary.unwrap().data_added, 0);
    assert_eq!(second.parent, Some(first.id));
}

#[test]
fn a_change_adds_the_change_only() {
    let repository = create(&memory());
    let mut files = sample::files(1);
    let first = write(&repository, None, &files, 1000).unwrap();
    files.get_mut(Path::new("small/3")).unwrap()[0] ^= 1;
    let second = write(&repository, Some(&first), &files, 2000).unwrap();
    let summary = second.summary.clone().unwrap();
    assert_eq!(summary.data_blobs, 1);
    assert_eq!(read(&repository, &second).unwrap(), files);
}

#[test]
fn an_unchanged_file_is_not_opened() {
    let repository = create(&memory());
    let on_disk = Meta {
        inode: 7,
        ..Meta::file(3)
    };
    let backup = |parent, content| {
        let mut writer = repository
            .writer(parent, &Progress::new(), &Cancel::new())
            .unwrap();
        writer.entry(Path::new("a"), on_disk.clone(), content).unwrap();
        writer.finish(&meta(1)).unwrap()
    };
    let first = backup(None, Content::Bytes(b"abc".to_vec()));
    let never = Content::Stream {
        open: Box::new(|| panic!("opened")),
        chunking: Chunking::Auto,
    };
    let second = backup(Some(&first), never);
    assert_eq!(first.tree, second.tree);
}

#[test]
fn a_dropped_writer_commits_nothing_but_its_packs_are_used_again() {
    let storage = memory();
    let repository = create(&storage);
    let files = sample::files(1);
    let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    for (path, bytes) in &files {
        writer
            .entry(
                path,
                Meta::file(bytes.len() as u64),
                Content::Bytes(bytes.clone()),
            )
            .unwrap();
    }
    writer.settle().unwrap();
    drop(writer);
    assert_eq!(repository.snapshots().unwrap(), []);
    let stored = storage.list(Class::Pack).unwrap().len();
    assert!(stored > 0);
    let again = open(&storage).unwrap();
    let snapshot = write(&again, None, &files, 1000).unwrap();
    assert!(snapshot.summary.as_ref().unwrap().data_added < 1_500_000);
    assert_eq!(read(&again, &snapshot).unwrap(), files);
}

#[test]
fn cancelling_ends_a_backup_without_a_snapshot() {
    let repository = create(&memory());
    let cancel = Cancel::new();
    let mut writer = repository.writer(None, &Progress::new(), &cancel).unwrap();
    writer
        .entry(Path::new("a"), Meta::file(1), Content::Bytes(vec![1]))
        .unwrap();
    cancel.cancel();
    assert_eq!(writer.finish(&meta(1)).unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(repository.snapshots().unwrap(), []);
}

#[test]
fn a_name_twice_is_refused() {
    let repository = create(&memory());
    let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    for _ in 0..2 {
        writer
            .entry(Path::new("d/a"), Meta::file(1), Content::Bytes(vec![1]))
            .unwrap();
    }
    assert!(writer.finish(&meta(1)).is_err());
    for path in ["../a", "/a", "a/../b", ""] {
        let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
        assert!(
            writer
                .entry(Path::new(path), Meta::file(0), Content::None)
                .is_err(),
            "{path}"
        );
    }
}

#[test]
fn settling_gives_the_parts_and_the_writer_goes_on() {
    let repository = create(&memory());
    let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    writer
        .entry(
            Path::new("world/level.dat"),
            Meta::file(3),
            Content::Bytes(b"abc".to_vec()),
        )
        .unwrap();
    let settled = writer.settle().unwrap();
    assert_eq!(settled[0].name, Path::new("world"));
    assert!(settled[0].tree.is_some());
    writer
        .entry(
            Path::new("manifest.json"),
            Meta::file(2),
            Content::Bytes(b"{}".to_vec()),
        )
        .unwrap();
    let snapshot = writer.finish(&meta(1)).unwrap();
    let names: Vec<_> = repository
        .tree(&snapshot)
        .unwrap()
        .list(Path::new(""))
        .unwrap()
        .into_iter()
        .map(|e| e.path)
        .collect();
    assert_eq!(names, [Path::new("manifest.json"), Path::new("world")]);
}

#[test]
fn a_file_can_be_read_from_any_place() {
    let repository = create(&memory());
    let bytes = noise(5, 3_000_000);
    let files = Files::from([("f".into(), bytes.clone())]);
    let snapshot = write(&repository, None, &files, 1).unwrap();
    let mut file = repository.tree(&snapshot).unwrap().open(Path::new("f")).unwrap();
    for at in [0, 1, 999_999, 2_999_990, 3_000_000] {
        file.seek(SeekFrom::Start(at)).unwrap();
        let mut part = Vec::new();
        (&mut file).take(100).read_to_end(&mut part).unwrap();
        assert_eq!(part, bytes[at as usize..(at as usize + 100).min(bytes.len())]);
    }
    assert!(file.seek(SeekFrom::Current(-4_000_000)).is_err());
}

#[test]
fn content_is_compared_without_reading_the_repository() {
    let repository = create(&memory());
    let bytes = noise(5, 2_000_000);
    let snapshot = write(&repository, None, &Files::from([("f".into(), bytes.clone())]), 1).unwrap();
    let tree = repository.tree(&snapshot).unwrap();
    let same = |bytes: &[u8]| {
        tree.same_content(Path::new("f"), &mut &bytes[..], &Cancel::new())
            .unwrap()
    };
    assert!(same(&bytes));
    assert!(!same(&bytes[1..]));
    assert!(!same(&[&bytes[..], b"x"].concat()));
}

#[test]
fn a_wrong_password_and_a_missing_repository_are_told_apart() {
    let storage = memory();
    assert_eq!(open(&storage).unwrap_err().kind(), Kind::RepositoryMissing);
    create(&storage);
    let wrong = Repository::open(storage.clone(), "another", options()).unwrap_err();
    assert_eq!(wrong.kind(), Kind::WrongPassword);
    assert!(wrong.hint_text().is_some());
    assert_eq!(
        Repository::create(storage, "x", options()).unwrap_err().kind(),
        Kind::Conflict
    );
}

#[test]
fn passwords_come_and_go_but_never_the_last() {
    let storage = memory();
    let repository = create(&storage);
    let second = repository.add_password("second", options().cost).unwrap();
    let reopened = Repository::open(storage.clone(), "second", options()).unwrap();
    assert!(repository.remove_key_file(&second, "second").is_err());
    let first = *reopened
        .key_files()
        .unwrap()
        .iter()
        .find(|id| **id != second)
        .unwrap();
    reopened.remove_key_file(&first, "second").unwrap();
    assert_eq!(open(&storage).unwrap_err().kind(), Kind::WrongPassword);
    assert!(repository.add_password(" padded ", options().cost).is_err());
}

fn any_tree() -> impl Strategy<Value = Files> {
    let name = proptest::string::string_regex("[a-c\u{e9}\"\\\\<]{1,3}").unwrap();
    let path = proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let bytes = (any::<u64>(), 0..3_usize).prop_map(|(seed, size)| noise(seed % 5, [0, 100, 600_000][size]));
    proptest::collection::vec((path, bytes), 0..12).prop_map(|entries| {
        let files: HashMap<String, Vec<u8>> = entries.into_iter().collect();
        let is_dir = |path: &String| files.keys().any(|other| other.starts_with(&format!("{path}/")));
        files
            .iter()
            .filter(|(path, _)| !is_dir(path))
            .map(|(path, bytes)| (path.into(), bytes.clone()))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_tree_comes_back(first in any_tree(), second in any_tree()) {
        let repository = create(&memory());
        let one = write(&repository, None, &first, 1).map_err(|problem: Problem| TestCaseError::fail(problem.to_string()))?;
        let two = write(&repository, Some(&one), &second, 2).unwrap();
        prop_assert_eq!(read(&repository, &one).unwrap(), first);
        prop_assert_eq!(read(&repository, &two).unwrap(), second);
    }
}
