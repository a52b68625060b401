//! Hostile and damaged zips, built by hand: each is refused by name and reason, and leaves nothing.

use std::fs;

use archive::Limits;

use crate::sample::{Desk, refused, refused_within};

/// One entry, stored; what the directory and the entry's own header say can differ.
#[derive(Clone)]
struct Stored {
    name: Vec<u8>,
    own_name: Vec<u8>,
    bytes: Vec<u8>,
    crc: u32,
    size: u32,
    own_size: u32,
    mode: u32,
    made_by: u16,
    method: u16,
    flags: u16,
    /// Where the directory says that it lies; nothing = where it does.
    at: Option<u32>,
}

impl Stored {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        Stored {
            name: name.into(),
            own_name: name.into(),
            bytes: bytes.to_vec(),
            crc: crc.sum(),
            size: bytes.len() as u32,
            own_size: bytes.len() as u32,
            mode: 0o100_644,
            made_by: 3 << 8 | 0x14,
            method: 0,
            flags: 0,
            at: None,
        }
    }

    fn common(&self, size: u32, name: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for short in [20, self.flags, self.method, 0, 0x21] {
            out.extend_from_slice(&short.to_le_bytes());
        }
        for long in [self.crc, self.bytes.len() as u32, size] {
            out.extend_from_slice(&long.to_le_bytes());
        }
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(&0_u16.to_le_bytes());
        out
    }

    fn own(&self) -> Vec<u8> {
        let header = self.common(self.own_size, &self.own_name);
        [b"PK\x03\x04", &header[..], &self.own_name, &self.bytes].concat()
    }

    fn listed(&self, at: u32) -> Vec<u8> {
        let mut out = [
            b"PK\x01\x02",
            &self.made_by.to_le_bytes()[..],
            &self.common(self.size, &self.name),
        ]
        .concat();
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&(self.mode << 16).to_le_bytes());
        out.extend_from_slice(&self.at.unwrap_or(at).to_le_bytes());
        out.extend_from_slice(&self.name);
        out
    }
}

fn end(entries: u16, size: u32, at: u32) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend_from_slice(&entries.to_le_bytes());
    out.extend_from_slice(&entries.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

fn zip(entries: &[Stored]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        directory.extend(entry.listed(out.len() as u32));
        out.extend(entry.own());
    }
    let end = end(entries.len() as u16, directory.len() as u32, out.len() as u32);
    [out, directory, end].concat()
}

fn assert_refused(entries: &[Stored], name: &str, why: &str) {
    let message = refused(&zip(entries));
    assert!(message.contains(name) && message.contains(why), "{message}");
}

fn with(name: &str, change: impl FnOnce(&mut Stored)) -> Stored {
    let mut entry = Stored::new(name, b"content");
    change(&mut entry);
    entry
}

#[test]
fn a_zip_by_hand_is_imported() {
    let desk = Desk::new();
    let unpacked = desk.import(&zip(&[Stored::new("a/b", b"hello")]), Limits::default(), None);
    let unpacked = unpacked.expect("it is imported");
    assert_eq!(
        fs::read(unpacked.dir().join("a/b")).expect("it is there"),
        b"hello"
    );
    let empty = desk
        .import(&end(0, 0, 0), Limits::default(), None)
        .expect("nothing is an archive too");
    assert_eq!(empty.files, 0);
}

#[test]
fn names_that_lead_outside_are_refused() {
    for (name, why) in [
        ("../up", "leads out"),
        ("a/../../up", "leads out"),
        ("/etc/passwd", "absolute"),
        ("c:\\windows", "drive"),
        ("..\\up", "backslashes"),
        ("nul\0nul", "NUL"),
        ("", "no name"),
    ] {
        let message = refused(&zip(&[Stored::new(name, b"x")]));
        assert!(message.contains(why), "{name:?}: {message}");
    }
    assert_refused(&[with("a\\b", |e| e.made_by = 20)], "“a\\b”", "backslashes");
}

#[test]
fn a_path_comes_once() {
    assert_refused(&[Stored::new("a", b"1"), Stored::new("a", b"2")], "“a”", "twice");
    assert_refused(
        &[Stored::new("a", b"1"), Stored::new("./a", b"2")],
        "“a”",
        "twice",
    );
    assert_refused(
        &[Stored::new("a", b"1"), Stored::new("a/b", b"2")],
        "“a/b”",
        "which is a file",
    );
}

