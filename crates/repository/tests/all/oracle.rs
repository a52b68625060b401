//! Stock restic as the judge: what Cairn writes it accepts, what it writes Cairn restores, and both agree on every byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use model::{Cancel, Progress};
use repository::storage::{Disk, Storage};
use repository::{Level, Options, Repository, Snapshot, SnapshotMeta};
use sources::folder::walk::{WalkOptions, walk};

use crate::sample::{self, noise, options};

/// The program, or a visible skip.
pub(crate) fn restic() -> bool {
    if Command::new("restic").arg("version").output().is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("CAIRN_TEST_STRICT").is_none(),
        "restic is missing: apt-get install restic"
    );
    println!("SKIPPED: restic is missing, so nothing was compared with it (apt-get install restic)");
    false
}

pub(crate) fn run(repository: &Path, in_dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("restic")
        .args(["--no-cache", "-r"])
        .arg(repository)
        .args(arguments)
        .current_dir(in_dir)
        .env("RESTIC_PASSWORD", sample::PASSWORD)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "restic {arguments:?}: {text}");
    text
}

/// Odd names, links, attributes, holes, empty things.
fn make_files(root: &Path) {
    fs::create_dir_all(root.join("sub/empty folder")).unwrap();
    let write = |name: &[u8], bytes: &[u8]| {
        fs::write(
            root.join(PathBuf::from(std::ffi::OsString::from_vec(name.to_vec()))),
            bytes,
        )
        .unwrap();
    };
    write(b"plain", b"plain");
    write(b"empty", b"");
    write(b"odd\xff\"name\\", b"x");
    write("né <&> \u{2028}\u{a0}".as_bytes(), b"y");
    write(b"control\x01\n\t", b"z");
    write(b"large", &noise(1, 3_000_000));
    write(b"text", &b"a line of text\n".repeat(200_000));
    write(b"r.0.0.mca", &noise(2, 700_000));
    for number in 0..50 {
        write(format!("sub/{number}").as_bytes(), &noise(number + 10, 2000));
    }
    fs::hard_link(root.join("large"), root.join("sub/linked")).unwrap();
    std::os::unix::fs::symlink("../plain", root.join("sub/link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", root.join("dangling")).unwrap();
    fs::File::create(root.join("sub/hole"))
        .unwrap()
        .set_len(5_000_000)
        .unwrap();
    fs::set_permissions(root.join("text"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(root.join("sub/empty folder"), fs::Permissions::from_mode(0o1700)).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        root.join("fifo"),
        rustix::fs::Mode::from_raw_mode(0o644),
    )
    .unwrap();
    if let Err(error) = xattr::set(root.join("plain"), "user.note", b"kept \xff") {
        println!("SKIPPED: the file system of the temporary folder has no extended attributes ({error})");
    }
}

type Seen = BTreeMap<PathBuf, (u32, u64, i64, i64, u64, Vec<u8>, Vec<u8>)>;

/// Everything that must come back.
fn look(root: &Path) -> Seen {
    let mut seen = Seen::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = match meta.file_type() {
                kind if kind.is_file() => fs::read(&path).unwrap(),
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_vec(),
                _ => Vec::new(),
            };
            let note = xattr::get(&path, "user.note").ok().flatten().unwrap_or_default();
            let links = if meta.is_dir() { 0 } else { meta.nlink() };
            let size = if meta.is_dir() { 0 } else { meta.len() };
            let facts = (
                meta.mode(),
                size,
                meta.mtime(),
                meta.mtime_nsec(),
                links,
                content,
                note,
            );
            seen.insert(path.strip_prefix(root).unwrap().to_path_buf(), facts);
            if meta.is_dir() {
                open.push(path);
            }
        }
    }
    seen
}

pub(crate) fn on_disk(path: &Path) -> Arc<dyn Storage> {
    Arc::new(Disk::new(path))
}

pub(crate) fn back_up(repository: &Repository, root: &Path, parent: Option<&Snapshot>) -> Snapshot {
    let mut writer = repository
        .writer(parent, &Progress::new(), &Cancel::new())
        .unwrap();
    let walked = walk(root, &WalkOptions::default(), &mut |path, meta, content| {
        writer.entry(path, meta, content)
    })
    .unwrap();
    assert_eq!(walked.skipped, []);
    writer.settle().unwrap();
    assert_eq!(writer.unread(), []);
    let meta = SnapshotMeta {
        time_ms: 1_767_323_045_000,
        hostname: "host".into(),
        paths: vec!["/x".into()],
        ..SnapshotMeta::default()
    };
    writer.finish(&meta).unwrap()
}

