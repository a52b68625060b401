//! The tree of a snapshot: what lies in it, and its bytes.
//!
//! Nouns: an [`Entry`] is a node at a path; a [`FileReader`] reads and seeks in a file.
//! Rules: every blob is verified when it is read; listings are remembered for a while, since neighbours are asked for next; a path that
//! does not exist is `None`, a listing that cannot be read is an error.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Cancel, Meta, Problem, Result};

use crate::Id;
use crate::damage::{Damage, is_damage};
use crate::format::pack::BlobKind;
use crate::format::snapshot::Snapshot;
use crate::format::tree::{self, Node};
use crate::index::Index;
use crate::repository::Repository;

#[path = "tree_file.rs"]
mod file;

pub use file::FileReader;

/// Listings that are remembered.
const REMEMBERED: usize = 256;
/// Bytes of the paths of folders that are remembered.
const REMEMBERED_PATHS: usize = 16 << 20;

/// A node and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    pub meta: Meta,
    pub content: Vec<Id>,
    pub subtree: Option<Id>,
}

impl Entry {
    /// Equal identities mean equal bytes: of a directory, of everything below it.
    pub fn identity(&self) -> String {
        match &self.subtree {
            Some(id) => id.hex(),
            None if self.content.len() == 1 => self.content[0].hex(),
            None => {
                let all: Vec<u8> = self.content.iter().flat_map(|id| *id.as_bytes()).collect();
                Id::of(&all).hex()
            }
        }
    }

    fn new(dir: &Path, node: &Node) -> Self {
        Entry {
            path: dir.join(OsStr::from_bytes(&node.name)),
            meta: node.meta.clone(),
            content: node.content.clone(),
            subtree: node.subtree,
        }
    }
}

type Listings = HashMap<Id, Arc<Vec<Node>>>;

/// Where folders are that were listed lately, so that what lies deep below is not looked up from the top each time.
#[derive(Default)]
struct Folders {
    listings: HashMap<PathBuf, Id>,
    bytes: usize,
}

impl Folders {
    fn remember(&mut self, path: &Path, listing: Id) {
        let length = path.as_os_str().len();
        if self.bytes + length > REMEMBERED_PATHS {
            *self = Folders::default();
        }
        if self.listings.insert(path.to_path_buf(), listing).is_none() {
            self.bytes += length;
        }
    }
}

/// A snapshot's tree.
#[derive(Clone)]
pub struct Tree {
    pub(crate) repository: Repository,
    pub(crate) index: Arc<Index>,
    root: Id,
    listings: Arc<Mutex<Listings>>,
    folders: Arc<Mutex<Folders>>,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tree({})", self.root.short())
    }
}

impl Repository {
    /// The tree of a snapshot.
    pub fn tree(&self, snapshot: &Snapshot) -> Result<Tree> {
        Ok(Tree {
            repository: self.clone(),
            // Others may have written or pruned since ours was loaded.
            index: self.current_index()?,
            root: snapshot.tree,
            listings: Arc::default(),
            folders: Arc::default(),
        })
    }
}

impl Tree {
    /// The id of the root's listing: equal trees, equal ids.
    pub fn id(&self) -> Id {
        self.root
    }

    pub(crate) fn blob(&self, kind: BlobKind, id: &Id) -> Result<Vec<u8>> {
        let load = |index: &Index| {
            self.repository
                .with_cached_blobs(index, |blobs| blobs.load(kind, id))
        };
        load(&self.index).or_else(|problem| {
            // A prune may have moved it into another pack.
            match self.repository.current_index() {
                Ok(index) if !Arc::ptr_eq(&index, &self.index) => load(&index),
                _ => Err(problem),
            }
        })
    }

    /// The same tree, seen with the index as it is now.
    pub(crate) fn refreshed(&self) -> Result<Self> {
        Ok(Tree {
            index: self.repository.current_index()?,
            ..self.clone()
        })
    }

    /// Reads a listing, its names checked.
    pub(crate) fn listing(&self, id: &Id) -> Result<Arc<Vec<Node>>> {
        let remembered = |listings: &Mutex<Listings>| {
            listings
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(id)
                .cloned()
        };
        if let Some(nodes) = remembered(&self.listings) {
            return Ok(nodes);
        }
        let json = self.blob(BlobKind::Tree, id);
        if json.as_ref().is_err_and(is_damage) {
            // Best effort: the next backup writes this listing again.
            let damage = Damage::of_blobs(&[(BlobKind::Tree, *id)], &self.index);
            let _ = self.repository.note_a_little(&damage);
        }
        let nodes = Arc::new(checked(tree::decode(&json?)?, id)?);
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if listings.len() >= REMEMBERED {
            listings.clear();
        }
        listings.insert(*id, Arc::clone(&nodes));
        Ok(nodes)
    }

    /// The node at a path; `None` for the root, and for what is not there.
    fn node(&self, path: &Path) -> Result<Found> {
        let known = path.parent().and_then(|dir| self.known_folder(dir));
        let (mut below, rest) = match (known, path.file_name()) {
            (Some(listing), Some(name)) => (Some(listing), Path::new(name)),
            _ => (Some(self.root), path),
        };
        let mut found = Found::Root;
        for component in rest.components() {
            let Component::Normal(name) = component else {
                return Err(Problem::invalid(format!(
                    "“{}” is not a path inside a backup",
                    path.display()
                )));
            };
            let Some(subtree) = below else {
                return Ok(Found::Nothing);
            };
            let nodes = self.listing(&subtree)?;
            found = match nodes.binary_search_by(|node| node.name.as_slice().cmp(name.as_bytes())) {
                Ok(at) => {
                    below = nodes[at].subtree;
                    Found::Node(Box::new(nodes[at].clone()))
                }
                Err(_) => return Ok(Found::Nothing),
            };
        }
        Ok(found)
    }