#[test]
fn links_that_lead_outside_and_devices_are_refused() {
    let link = |name: &str, target: &str| {
        let mut link = Stored::new(name, target.as_bytes());
        link.mode = 0o120_777;
        link
    };
    assert_refused(&[link("link", "/etc")], "“link”", "outside the archive");
    assert_refused(&[link("a/link", "../../x")], "“a/link”", "outside the archive");
    assert_refused(
        &[link("link", "a"), Stored::new("link/x", b"")],
        "“link/x”",
        "which is a link",
    );
    assert_refused(&[link("link", &"x".repeat(5_000))], "“link”", "proper target");
}

#[test]
fn headers_that_differ_from_the_directory_are_refused() {
    assert_refused(
        &[with("shown", |e| e.own_name = b"other".to_vec())],
        "“shown”",
        "differs",
    );
    assert_refused(&[with("sized", |e| e.own_size = 3)], "“sized”", "differs");
}

#[test]
fn contents_that_differ_from_the_header_are_refused() {
    assert_refused(&[with("crc", |e| e.crc ^= 1)], "“crc”", "damaged");
    let longer = with("longer", |e| (e.size, e.own_size) = (9, 9));
    refused(&zip(&[longer]));
    assert_refused(&[with("packed", |e| e.method = 14)], "“packed”", "does not read");
}

#[test]
fn entries_do_not_share_bytes() {
    let shared = with("a", |e| e.at = Some(0));
    let first = with("a", |_| {});
    let second = Stored {
        name: b"b".to_vec(),
        ..shared
    };
    let message = refused(&zip(&[first, second]));
    assert!(
        message.contains("“b”") || message.contains("overlap"),
        "{message}"
    );
}

#[test]
fn nothing_lies_before_between_or_after() {
    let whole = zip(&[Stored::new("a", b"1")]);
    assert!(refused(&[&whole[..], b"more"].concat()).contains("follows"));
    let message = refused(&[&whole[..], &end(0, 0, 0)].concat());
    assert!(message.contains("do not add up"), "{message}");
    let mut prefixed = Stored::new("first", b"").own();
    prefixed.extend_from_slice(&whole);
    assert!(refused(&prefixed).contains("do not add up"));
    let hidden = Stored::new("hidden", b"x").own();
    let own = Stored::new("a", b"1").own();
    let listed = Stored::new("a", b"1").listed(0);
    let at = (own.len() + hidden.len()) as u32;
    let message = refused(&[own, hidden, listed.clone(), end(1, listed.len() as u32, at)].concat());
    assert!(message.contains("local file header missing"), "{message}");
}

#[test]
fn what_is_cut_short_is_refused() {
    let whole = zip(&[Stored::new("a", &[1; 500]), Stored::new("b", b"2")]);
    for length in [10, 100, 540, whole.len() - 22, whole.len() - 1] {
        let message = refused(&whole[..length]);
        assert!(message.contains("cut short"), "{length}: {message}");
    }
}

#[test]
fn counts_that_lie_are_refused() {
    let whole = zip(&[Stored::new("a", b"1"), Stored::new("b", b"2")]);
    let at = whole.len() - 22;
    let mut fewer = whole.clone();
    (fewer[at + 8], fewer[at + 10]) = (1, 1);
    assert!(refused(&fewer).contains("more than its end record counts"));
    let mut more = whole.clone();
    (more[at + 8], more[at + 10]) = (3, 3);
    refused(&more);
    let mut volumes = whole;
    volumes[at + 4] = 1;
    assert!(refused(&volumes).contains("several volumes"));
}

#[test]
fn limits_hold_before_the_directory_is_taken_in() {
    let two = zip(&[Stored::new("one", &[0; 600]), Stored::new("two", &[0; 600])]);
    let limits = Limits::default();
    assert!(refused_within(&two, Limits { entries: 1, ..limits }).contains("more than 1 entries"));
    assert!(refused_within(&two, Limits { names: 60, ..limits }).contains("directory takes more"));
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
}

#[test]
fn encryption_that_is_not_read_is_named() {
    assert_refused(&[with("sealed", |e| e.flags = 1 | 1 << 6)], "“sealed”", "AES-256");
}

#[test]
fn what_cannot_fit_on_the_disk_is_not_begun() {
    let huge = with("huge", |e| (e.size, e.own_size) = (u32::MAX - 1, u32::MAX - 1));
    let many: Vec<Stored> = (0..2_000)
        .map(|n| {
            let name = format!("huge{n}").into_bytes();
            Stored {
                own_name: name.clone(),
                name,
                ..huge.clone()
            }
        })
        .collect();
    let limits = Limits {
        total_bytes: u64::MAX,
        ..Limits::default()
    };
    let problem = Desk::new()
        .import(&zip(&many), limits, None)
        .expect_err("8 TiB do not fit");
    assert_eq!(problem.kind(), model::Kind::NoSpace, "{problem}");
}
