//! The manifest of a backup: written, read, refused.

use model::{
    Author, BackupId, Beginning, Ignored, Kind, Lacked, Lacks, Manifest, ManifestPart, ManifestSource,
    Reason, SourceId, is_part_name,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::id::{At, Bytes, backup_id};

fn manifest() -> Manifest {
    let source = ManifestSource {
        id: SourceId::new(&At(1000), &Bytes(1)).unwrap(),
        name: "world".to_owned(),
        kind: "folder".to_owned(),
        settings: json!({"paths": ["/srv/world"]}),
        policy: Value::Null,
        policy_lacks: Vec::new(),
    };
    let mut manifest = Manifest::begin(Beginning {
        cairn: "0.1.0".to_owned(),
        source,
        backup: backup_id(1_767_323_045_678, 7),
        reason: Reason::Scheduled,
        created: 1_767_323_045_678,
    });
    manifest.parts = vec![ManifestPart {
        name: "world".to_owned(),
        holds: "2 files".to_owned(),
        items: 2,
        bytes: 4096,
        warnings: vec!["level.dat changed while it was read".to_owned()],
        ..ManifestPart::default()
    }];
    manifest
}

#[test]
fn a_policy_stands_in_it_and_an_old_one_without_it_reads() {
    let mut with = manifest();
    with.source.policy = json!({"retention": {"last": 7}});
    with.source.policy_lacks = vec!["hooks".to_owned()];
    assert_eq!(Manifest::decode(&with.encode()).unwrap(), with);
    let old = Manifest::decode(WRITTEN.as_bytes()).unwrap();
    assert_eq!(
        (old.source.policy, old.source.policy_lacks),
        (Value::Null, Vec::new())
    );
}

fn changed(change: impl Fn(&mut Value)) -> model::Result<Manifest> {
    let mut value: Value = serde_json::from_slice(&manifest().encode()).unwrap();
    change(&mut value);
    Manifest::decode(value.to_string().as_bytes())
}

const WRITTEN: &str = r#"{
  "format": "cairn",
  "version": 1,
  "cairn": "0.1.0",
  "source": {
    "id": "00000000-03e8-7101-8101-010101010101",
    "name": "world",
    "kind": "folder",
    "settings": {
      "paths": [
        "/srv/world"
      ]
    }
  },
  "backup": "019b7ca9-8f2e-7707-8707-070707070707",
  "reason": "scheduled",
  "created": "2026-01-02T03:04:05.678Z",
  "parts": [
    {
      "name": "world",
      "category": "",
      "holds": "2 files",
      "items": 2,
      "bytes": 4096,
      "checksum": "",
      "warnings": [
        "level.dat changed while it was read"
      ]
    }
  ],
  "left_out": [],
  "facts": null
}
"#;

#[test]
fn this_is_how_a_manifest_looks_for_ever() {
    assert_eq!(String::from_utf8(manifest().encode()).unwrap(), WRITTEN);
    assert_eq!(Manifest::decode(WRITTEN.as_bytes()).unwrap(), manifest());
}

#[test]
fn parts_are_found_summed_up_and_their_warnings_listed() {
    let manifest = manifest();
    assert_eq!(manifest.part("world").unwrap().items, 2);
    assert!(manifest.part("nether").is_none());
    assert_eq!(manifest.bytes(), 4096);
    let warnings: Vec<_> = manifest.warnings().collect();
    assert_eq!(warnings, [("world", "level.dat changed while it was read")]);
}

#[test]
fn unknown_fields_are_tolerated_and_optional_ones_may_be_missing() {
    let read = changed(|value| {
        value["invented_later"] = json!({"x": 1});
        value["parts"][0]["colour"] = json!("red");
        for key in ["left_out", "facts"] {
            value.as_object_mut().unwrap().remove(key);
        }
    });
    assert_eq!(read.unwrap(), manifest());
}

#[test]
fn a_newer_version_is_refused_as_too_new() {
    let problem = changed(|value| value["version"] = json!(2)).unwrap_err();
    assert_eq!(problem.kind(), Kind::TooNew);
    assert!(problem.message().contains("version 2") && problem.hint_text().is_some());
}