    fn known_folder(&self, dir: &Path) -> Option<Id> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.listings.get(dir).copied()
    }

    /// What the listing says of a path, but for the root.
    pub(crate) fn node_at(&self, path: &Path) -> Result<Option<Node>> {
        Ok(match self.node(path)? {
            Found::Node(node) => Some(*node),
            Found::Root | Found::Nothing => None,
        })
    }

    pub fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        let dir = path.parent().unwrap_or(Path::new(""));
        Ok(match self.node(path)? {
            Found::Nothing => None,
            Found::Node(node) => Some(Entry::new(dir, &node)),
            Found::Root => Some(Entry {
                path: PathBuf::new(),
                meta: Meta::dir(),
                content: Vec::new(),
                subtree: Some(self.root),
            }),
        })
    }

    /// The children of a directory, in ascending order of their names.
    pub fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        let subtree = match self.node(dir)? {
            Found::Root => self.root,
            Found::Node(node) => node
                .subtree
                .ok_or_else(|| Problem::invalid(format!("“{}” is no folder", dir.display())))?,
            Found::Nothing => return Err(not_there(dir)),
        };
        self.folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remember(dir, subtree);
        self.children(dir, &subtree)
    }

    fn children(&self, dir: &Path, listing: &Id) -> Result<Vec<Entry>> {
        let nodes = self.listing(listing)?;
        Ok(nodes.iter().map(|node| Entry::new(dir, node)).collect())
    }

    /// Every entry below a directory, depth-first, in ascending order.
    pub fn walk(&self, dir: &Path, visit: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        // However deep it goes: the stack of the thread is not what bounds it.
        let mut open = vec![self.list(dir)?.into_iter()];
        while let Some(level) = open.last_mut() {
            let Some(entry) = level.next() else {
                open.pop();
                continue;
            };
            let below = entry.subtree.map(|listing| (entry.path.clone(), listing));
            visit(entry)?;
            if let Some((path, listing)) = below {
                open.push(self.children(&path, &listing)?.into_iter());
            }
        }
        Ok(())
    }

    pub fn open(&self, path: &Path) -> Result<FileReader> {
        match self.stat(path)? {
            Some(entry) if entry.meta.is_file() => FileReader::new(self.clone(), &entry),
            Some(_) => Err(Problem::invalid(format!("“{}” is no file", path.display()))),
            None => Err(not_there(path)),
        }
    }

    /// How long each piece of a file is, also when one of them is lost; of more lost ones nobody can tell.
    fn lengths(&self, entry: &Entry) -> Option<Vec<u64>> {
        let find = |id| self.index.find(BlobKind::Data, id);
        let known: Vec<Option<u64>> = entry
            .content
            .iter()
            .map(|id| find(id).map(|place| u64::from(place.entry.size())))
            .collect();
        let rest = entry.meta.size.checked_sub(known.iter().flatten().sum())?;
        let are_enough = known.iter().filter(|length| length.is_none()).count() <= 1;
        are_enough.then(|| known.into_iter().map(|length| length.unwrap_or(rest)).collect())
    }

    /// Does the stream hold exactly the bytes of that file? Only the stream is read: its pieces are hashed and compared with the ids.
    pub fn same_content(&self, path: &Path, stream: &mut dyn Read, cancel: &Cancel) -> Result<bool> {
        let entry = self
            .stat(path)?
            .filter(|entry| entry.meta.is_file())
            .ok_or_else(|| not_there(path))?;
        let Some(lengths) = self.lengths(&entry) else {
            return Ok(false);
        };
        let mut buffer = Vec::new();
        for (id, length) in entry.content.iter().zip(lengths) {
            cancel.check()?;
            buffer.clear();
            let read = stream.take(length).read_to_end(&mut buffer);
            read.map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?;
            if buffer.len() as u64 != length || Id::of(&buffer) != *id {
                return Ok(false);
            }
        }
        let more = stream
            .read(&mut [0])
            .map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?;
        Ok(more == 0)
    }
}

enum Found {
    Root,
    Node(Box<Node>),
    Nothing,
}

fn not_there(path: &Path) -> Problem {
    Problem::not_found(format!("“{}” is not in this backup", path.display())).hint("`cairn ls` lists what is")
}

/// A listing is used only when its names are safe, different and in order.
fn checked(nodes: Vec<Node>, id: &Id) -> Result<Vec<Node>> {
    let name = |node: &Node| String::from_utf8_lossy(&node.name).into_owned();
    for node in &nodes {
        if let Some(why) = node.name_problem() {
            return Err(Problem::damaged(format!(
                "listing {} has the unusable name “{}”: {why}",
                id.short(),
                name(node)
            )));
        }
    }
    match nodes.windows(2).find(|pair| pair[0].name >= pair[1].name) {
        Some(pair) => Err(Problem::damaged(format!(
            "listing {} has “{}” twice or out of order",
            id.short(),
            name(&pair[1])
        ))),
        None => Ok(nodes),
    }
}
