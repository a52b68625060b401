//! What must never change between releases: otherwise the first backup after an upgrade stores everything anew.
//!
//! Key and identity of the repository are fixed, so chunks, listings and the root's id are the same in every run.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use model::{Cancel, Chunking, Content, Meta, Opener, Progress};
use repository::format::config::Config;
use repository::format::seal::Key;
use repository::storage::{Class, Memory, Storage};
use repository::{Id, Repository};

use crate::sample::{meta, noise, options};

fn fixed() -> Repository {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let key = Key::from_bytes([7; 64]);
    let config = Config {
        id: Id::of(b"a repository that never changes"),
        ..Config::random()
    };
    storage
        .put(Class::Config, &Id::default(), &config.encode(&key))
        .unwrap();
    Repository::open_with_key(storage, key, options()).unwrap()
}

fn stream(bytes: Vec<u8>, chunking: Chunking) -> Content {
    let open: Opener = Box::new(move || Ok(Box::new(Cursor::new(bytes))));
    Content::Stream { open, chunking }
}

#[test]
fn the_same_files_are_cut_and_listed_alike_in_every_release() {
    let repository = fixed();
    let mut writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    let text = || b"a line of a dump\n".repeat(200_000);
    let small = Chunking::ContentDefined { average: 64 << 10 };
    for (path, bytes, chunking) in [
        ("dump", text(), small),
        ("noise", noise(1, 12_000_000), Chunking::Auto),
        ("pages.db", noise(2, 1_000_000), Chunking::Auto),
        ("rows", noise(3, 2_000_000), small),
        ("small", noise(4, 5000), Chunking::Auto),
        ("text", text(), Chunking::Auto),
        ("zeros", vec![0; 20_000_000], Chunking::Auto),
    ] {
        let meta = Meta::file(bytes.len() as u64);
        writer
            .entry(Path::new(path), meta, stream(bytes, chunking))
            .unwrap();
    }
    let snapshot = writer.finish(&meta(1)).unwrap();
    let listed = repository.tree(&snapshot).unwrap().list(Path::new("")).unwrap();
    let seen = listed.iter().map(|entry| {
        let name = entry.path.display().to_string();
        (name, entry.content.len(), entry.identity()[..16].to_owned())
    });
    let seen: Vec<_> = seen.collect();
    let expected = GOLDEN.map(|(name, chunks, identity)| (name.to_owned(), chunks, identity.to_owned()));
    assert_eq!(seen, expected);
    assert_eq!(snapshot.tree.hex(), GOLDEN_TREE);
}

/// Name, number of chunks, beginning of the hash over the chunks' ids.
const GOLDEN: [(&str, usize, &str); 7] = [
    ("dump", 7, "a0a52a82067c923b"),
    ("noise", 13, "6cc6208e121c472f"),
    ("pages.db", 16, "5ac770613e50e8ab"),
    ("rows", 29, "a4f9b8eaecd2ca63"),
    ("small", 1, "d2ad9f898cdbb0e7"),
    ("text", 1, "11ba9fac7ccf636a"),
    ("zeros", 3, "2a0d6d756f61e313"),
];

const GOLDEN_TREE: &str = "48156c6bb0f9d6c80f5088e92c730f974a1da8b22a66abb6f2c2f9341e0ccb5e";
