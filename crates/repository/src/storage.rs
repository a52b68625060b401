//! Where the files of a repository lie: a folder, an S3 bucket, memory.
//!
//! Nouns: a *class* of files, and inside it names that are [`Id`]s (the config has no name).
//! Contract of every storage: `put` returns when the bytes are durable under their name, and writing a name that
//! exists again is harmless; a deletion is durable after `settle`; `list` gives everything or fails; a short or wrong read is an error;
//! all calls may be made from any number of threads at once.

mod disk;
mod faulty;
mod memory;
mod object;

use std::path::PathBuf;
use std::sync::Arc;

use model::{Problem, Result};

pub use disk::{Change, Disk, Witness};
pub use faulty::{Fault, Faulty, Operation};
pub use memory::Memory;
pub use object::{Bucket, Patience};

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
    /// What somebody found damaged. Stock restic knows nothing of it and lets it be.
    Damage,
}

/// One stored file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: Id,
    pub size: u64,
    /// When the storage says that it was written (milliseconds since 1970 UTC).
    pub modified_ms: Option<i64>,
}

/// An unfinished file that a killed writer left: it has no name of its own and nobody ever reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// Below the repository's root.
    pub place: PathBuf,
    pub size: u64,
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
    /// Deleting what is not there is no error. A power cut may bring it back until [`Storage::settle`].
    fn delete(&self, class: Class, id: &Id) -> Result<()>;
    /// What a listing of this class shows now is durable, whoever put or deleted it, even a process that was killed meanwhile.
    fn settle(&self, class: Class) -> Result<()>;
    /// Unfinished files of all classes; a storage in which a file comes to be at once has none.
    fn leftovers(&self) -> Result<Vec<Leftover>> {
        Ok(Vec::new())
    }
    /// Deletes one that was found; one that is gone is no error.
    fn delete_leftover(&self, _: &Leftover) -> Result<()> {
        Ok(())
    }
}

/// Opens the storage at an address: the path of a folder, or `s3:…`.
pub fn open(address: &str) -> Result<Arc<dyn Storage>> {
    match scheme(address) {
        Some("s3") => Ok(Arc::new(Bucket::open(address)?)),
        Some(scheme) => Err(
            Problem::invalid(format!("repositories at “{scheme}:” addresses are not known")).hint(
                "a repository lies in a folder (/srv/backups) or in a bucket (s3:https://host/bucket/prefix)",
            ),
        ),
        None if address.is_empty() => Err(Problem::invalid("the repository's address is empty")),
        None => Ok(Arc::new(Disk::new(address))),
    }
}

/// Is it a folder that has this address?
pub fn is_folder(address: &str) -> bool {
    scheme(address).is_none()
}

fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once(':')?;
    let is_one = scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_lowercase());
    (scheme == "s3" || is_one).then_some(scheme)
}
