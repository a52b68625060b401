//! Tar archives that are too large, cut short, or not what they say.

use crate::sample::{Desk, refused, refused_within};
use crate::tar::{assert_refused, entry, file, gzip, header, pax, record, tar};
use ::tar::EntryType;
use archive::Limits;

/// Quick also where nothing is optimised.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes everything")
}

#[test]
fn limits_hold() {
    let two = tar(&[file("one", &[0; 600]), file("two", &[0; 600])]);
    let limits = Limits::default();
    assert!(refused_within(&two, Limits { entries: 1, ..limits }).contains("more than 1 entries"));
    assert!(
        refused_within(
            &two,
            Limits {
                entry_bytes: 599,
                ..limits
            }
        )
        .contains("“one” is larger")
    );
    assert!(
        refused_within(
            &two,
            Limits {
                total_bytes: 1_000,
                ..limits
            }
        )
        .contains("“two”")
    );
    assert!(refused_within(&two, Limits { names: 100, ..limits }).contains("names and attributes"));
    let manifest = tar(&[file("manifest.json", b"[1, 2, 3]")]);
    assert!(
        refused_within(
            &manifest,
            Limits {
                manifest: 4,
                ..limits
            }
        )
        .contains("reasonable size")
    );
}

#[test]
fn a_bomb_is_stopped_by_what_it_writes() {
    let bomb = zstd(&tar(&[file("zeros", &vec![0; 80 << 20])]));
    let limits = Limits {
        ratio: 100,
        ..Limits::default()
    };
    let message = refused_within(&bomb, limits);
    assert!(
        message.contains("“zeros”") && message.contains("100 times"),
        "{message}"
    );
}

#[test]
fn notes_that_fill_the_memory_are_refused() {
    let huge = header(EntryType::XHeader, b"PaxHeaders/x", 1 << 40)
        .as_bytes()
        .to_vec();
    assert!(refused(&tar(&[huge])).contains("notes on an entry"));
    let long = header(EntryType::GNULongName, b"././@LongLink", 1 << 40)
        .as_bytes()
        .to_vec();
    assert!(refused(&tar(&[long])).contains("notes on an entry"));
    let attribute = || record("SCHILY.xattr.user.fill", &"x".repeat(60_000));
    let many: Vec<Vec<u8>> = (0..8)
        .flat_map(|n| [pax(&attribute()), file(&format!("f{n}"), b"")])
        .collect();
    let limits = Limits {
        names: 200_000,
        ..Limits::default()
    };
    assert!(refused_within(&tar(&many), limits).contains("names and attributes"));
}

#[test]
fn sparse_files_are_refused() {
    assert_refused(&[entry(EntryType::GNUSparse, "holes", b"")], "“holes”", "sparse");
    let records = [
        record("GNU.sparse.major", "1"),
        record("GNU.sparse.realsize", "1099511627776"),
    ]
    .concat();
    assert_refused(&[pax(&records), file("holes", b"")], "PaxHeaders", "sparse");
}

#[test]
fn notes_belong_to_one_entry() {
    let note = || pax(&record("path", "a"));
    assert_refused(&[note(), note(), file("a", b"")], "PaxHeaders", "another entry");
    assert!(refused(&tar(&[note()])).contains("middle of an entry"));
    let global = entry(
        EntryType::XGlobalHeader,
        "pax_global_header",
        &record("path", "../x"),
    );
    assert_refused(
        &[global, file("a", b"")],
        "pax_global_header",
        "all entries at once",
    );
    assert_refused(
        &[pax(b"99 path=x\n"), file("a", b"")],
        "PaxHeaders",
        "malformed pax",
    );
    assert_refused(
        &[pax(&record("size", "-1")), file("a", b"")],
        "PaxHeaders",
        "malformed “size”",
    );
    let comment = entry(
        EntryType::XGlobalHeader,
        "pax_global_header",
        &record("comment", "0123abc"),
    );
    Desk::new()
        .import(&tar(&[comment, file("a", b"")]), Limits::default(), None)
        .expect("a comment harms nobody");
}

#[test]
fn what_is_cut_short_or_damaged_is_refused() {
    let whole = tar(&[file("one", &[1; 1_000]), file("two", &[2; 1_000])]);
    for length in [600, 1_000, 1_500, 1_536, 2_000, 3_072] {
        let message = refused(&whole[..length]);
        assert!(message.contains("cut short"), "{length}: {message}");
        refused(&gzip(&whole)[..30]);
        refused(&zstd(&whole)[..30]);
    }
    let mut bent = whole.clone();
    bent[1_540] ^= 1;
    assert!(refused(&bent).contains("checksum"));
    let mut bent = gzip(&whole);
    let at = bent.len() - 6;
    bent[at] ^= 1;
    refused(&bent);
}

#[test]
fn nothing_may_follow_the_end() {
    let whole = tar(&[file("one", b"1")]);
    let behind = |bytes: &[u8]| [bytes, b"more"].concat();
    assert!(refused(&behind(&whole)).contains("something follows its end"));
    refused(&behind(&gzip(&whole)));
    refused(&behind(&zstd(&whole)));
    let endless = zstd(&[whole.clone(), vec![0; 20 << 20]].concat());
    assert!(refused(&endless).contains("endless zeros"));
}

#[test]
fn a_manifest_has_to_be_true() {
    assert_refused(&[file("manifest.json", b"{")], "“manifest.json”", "not JSON");
    let newer = refused(&tar(&[file(
        "manifest.json",
        br#"{"format": "cairn", "version": 99}"#,
    )]));
    assert!(newer.contains("version 99"), "{newer}");
    let manifest = r#"{"format": "cairn", "version": 1, "cairn": "0.1.0", "reason": "manual",
        "source": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "game", "kind": "folder"},
        "backup": "01890a5d-ac96-774b-bcce-b302099a8058", "created": "2026-01-02T03:04:05Z",
        "parts": [{"name": "world", "items": 3}, {"name": "nothing"}]}"#;
    let manifest = file("manifest.json", manifest.as_bytes());
    assert_refused(
        std::slice::from_ref(&manifest),
        "“manifest.json”",
        "promises the part “world”",
    );
    let unpacked = Desk::new().import(&tar(&[manifest, file("world/x", b"")]), Limits::default(), None);
    assert!(unpacked.is_ok_and(|unpacked| unpacked.manifest.is_some()));
}

#[test]
fn what_is_no_archive_is_called_by_its_name() {
    for (bytes, what) in [
        (&b""[..], "empty"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"hello", "not an archive"),
    ] {
        assert!(refused(bytes).contains(what), "{what}");
    }
}

#[test]
fn names_are_shown_without_tricks() {
    let message = refused(&tar(&[file("../\u{1b}[2Jx\u{202e}y", b"")]));
    assert!(message.contains("../\u{fffd}[2Jx\u{fffd}y"), "{message}");
}
