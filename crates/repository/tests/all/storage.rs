//! One contract for every storage: disk, memory, and a real S3 server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use model::{Cancel, Kind, Progress};
use repository::storage::{Class, Memory, Storage, open};
use repository::{Id, Level};

use crate::sample::{self, create, noise, read, write};

/// What every storage must do.
fn keeps_the_contract(storage: &dyn Storage) {
    let bytes = noise(1, 100_000);
    let id = Id::of(&bytes);
    for class in [
        Class::Key,
        Class::Snapshot,
        Class::Index,
        Class::Lock,
        Class::Pack,
        Class::Damage,
    ] {
        assert_eq!(storage.list(class).unwrap(), [], "{class:?}");
        assert_eq!(storage.get(class, &id).unwrap_err().kind(), Kind::NotFound);
        assert_eq!(storage.stat(class, &id).unwrap(), None);
        storage.put(class, &id, &bytes).unwrap();
        storage.put(class, &id, &bytes).unwrap();
        assert_eq!(storage.get(class, &id).unwrap(), bytes);
        assert_eq!(storage.get_range(class, &id, 10, 20).unwrap(), bytes[10..30]);
        assert_eq!(
            storage.get_range(class, &id, 99_990, 10).unwrap(),
            bytes[99_990..]
        );
        for (from, length) in [(99_990, 11), (100_000, 1), (200_000, 1)] {
            let short = storage.get_range(class, &id, from, length).unwrap_err();
            assert_eq!(short.kind(), Kind::Damaged, "a short read is an error: {short}");
        }
        let listed = storage.list(class).unwrap();
        assert_eq!((listed.len(), listed[0].id, listed[0].size), (1, id, 100_000));
        assert_eq!(storage.stat(class, &id).unwrap().unwrap().size, 100_000);
        storage.delete(class, &id).unwrap();
        storage.delete(class, &id).unwrap();
        assert_eq!(storage.list(class).unwrap(), []);
    }
    storage.put_new(Class::Config, &id, b"one").unwrap();
    assert_eq!(
        storage.put_new(Class::Config, &id, b"two").unwrap_err().kind(),
        Kind::Conflict
    );
    assert_eq!(storage.get(Class::Config, &Id::default()).unwrap(), b"one");
    storage.delete(Class::Config, &id).unwrap();
    let large = noise(2, 20 << 20);
    storage.put(Class::Pack, &Id::of(&large), &large).unwrap();
    assert_eq!(storage.get(Class::Pack, &Id::of(&large)).unwrap(), large);
    storage.delete(Class::Pack, &Id::of(&large)).unwrap();
}

/// A repository's whole life in a storage.
fn holds_a_repository(storage: &Arc<dyn Storage>) {
    let repository = create(storage);
    let first = write(&repository, None, &sample::files(1), 1).unwrap();
    let second = write(&repository, Some(&first), &sample::files(2), 2).unwrap();
    repository.forget(&[first.id]).unwrap();
    repository.prune(0, &Progress::new(), &Cancel::new()).unwrap();
    let again = sample::open(storage).unwrap();
    assert_eq!(read(&again, &second).unwrap(), sample::files(2));
    assert!(
        again
            .check(Level::Data, &Progress::new(), &Cancel::new())
            .unwrap()
            .is_clean()
    );
}

#[test]
fn memory_keeps_the_contract() {
    keeps_the_contract(&Memory::new());
}

#[test]
fn a_folder_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path().join("r").to_str().unwrap()).unwrap();
    keeps_the_contract(&*storage);
    holds_a_repository(&storage);
}

