//! Trees in memory, archives by hand, and what tests of archives share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use archive::{Exported, Format, Limits, Unpacked, export, import};
use boundary::{Context, Entry, Materialize, ReadSeek, Tree, Unwritten};
use model::{FileKind, Meta, Problem, Result, Timestamp, Xattr};

/// A tree that is nowhere but here.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryTree(pub(crate) BTreeMap<PathBuf, (Meta, Vec<u8>)>);

impl MemoryTree {
    pub(crate) fn with(mut self, path: impl AsRef<Path>, meta: Meta, bytes: &[u8]) -> Self {
        let meta = Meta {
            size: bytes.len() as u64,
            ..meta
        };
        self.0.insert(path.as_ref().to_path_buf(), (meta, bytes.to_vec()));
        self
    }

    pub(crate) fn entries(&self) -> Vec<(PathBuf, Meta)> {
        let entries = self
            .0
            .iter()
            .map(|(path, (meta, _))| (path.clone(), meta.clone()));
        entries.collect()
    }

    fn entry(&self, path: &Path) -> Option<Entry> {
        let (meta, bytes) = self.0.get(path)?;
        Some(Entry {
            path: path.to_path_buf(),
            meta: meta.clone(),
            content_id: format!("{bytes:?}"),
        })
    }
}

impl Tree for MemoryTree {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        let children = self.0.keys().filter(|path| path.parent() == Some(dir));
        Ok(children.filter_map(|path| self.entry(path)).collect())
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        Ok(self.entry(path))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        match self.0.get(path) {
            Some((_, bytes)) => Ok(Box::new(Cursor::new(bytes.clone()))),
            None => Err(Problem::not_found("no such file")),
        }
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, _: &Context) -> Result<bool> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("memory can be read");
        Ok(self.0.get(path).is_some_and(|(_, ours)| *ours == bytes))
    }

    fn materialize(&self, _: &Materialize, _: &Context) -> Result<Vec<Unwritten>> {
        Err(Problem::internal("not needed here"))
    }
}

pub(crate) fn at(seconds: i64, nanos: u32) -> Timestamp {
    Timestamp { seconds, nanos }
}

pub(crate) fn dir() -> Meta {
    Meta {
        mtime: at(1_600_000_000, 0),
        links: 1,
        ..Meta::dir()
    }
}

pub(crate) fn file() -> Meta {
    Meta {
        mtime: at(1_700_000_000, 0),
        ..Meta::file(0)
    }
}

pub(crate) fn symlink(target: &str) -> Meta {
    Meta {
        kind: FileKind::Symlink {
            target: PathBuf::from(target),
        },
        mode: 0o777,
        mtime: at(1_500_000_000, 0),
        links: 1,
        ..Meta::default()
    }
}

/// What every format can hold.
pub(crate) fn plain() -> MemoryTree {
    MemoryTree::default()
        .with("manifest.json", file(), b"{\"any\": \"manifest\"}\n")
        .with("empty", dir(), b"")
        .with("world", Meta { mode: 0o750, ..dir() }, b"")
        .with(
            "world/level.dat",
            Meta {
                mode: 0o600,
                ..file()
            },
            vec![7; 300_000].as_slice(),
        )
        .with("world/nothing", file(), b"")
        .with("world/link", symlink("level.dat"), b"")
        .with("world/region", dir(), b"")
        .with(
            "world/region/übergröße ☃.mca",
            Meta {
                mode: 0o755,
                ..file()
            },
            b"snow",
        )
        .with(format!("world/{}", "long-".repeat(40)), file(), b"long")
        .with(
            format!("world/{0}/{0}", "ü".repeat(70)),
            file(),
            b"long and not ascii",
        )
        .with(format!("world/{}", "ü".repeat(70)), dir(), b"")
}

/// What only tar can hold, too.
pub(crate) fn rich() -> MemoryTree {
    let odd = |name: &[u8]| PathBuf::from(OsString::from_vec(name.to_vec()));
    let twin = Meta {
        inode: 1,
        links: 2,
        ..file()
    };
    let mut long_odd = b"odd/".to_vec();
    long_odd.extend([0xfe; 150]);
    let attributes = vec![
        Xattr {
            name: "user.note".into(),
            value: b"a\nb=\0c".to_vec(),
        },
        Xattr {
            name: "user.50%=half".into(),
            value: Vec::new(),
        },
    ];
    plain()
        .with("odd", dir(), b"")
        .with(odd(b"odd/\xff\xfe"), file(), b"short and no text")
        .with(odd(&long_odd), file(), b"long and no text")
        .with("odd/new\nline", file(), b"")
        .with("odd/back\\slash", file(), b"x")
        .with(
            "odd/fine",
            Meta {
                mtime: at(1_700_000_000, 123_456_789),
                ..file()
            },
            b"nanoseconds",
        )
        .with(
            "odd/old",
            Meta {
                mtime: at(-86_400, 5),
                ..file()
            },
            b"before 1970",
        )
        .with(
            "odd/attributes",
            Meta {
                xattrs: attributes,
                ..file()
            },
            b"y",
        )
        .with("odd/one", twin.clone(), b"the same file")
        .with("odd/two", twin, b"the same file")
}

pub(crate) fn packed(tree: &MemoryTree, format: Format, passphrase: Option<&str>) -> (Vec<u8>, Exported) {
    let mut bytes = Vec::new();
    let done =
        export(tree, format, passphrase, &mut bytes, &Context::default()).expect("the tree is exported");
    assert_eq!(done.written, bytes.len() as u64);
    (bytes, done)
}

/// A place for archives and staging folders.
pub(crate) struct Desk {
    root: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("staging")).expect("a folder in it");
        Desk { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The name says nothing on purpose.
    pub(crate) fn lay(&self, bytes: &[u8]) -> PathBuf {
        let path = self.path("archive.txt");
        fs::write(&path, bytes).expect("the archive is laid down");
        path
    }

    pub(crate) fn import(&self, bytes: &[u8], limits: Limits, passphrase: Option<&str>) -> Result<Unpacked> {
        let path = self.lay(bytes);
        import(
            &path,
            limits,
            passphrase,
            &self.path("staging"),
            &Context::default(),
        )
    }

    pub(crate) fn is_clean(&self) -> bool {
        fs::read_dir(self.path("staging"))
            .expect("the folder is there")
            .count()
            == 0
    }
}

/// Imports what must be refused; nothing may be left behind. Returns message and hint.
pub(crate) fn refused(bytes: &[u8]) -> String {
    refused_within(bytes, Limits::default())
}

pub(crate) fn refused_within(bytes: &[u8], limits: Limits) -> String {
    let desk = Desk::new();
    let problem = desk
        .import(bytes, limits, None)
        .expect_err("this has to be refused");
    assert!(desk.is_clean(), "something was left behind: {problem}");
    assert!(problem.hint_text().is_some(), "no hint: {problem}");
    problem.message().to_owned()
}
