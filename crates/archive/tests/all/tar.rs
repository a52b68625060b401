//! Hostile and damaged tars, built by hand: each is refused by name and reason, and leaves nothing.

use std::fs;

use ::tar::{EntryType, Header};
use archive::Limits;

use crate::sample::{Desk, refused, refused_within};

pub(crate) fn header(kind: EntryType, name: &[u8], size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

pub(crate) fn entry(kind: EntryType, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut whole = header(kind, name.as_bytes(), bytes.len() as u64)
        .as_bytes()
        .to_vec();
    whole.extend_from_slice(bytes);
    whole.resize(whole.len().next_multiple_of(512), 0);
    whole
}

pub(crate) fn file(name: &str, bytes: &[u8]) -> Vec<u8> {
    entry(EntryType::Regular, name, bytes)
}

pub(crate) fn link(kind: EntryType, name: &str, target: &str) -> Vec<u8> {
    let mut header = header(kind, name.as_bytes(), 0);
    header.set_link_name_literal(target).expect("the target is short");
    header.set_cksum();
    header.as_bytes().to_vec()
}

pub(crate) fn symlink(name: &str, target: &str) -> Vec<u8> {
    link(EntryType::Symlink, name, target)
}

pub(crate) fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest + 1..rest + 30).find(|length| rest + length.to_string().len() == *length);
    format!("{} {key}={value}\n", length.expect("there is one")).into_bytes()
}

pub(crate) fn pax(records: &[u8]) -> Vec<u8> {
    entry(EntryType::XHeader, "PaxHeaders/x", records)
}

pub(crate) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = entries.concat();
    whole.resize(whole.len() + 1024, 0);
    whole
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

pub(crate) fn assert_refused(entries: &[Vec<u8>], name: &str, why: &str) {
    let message = refused(&tar(entries));
    assert!(message.contains(name) && message.contains(why), "{message}");
}

#[test]
fn names_that_lead_outside_are_refused() {
    let long = "a/".repeat(49);
    for (name, why) in [
        ("../up", "leads out"),
        ("a/../../up", "leads out"),
        ("/etc/passwd", "absolute"),
        ("\\etc", "absolute"),
        ("C:/windows", "drive"),
        ("a\\..\\..\\up", "backslashes"),
    ] {
        assert_refused(&[file(name, b"x")], name, why);
    }
    let shallow = Limits {
        depth: 40,
        ..Limits::default()
    };
    assert!(refused_within(&tar(&[file(&format!("{long}x"), b"x")]), shallow).contains("folders deep"));
    let short = Limits {
        path: 40,
        ..Limits::default()
    };
    assert!(refused_within(&tar(&[file(&format!("{long}x"), b"x")]), short).contains("more than 40 bytes"));
}

