//! Trees through every format and back, and what an export promises besides.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use archive::{Format, Limits, Unpacked, export};
use boundary::{Context, Lacking, Need, Sink};
use model::{Cancel, Content, FileKind, Kind, Meta, Result};
use proptest::prelude::*;

use crate::sample::{Desk, MemoryTree, at, dir, file, packed, plain, rich, symlink};

/// Everything that was there is there again, on the disk and in the list.
fn assert_same(tree: &MemoryTree, unpacked: &Unpacked) {
    let mut expected = tree.entries();
    for (_, meta) in &mut expected {
        meta.links = meta.links.max(1);
    }
    assert_eq!(unpacked.entries, expected);
    for (path, (meta, bytes)) in &tree.0 {
        let real = unpacked.dir().join(path);
        match &meta.kind {
            FileKind::File => assert_eq!(&fs::read(&real).expect("the file is there"), bytes),
            FileKind::Symlink { target } => {
                assert_eq!(&fs::read_link(&real).expect("the link is there"), target);
            }
            _ => assert!(fs::symlink_metadata(&real).expect("it is there").is_dir()),
        }
    }
}

#[test]
fn a_plain_tree_comes_back_from_every_format() {
    for format in Format::ALL {
        let (bytes, done) = packed(&plain(), *format, None);
        assert_eq!((done.skipped, done.notes), (vec![], vec![]));
        let desk = Desk::new();
        let unpacked = desk
            .import(&bytes, Limits::default(), None)
            .expect("it is imported");
        assert_same(&plain(), &unpacked);
        assert_eq!((unpacked.files, unpacked.bytes), (done.files, done.bytes));
        assert_eq!(unpacked.manifest, Some(serde_json::json!({"any": "manifest"})));
    }
}

#[test]
fn tar_keeps_odd_names_attributes_nanoseconds_and_links() {
    for format in [Format::TarGz, Format::TarZst] {
        let desk = Desk::new();
        let (bytes, done) = packed(&rich(), format, None);
        assert_eq!(done.skipped, vec![]);
        let unpacked = desk
            .import(&bytes, Limits::default(), None)
            .expect("it is imported");
        assert_same(&rich(), &unpacked);
        let inode = |name: &str| {
            fs::metadata(unpacked.dir().join(name))
                .expect("it is there")
                .ino()
        };
        assert_eq!(inode("odd/one"), inode("odd/two"));
        let fine = fs::metadata(unpacked.dir().join("odd/fine")).expect("it is there");
        assert_eq!((fine.mtime(), fine.mtime_nsec()), (1_700_000_000, 123_456_789));
    }
}

#[test]
fn zip_says_what_it_cannot_keep() {
    let tree = rich().with(
        "odd/pipe",
        Meta {
            kind: FileKind::Fifo,
            ..file()
        },
        b"",
    );
    let (bytes, done) = packed(&tree, Format::Zip, None);
    let skipped: Vec<&str> = done.skipped.iter().map(|skipped| skipped.name.as_str()).collect();
    assert_eq!(skipped, ["odd/pipe"]);
    assert_eq!(done.notes.len(), 2, "{:?}", done.notes);
    let desk = Desk::new();
    let unpacked = desk
        .import(&bytes, Limits::default(), None)
        .expect("it is imported");
    assert_eq!(
        fs::read(unpacked.dir().join("odd/two")).expect("a copy"),
        b"the same file"
    );
}

