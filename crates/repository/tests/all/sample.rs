//! Small repositories and trees that the tests share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Cancel, Content, Meta, Progress, Result};
use repository::format::key_file::Cost;
use repository::storage::{Memory, Storage};
use repository::{Options, Repository, Snapshot, SnapshotMeta};

pub(crate) const PASSWORD: &str = "a password for tests";

/// Paths and bytes.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

pub(crate) fn options() -> Options {
    Options {
        cost: Cost::GENERATED,
        threads: 2,
        pack_size: 64 << 10,
        ..Options::default()
    }
}

pub(crate) fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

pub(crate) fn create(storage: &Arc<dyn Storage>) -> Repository {
    Repository::create(Arc::clone(storage), PASSWORD, options()).unwrap()
}

pub(crate) fn open(storage: &Arc<dyn Storage>) -> Result<Repository> {
    Repository::open(Arc::clone(storage), PASSWORD, options())
}

/// Bytes that do not compress and are the same in every run.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A few folders, small and large files, an empty one, two alike.
pub(crate) fn files(seed: u64) -> Files {
    let mut files = Files::new();
    files.insert("empty".into(), Vec::new());
    files.insert("large".into(), noise(seed, 1_500_000));
    files.insert("text/alike".into(), b"the same words ".repeat(20_000));
    files.insert("text/too".into(), b"the same words ".repeat(20_000));
    for number in 0..20 {
        files.insert(format!("small/{number}").into(), noise(seed * 100 + number, 700));
    }
    files
}

pub(crate) fn meta(time_ms: i64) -> SnapshotMeta {
    SnapshotMeta {
        time_ms,
        hostname: "test".into(),
        paths: vec!["/test".into()],
        ..SnapshotMeta::default()
    }
}

pub(crate) fn write(
    repository: &Repository,
    parent: Option<&Snapshot>,
    files: &Files,
    time_ms: i64,
) -> Result<Snapshot> {
    let mut writer = repository.writer(parent, &Progress::new(), &Cancel::new())?;
    for (path, bytes) in files {
        writer.entry(
            path,
            Meta::file(bytes.len() as u64),
            Content::Bytes(bytes.clone()),
        )?;
    }
    writer.finish(&meta(time_ms))
}

/// All files of a snapshot, read through its tree.
pub(crate) fn read(repository: &Repository, snapshot: &Snapshot) -> Result<Files> {
    let tree = repository.tree(snapshot)?;
    let mut paths = Vec::new();
    tree.walk(Path::new(""), &mut |entry| {
        if entry.meta.is_file() {
            paths.push(entry.path);
        }
        Ok(())
    })?;
    let mut files = Files::new();
    for path in paths {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(&mut tree.open(&path)?, &mut bytes);
        read.map_err(|error| model::Problem::damaged(error.to_string()))?;
        files.insert(path, bytes);
    }
    Ok(files)
}

/// Every snapshot restores, whatever else may be wrong; how many there are.
pub(crate) fn all_snapshots_read(repository: &Repository) -> usize {
    let snapshots = repository.snapshots().unwrap();
    for snapshot in &snapshots {
        read(repository, snapshot).unwrap();
    }
    snapshots.len()
}