#[test]
fn names_in_notes_are_judged_as_strictly() {
    for (name, why) in [("../up", "leads out"), ("/abs", "absolute"), ("nul\0nul", "NUL")] {
        let message = refused(&tar(&[pax(&record("path", name)), file("innocent", b"x")]));
        assert!(message.contains(why), "{message}");
        let long = entry(
            EntryType::GNULongName,
            "././@LongLink",
            format!("{name}\0").as_bytes(),
        );
        let message = refused(&tar(&[long, file("innocent", b"x")]));
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn links_that_lead_outside_are_refused() {
    for target in ["/etc", "..", "../x", "a/../../x", "./../.."] {
        assert_refused(&[symlink("link", target)], "“link”", "outside the archive");
    }
    // Only together: `deep/root` is the root, so `deep/root/..` is outside.
    let both = [
        symlink("deep/er/root", "../.."),
        symlink("out", "deep/er/root/.."),
    ];
    assert_refused(&both, "“out”", "outside the archive");
    assert_refused(&[symlink("link", "")], "“link”", "without a proper target");
}

#[test]
fn nothing_is_written_through_a_link() {
    let desk = Desk::new();
    let victim = desk.path("victim");
    fs::create_dir(&victim).expect("a folder");
    let target = victim.to_str().expect("the path is text");
    for entries in [
        vec![symlink("link", target), file("link/planted", b"x")],
        vec![symlink("link", target), file("link", b"x")],
        vec![
            symlink("link", target),
            link(EntryType::Link, "other", "link/planted"),
        ],
        vec![file("link/planted", b"x"), symlink("link", target)],
    ] {
        let limits = Limits {
            outside_links: true,
            ..Limits::default()
        };
        desk.import(&tar(&entries), limits, None)
            .expect_err("this has to be refused");
        assert!(desk.is_clean());
    }
    assert_eq!(fs::read_dir(&victim).expect("it is there").count(), 0);
}

#[test]
fn links_that_stay_inside_are_kept() {
    let desk = Desk::new();
    let entries = [
        file("a/file", b"x"),
        symlink("a/one", "file"),
        symlink("two", "a/../a/one"),
        symlink("loop", "loop"),
        symlink("nowhere", "a/later"),
    ];
    let unpacked = desk
        .import(&tar(&entries), Limits::default(), None)
        .expect("it is imported");
    assert_eq!(
        fs::read(unpacked.dir().join("two")).expect("it leads to the file"),
        b"x"
    );
}

#[test]
fn links_to_the_outside_are_kept_for_who_asks() {
    let desk = Desk::new();
    let limits = Limits {
        outside_links: true,
        ..Limits::default()
    };
    let unpacked = desk.import(&tar(&[symlink("zone", "/usr/share/zoneinfo")]), limits, None);
    let unpacked = unpacked.expect("it is imported");
    let target = fs::read_link(unpacked.dir().join("zone")).expect("a link");
    assert_eq!(target.to_str(), Some("/usr/share/zoneinfo"));
}

#[test]
fn hard_links_lead_to_files_that_came_before() {
    for target in ["/etc/passwd", "../x"] {
        assert_refused(
            &[link(EntryType::Link, "hard", target)],
            "“hard”",
            "outside the archive",
        );
    }
    assert_refused(
        &[link(EntryType::Link, "hard", "later"), file("later", b"")],
        "“hard”",
        "did not come before",
    );
    let through = [
        file("a", b"x"),
        symlink("soft", "a"),
        link(EntryType::Link, "hard", "soft"),
    ];
    assert_refused(&through, "“hard”", "not a file");
}

#[test]
fn a_pipe_is_taken_and_a_device_only_from_an_archive_of_ones_own() {
    let device = |kind, name: &str| {
        let mut header = header(kind, name.as_bytes(), 0);
        header.set_device_major(1).expect("a ustar header");
        header.set_device_minor(3).expect("a ustar header");
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let archive = tar(&[
        entry(EntryType::Fifo, "pipe", b""),
        device(EntryType::Char, "char"),
        device(EntryType::Block, "block"),
        entry(EntryType::Char, "nameless", b""),
    ]);
    let names = |limits| {
        let desk = Desk::new();
        let unpacked = desk.import(&archive, limits, None).expect("it is imported");
        assert_eq!(
            std::fs::read_dir(unpacked.dir()).expect("a folder").count(),
            0,
            "nothing is made"
        );
        let paths = unpacked
            .entries
            .iter()
            .map(|(path, _)| path.display().to_string());
        (paths.collect::<Vec<_>>(), unpacked.left_out.len())
    };
    assert_eq!(names(Limits::default()), (vec!["pipe".to_owned()], 3));
    let trusted = Limits {
        owners: true,
        ..Limits::default()
    };
    let all = ["block", "char", "pipe"].map(str::to_owned).to_vec();
    assert_eq!(names(trusted), (all, 1));
}

#[test]
fn strange_kinds_are_refused() {
    for (kind, why) in [
        (EntryType::new(b'M'), "kind that is not imported"),
        (EntryType::new(b'V'), "kind that is not imported"),
    ] {
        assert_refused(&[entry(kind, "odd", b"")], "“odd”", why);
    }
}

#[test]
fn a_path_comes_once() {
    assert_refused(&[file("a", b"1"), file("a", b"2")], "“a”", "twice");
    assert_refused(&[file("a", b"1"), file("./a", b"2")], "“a”", "twice");
    assert_refused(
        &[file("a", b"1"), entry(EntryType::Directory, "a/", b"")],
        "“a”",
        "twice",
    );
    assert_refused(
        &[file("a", b"1"), file("a/b", b"2")],
        "“a/b”",
        "below “a”, which is a file",
    );
    let folder = || entry(EntryType::Directory, "d/", b"");
    assert_refused(&[folder(), folder()], "“d”", "twice");
    let desk = Desk::new();
    desk.import(&tar(&[file("d/x", b""), folder()]), Limits::default(), None)
        .expect("a folder may be described after what lies in it");
}

#[test]
fn names_that_differ_by_case_alone_are_refused_when_asked() {
    let entries = tar(&[file("Ärger", b"1"), file("ärger", b"2")]);
    Desk::new()
        .import(&entries, Limits::default(), None)
        .expect("Linux can tell them apart");
    let one_case = Limits {
        one_case: true,
        ..Limits::default()
    };
    assert!(refused_within(&entries, one_case).contains("by case alone"));
}
