//! Files of every size at which something changes: nothing, one chunk, exactly a boundary, more than 32 bits can count.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};

use model::{Cancel, Progress};
use repository::{Options, Repository};
use rustix::fs::SeekFrom;

use crate::oracle::{back_up, on_disk, restic, run};
use crate::sample::{self, noise, options};

/// Where a file becomes more than one chunk, and where the longest chunk ends.
const BOUNDARIES: [u64; 4] = [64 << 10, 512 << 10, 8 << 20, 16 << 20];

/// Both readers give the same bytes to their end.
fn is_same(mut one: impl Read, mut other: impl Read) {
    let (mut left, mut right) = (vec![0; 4 << 20], vec![0; 4 << 20]);
    let mut at = 0;
    loop {
        let fill = |from: &mut dyn Read, into: &mut [u8]| {
            let mut filled = 0;
            while filled < into.len() {
                match from.read(&mut into[filled..]).unwrap() {
                    0 => break,
                    count => filled += count,
                }
            }
            filled
        };
        let (count, other_count) = (fill(&mut one, &mut left), fill(&mut other, &mut right));
        assert_eq!(count, other_count, "lengths differ after byte {at}");
        assert!(left[..count] == right[..count], "bytes differ after byte {at}");
        if count == 0 {
            return;
        }
        at += count;
    }
}

#[test]
fn every_size_at_a_boundary_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (root, place) = (dir.path().join("root"), dir.path().join("repository"));
    fs::create_dir(&root).unwrap();
    let around = BOUNDARIES.iter().flat_map(|size| [size - 1, *size, size + 1]);
    for size in [0, 1].into_iter().chain(around) {
        // Zeros are cut at the longest chunk, noise somewhere, pages at their multiples.
        fs::write(root.join(format!("zeros-{size}")), vec![0; size as usize]).unwrap();
        fs::write(root.join(format!("noise-{size}")), noise(size, size as usize)).unwrap();
        fs::write(
            root.join(format!("pages-{size}.db")),
            noise(size + 1, size as usize),
        )
        .unwrap();
    }
    let options = Options {
        pack_size: 8 << 20,
        ..options()
    };
    let repository = Repository::create(on_disk(&place), sample::PASSWORD, options).unwrap();
    let snapshot = back_up(&repository, &root, None);
    let tree = repository.tree(&snapshot).unwrap();
    let ours = dir.path().join("ours");
    tree.restore_folder(Path::new(""), &ours, &Progress::new(), &Cancel::new())
        .unwrap();
    let mut restored = vec![ours];
    if restic() {
        let theirs = dir.path().join("theirs");
        run(
            &place,
            dir.path(),
            &["restore", "latest", "--target", theirs.to_str().unwrap()],
        );
        restored.push(theirs);
    }
    for out in restored {
        for entry in fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            let copy = out.join(path.file_name().unwrap());
            assert_eq!(
                fs::metadata(&copy).unwrap().len(),
                fs::metadata(&path).unwrap().len()
            );
            is_same(File::open(copy).unwrap(), File::open(&path).unwrap());
        }
        assert_eq!(fs::read_dir(out).unwrap().count(), 42);
    }
}

/// Where a file has data, as far as its file system tells holes.
fn data(file: &File) -> Vec<(u64, u64)> {
    let end = file.metadata().unwrap().len();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Ok(from) = rustix::fs::seek(file, SeekFrom::Data(at)) {
        at = rustix::fs::seek(file, SeekFrom::Hole(from)).unwrap().min(end);
        ranges.push((from, at));
    }
    ranges
}

/// As `is_same`, for files that are mostly holes.
fn is_same_beside_holes(one: &Path, other: &Path) {
    let (one, other) = (File::open(one).unwrap(), File::open(other).unwrap());
    for (from, to) in data(&one).into_iter().chain(data(&other)) {
        let read = |file: &File| {
            let mut bytes = vec![0; (to - from) as usize];
            file.read_exact_at(&mut bytes, from).unwrap();
            bytes
        };
        assert!(read(&one) == read(&other), "bytes differ after byte {from}");
    }
}

/// A hole of more than four gibibytes with islands: at both ends, and across the byte that 32 bits cannot count any more.
fn make_huge(path: &Path) {
    let file = File::create(path).unwrap();
    let four = 4 << 30;
    for (seed, at) in [(1, 0), (2, 1 << 30), (3, four - 300_000), (4, four + (64 << 20))] {
        file.write_all_at(&noise(seed, 700_001), at).unwrap();
    }
}

#[test]
fn a_file_of_more_than_four_gibibytes_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (root, place, out) = (
        dir.path().join("root"),
        dir.path().join("repository"),
        dir.path().join("out"),
    );
    fs::create_dir(&root).unwrap();
    make_huge(&root.join("huge"));
    let length = fs::metadata(root.join("huge")).unwrap().len();
    assert!(length > 1 << 32);
    let repository = Repository::create(on_disk(&place), sample::PASSWORD, options()).unwrap();
    let snapshot = back_up(&repository, &root, None);
    let stored = snapshot.summary.clone().unwrap();
    assert!(stored.data_added_packed < 16 << 20, "{stored:?}");
    let tree = repository.tree(&snapshot).unwrap();
    tree.restore_folder(Path::new(""), &out, &Progress::new(), &Cancel::new())
        .unwrap();
    let restored = fs::metadata(out.join("huge")).unwrap();
    assert_eq!(restored.len(), length);
    assert!(restored.blocks() * 512 < 64 << 20, "the hole stays a hole");
    is_same_beside_holes(&out.join("huge"), &root.join("huge"));
    if restic() {
        assert!(run(&place, dir.path(), &["check", "--read-data"]).contains("no errors were found"));
        let mut dump = Command::new("restic")
            .args(["--no-cache", "-r"])
            .arg(&place)
            .args(["dump", "latest", "/huge"])
            .env("RESTIC_PASSWORD", sample::PASSWORD)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        is_same(
            dump.stdout.take().unwrap(),
            File::open(root.join("huge")).unwrap(),
        );
        assert!(dump.wait().unwrap().success());
    }
}