#[test]
fn tar_keeps_devices_and_owners_for_who_asks() {
    let owned = Meta {
        uid: 3_000_000,
        gid: 12,
        user: "u".repeat(40),
        group: "staff".into(),
        mode: 0o4755,
        ..file()
    };
    let tree = MemoryTree::default().with("tool", owned, b"#!/bin/sh\n");
    let (bytes, _) = packed(&tree, Format::TarGz, None);
    let desk = Desk::new();
    let trusting = Limits {
        owners: true,
        ..Limits::default()
    };
    assert_same(
        &tree,
        &desk.import(&bytes, trusting, None).expect("it is imported"),
    );
    let unpacked = desk
        .import(&bytes, Limits::default(), None)
        .expect("it is imported");
    let (_, meta) = &unpacked.entries[0];
    assert_eq!((meta.mode, meta.uid, meta.user.as_str()), (0o755, 0, ""));

    let kind = FileKind::CharDevice {
        device: rustix::fs::makedev(1, 3),
    };
    let device = Meta {
        kind: kind.clone(),
        ..file()
    };
    let (bytes, done) = packed(
        &MemoryTree::default().with("null", device, b""),
        Format::TarGz,
        None,
    );
    assert_eq!((done.files, done.skipped), (1, vec![]));
    let unpacked = desk
        .import(&bytes, Limits::default(), None)
        .expect("it is imported");
    assert!(unpacked.entries.is_empty() && unpacked.left_out[0].starts_with("null: a device"));
    let unpacked = desk.import(&bytes, trusting, None).expect("it is imported");
    let (path, meta) = &unpacked.entries[0];
    assert_eq!((path.as_path(), &meta.kind), (Path::new("null"), &kind));
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    for format in Format::ALL {
        assert_eq!(
            packed(&rich(), *format, None).0,
            packed(&rich(), *format, None).0,
            "{format}"
        );
    }
}

#[test]
fn an_encrypted_zip_opens_with_its_passphrase_alone() {
    let (bytes, _) = packed(&plain(), Format::Zip, Some("schön geheim"));
    assert!(!bytes.windows(4).any(|window| window == b"snow"));
    let desk = Desk::new();
    let none = desk
        .import(&bytes, Limits::default(), None)
        .expect_err("it is encrypted");
    assert_eq!(none.kind(), Kind::WrongPassword);
    assert!(none.message().contains("passphrase is needed"), "{none}");
    let wrong = desk
        .import(&bytes, Limits::default(), Some("guessed"))
        .expect_err("it is encrypted");
    assert_eq!(wrong.kind(), Kind::WrongPassword);
    assert!(wrong.message().contains("does not open"), "{wrong}");
    assert!(desk.is_clean());
    let unpacked = desk
        .import(&bytes, Limits::default(), Some("schön geheim"))
        .expect("it is imported");
    assert_same(&plain(), &unpacked);
}

#[test]
fn a_tar_is_never_encrypted_and_no_passphrase_is_empty() {
    let try_it = |format, passphrase| {
        let problem = export(
            &plain(),
            format,
            Some(passphrase),
            &mut Vec::new(),
            &Context::default(),
        );
        problem.expect_err("this is no way to encrypt")
    };
    let tar = try_it(Format::TarZst, "secret");
    assert_eq!(tar.kind(), Kind::Invalid);
    assert!(tar.hint_text().is_some_and(|hint| hint.contains("zip")));
    assert_eq!(try_it(Format::Zip, "").kind(), Kind::Invalid);
}

/// Takes so many bytes and then fails.
struct Narrow(usize);

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n = bytes.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pipe_that_breaks_is_told() {
    for format in Format::ALL {
        for room in [0, 10, 150] {
            let result = export(&plain(), *format, None, &mut Narrow(room), &Context::default());
            assert!(
                result.is_err_and(|problem| problem.message().contains("writing the archive")),
                "{format}"
            );
        }
    }
}

#[test]
fn a_failed_export_does_not_look_whole() {
    for format in Format::ALL {
        let mut tree = plain();
        let damaged = tree.0.get_mut(Path::new("world/level.dat")).expect("it is there");
        damaged.0.size += 1;
        let mut bytes = Vec::new();
        let problem =
            export(&tree, *format, None, &mut bytes, &Context::default()).expect_err("it lacks a byte");
        assert_eq!(problem.kind(), Kind::Damaged);
        assert!(problem.message().contains("world/level.dat"), "{problem}");
        crate::sample::refused(&bytes);
    }
}

#[test]
fn work_stops_when_asked_to() {
    let cx = Context {
        cancel: Cancel::new(),
        ..Context::default()
    };
    cx.cancel.cancel();
    let mut out = Vec::new();
    let export = export(&plain(), Format::Zip, None, &mut out, &cx);
    assert!(export.is_err_and(|problem| problem.kind() == Kind::Cancelled));
    for format in Format::ALL {
        let desk = Desk::new();
        let path = desk.lay(&packed(&plain(), *format, None).0);
        let import = archive::import(&path, Limits::default(), None, &desk.path("staging"), &cx);
        assert!(import.is_err_and(|problem| problem.kind() == Kind::Cancelled));
        assert!(desk.is_clean());
    }
}

