//! Reading blobs and whole files, with everything checked.
//!
//! Rules: a file's name is the hash of its bytes, a blob's id the hash of its plaintext: both are checked on every read. A blob that
//! is damaged in one pack is looked for in the others before it is given up.

use std::cell::RefCell;

use model::{Problem, Result};

use crate::Id;
use crate::cache::{Cache, MAX_PACK};
use crate::format::pack::{BlobKind, PackEntry};
use crate::format::seal::Key;
use crate::index::{Index, Location};
use crate::storage::{Class, Storage};

/// A blob is never larger: bounds what a reader allocates.
const MAX_BLOB: u32 = 512 << 20;

/// A file that is read as a whole, its name checked against its bytes.
pub(crate) fn whole_file(storage: &dyn Storage, class: Class, id: &Id) -> Result<Vec<u8>> {
    let bytes = storage.get(class, id)?;
    if Id::of(&bytes) == *id {
        return Ok(bytes);
    }
    Err(Problem::damaged(format!(
        "{class:?} file {} does not hold what its name says",
        id.short()
    )))
}

/// The same, from the cache if it is there, and kept there if it was not.
pub(crate) fn cached_file(
    storage: &dyn Storage,
    cache: Option<&Cache>,
    class: Class,
    id: &Id,
) -> Result<Vec<u8>> {
    if let Some(bytes) = cache.and_then(|cache| cache.get(class, id)) {
        return Ok(bytes);
    }
    let bytes = whole_file(storage, class, id)?;
    if let Some(cache) = cache {
        cache.put(class, id, &bytes);
    }
    Ok(bytes)
}

/// Opens one blob's sealed bytes: checksum, decompression, length, hash.
pub(crate) fn open_blob(key: &Key, entry: &PackEntry, sealed: &[u8]) -> Result<Vec<u8>> {
    check_size(entry)?;
    let opened = key.open(sealed);
    expand(entry, opened.map_err(|problem| problem.context(name(entry)))?)
}

/// The same in the sealed bytes' own memory.
fn open_owned(key: &Key, entry: &PackEntry, mut sealed: Vec<u8>) -> Result<Vec<u8>> {
    check_size(entry)?;
    let opened = key.open_in_place(&mut sealed);
    opened.map_err(|problem| problem.context(name(entry)))?;
    expand(entry, sealed)
}

fn name(entry: &PackEntry) -> String {
    format!("blob {}", entry.id.short())
}

fn check_size(entry: &PackEntry) -> Result<()> {
    if entry.size() > MAX_BLOB {
        return Err(Problem::damaged(format!(
            "{} claims to have {} bytes",
            name(entry),
            entry.size()
        )));
    }
    Ok(())
}

fn expand(entry: &PackEntry, opened: Vec<u8>) -> Result<Vec<u8>> {
    let plain = if entry.is_compressed() {
        let expanded = decompress(&opened, entry.plain_length as usize);
        expanded.map_err(|error| {
            Problem::damaged(format!("{} does not decompress", name(entry))).caused_by(error)
        })?
    } else {
        opened
    };
    if plain.len() != entry.size() as usize || Id::of(&plain) != entry.id {
        return Err(Problem::damaged(format!(
            "{} does not hold what its name says",
            name(entry)
        )));
    }
    Ok(plain)
}

/// Each thread keeps its context: making one costs more than expanding a small blob.
fn decompress(packed: &[u8], length: usize) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|context| {
        if context.is_none() {
            *context = Some(zstd::bulk::Decompressor::new()?);
        }
        match context {
            Some(decompressor) => decompressor.decompress(packed, length),
            None => Err(std::io::Error::other("no context")),
        }
    })
}

/// What is needed to read blobs.
pub(crate) struct Blobs<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) key: &'a Key,
    pub(crate) index: &'a Index,
    /// Asked for listings before the storage is.
    pub(crate) cache: Option<&'a Cache>,
}

impl Blobs<'_> {
    pub(crate) fn load(&self, kind: BlobKind, id: &Id) -> Result<Vec<u8>> {
        let mut first = None;
        for location in self.index.find_all(kind, id) {
            match self.load_at(&location) {
                Ok(plain) => return Ok(plain),
                Err(problem) => first = first.or(Some(problem)),
            }
        }
        Err(first.unwrap_or_else(|| missing(kind, id)))
    }

    fn load_at(&self, location: &Location) -> Result<Vec<u8>> {
        let entry = &location.entry;
        if let Some(plain) = self.load_cached(location) {
            return Ok(plain);
        }
        let sealed = self.storage.get_range(
            Class::Pack,
            &location.pack,
            u64::from(entry.offset),
            entry.length as usize,
        )?;
        open_owned(self.key, entry, sealed)
            .map_err(|problem| problem.context(format!("pack {}", location.pack.short())))
    }

    /// Packs of listings are fetched whole: whoever wants one listing wants its neighbours.
    fn load_cached(&self, Location { pack, entry }: &Location) -> Option<Vec<u8>> {
        let cache = self.cache.filter(|_| entry.kind == BlobKind::Tree)?;
        if let Some(sealed) = cache.range(pack, entry.offset, entry.length) {
            if let Ok(plain) = open_owned(self.key, entry, sealed) {
                return Some(plain);
            }
            cache.remove(Class::Pack, pack);
        }
        if !cache.is_writable() || self.storage.stat(Class::Pack, pack).ok()??.size > MAX_PACK {
            return None;
        }
        let whole = whole_file(self.storage, Class::Pack, pack).ok()?;
        cache.put(Class::Pack, pack, &whole);
        let end = entry.offset.checked_add(entry.length)?;
        open_blob(self.key, entry, whole.get(entry.offset as usize..end as usize)?).ok()
    }
}

pub(crate) fn missing(kind: BlobKind, id: &Id) -> Problem {
    let what = if kind == BlobKind::Tree {
        "directory listing"
    } else {
        "piece of a file"
    };
    Problem::damaged(format!("a {what} ({}) is in no pack of the index", id.short()))
        .hint("`cairn repository check` says what is affected; `cairn repository repair` rebuilds the index from the packs")
}
