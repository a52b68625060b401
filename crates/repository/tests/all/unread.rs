//! Entries whose content cannot be read: what is required vetoes the snapshot, what may lack is told.

use std::io::Read;
use std::path::Path;

use model::{Cancel, Chunking, Content, Kind, Meta, Progress};
use repository::{Fate, Need};

use crate::sample::{create, memory, meta, read};

#[test]
fn a_stream_that_breaks_is_reported_and_left_out() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("the disk is dying"));
            }
            let count = out.len().min(self.0);
            self.0 -= count;
            out[..count].fill(1);
            Ok(count)
        }
    }
    let repository = create(&memory());
    let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    let open: model::Opener = Box::new(|| Ok(Box::new(Broken(20_000_000))));
    writer
        .entry(
            Path::new("bad"),
            Meta::file(0),
            Content::Stream {
                open,
                chunking: Chunking::Auto,
            },
        )
        .unwrap();
    writer
        .entry(Path::new("good"), Meta::file(1), Content::Bytes(vec![1]))
        .unwrap();
    writer.settle().unwrap();
    let unread = writer.unread();
    assert_eq!(
        (unread[0].path.as_path(), unread[0].fate),
        (Path::new("bad"), Fate::Unreadable)
    );
    assert!(unread[0].why.contains("dying"));
    let snapshot = writer.finish(&meta(1)).unwrap();
    assert_eq!(read(&repository, &snapshot).unwrap().len(), 1);
}

/// A stream that gives so many bytes and then breaks.
fn breaking_after(bytes: usize) -> Content {
    let stream = std::io::repeat(1).take(bytes as u64).chain(BreaksAtOnce);
    let open: model::Opener = Box::new(move || Ok(Box::new(stream)));
    Content::Stream {
        open,
        chunking: Chunking::Auto,
    }
}

struct BreaksAtOnce;

impl Read for BreaksAtOnce {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is dying"))
    }
}

#[test]
fn a_required_stream_that_breaks_vetoes_the_snapshot() {
    for bytes in [0, 1, 5_000_000] {
        let repository = create(&memory());
        let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
        writer
            .entry(Path::new("good"), Meta::file(1), Content::Bytes(vec![1]))
            .unwrap();
        writer
            .entry_with(
                Path::new("dump"),
                Meta::file(0),
                breaking_after(bytes),
                Need::Required,
            )
            .unwrap();
        let problem = writer.finish(&meta(1)).unwrap_err();
        assert_eq!(problem.kind(), Kind::Unavailable);
        assert!(
            problem.message().contains("dump") && problem.message().contains("dying"),
            "{problem}"
        );
        assert_eq!(repository.snapshots().unwrap(), []);
    }
}

#[test]
fn a_required_file_that_is_not_there_any_more_vetoes_the_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    for size in [1, 10_000_000] {
        let repository = create(&memory());
        let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
        let content = Content::Path {
            path: dir.path().join("copy"),
            chunking: Chunking::Auto,
        };
        writer
            .entry_with(Path::new("copy"), Meta::file(size), content, Need::Required)
            .unwrap();
        assert!(writer.finish(&meta(1)).is_err());
    }
}

#[test]
fn what_was_deleted_before_its_turn_is_told_apart_from_what_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let repository = create(&memory());
    let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    for (name, path) in [
        ("deleted", "deleted"),
        ("moved away", "gone/with its folder"),
        ("a folder", "folder"),
    ] {
        for size in [7, 10_000_000] {
            let content = Content::Path {
                path: dir.path().join(path),
                chunking: Chunking::Auto,
            };
            writer
                .entry(Path::new(&format!("{name} {size}")), Meta::file(size), content)
                .unwrap();
        }
    }
    writer.settle().unwrap();
    let mut unread: Vec<(String, Fate, u64)> = writer
        .unread()
        .into_iter()
        .map(|unread| (unread.path.display().to_string(), unread.fate, unread.size))
        .collect();
    unread.sort_by(|a, b| a.0.cmp(&b.0));
    let told = |name: &str, fate: Fate| {
        [
            (format!("{name} 10000000"), fate, 10_000_000),
            (format!("{name} 7"), fate, 7),
        ]
    };
    let expected = [
        told("a folder", Fate::Unreadable),
        told("deleted", Fate::Vanished),
        told("moved away", Fate::Unreadable),
    ];
    assert_eq!(unread, expected.concat());
    let summary = writer.finish(&meta(1)).unwrap().summary.unwrap();
    assert_eq!(
        (summary.total_files_processed, summary.total_bytes_processed),
        (0, 0)
    );
}
