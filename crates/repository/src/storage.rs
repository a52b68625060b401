//! Where the files of a repository lie: a folder, an S3 bucket, memory.
//!
//! Nouns: a *class* of files, and inside it names that are [`Id`]s (the config has no name).
//! Contract of every storage: `put` returns when the bytes are durable under their name, and writing a name that
//! exists again is harmless; `list` gives everything or fails; a short or wrong read is an error;
//! all calls may be made from any number of threads at once.

mod disk;
mod memory;

pub use disk::Disk;
pub use memory::Memory;

use model::Result;

use crate::Id;

/// The kinds of files of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The one file `config`; its id is ignored.
    Config,
    Key,
    Snapshot,
    Index,
    Lock,
    Pack,
}

/// One stored file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: Id,
    pub size: u64,
    /// When the storage says that it was written (milliseconds since 1970 UTC).
    pub modified_ms: Option<i64>,
}

/// A place for the files of a repository.
pub trait Storage: Send + Sync + std::fmt::Debug {
    /// For people and for the recovery kit; without credentials.
    fn location(&self) -> String;
    /// Durable when it returns.
    fn put(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()>;
    /// As `put`, but fails with `Kind::Conflict` when the file exists.
    fn put_new(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()>;
    /// The whole file; `Kind::NotFound` when it is not there.
    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>>;
    /// Exactly these bytes, or an error.
    fn get_range(&self, class: Class, id: &Id, offset: u64, length: usize) -> Result<Vec<u8>>;
    fn list(&self, class: Class) -> Result<Vec<Stored>>;
    fn stat(&self, class: Class, id: &Id) -> Result<Option<Stored>>;
    /// Deleting what is not there is no error.
    fn delete(&self, class: Class, id: &Id) -> Result<()>;
}