#[test]
fn what_is_not_a_manifest_of_cairn_is_invalid() {
    for foreign in [
        "",
        "{",
        "[]",
        "5",
        "{}",
        r#"{"format":"other","version":1}"#,
        r#"{"format":"cairn"}"#,
        r#"{"format":"cairn","version":0}"#,
    ] {
        let problem = Manifest::decode(foreign.as_bytes()).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid, "{foreign}");
        assert!(
            problem
                .message()
                .contains("is not the manifest of a Cairn backup"),
            "{foreign}: {problem}"
        );
    }
}

#[test]
fn a_broken_field_is_named() {
    let problem = changed(|value| value["parts"][0]["bytes"] = json!("many")).unwrap_err();
    assert!(problem.message().contains("parts[0].bytes"), "{problem}");
    let problem = changed(|value| value["created"] = json!("yesterday")).unwrap_err();
    assert!(
        problem.message().contains("created") && problem.message().contains("yesterday"),
        "{problem}"
    );
}

#[test]
fn names_of_parts_that_are_paths_or_come_twice_are_refused() {
    for name in ["", ".", "..", "a/b", "/etc", "..\\x", "a\u{0}", "manifest.json"] {
        assert!(!is_part_name(name), "{name}");
        assert!(
            changed(|value| value["parts"][0]["name"] = json!(name)).is_err(),
            "{name}"
        );
    }
    let twice = changed(|value| value["parts"] = json!([{"name": "world"}, {"name": "world"}]));
    assert!(twice.unwrap_err().message().contains("twice"));
    assert!(is_part_name("Fórum topics.json") && is_part_name("..."));
}

fn any_text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn any_part() -> impl Strategy<Value = ManifestPart> {
    let texts = (any_text(), any_text(), any_text(), any_text());
    (
        texts,
        any::<u64>(),
        any::<u64>(),
        proptest::collection::vec(any_text(), 0..3),
    )
        .prop_map(
            |((name, category, holds, checksum), items, bytes, warnings)| ManifestPart {
                name: format!("p{}", name.replace(['/', '\\'], "-")),
                category,
                holds,
                items,
                bytes,
                checksum,
                warnings,
            },
        )
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        part in any_part(),
        name in proptest::option::of(any_text()),
        by in proptest::option::of(any_text()),
        created in 0..4_000_000_000_000_i64,
        byte: u8,
    ) {
        let backup = BackupId::new(&At(created), &Bytes(byte)).unwrap();
        let by = by.map(|name| Author { id: "7".to_owned(), name });
        let facts = json!({"byte": byte, "created": created});
        let whole = Manifest { name, by, created, backup, parts: vec![part], facts, ..manifest() };
        prop_assert_eq!(Manifest::decode(&whole.encode()).unwrap(), whole);
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Manifest::decode(&bytes);
    }
}

#[test]
fn what_a_backup_lacks_stands_in_its_manifest_byte_for_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    let odd = PathBuf::from(OsStr::from_bytes(b"world/\xff"));
    let lacks = Lacks {
        skipped: vec![Lacked::new(&odd, "Permission denied")],
        left_out: vec![Lacked::new(Path::new("world/socket"), "a socket has no content")],
        ignored: vec![Ignored {
            part: "world".to_owned(),
            patterns: vec!["*.log".to_owned()],
        }],
        ..Lacks::default()
    };
    let mut with = manifest();
    with.lacks = lacks;
    let read = Manifest::decode(&with.encode()).unwrap();
    assert_eq!(read, with);
    assert_eq!(read.lacks.skipped[0].path(), Some(odd));
    assert!(Manifest::decode(WRITTEN.as_bytes()).unwrap().lacks.is_empty());
    let outside = Lacked::new(Path::new("../etc"), "");
    assert_eq!(outside.path(), None);
}

#[test]
fn too_many_lacking_paths_are_told_by_their_folders() {
    let one = |number: usize| {
        let path = format!("world/{}/{}/{number}", number % 3, number % 5);
        Lacked::new(std::path::Path::new(&path), "Permission denied")
    };
    let bounded = Lacks {
        skipped: (0..=Lacks::MOST).map(one).collect(),
        ..Lacks::default()
    }
    .bounded();
    assert_eq!(bounded.skipped.len(), 15);
    let folders: Vec<_> = bounded.skipped.iter().filter_map(Lacked::path).collect();
    assert!((0..=Lacks::MOST).all(|number| {
        let path = one(number).path().unwrap();
        folders.iter().any(|folder| path.starts_with(folder))
    }));
}