#[test]
fn a_folder_is_private_and_what_is_not_ours_in_it_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("r");
    let storage = open(root.to_str().unwrap()).unwrap();
    let repository = create(&storage);
    let snapshot = write(&repository, None, &sample::files(1), 1).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (
            mode(root.clone()),
            mode(root.join("data")),
            mode(root.join("config"))
        ),
        (0o700, 0o700, 0o400)
    );
    fs::write(root.join("keys/README"), b"x").unwrap();
    fs::write(root.join("snapshots/foo.tmp"), b"x").unwrap();
    fs::create_dir(root.join("lost+found")).unwrap();
    fs::create_dir(root.join("index").join(Id::of(b"x").hex())).unwrap();
    let again = sample::open(&storage).unwrap();
    assert_eq!(read(&again, &snapshot).unwrap(), sample::files(1));
    assert_eq!(again.snapshots().unwrap().len(), 1);
}

#[test]
fn a_disk_that_is_full_says_so_and_keeps_no_halves() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("small");
    fs::create_dir(&target).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&target)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: mounting a small tmpfs needs root's rights, so no really full disk was tried");
        return;
    }
    let storage = open(target.join("r").to_str().unwrap()).unwrap();
    let repository = create(&storage);
    let failed = write(&repository, None, &sample::files(1), 1).unwrap_err();
    let halves = storage
        .list(Class::Pack)
        .unwrap()
        .iter()
        .filter(|found| found.size == 0)
        .count();
    let snapshots = repository.snapshots().unwrap();
    let undone = Command::new("umount").arg(&target).output();
    assert_eq!(failed.kind(), Kind::NoSpace, "{failed}");
    assert!(failed.hint_text().is_some());
    assert_eq!((halves, snapshots.len()), (0, 0));
    assert!(undone.is_ok_and(|output| output.status.success()));
}

#[test]
fn addresses_are_understood_or_refused_with_a_hint() {
    for bad in [
        "",
        "sftp:host:/x",
        "rest:http://x",
        "s3:",
        "s3:host/bucket",
        "s3:ftp://host/bucket",
        "s3:https://host",
        "s3:https://u:p@host/b",
    ] {
        let problem = open(bad).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid, "{bad}");
        assert!(!problem.message().contains("u:p@"), "{problem}");
    }
    assert!(open("./C:odd").is_ok());
}

/// moto's S3 server on a free port; killed at the end.
struct S3 {
    server: Child,
    address: String,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn python() -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let candidates = [
        std::env::var_os("CAIRN_TEST_PYTHON").map(PathBuf::from),
        home.map(|dir| dir.join("cairn-tools/venv/bin/python")),
    ];
    let has_moto = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", "import moto.server"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    candidates
        .into_iter()
        .flatten()
        .chain([PathBuf::from("python3")])
        .find(has_moto)
}

fn s3() -> Option<S3> {
    let Some(python) = python() else {
        assert!(
            std::env::var_os("CAIRN_TEST_STRICT").is_none(),
            "moto is missing: pip install 'moto[s3,server]'"
        );
        println!("SKIPPED: no S3 server to try (pip install 'moto[s3,server]')");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut server = Command::new(python)
        .args([
            "-u",
            "-m",
            "moto.server",
            "-H",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Running on") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the S3 server ended");
    }
    // What it says later must not fill the pipe.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Some(S3 {
        server,
        address: format!("http://127.0.0.1:{port}"),
    })
}

#[test]
fn a_bucket_keeps_the_contract() {
    let Some(s3) = s3() else { return };
    let made = Command::new(python().unwrap())
        .args(["-c", "import sys,boto3; boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1').create_bucket(Bucket='cairn')"])
        .arg(&s3.address)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let credentials = [("access_key_id", "test"), ("secret_access_key", "test")];
    let at = |prefix: &str| {
        repository::storage::Bucket::open_with(&format!("s3:{}/cairn/{prefix}", s3.address), &credentials)
            .unwrap()
    };
    keeps_the_contract(&at("one"));
    let storage: Arc<dyn Storage> = Arc::new(at("two/deep"));
    holds_a_repository(&storage);
    let missing =
        repository::storage::Bucket::open_with(&format!("s3:{}/nobody/x", s3.address), &credentials).unwrap();
    assert!(
        missing.list(Class::Pack).is_err(),
        "a listing that fails is no empty listing"
    );
}
