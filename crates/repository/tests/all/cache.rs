//! The cache saves reads, and nothing depends on it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use model::Result;
use repository::storage::{Class, Memory, Storage, Stored};
use repository::{Id, Level, Options, Repository};

use crate::sample::{self, PASSWORD, files, read, write};

/// Counts what is read, by class.
#[derive(Debug)]
struct Counting {
    inner: Memory,
    reads: Mutex<Vec<Class>>,
}

impl Counting {
    fn new() -> Arc<Self> {
        Arc::new(Counting {
            inner: Memory::new(),
            reads: Mutex::default(),
        })
    }

    /// Reads of these classes since the last question.
    fn reads(&self, classes: &[Class]) -> usize {
        let reads = std::mem::take(&mut *self.reads.lock().unwrap());
        reads.iter().filter(|class| classes.contains(class)).count()
    }
}

impl Storage for Counting {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.inner.put(class, id, bytes)
    }

    fn put_new(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.inner.put_new(class, id, bytes)
    }

    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>> {
        self.reads.lock().unwrap().push(class);
        self.inner.get(class, id)
    }

    fn get_range(&self, class: Class, id: &Id, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.reads.lock().unwrap().push(class);
        self.inner.get_range(class, id, offset, length)
    }

    fn list(&self, class: Class) -> Result<Vec<Stored>> {
        self.inner.list(class)
    }

    fn stat(&self, class: Class, id: &Id) -> Result<Option<Stored>> {
        self.inner.stat(class, id)
    }

    fn delete(&self, class: Class, id: &Id) -> Result<()> {
        self.inner.delete(class, id)
    }

    fn settle(&self, class: Class) -> Result<()> {
        self.inner.settle(class)
    }
}

const CACHED: [Class; 3] = [Class::Index, Class::Snapshot, Class::Pack];

fn options(folder: &Path) -> Options {
    Options {
        cache: Some(folder.to_path_buf()),
        ..sample::options()
    }
}

fn open(storage: &Arc<Counting>, options: Options) -> Repository {
    Repository::open(Arc::clone(storage) as Arc<dyn Storage>, PASSWORD, options).unwrap()
}

/// A repository with one snapshot, written with a cache; the cache is in the folder.
fn written(folder: &Path) -> Arc<Counting> {
    let storage = Counting::new();
    let shared = Arc::clone(&storage) as Arc<dyn Storage>;
    let repository = Repository::create(shared, PASSWORD, options(folder)).unwrap();
    write(&repository, None, &files(1), 1000).unwrap();
    storage.reads(&CACHED);
    storage
}

fn list(repository: &Repository) -> usize {
    let snapshot = repository.snapshots().unwrap().pop().unwrap();
    let mut seen = 0;
    let tree = repository.tree(&snapshot).unwrap();
    tree.walk(Path::new(""), &mut |_| {
        seen += 1;
        Ok(())
    })
    .unwrap();
    seen
}

fn cached(folder: &Path) -> Vec<PathBuf> {
    let below = |dir: &Path| {
        fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    let repositories = below(folder);
    let classes = repositories.iter().flat_map(|path| below(path));
    classes.flat_map(|path| below(&path)).collect()
}

#[test]
fn what_was_written_here_is_not_read_from_the_storage() {
    let folder = tempfile::tempdir().unwrap();
    let storage = written(folder.path());
    let seen = list(&open(&storage, options(folder.path())));
    assert!(seen > 20);
    assert_eq!(storage.reads(&CACHED), 0);
    let repository = open(&storage, options(folder.path()));
    let parent = repository.snapshots().unwrap().pop();
    write(&repository, parent.as_ref(), &files(1), 2000).unwrap();
    assert_eq!(storage.reads(&CACHED), 0, "a backup of the same");
}

#[test]
fn what_others_wrote_is_fetched_once() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = written(theirs.path());
    let seen = list(&open(&storage, options(ours.path())));
    assert_eq!(storage.reads(&[Class::Index]), 1);
    assert_eq!(list(&open(&storage, options(ours.path()))), seen);
    assert_eq!(storage.reads(&CACHED), 0);
    let none = sample::options();
    assert_eq!(list(&open(&storage, none)), seen);
    assert!(storage.reads(&CACHED) > 2, "without a cache");
}

#[test]
fn many_that_begin_at_once_load_the_index_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = written(folder.path());
    let repository = open(&storage, sample::options());
    let all_at_once = || {
        let begin = std::sync::Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    begin.wait();
                    list(&repository)
                });
            }
        });
    };
    all_at_once();
    assert_eq!(storage.reads(&[Class::Index]), 1);
    write(&open(&storage, sample::options()), None, &files(2), 2000).unwrap();
    let indexes = storage.list(Class::Index).unwrap().len();
    storage.reads(&[Class::Index]);
    all_at_once();
    assert_eq!(
        storage.reads(&[Class::Index]),
        indexes,
        "after somebody else wrote"
    );
}

