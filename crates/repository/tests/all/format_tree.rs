//! Tree blobs: restic's bytes exactly, and reading of what others wrote.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use model::{FileKind, Kind, Meta, Timestamp, Xattr};
use proptest::prelude::*;
use repository::Id;
use repository::format::tree::{self, Node};

fn symlink(name: &[u8], target: &[u8]) -> Node {
    let target = OsString::from_vec(target.to_vec()).into();
    Node {
        name: name.to_vec(),
        meta: Meta {
            kind: FileKind::Symlink { target },
            mode: 0o777,
            ..Meta::default()
        },
        ..Node::default()
    }
}

fn text(nodes: &[Node]) -> String {
    String::from_utf8(tree::encode(nodes).unwrap()).unwrap()
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
    let mut link = symlink(b"<a>\xff", b"../t&u");
    link.meta = Meta {
        kind: link.meta.kind,
        ..meta.clone()
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
        (b"\x7f\xc2\x80 \xf0\x9f\x98\x80", "\"\\\\x7f\\\\u0080 \u{1f600}\""),
    ] {
        let node = Node {
            name: raw.to_vec(),
            ..Node::default()
        };
        let text = text(std::slice::from_ref(&node));
        let start = "{\"nodes\":[{\"name\":".len();
        assert_eq!(&text[start..text.find(",\"type\"").unwrap()], json);
        assert_eq!(tree::decode(text.as_bytes()).unwrap(), [node]);
    }
}