#[test]
fn an_unpacked_folder_is_private_and_goes_unless_it_is_kept() {
    let desk = Desk::new();
    let (bytes, _) = packed(&plain(), Format::Zip, None);
    let unpacked = desk
        .import(&bytes, Limits::default(), None)
        .expect("it is imported");
    let mode = fs::metadata(unpacked.dir())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    drop(unpacked);
    assert!(desk.is_clean());
    let kept = desk
        .import(&bytes, Limits::default(), None)
        .expect("it is imported")
        .keep();
    assert!(kept.join("world/level.dat").is_file());
}

#[derive(Default)]
struct Seen(Vec<(PathBuf, bool)>);

impl Sink for Seen {
    fn entry(&mut self, path: &Path, _: Meta, content: Content, need: Need) -> Result<()> {
        assert_eq!(need, Need::Required, "nothing of an archive may lack");
        self.0
            .push((path.to_path_buf(), matches!(content, Content::Path { .. })));
        Ok(())
    }

    fn skipped(&mut self, _: &Path, _: String) {}

    fn vanished(&mut self, _: &Path, _: String) {}

    fn left_out(&mut self, _: &Path, _: String) {}

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        Ok(Vec::new())
    }
}

#[test]
fn what_was_unpacked_can_be_poured_into_a_backup() {
    let desk = Desk::new();
    let (bytes, _) = packed(&plain(), Format::TarZst, None);
    let unpacked = desk
        .import(&bytes, Limits::default(), None)
        .expect("it is imported");
    let mut seen = Seen::default();
    unpacked.pour(&mut seen, &Context::default()).expect("it pours");
    let expected: Vec<(PathBuf, bool)> = plain()
        .entries()
        .into_iter()
        .map(|(path, meta)| (path, meta.is_file()))
        .collect();
    assert_eq!(seen.0, expected);
}

fn any_tree() -> impl Strategy<Value = MemoryTree> {
    let name = prop_oneof!["[a-c]{1,3}", "[^/\\\\\0:]{1,12}"]
        .prop_filter("a name", |name| !matches!(name.as_str(), "." | ".."));
    let path = proptest::collection::vec(name, 1..4);
    let what = (
        0..4_u8,
        proptest::collection::vec(any::<u8>(), 0..2_000),
        0..0o1000_u32,
        any::<i32>(),
    );
    proptest::collection::vec((path, what), 0..12).prop_map(|entries| {
        let mut tree = MemoryTree::default();
        for (names, (kind, bytes, mode, time)) in entries {
            let path: PathBuf = names.iter().collect();
            let parents: Vec<&Path> = path
                .ancestors()
                .skip(1)
                .filter(|p| !p.as_os_str().is_empty())
                .collect();
            let blocked = parents
                .iter()
                .any(|p| tree.0.get(*p).is_some_and(|(meta, _)| !meta.is_dir()));
            if blocked || tree.0.contains_key(&path) || path == Path::new("manifest.json") {
                continue;
            }
            for parent in parents {
                tree.0.entry(parent.to_path_buf()).or_insert((dir(), Vec::new()));
            }
            let mtime = at(i64::from(time), 0);
            tree = match kind {
                0 => tree.with(
                    &path,
                    Meta {
                        mtime,
                        mode: mode.max(1),
                        ..dir()
                    },
                    b"",
                ),
                1 => tree.with(
                    &path,
                    Meta {
                        mtime,
                        ..symlink("x")
                    },
                    b"",
                ),
                _ => tree.with(
                    &path,
                    Meta {
                        mtime,
                        mode: mode.max(1),
                        ..file()
                    },
                    &bytes,
                ),
            };
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_tree_comes_back(tree in any_tree()) {
        for format in Format::ALL {
            let desk = Desk::new();
            let (bytes, _) = packed(&tree, *format, None);
            if bytes.len() > 22 {
                let unpacked = desk.import(&bytes, Limits::default(), None);
                assert_same(&tree, &unpacked.expect("our own archive is imported"));
            }
        }
    }
}