#[test]
fn restic_accepts_and_restores_what_cairn_writes() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (root, place, out) = (
        dir.path().join("root"),
        dir.path().join("repository"),
        dir.path().join("out"),
    );
    make_files(&root);
    let repository = Repository::create(
        on_disk(&place),
        sample::PASSWORD,
        Options {
            pack_size: 1 << 20,
            ..options()
        },
    )
    .unwrap();
    let snapshot = back_up(&repository, &root, None);
    assert!(run(&place, dir.path(), &["check", "--read-data"]).contains("no errors were found"));
    run(
        &place,
        dir.path(),
        &["restore", &snapshot.id.hex(), "--target", out.to_str().unwrap()],
    );
    assert_eq!(look(&out), look(&root));
    let again = back_up(&repository, &root, Some(&snapshot));
    assert_eq!(again.tree, snapshot.tree, "nothing changed, so nothing changes");
    run(&place, dir.path(), &["forget", &snapshot.id.hex(), "--prune"]);
    assert!(run(&place, dir.path(), &["check", "--read-data"]).contains("no errors were found"));
    let report = Repository::open(on_disk(&place), sample::PASSWORD, options()).unwrap();
    assert!(
        report
            .check(Level::Data, &Progress::new(), &Cancel::new())
            .unwrap()
            .is_clean()
    );
}

#[test]
fn cairn_restores_what_it_wrote_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("root"), dir.path().join("out"));
    make_files(&root);
    let repository = Repository::create(on_disk(&dir.path().join("r")), sample::PASSWORD, options()).unwrap();
    let snapshot = back_up(&repository, &root, None);
    let tree = repository.tree(&snapshot).unwrap();
    let notes = tree
        .restore_folder(Path::new(""), &out, &Progress::new(), &Cancel::new())
        .unwrap();
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(look(&out), look(&root));
    let inode = |path: &str| fs::metadata(out.join(path)).unwrap().ino();
    assert_eq!(inode("large"), inode("sub/linked"));
    assert!(
        fs::metadata(out.join("sub/hole")).unwrap().blocks() < 64,
        "a hole stays a hole"
    );
    let refused = tree
        .restore_folder(Path::new(""), &out, &Progress::new(), &Cancel::new())
        .unwrap_err();
    assert_eq!(refused.kind(), model::Kind::Conflict);
    assert_eq!(look(&out), look(&root));
}

#[test]
fn cairn_restores_what_restic_writes_and_both_go_on() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (root, place, out) = (
        dir.path().join("root"),
        dir.path().join("repository"),
        dir.path().join("out"),
    );
    make_files(&root);
    run(&place, dir.path(), &["init"]);
    run(&place, &root, &["backup", "."]);
    let repository = Repository::open(on_disk(&place), sample::PASSWORD, options()).unwrap();
    let first = repository.snapshots().unwrap().pop().unwrap();
    let tree = repository.tree(&first).unwrap();
    tree.restore_folder(Path::new(""), &out, &Progress::new(), &Cancel::new())
        .unwrap();
    assert_eq!(look(&out), look(&root));
    back_up(&repository, &root, Some(&first));
    fs::write(root.join("plain"), b"changed").unwrap();
    run(&place, &root, &["backup", "."]);
    assert!(run(&place, dir.path(), &["check", "--read-data"]).contains("no errors were found"));
    let report = repository
        .check(Level::Data, &Progress::new(), &Cancel::new())
        .unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    repository.prune(0, &Progress::new(), &Cancel::new()).unwrap();
    assert!(run(&place, dir.path(), &["check", "--read-data"]).contains("no errors were found"));
    assert_eq!(repository.snapshots().unwrap().len(), 3);
}

#[test]
fn a_folder_of_small_files_has_the_same_tree_in_both() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (root, place) = (dir.path().join("root"), dir.path().join("repository"));
    make_files(&root);
    for large in ["large", "text", "r.0.0.mca", "sub/linked", "sub/hole"] {
        fs::remove_file(root.join(large)).unwrap();
    }
    run(&place, dir.path(), &["init"]);
    run(&place, &root, &["backup", "."]);
    let repository = Repository::open(on_disk(&place), sample::PASSWORD, options()).unwrap();
    let theirs = repository.snapshots().unwrap().pop().unwrap();
    let ours = back_up(&repository, &root, None);
    assert_eq!(ours.tree, theirs.tree);
    assert_eq!(ours.summary.unwrap().data_added, 0);
}

#[test]
fn restic_respects_our_lock_and_we_respect_its() {
    if !restic() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("repository");
    let repository = Repository::create(on_disk(&place), sample::PASSWORD, options()).unwrap();
    let writer = repository.writer(None, &Progress::new(), &Cancel::new()).unwrap();
    let locks = run(&place, dir.path(), &["list", "locks", "--no-lock"]);
    assert!(locks.lines().any(|line| line.len() == 64), "{locks}");
    let output = Command::new("restic")
        .args(["--no-cache", "-r"])
        .arg(&place)
        .arg("prune")
        .env("RESTIC_PASSWORD", sample::PASSWORD)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("lock"));
    drop(writer);
    run(&place, dir.path(), &["prune"]);
}