#[test]
fn a_link_target_that_is_no_text_is_kept_beside_a_readable_form() {
    let node = symlink(b"l", b"a\xff\xfeb");
    let text = text(std::slice::from_ref(&node));
    assert!(
        text.contains(r#""linktarget":"a\ufffd\ufffdb","linktarget_raw":"Yf/+Yg==","content":null"#),
        "{text}"
    );
    assert_eq!(tree::decode(text.as_bytes()).unwrap(), [node]);
}

#[test]
fn every_type_of_entry_has_its_mode_bits() {
    let node = |kind: FileKind, mode: u32| {
        let subtree = (kind == FileKind::Dir).then(|| Id::of(b"below"));
        Node {
            name: b"n".to_vec(),
            meta: Meta {
                kind,
                mode,
                ..Meta::default()
            },
            subtree,
            ..Node::default()
        }
    };
    for (kind, mode, number) in [
        (FileKind::File, 0o644, 420_u32),
        (FileKind::File, 0o4755, 8_389_101),
        (FileKind::Dir, 0o755, 2_147_484_141),
        (FileKind::Dir, 0o3777, 2_152_727_039),
        (FileKind::Fifo, 0o644, 33_554_852),
        (FileKind::Socket, 0o644, 16_777_636),
        (FileKind::BlockDevice { device: 2049 }, 0o644, 67_109_284),
        (FileKind::CharDevice { device: 259 }, 0o644, 69_206_436),
    ] {
        let node = node(kind, mode);
        let text = text(std::slice::from_ref(&node));
        assert!(text.contains(&format!(r#""mode":{number},"#)), "{number}: {text}");
        assert_eq!(tree::decode(text.as_bytes()).unwrap(), [node]);
    }
}

#[test]
fn attributes_of_all_systems_are_passed_on() {
    let xattr = |name: &str, value: &[u8]| Xattr {
        name: name.into(),
        value: value.to_vec(),
    };
    let mut node = symlink(b"x", b"");
    node.meta.kind = FileKind::CharDevice { device: 5 };
    node.meta.xattrs = vec![xattr("user.a", b""), xattr("user.<b>", b"\x00\xff")];
    node.generic_attributes = Some(r#"{"windows.file_attributes":32,"x":[ 1, {"y":"<"} ]}"#.into());
    node.error = Some("no \"access\"".into());
    let text = text(std::slice::from_ref(&node));
    let tail = r#","extended_attributes":[{"name":"user.a","value":""},{"name":"user.\u003cb\u003e","value":"AP8="}],"generic_attributes":{"windows.file_attributes":32,"x":[ 1, {"y":"<"} ]},"device":5,"content":null,"error":"no \"access\""}]}"#;
    assert!(text.trim_end().ends_with(tail), "{text}");
    assert_eq!(tree::decode(text.as_bytes()).unwrap(), [node]);
}

#[test]
fn times_carry_the_offset_that_is_asked_for() {
    let mut node = symlink(b"l", b"t");
    node.meta.mtime = Timestamp {
        seconds: 1_500_000_000,
        nanos: 120_000_000,
    };
    let nodes = [node];
    let bytes = tree::encode_with_offset(&nodes, |time| if time.seconds > 0 { 7200 } else { 3600 }).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.contains(r#""atime":"2017-07-14T04:40:00.12+02:00","ctime":"1970-01-01T01:00:00+01:00""#),
        "{text}"
    );
    assert_eq!(tree::decode(text.as_bytes()).unwrap(), nodes);
}

#[test]
fn names_out_of_order_or_twice_are_not_written() {
    for names in [[b"b", b"a"], [b"a", b"a"]] {
        let nodes = names.map(|name| symlink(name, b"t"));
        assert_eq!(tree::encode(&nodes).unwrap_err().kind(), Kind::Internal);
    }
}

#[test]
fn a_listing_of_any_writer_is_read() {
    let id = Id::of(b"x");
    let json = format!(
        r#" {{ "other": [{{}}], "nodes" : [
            {{ "future":{{"a":[1,-2.5e3,null,true]}}, "subtree" : "{id}", "type":"dir", "user":null, "name" : "d\u00e9\\x00" }},
            {{ "content":null,"xattrs":1,"size":3,"mtime":"0001-01-01T00:00:00Z","name":"..","type":"file","extended_attributes":[{{"value":null,"name":"user.n"}}],"subtree":null }} ] }} "#
    );
    let nodes = tree::decode(json.as_bytes()).unwrap();
    assert_eq!(nodes[0].name, "d\u{e9}\0".as_bytes());
    assert_eq!((nodes[0].subtree, nodes[0].meta.is_dir()), (Some(id), true));
    assert_eq!(nodes[1].meta.mtime.seconds, -62_135_596_800);
    assert!(nodes[1].content.is_empty() && nodes[1].meta.xattrs[0].value.is_empty());
    for empty in ["{}", r#"{"nodes":null}"#, "{\"nodes\":[]}\n"] {
        assert!(tree::decode(empty.as_bytes()).unwrap().is_empty());
    }
}

#[test]
fn a_malformed_listing_is_damage() {
    let good = r#"{"nodes":[{"name":"a","type":"file","mode":420,"content":[]}]}"#;
    assert!(tree::decode(good.as_bytes()).is_ok());
    for bad in [
        good.replace("file", "irregular"),
        good.replace("file", "dir"),
        good.replace("\"a\"", "\"\\\\q\""),
        good.replace("\"a\"", "\"\\ud800\""),
        good.replace("\"a\"", "\"\n\""),
        good.replace("\"name\":\"a\",", ""),
        good.replace("420", "4294967296"),
        good.replace("420", "-1"),
        good.replace("420", "0420"),
        good.replace("420", "4.0"),
        good.replace("[]}", "[\"00\"]}"),
        good.replace("420", "1,\"mtime\":\"yesterday\""),
        good.replace("420", &format!("1,\"x\":{}", "[".repeat(100_000))),
        format!("{good}{good}"),
        String::new(),
    ] {
        assert_eq!(
            tree::decode(bad.as_bytes()).unwrap_err().kind(),
            Kind::Damaged,
            "{bad:.90}"
        );
    }
    for length in 0..good.len() {
        assert!(tree::decode(&good.as_bytes()[..length]).is_err());
    }
    assert!(tree::decode(b"{\"nodes\":[{\"name\":\"\xff\",\"type\":\"file\"}]}").is_err());
}

#[test]
fn names_that_could_escape_are_told() {
    let problem = |name: &[u8]| symlink(name, b"").name_problem().is_some();
    for bad in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0"] {
        assert!(problem(bad), "{bad:?}");
    }
    for good in [&b"a"[..], b"...", b"..a", b"\\", b"\xff"] {
        assert!(!problem(good), "{good:?}");
    }
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (
        -62_167_219_200..253_402_300_799_i64,
        prop_oneof![Just(0), 0..1_000_000_000_u32],
    )
        .prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

fn any_kind() -> impl Strategy<Value = FileKind> {
    let target = proptest::collection::vec(1..=255_u8, 1..8);
    prop_oneof![
        Just(FileKind::File),
        Just(FileKind::Dir),
        Just(FileKind::Fifo),
        Just(FileKind::Socket),
        target.prop_map(|target| FileKind::Symlink {
            target: OsString::from_vec(target).into()
        }),
        any::<u64>().prop_map(|device| FileKind::BlockDevice { device }),
        any::<u64>().prop_map(|device| FileKind::CharDevice { device }),
    ]
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let xattrs = proptest::collection::vec(
        (
            "[a-z.<é\u{2028}\\x00-\\x1f]{1,6}",
            proptest::collection::vec(any::<u8>(), 0..5),
        ),
        0..3,
    );
    let owner = ("[a-z<>&\"\\\\é]{0,4}", any::<u32>(), any::<u64>());
    (any_kind(), 0..0o10000_u32, any_time(), any_time(), owner, xattrs).prop_map(
        |(kind, mode, mtime, ctime, (user, uid, number), xattrs)| Meta {
            size: if kind == FileKind::File { number } else { 0 },
            links: if matches!(kind, FileKind::Dir | FileKind::Fifo | FileKind::Socket) {
                0
            } else {
                number / 3
            },
            kind,
            mode,
            mtime,
            ctime,
            uid,
            gid: uid / 2,
            group: user.chars().rev().collect(),
            user,
            inode: number,
            device: number / 2,
            xattrs: xattrs
                .into_iter()
                .map(|(name, value)| Xattr {
                    name: name.into(),
                    value,
                })
                .collect(),
        },
    )
}

fn any_node() -> impl Strategy<Value = Node> {
    let name = proptest::collection::vec(any::<u8>(), 0..12);
    (
        name,
        any_meta(),
        proptest::collection::vec(any::<[u8; 32]>(), 0..3),
    )
        .prop_map(|(name, meta, ids)| {
            let ids: Vec<Id> = ids.into_iter().map(Id::from_bytes).collect();
            Node {
                name,
                content: if meta.is_file() { ids.clone() } else { Vec::new() },
                subtree: meta.is_dir().then(|| ids.first().copied().unwrap_or_default()),
                meta,
                ..Node::default()
            }
        })
}

proptest! {
    #[test]
    fn any_listing_comes_back(mut nodes in proptest::collection::vec(any_node(), 0..6)) {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.dedup_by(|a, b| a.name == b.name);
        let bytes = tree::encode(&nodes).unwrap();
        let back = tree::decode(&bytes).unwrap();
        prop_assert_eq!(&back, &nodes);
        prop_assert_eq!(tree::encode(&back).unwrap(), bytes);
        let value: serde_json::Value = serde_json::from_slice(&tree::encode(&nodes).unwrap()).unwrap();
        prop_assert_eq!(value["nodes"].as_array().unwrap().len(), nodes.len());
    }

    #[test]
    fn a_damaged_listing_is_an_error_or_a_listing(node in any_node(), at: usize, byte: u8) {
        let mut bytes = tree::encode(&[node]).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = tree::decode(&bytes);
        let _ = tree::decode(&bytes[at..]);
    }

    #[test]
    fn noise_is_no_listing(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(tree::decode(&noise).is_err());
    }
}
