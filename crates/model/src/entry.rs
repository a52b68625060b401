//! One entry of a backup's tree: what a file system (or something that is presented like one)
//! holds at a path, without its bytes.
//!
//! Nouns: [`Meta`] is everything but the bytes; [`Content`] is how to get the bytes when, and only
//! if, they are needed; [`Chunking`] is a hint on how those bytes are best cut.
//! Paths are relative `std::path::Path`s (raw bytes on Unix), `/` between components, without
//! `.` or `..`.
//! Entries travel depth-first: a directory before its children, and everything below a directory
//! before the next sibling of that directory. Siblings may come in any order.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds and nanoseconds since 1970 UTC, as a file system keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    pub seconds: i64,
    pub nanos: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileKind {
    #[default]
    File,
    Dir,
    Symlink {
        target: PathBuf,
    },
    BlockDevice {
        device: u64,
    },
    CharDevice {
        device: u64,
    },
    Fifo,
    Socket,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Xattr {
    pub name: OsString,
    pub value: Vec<u8>,
}

/// Everything about an entry but its path and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: `st_mode & 0o7777`.
    pub mode: u32,
    pub mtime: Timestamp,
    pub ctime: Timestamp,
    pub uid: u32,
    pub gid: u32,
    /// Names at the time of capture; empty when unknown.
    pub user: String,
    pub group: String,
    /// 0 when the entry does not come from a file system.
    pub inode: u64,
    /// `st_dev`, 0 when unknown.
    pub device: u64,
    /// `st_nlink`; files with more than one link and equal (`inode`, `device`) are one file.
    pub links: u64,
    /// Length of a regular file.
    pub size: u64,
    pub xattrs: Vec<Xattr>,
}

impl Meta {
    /// A synthetic regular file, for content that is not a file on a disk.
    pub fn file(size: u64) -> Self {
        Meta {
            kind: FileKind::File,
            mode: 0o644,
            links: 1,
            size,
            ..Meta::default()
        }
    }

    /// A synthetic directory.
    pub fn dir() -> Self {
        Meta {
            kind: FileKind::Dir,
            mode: 0o755,
            ..Meta::default()
        }
    }

    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Dir
    }

    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }
}

/// How the bytes of a file are best cut into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Chunking {
    /// Chosen by size: small files whole, large ones content-defined with about 1 MiB.
    #[default]
    Auto,
    /// Content-defined with the given average, for streams in which little moves a lot (dumps).
    ContentDefined { average: u32 },
    /// Fixed, page-aligned pieces: database files, region files.
    Pages { size: u32 },
}

/// Opens a stream; called at most once, on some thread, only if the bytes are needed.
pub type Opener = Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>;

/// A folder that is held open, to reach what is below it without following a link.
pub trait Beneath: Send + Sync {
    /// Opens what is at this path to be read, whatever it is.
    fn open(&self, relative: &Path) -> io::Result<File>;

    /// Is nothing there any more, although the folder that it was in still is?
    fn is_gone(&self, relative: &Path) -> bool;
}

/// How to get the bytes of an entry.
#[derive(Default)]
pub enum Content {
    /// Nothing to read: directories, links, devices, empty files.
    #[default]
    None,
    Bytes(Vec<u8>),
    /// The file at this path, opened without following links, when its bytes are needed.
    Path {
        path: PathBuf,
        chunking: Chunking,
    },
    /// A living file below a folder. What is told of it is what its handle says when its bytes are read.
    Beneath {
        root: Arc<dyn Beneath>,
        path: PathBuf,
        chunking: Chunking,
    },
    /// A stream of a length that need not be known.
    Stream {
        open: Opener,
        chunking: Chunking,
    },
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::None => f.write_str("None"),
            Content::Bytes(b) => write!(f, "Bytes({})", b.len()),
            Content::Path { path, chunking } => write!(f, "Path({}, {chunking:?})", path.display()),
            Content::Beneath { path, chunking, .. } => {
                write!(f, "Beneath({}, {chunking:?})", path.display())
            }
            Content::Stream { chunking, .. } => write!(f, "Stream({chunking:?})"),
        }
    }
}
