//! Which blob lies where.
//!
//! Nouns: a [`Location`] is a pack and a range in it. The *loaded* part comes from index files and lies in one compact sorted array
//! (48 bytes a blob); the *fresh* part are the blobs of packs that this process stored.
//!
//! Rules: one blob may lie in several packs; the first is taken, the others are there for when it is damaged; a copy that somebody has found
//! damaged comes last, and a writer does not count on it ([`Index::holds`]). Lookups are by (kind, id).

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use model::Result;

use crate::Id;
use crate::cache::Cache;
use crate::damage::Damage;
use crate::format::index_file::{self, PackContents};
use crate::format::pack::{BlobKind, PackEntry};
use crate::format::seal::Key;
use crate::format::unpacked;
use crate::storage::{Class, Storage};

/// Where a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) pack: Id,
    pub(crate) entry: PackEntry,
}

/// 48 bytes: the id, then pack number with the kind in the highest bit, offset, sealed and plain length.
#[derive(Clone, Copy)]
struct Row {
    id: Id,
    pack: u32,
    offset: u32,
    length: u32,
    plain_length: u32,
}

const TREE: u32 = 1 << 31;

impl Row {
    fn new(pack: usize, entry: &PackEntry) -> Self {
        let kind = if entry.kind == BlobKind::Tree { TREE } else { 0 };
        Row {
            id: entry.id,
            pack: pack as u32 | kind,
            offset: entry.offset,
            length: entry.length,
            plain_length: entry.plain_length,
        }
    }

    fn kind(&self) -> BlobKind {
        if self.pack & TREE == 0 {
            BlobKind::Data
        } else {
            BlobKind::Tree
        }
    }
}

/// The rows of all index files, sorted by id.
#[derive(Default)]
struct Loaded {
    packs: Vec<Id>,
    rows: Vec<Row>,
    /// Where the rows begin whose id starts with these 16 bits.
    starts: Vec<u32>,
}

