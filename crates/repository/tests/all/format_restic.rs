//! What stock restic writes, file by file: every one is opened by this layer alone, and every listing, written again, has
//! the same bytes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use repository::Id;
use repository::format::config::Config;
use repository::format::index_file::{self, PackContents};
use repository::format::key_file::KeyFile;
use repository::format::pack::{self, BlobKind, PackEntry};
use repository::format::seal::Key;
use repository::format::snapshot::Snapshot;
use repository::format::{tree, unpacked};

const PASSWORD: &str = "pässword of restic";

/// Is the program there? If not, that is said aloud, and a failure where nothing may be left out.
fn has_restic() -> bool {
    let found = Command::new("restic").arg("version").output().is_ok();
    if !found {
        println!("SKIPPED: restic is not installed; get it with `apt-get install restic`");
        let strict = std::env::var("CAIRN_TEST_STRICT").as_deref() == Ok("1");
        assert!(!strict, "restic is missing");
    }
    found
}

fn restic(place: &Path, zone: &str, arguments: &[&str]) {
    let output = Command::new("restic")
        .args(["--no-cache", "-r"])
        .arg(place.join("repository"))
        .args(arguments)
        .current_dir(place.join("files"))
        .env("RESTIC_PASSWORD", PASSWORD)
        .env("TZ", zone)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Everything that may stand in a listing; devices only when this runs as root.
fn make_files(root: &Path) {
    fs::create_dir_all(root.join("deep/er/empty")).unwrap();
    let odd: [&[u8]; 12] = [
        b"plain",
        b"quote\"back\\slash",
        b"\xff\xfebad",
        b"<&>",
        "é\u{2028}\u{2029}\u{a0}\u{ad}".as_bytes(),
        b"\x01\x07\x08\x09\x0a\x0b\x0c\x0d\x1b\x7f",
        "\u{feff}x\u{e000}\u{e0001}\u{fffd}".as_bytes(),
        b"\xed\xa0\x80",
        "日本語 \u{1f600} ﷽".as_bytes(),
        b"...",
        b"\\xff",
        b" ",
    ];
    for (at, name) in odd.iter().enumerate() {
        let path = root.join(PathBuf::from(OsString::from_vec(name.to_vec())));
        fs::write(&path, vec![at as u8; at * 1000]).unwrap();
        fs::set_permissions(
            &path,
            fs::Permissions::from_mode([0o644, 0o4755, 0o2701, 0o1600][at % 4]),
        )
        .unwrap();
    }
    fs::set_permissions(root.join("deep"), fs::Permissions::from_mode(0o3777)).unwrap();
    fs::hard_link(root.join("<&>"), root.join("deep/linked")).unwrap();
    symlink("../<&>\"\\\u{2028}", root.join("deep/er/link")).unwrap();
    let plain = root.join("plain");
    for (name, value) in [
        ("user.empty", &b""[..]),
        ("user.<b>", b"\x00\xff"),
        ("user.é", b"text"),
    ] {
        if let Err(error) = xattr::set(&plain, name, value) {
            println!("no extended attributes here: {error}");
        }
    }
    let special = |arguments: &[&str]| {
        Command::new(arguments[0])
            .args(&arguments[1..])
            .current_dir(root)
            .output()
    };
    special(&["mkfifo", "fifo"]).unwrap();
    special(&["mknod", "block", "b", "8", "1"]).unwrap();
    special(&["mknod", "char", "c", "1", "3"]).unwrap();
    drop(std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap());
    for (name, date) in [
        ("plain", "1969-12-31 23:59:59.12Z"),
        ("...", "2500-02-28 01:02:03.000000007Z"),
    ] {
        special(&["touch", "-d", date, name]).unwrap();
    }
}

fn files(place: &Path, folder: &str) -> Vec<(Id, Vec<u8>)> {
    let name = |path: &Path| Id::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
    let found = fs::read_dir(place.join("repository").join(folder)).unwrap();
    let paths = found.map(|entry| entry.unwrap().path());
    let read = paths.map(|path| (name(&path), fs::read(&path).unwrap()));
    read.inspect(|(id, bytes)| assert_eq!(*id, Id::of(bytes)))
        .collect()
}

fn master_key(place: &Path) -> Key {
    let (_, json) = files(place, "keys").pop().unwrap();
    let file = KeyFile::decode(&json).unwrap();
    assert_eq!(file.open("another").unwrap(), None);
    file.open(PASSWORD).unwrap().unwrap()
}

fn indexed_packs(place: &Path, key: &Key) -> Vec<PackContents> {
    let decode = |(_, sealed): (Id, Vec<u8>)| {
        let json = unpacked::decode(key, &sealed, unpacked::LARGE).unwrap();
        let packs = index_file::decode(&json).unwrap().packs;
        assert_eq!(
            index_file::decode(&index_file::encode(&packs)).unwrap().packs,
            packs
        );
        packs
    };
    index_file::merge(files(place, "index").into_iter().map(decode))
}

fn plain_blob(key: &Key, file: &[u8], entry: &PackEntry) -> Vec<u8> {
    let sealed = &file[entry.offset as usize..][..entry.length as usize];
    let opened = key.open(sealed).unwrap();
    let plain = match entry.plain_length {
        0 => opened,
        length => zstd::bulk::decompress(&opened, length as usize).unwrap(),
    };
    assert_eq!((Id::of(&plain), plain.len()), (entry.id, entry.size() as usize));
    plain
}

/// Opens everything; the listings that were found.
fn read_everything(place: &Path) -> Vec<Vec<u8>> {
    let key = master_key(place);
    let config = Config::decode(&key, &fs::read(place.join("repository/config")).unwrap()).unwrap();
    assert_eq!(config.version, 2);
    for (id, sealed) in files(place, "snapshots") {
        let json = unpacked::decode(&key, &sealed, unpacked::SMALL).unwrap();
        let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
        let snapshot = Snapshot::decode(id, &json).unwrap();
        assert_eq!(value(&snapshot.encode()), value(&json));
    }
    let mut trees = Vec::new();
    for contents in indexed_packs(place, &key) {
        let hex = contents.id.hex();
        let file = fs::read(place.join("repository/data").join(&hex[..2]).join(&hex)).unwrap();
        assert_eq!(pack::read_file(&key, &file).unwrap(), contents.blobs);
        for entry in &contents.blobs {
            let plain = plain_blob(&key, &file, entry);
            if entry.kind == BlobKind::Tree {
                trees.push(plain);
            }
        }
    }
    trees
}

#[test]
fn listings_of_restic_come_out_byte_for_byte() {
    if !has_restic() {
        return;
    }
    for (zone, offset) in [("UTC", 0), ("Asia/Kolkata", 19_800)] {
        let place = tempfile::tempdir().unwrap();
        make_files(&place.path().join("files"));
        restic(place.path(), zone, &["init"]);
        restic(place.path(), zone, &["backup", "--tag", "a,b", "."]);
        let trees = read_everything(place.path());
        assert!(trees.len() >= 4);
        let mut entries = 0;
        for bytes in trees {
            let nodes = tree::decode(&bytes).unwrap();
            entries += nodes.len();
            let again = tree::encode_with_offset(&nodes, |_| offset).unwrap();
            assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&bytes));
        }
        assert!(entries >= 19, "{entries} entries");
    }
}
