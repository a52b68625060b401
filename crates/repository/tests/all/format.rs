//! The format's bytes against known vectors, and against hostile input.

use model::{FileKind, Kind, Meta, Timestamp};
use proptest::prelude::*;
use repository::Id;
use repository::format::config::Config;
use repository::format::index_file::{self, PackContents};
use repository::format::key_file::{Cost, KeyFile};
use repository::format::pack::{self, BlobKind, PackEntry};
use repository::format::seal::Key;
use repository::format::snapshot::{self, Snapshot};
use repository::format::tree::{self, Node};
use repository::format::unpacked;

fn key() -> Key {
    Key::from_bytes(std::array::from_fn(|at| at as u8))
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

#[test]
fn known_sealed_bytes_open() {
    let iv = "404142434445464748494a4b4c4d4e4f";
    for (rest, plain) in [
        ("859469c07743c7e45b318d151d3d87e9", ""),
        ("c01fb64df9857b243e2dddd3a365461550a2cd8a9f", "cairn"),
        (
            "d85cb150f33fc9cda9203fba8769c47f91ec41da1bcc2336ae529e6752",
            "{\"nodes\":[]}\n",
        ),
    ] {
        assert_eq!(
            key().open(&unhex(&format!("{iv}{rest}"))).unwrap(),
            plain.as_bytes()
        );
    }
}

#[test]
fn the_master_key_has_restics_json() {
    let json = r#"{"mac":{"k":"ICEiIyQlJicoKSorLC0uLw==","r":"MDEyMzQ1Njc4OTo7PD0+Pw=="},"encrypt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
    assert_eq!(key().to_json().as_slice(), json.as_bytes());
    assert_eq!(Key::from_json(json.as_bytes()).unwrap(), key());
}

#[test]
fn a_known_pack_is_read() {
    let header = unhex(
        "00250000004a9909a9516d02fd4c729a45922398fb41c398c235423a5304085bc923a8db67\
         002a000000fc11d6f28e59d3cc33c0b14ceb644bf0902ebd63d61218dffe9e7dac7c254542",
    );
    let entries = pack::parse_header(&header).unwrap();
    assert_eq!(entries[0].id, Id::of(b"cairn"));
    assert_eq!(
        entries[1],
        PackEntry {
            kind: BlobKind::Data,
            id: Id::of(b"xxxxxxxxxx"),
            offset: 37,
            length: 42,
            plain_length: 0
        }
    );
    assert_eq!(pack::file_size(&entries), 189);
    assert_eq!(pack::encode_header(&entries), header);
    let mut file = key().seal(b"cairn");
    key().seal_append(b"xxxxxxxxxx", &mut file);
    pack::finish(&key(), &entries, &mut file);
    assert_eq!(pack::read_file(&key(), &file).unwrap(), entries);
}

#[test]
fn a_pack_that_is_cut_or_padded_is_damage() {
    let entry = PackEntry {
        kind: BlobKind::Tree,
        id: Id::of(b"a"),
        offset: 0,
        length: 33,
        plain_length: 0,
    };
    let mut file = key().seal(b"a");
    pack::finish(&key(), &[entry], &mut file);
    assert_eq!(
        pack::read_file(&key(), &file[1..]).unwrap_err().kind(),
        Kind::Damaged
    );
    file.insert(0, 0);
    assert_eq!(pack::read_file(&key(), &file).unwrap_err().kind(), Kind::Damaged);
    for tail in 0..40 {
        assert!(pack::read_file(&key(), &file[..tail]).is_err());
    }
}

#[test]
fn only_irreducible_polynomials_open() {
    let with = |polynomial: &str| {
        let config = Config {
            chunker_polynomial: polynomial.to_owned(),
            ..Config::random()
        };
        Config::decode(&key(), &config.encode(&key()))
    };
    for good in ["25b468838dcb75", "379419cd1547f3", "3da3358b4dc173"] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in ["20000000000001", "", "xyz", "0"] {
        assert_eq!(with(bad).unwrap_err().kind(), Kind::Damaged, "{bad}");
    }
    let future = Config {
        version: 3,
        ..Config::random()
    };
    assert_eq!(
        Config::decode(&key(), &future.encode(&key())).unwrap_err().kind(),
        Kind::TooNew
    );
}

#[test]
fn a_key_file_opens_with_its_password_only() {
    let file = KeyFile::create(
        &key(),
        "pässword",
        Cost::GENERATED,
        snapshot::time_text(0),
        "host".into(),
    )
    .unwrap();
    let file = KeyFile::decode(&file.encode()).unwrap();
    assert_eq!(file.open("pässword").unwrap(), Some(key()));
    assert_eq!(file.open("password").unwrap(), None);
}

#[test]
fn a_key_file_with_absurd_cost_is_refused_before_it_is_run() {
    let good = KeyFile::create(&key(), "x", Cost::GENERATED, String::new(), String::new()).unwrap();
    for (n, r, p) in [
        (1 << 30, 8, 1),
        (1000, 8, 1),
        (0, 8, 1),
        (1 << 10, 0, 1),
        (1 << 20, 8, 1000),
        (u64::MAX, u64::MAX, 1),
    ] {
        let file = KeyFile {
            n,
            r,
            p,
            ..good.clone()
        };
        assert_eq!(file.open("x").unwrap_err().kind(), Kind::Damaged);
    }
    assert!(
        KeyFile {
            kdf: "argon2id".into(),
            ..good.clone()
        }
        .open("x")
        .is_err()
    );
    assert!(
        KeyFile {
            salt: "AAAA".into(),
            ..good
        }
        .open("x")
        .is_err()
    );
}

#[test]
fn the_empty_directory_has_its_known_id() {
    let bytes = tree::encode(&[]).unwrap();
    assert_eq!(
        Id::of(&bytes).hex(),
        "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"
    );
}

#[test]
fn the_example_tree_has_its_known_id() {
    let time = Timestamp {
        seconds: 1_767_323_045,
        nanos: 678_901_234,
    };
    let meta = Meta {
        mtime: time,
        ctime: time,
        mode: 0o777,
        links: 1,
        ..Meta::default()
    };
    let link = Node {
        name: b"<a>\xff".to_vec(),
        meta: Meta {
            kind: FileKind::Symlink {
                target: "../t&u".into(),
            },
            ..meta.clone()
        },
        ..Node::default()
    };
    let ann = String::from("ann");
    let file = Node {
        name: "café \"x\"".as_bytes().to_vec(),
        meta: Meta {
            mode: 0o644,
            uid: 1000,
            gid: 1000,
            user: ann.clone(),
            group: ann,
            inode: 7,
            size: 5,
            ..meta.clone()
        },
        content: vec![Id::of(b"cairn")],
        ..Node::default()
    };
    let empty = Node {
        name: b"empty".to_vec(),
        meta: Meta {
            mode: 0o600,
            links: 0,
            ..meta
        },
        ..Node::default()
    };
    let nodes = [link, file, empty];
    let bytes = tree::encode(&nodes).unwrap();
    assert_eq!(bytes.len(), 793);
    assert_eq!(
        Id::of(&bytes).hex(),
        "75a66a065fb009d658a8891d06a39d93d10db39be4beb7ac0af8b5b387fa28bd"
    );
    assert_eq!(tree::decode(&bytes).unwrap(), nodes);
}

#[test]
fn names_are_quoted_as_go_quotes_them() {
    let quoted = |name: &[u8]| {
        let bytes = tree::encode(&[Node {
            name: name.to_vec(),
            ..Node::default()
        }])
        .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text["{\"nodes\":[{\"name\":".len()..text.find(",\"type\"").unwrap()].to_owned()
    };
    for (raw, json) in [
        (&b"a\"b"[..], r#""a\\\"b""#),
        (b"back\\slash", r#""back\\\\slash""#),
        (b"\xff\xfebad", r#""\\xff\\xfebad""#),
        (b"<&>", r#""\u003c\u0026\u003e""#),
        ("é\u{2028}\u{a0}\u{ad}".as_bytes(), r#""é\\u2028\\u00a0\\u00ad""#),
        (b"\x01\x07\x08\x0b\x0c\x0d", r#""\\x01\\a\\b\\v\\f\\r""#),
        (
            "\u{feff}x\u{e000}\u{e0001}".as_bytes(),
            r#""\\ufeffx\\ue000\\U000e0001""#,
        ),
        (b"\xed\xa0\x80", r#""\\xed\\xa0\\x80""#),
    ] {
        assert_eq!(quoted(raw), json);
    }
}

#[test]
fn times_from_any_writer_are_read() {
    for (text, ms) in [
        ("2017-07-14T04:40:00.12+02:00", 1_500_000_000_120),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("2024-02-29T23:59:59.999-00:30", 1_709_252_999_999),
    ] {
        assert_eq!(snapshot::parse_ms(text).unwrap(), ms, "{text}");
    }
    for bad in [
        "",
        "2017-07-14 04:40:00Z",
        "2017-13-14T04:40:00Z",
        "2017-07-14T04:40:00",
        "2017-07-14T04:40:00.Z",
    ] {
        assert!(snapshot::parse_ms(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_snapshot_keeps_what_it_does_not_know() {
    let json = br#"{"time":"2026-01-01T00:00:00Z","tree":"ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8","paths":null,"label":"x"}"#;
    let read = Snapshot::decode(Id::default(), json).unwrap();
    assert!(
        String::from_utf8(read.encode())
            .unwrap()
            .contains(r#""label":"x""#)
    );
    assert!(Snapshot::decode(Id::default(), br#"{"time":"2026-01-01T00:00:00Z","tree":null}"#).is_err());
}

#[test]
fn a_compressed_bomb_is_stopped_at_the_limit() {
    let bomb = unpacked::encode(&key(), &vec![b' '; 1 << 20]);
    assert!(bomb.len() < 1000);
    assert_eq!(
        unpacked::decode(&key(), &bomb, 1000).unwrap_err().kind(),
        Kind::Damaged
    );
    assert_eq!(unpacked::decode(&key(), &bomb, 1 << 20).unwrap().len(), 1 << 20);
}

fn any_node() -> impl Strategy<Value = Node> {
    let name = proptest::collection::vec(1..=255_u8, 1..12);
    let time = (-62_167_219_200..253_402_300_799_i64, 0..1_000_000_000_u32);
    let owner = ("[a-z<>&\"\\\\é]{0,4}", any::<u32>(), any::<u64>());
    (
        name,
        0..0o10000_u32,
        time,
        owner,
        proptest::collection::vec(any::<[u8; 32]>(), 0..3),
    )
        .prop_map(|(name, mode, (seconds, nanos), (user, uid, size), ids)| Node {
            name,
            meta: Meta {
                mode,
                mtime: Timestamp { seconds, nanos },
                user,
                uid,
                size,
                inode: size,
                ..Meta::default()
            },
            content: ids.into_iter().map(Id::from_bytes).collect(),
            ..Node::default()
        })
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_and_no_flipped_byte_does(plain in proptest::collection::vec(any::<u8>(), 0..300), at: usize, bit in 0..8) {
        let mut sealed = key().seal(&plain);
        prop_assert_eq!(key().open(&sealed).unwrap(), plain);
        let at = at % sealed.len();
        sealed[at] ^= 1_u8 << bit;
        prop_assert!(key().open(&sealed).is_err());
    }

    #[test]
    fn any_listing_comes_back(mut nodes in proptest::collection::vec(any_node(), 0..6)) {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.dedup_by(|a, b| a.name == b.name);
        let bytes = tree::encode(&nodes).unwrap();
        prop_assert_eq!(tree::decode(&bytes).unwrap(), nodes);
    }

    #[test]
    fn an_index_comes_back(lengths in proptest::collection::vec((33_u32..1000, 0_u32..5000), 0..20)) {
        let mut offset = 0;
        let blobs = lengths.iter().map(|&(length, plain_length)| {
            let entry = PackEntry { kind: BlobKind::Data, id: Id::of(&offset.to_string().into_bytes()), offset, length, plain_length };
            offset += length;
            entry
        }).collect::<Vec<_>>();
        prop_assert_eq!(&pack::parse_header(&pack::encode_header(&blobs)).unwrap(), &blobs);
        let packs = vec![PackContents { id: Id::of(b"p"), blobs }];
        prop_assert_eq!(index_file::decode(&index_file::encode(&packs)).unwrap().packs, packs);
    }

    #[test]
    fn noise_is_an_error_and_never_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = tree::decode(&noise);
        let _ = index_file::decode(&noise);
        let _ = pack::parse_header(&noise);
        let _ = pack::read_file(&key(), &noise);
        let _ = Snapshot::decode(Id::default(), &noise);
        let _ = KeyFile::decode(&noise);
        let _ = unpacked::decode(&key(), &key().seal(&noise), 1000);
        let _ = Config::decode(&key(), &key().seal(&noise));
    }
}
