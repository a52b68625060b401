//! How fast the format layer is on this machine: `cargo run -p repository --release --example format_speed`.
//!
//! Sealing and opening in GB/s on one core, listings and indexes of 200,000 entries in milliseconds. The best of several rounds
//! counts, so that a busy machine disturbs little. Not part of any test: a figure is not a promise.

use std::hint::black_box;
use std::time::{Duration, Instant};

use model::{Meta, Timestamp};
use repository::Id;
use repository::format::index_file::{self, PackContents};
use repository::format::key_file::{Cost, KeyFile};
use repository::format::pack::{self, BlobKind, PackEntry};
use repository::format::seal::{Key, OVERHEAD};
use repository::format::tree::{self, Node};

const ENTRIES: u32 = 200_000;

fn best(mut work: impl FnMut()) -> Duration {
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..9).map(|_| timed(&mut work)).min().unwrap_or_default()
}

fn report(what: &str, took: Duration, bytes: usize) {
    let rate = bytes as f64 / took.as_secs_f64() / 1e9;
    println!("{what:<44} {:>9.3} ms {rate:>7.2} GB/s", took.as_secs_f64() * 1e3);
}

fn sealing(length: usize) {
    let key = Key::random();
    let plain = vec![7; length];
    let rounds = (64 << 20) / length;
    let mut sealed = Vec::with_capacity(length + OVERHEAD);
    let took = best(|| {
        for _ in 0..rounds {
            sealed.clear();
            key.seal_append(black_box(&plain), &mut sealed);
        }
    });
    report(&format!("seal, pieces of {length} bytes"), took, rounds * length);
    let mut opened = Vec::with_capacity(length);
    let took = best(|| {
        for _ in 0..rounds {
            opened.clear();
            key.open_append(black_box(&sealed), &mut opened)
                .expect("it was sealed with this key");
        }
    });
    report(&format!("open, pieces of {length} bytes"), took, rounds * length);
}

fn listing() {
    let node = |at: u32| Node {
        name: format!("file-{at:08}.dat").into_bytes(),
        meta: Meta {
            mtime: Timestamp {
                seconds: 1_700_000_000 + i64::from(at),
                nanos: at * 1000 + 17,
            },
            ctime: Timestamp {
                seconds: 1_700_000_000 + i64::from(at),
                nanos: at * 1000 + 17,
            },
            uid: 1000,
            gid: 1000,
            user: "ann".into(),
            group: "ann".into(),
            inode: 1_000_000 + u64::from(at),
            device: 2049,
            ..Meta::file(1030)
        },
        content: vec![Id::of(&at.to_le_bytes())],
        ..Node::default()
    };
    let nodes: Vec<Node> = (0..ENTRIES).map(node).collect();
    let json = tree::encode(&nodes).expect("names ascend");
    report(
        "tree of 200,000 nodes: encode",
        best(|| drop(black_box(tree::encode(black_box(&nodes))))),
        json.len(),
    );
    report(
        "tree of 200,000 nodes: decode",
        best(|| drop(black_box(tree::decode(black_box(&json))))),
        json.len(),
    );
}

fn index() {
    let blob = |at: u32| PackEntry {
        kind: BlobKind::Data,
        id: Id::of(&at.to_le_bytes()),
        offset: (at % 1000) * 1062,
        length: 1062,
        plain_length: if at.is_multiple_of(2) { 0 } else { 2000 + at },
    };
    let blobs: Vec<PackEntry> = (0..ENTRIES).map(blob).collect();
    let pack = |blobs: &[PackEntry]| PackContents {
        id: Id::of(&blobs[0].offset.to_le_bytes()),
        blobs: blobs.to_vec(),
    };
    let packs: Vec<PackContents> = blobs.chunks(1000).map(pack).collect();
    let json = index_file::encode(&packs);
    report(
        "index of 200,000 blobs: encode",
        best(|| drop(black_box(index_file::encode(black_box(&packs))))),
        json.len(),
    );
    report(
        "index of 200,000 blobs: decode",
        best(|| drop(black_box(index_file::decode(black_box(&json))))),
        json.len(),
    );
    let header = pack::encode_header(&blobs);
    report(
        "header of 200,000 blobs: parse",
        best(|| drop(black_box(pack::parse_header(black_box(&header))))),
        header.len(),
    );
}

fn passwords() {
    for (what, cost) in [("generated", Cost::GENERATED), ("human", Cost::HUMAN)] {
        let file = KeyFile::create(&Key::random(), "password", cost, String::new(), String::new());
        let file = file.expect("these costs are allowed");
        let start = Instant::now();
        black_box(file.open("password").is_ok());
        report(&format!("open a key file, {what} password"), start.elapsed(), 0);
    }
}

fn main() {
    passwords();
    for length in [1 << 10, 64 << 10, 1 << 20, 8 << 20] {
        sealing(length);
    }
    listing();
    index();
}