#[test]
fn a_cache_that_is_gone_or_damaged_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = written(folder.path());
    let expected = files(1);
    let content = |repository: &Repository| {
        let snapshot = repository.snapshots().unwrap().pop().unwrap();
        read(repository, &snapshot).unwrap()
    };
    fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(content(&open(&storage, options(folder.path()))), expected);
    let paths = cached(folder.path());
    assert!(paths.len() >= 3, "an index, a snapshot, a pack of listings");
    for path in &paths {
        let bytes = fs::read(path).unwrap();
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(path, &flipped).unwrap();
            assert_eq!(content(&open(&storage, options(folder.path()))), expected);
        }
        for length in [0, 20, bytes.len() - 1] {
            fs::write(path, &bytes[..length]).unwrap();
            assert_eq!(content(&open(&storage, options(folder.path()))), expected);
        }
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        assert_eq!(content(&open(&storage, options(folder.path()))), expected);
        fs::remove_dir(path).unwrap();
    }
}

#[test]
fn a_damaged_copy_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let storage = written(folder.path());
    for path in cached(folder.path()) {
        let mut bytes = fs::read(&path).unwrap();
        for byte in &mut bytes {
            *byte ^= 0x55;
        }
        fs::write(&path, bytes).unwrap();
    }
    list(&open(&storage, options(folder.path())));
    assert!(storage.reads(&CACHED) >= 3);
    list(&open(&storage, options(folder.path())));
    assert_eq!(storage.reads(&CACHED), 0);
}

#[test]
fn where_nothing_can_be_written_it_works_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let storage = written(&file.join("below"));
    assert!(list(&open(&storage, options(&file.join("below")))) > 20);
    assert!(storage.reads(&CACHED) > 0);

    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    list(&open(&storage, options(&locked)));
    storage.reads(&CACHED);
    let set = |mode| {
        for path in cached(&locked) {
            let parent = path.parent().unwrap();
            fs::set_permissions(parent, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o500);
    let repository = open(&storage, options(&locked));
    list(&repository);
    assert_eq!(storage.reads(&CACHED), 0, "it is still read");
    write(&repository, None, &files(2), 2000).unwrap();
    let latest = repository.snapshots().unwrap().pop().unwrap();
    assert_eq!(read(&repository, &latest).unwrap(), files(2));
    set(0o700);
}

#[test]
fn what_the_storage_has_no_more_leaves_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let storage = written(folder.path());
    let repository = open(&storage, options(folder.path()));
    let first = repository.snapshots().unwrap().pop().unwrap();
    write(&repository, None, &files(2), 2000).unwrap();
    let before = cached(folder.path());
    repository.forget(&[first.id]).unwrap();
    repository
        .prune(0, &model::Progress::new(), &model::Cancel::new())
        .unwrap();
    let snapshots = repository.snapshots().unwrap();
    assert_eq!(snapshots.len(), 1);
    let after = cached(folder.path());
    assert!(before.iter().any(|path| !after.contains(path)));
    let stored: Vec<String> = [Class::Index, Class::Snapshot, Class::Pack]
        .iter()
        .flat_map(|class| storage.list(*class).unwrap())
        .map(|found| found.id.hex())
        .collect();
    for path in after {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(stored.contains(&name), "{name} is in the cache alone");
    }
    assert_eq!(read(&repository, &snapshots[0]).unwrap(), files(2));
}

#[test]
fn it_stays_below_its_limit_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Counting::new();
    let shared = Arc::clone(&storage) as Arc<dyn Storage>;
    let small = Options {
        cache_limit: 8 << 10,
        ..options(folder.path())
    };
    let repository = Repository::create(shared, PASSWORD, small).unwrap();
    for round in 1..=6 {
        write(&repository, None, &files(round), 1000 * round as i64).unwrap();
    }
    let paths = cached(folder.path());
    let size: u64 = paths.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(size <= 8 << 10, "{size} bytes");
    for path in paths {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let parent = path.parent().unwrap().metadata().unwrap();
        assert_eq!(parent.permissions().mode() & 0o777, 0o700);
    }
    for snapshot in repository.snapshots().unwrap() {
        read(&repository, &snapshot).unwrap();
    }
}

#[test]
fn a_check_asks_the_storage_alone() {
    let folder = tempfile::tempdir().unwrap();
    let storage = written(folder.path());
    for found in storage.list(Class::Index).unwrap() {
        storage.delete(Class::Index, &found.id).unwrap();
    }
    for found in storage.list(Class::Snapshot).unwrap() {
        storage.inner.put(Class::Snapshot, &found.id, b"damaged").unwrap();
    }
    let repository = open(&storage, options(folder.path()));
    let report = repository
        .check(Level::Structure, &model::Progress::new(), &model::Cancel::new())
        .unwrap();
    assert!(!report.is_clean());
}