impl Loaded {
    fn new(packs: &[PackContents]) -> Self {
        let count = packs.iter().map(|pack| pack.blobs.len()).sum();
        let mut rows = Vec::with_capacity(count);
        for (at, pack) in packs.iter().enumerate() {
            rows.extend(pack.blobs.iter().map(|entry| Row::new(at, entry)));
        }
        rows.sort_unstable_by_key(|row| (row.id, row.pack & TREE, row.pack));
        let mut starts = vec![0; (1 << 16) + 1];
        for row in &rows {
            starts[bucket(&row.id) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Loaded {
            packs: packs.iter().map(|pack| pack.id).collect(),
            rows,
            starts,
        }
    }

    fn find(&self, kind: BlobKind, id: &Id) -> impl Iterator<Item = Location> {
        let range = match self.starts.get(bucket(id)..bucket(id) + 2) {
            Some([from, to]) => &self.rows[*from as usize..*to as usize],
            _ => &[],
        };
        let first = range.partition_point(|row| row.id < *id);
        let same = range[first..]
            .iter()
            .take_while(move |row| row.id == *id)
            .filter(move |row| row.kind() == kind);
        same.map(|row| self.location(row))
    }

    fn location(&self, row: &Row) -> Location {
        let entry = PackEntry {
            kind: row.kind(),
            id: row.id,
            offset: row.offset,
            length: row.length,
            plain_length: row.plain_length,
        };
        Location {
            pack: self.packs[(row.pack & !TREE) as usize],
            entry,
        }
    }
}

fn bucket(id: &Id) -> usize {
    let bytes = id.as_bytes();
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// The index of an opened repository.
#[derive(Default)]
pub(crate) struct Index {
    loaded: Loaded,
    fresh: RwLock<HashMap<(BlobKind, Id), Location>>,
    files: HashSet<Id>,
    damage: Damage,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({} blobs)", self.loaded.rows.len())
    }
}

impl Index {
    /// Reads all index files. Packs that rustic marked for deletion count only for blobs that lie nowhere else.
    pub(crate) fn load(
        storage: &dyn Storage,
        key: &Key,
        cache: Option<&Cache>,
        damage: Damage,
    ) -> Result<Self> {
        let (files, packs) = load_packs(storage, key, cache)?;
        if let Some(cache) = cache {
            let known: HashSet<Id> = packs.iter().map(|pack| pack.id).collect();
            cache.keep_only(Class::Index, |id| files.contains(id));
            cache.keep_only(Class::Pack, |id| known.contains(id));
        }
        Ok(Index {
            damage,
            ..Index::of(&packs, files)
        })
    }

    /// The index of these packs.
    pub(crate) fn of(packs: &[PackContents], files: HashSet<Id>) -> Self {
        Index {
            loaded: Loaded::new(packs),
            fresh: RwLock::default(),
            files,
            damage: Damage::default(),
        }
    }

    /// What is known to be damaged.
    pub(crate) fn damage(&self) -> &Damage {
        &self.damage
    }

    /// The index files that this view was made from.
    pub(crate) fn files(&self) -> &HashSet<Id> {
        &self.files
    }

    /// Is there a place for it, sound or not?
    pub(crate) fn contains(&self, kind: BlobKind, id: &Id) -> bool {
        self.loaded.find(kind, id).next().is_some() || self.fresh(kind, id).is_some()
    }

    /// Is there a copy of which nobody has found that it is damaged? Only then need a writer not store it.
    pub(crate) fn holds(&self, kind: BlobKind, id: &Id) -> bool {
        self.loaded.find(kind, id).any(|place| !self.damage.has(&place)) || self.fresh(kind, id).is_some()
    }

    fn fresh(&self, kind: BlobKind, id: &Id) -> Option<Location> {
        self.fresh
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(kind, *id))
            .copied()
    }

    /// All places of a blob, the preferred one first.
    pub(crate) fn find_all(&self, kind: BlobKind, id: &Id) -> Vec<Location> {
        let mut places: Vec<Location> = self.loaded.find(kind, id).chain(self.fresh(kind, id)).collect();
        if !self.damage.is_empty() {
            places.sort_by_key(|place| self.damage.has(place));
        }
        places
    }

    pub(crate) fn find(&self, kind: BlobKind, id: &Id) -> Option<Location> {
        if self.damage.is_empty() {
            return self.loaded.find(kind, id).next().or_else(|| self.fresh(kind, id));
        }
        self.find_all(kind, id).into_iter().next()
    }

    /// A pack was stored.
    pub(crate) fn add(&self, pack: &PackContents) {
        let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
        for entry in &pack.blobs {
            fresh.entry((entry.kind, entry.id)).or_insert(Location {
                pack: pack.id,
                entry: *entry,
            });
        }
    }

    /// Blobs and their plain and sealed bytes, by kind: for statistics.
    pub(crate) fn totals(&self) -> [(u64, u64, u64); 2] {
        let mut totals = [(0, 0, 0); 2];
        for row in &self.loaded.rows {
            let location = self.loaded.location(row);
            let total = &mut totals[usize::from(row.kind() == BlobKind::Tree)];
            total.0 += 1;
            total.1 += u64::from(location.entry.size());
            total.2 += u64::from(row.length);
        }
        totals
    }
}

/// Every pack that the index files list, once each, and the names of those files.
pub(crate) fn load_packs(
    storage: &dyn Storage,
    key: &Key,
    cache: Option<&Cache>,
) -> Result<(HashSet<Id>, Vec<PackContents>)> {
    let names: Vec<Id> = storage
        .list(Class::Index)?
        .iter()
        .map(|stored| stored.id)
        .collect();
    let mut listed = Vec::new();
    let mut marked = Vec::new();
    for name in &names {
        let sealed = crate::read::cached_file(storage, cache, Class::Index, name)?;
        let file = decode_file(key, name, &sealed)?;
        listed.push(file.packs);
        marked.push(file.marked);
    }
    Ok((
        names.into_iter().collect(),
        index_file::merge(listed.into_iter().chain(marked)),
    ))
}

/// One index file, its name checked against its bytes.
pub(crate) fn load_file(storage: &dyn Storage, key: &Key, name: &Id) -> Result<index_file::IndexFile> {
    let sealed = crate::read::whole_file(storage, Class::Index, name)?;
    decode_file(key, name, &sealed)
}

fn decode_file(key: &Key, name: &Id, sealed: &[u8]) -> Result<index_file::IndexFile> {
    let context = |problem: model::Problem| {
        let problem = problem.context(format!("index file {}", name.short()));
        if problem.hint_text().is_some() {
            problem
        } else {
            problem.hint("`cairn repository repair` rebuilds the index")
        }
    };
    let json = unpacked::decode(key, sealed, unpacked::LARGE).map_err(context)?;
    index_file::decode(&json).map_err(context)
}
