//! A backup's tree in memory, and one that breaks at a chosen call.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use model::{Meta, Problem, Result};
use sources::{Context, Entry, Materialize, ReadSeek, Tree, Unwritten};

use super::journal::Breach;
use super::written;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) meta: Meta,
    pub(super) bytes: Arc<[u8]>,
}

/// Clones share their entries, which never change.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree(Arc<BTreeMap<PathBuf, Node>>);

impl MemoryTree {
    pub(super) fn new(nodes: BTreeMap<PathBuf, Node>) -> Self {
        MemoryTree(Arc::new(nodes))
    }

    /// Every path but the root, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.keys().cloned().collect()
    }

    /// The same without this entry and what lies in it.
    #[must_use]
    pub fn without(&self, gone: &Path) -> Self {
        let rest = self.0.iter().filter(|(path, _)| !path.starts_with(gone));
        MemoryTree::new(rest.map(|(path, node)| (path.clone(), node.clone())).collect())
    }

    fn node(&self, path: &Path) -> Result<&Node> {
        self.0
            .get(path)
            .ok_or_else(|| Problem::not_found(format!("{} is not in the tree", path.display())))
    }

    /// Equal identities mean equal bytes; that of a folder covers everything below it.
    fn identity(&self, path: &Path) -> String {
        let mut hasher = DefaultHasher::new();
        for (below, node) in self.0.range(path.to_path_buf()..) {
            let Ok(relative) = below.strip_prefix(path) else {
                break;
            };
            (relative, &node.meta, &node.bytes).hash(&mut hasher);
        }
        format!("{:016x}", hasher.finish())
    }

    fn entry(&self, path: &Path, node: &Node) -> Entry {
        let content_id = if node.meta.is_dir() {
            self.identity(path)
        } else {
            let mut hasher = DefaultHasher::new();
            node.bytes.hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        };
        Entry {
            path: path.to_path_buf(),
            meta: node.meta.clone(),
            content_id,
        }
    }
}

impl Tree for MemoryTree {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        if dir != Path::new("") && !self.node(dir)?.meta.is_dir() {
            return Err(Problem::invalid(format!("{} is no folder", dir.display())));
        }
        let below = self.0.iter().filter(|(path, _)| path.parent() == Some(dir));
        Ok(below.map(|(path, node)| self.entry(path, node)).collect())
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        if path == Path::new("") {
            return Ok(Some(Entry {
                path: PathBuf::new(),
                meta: Meta::dir(),
                content_id: self.identity(path),
            }));
        }
        Ok(self.0.get(path).map(|node| self.entry(path, node)))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        Ok(Box::new(Cursor::new(self.node(path)?.bytes.clone())))
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        cx.cancel.check()?;
        let mut living = Vec::new();
        let read = stream.read_to_end(&mut living);
        read.map_err(|error| Problem::io(format!("cannot read what stands for {}", path.display()), error))?;
        Ok(*living == *self.node(path)?.bytes)
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        written::write(&|path| self.node(path), order, cx).map(|()| Vec::new())
    }
}

/// A tree that counts its calls and breaks at one of them.
#[derive(Clone, Debug)]
pub struct WatchedTree {
    tree: MemoryTree,
    breach: Option<(usize, Breach)>,
    calls: Arc<AtomicUsize>,
}

impl WatchedTree {
    pub fn new(tree: &MemoryTree) -> Self {
        WatchedTree {
            tree: tree.clone(),
            breach: None,
            calls: Arc::default(),
        }
    }

    /// Breaks at the call with this number, the first being 0.
    pub fn breaking(tree: &MemoryTree, at: usize, breach: Breach) -> Self {
        WatchedTree {
            breach: Some((at, breach)),
            ..WatchedTree::new(tree)
        }
    }

    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    fn call(&self) -> Result<()> {
        let number = self.calls.fetch_add(1, SeqCst);
        match &self.breach {
            Some((at, breach)) if *at == number => breach.happen(),
            _ => Ok(()),
        }
    }
}

impl Tree for WatchedTree {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        self.call()?;
        self.tree.list(dir)
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        self.call()?;
        self.tree.stat(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        self.call()?;
        self.tree.open(path)
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.call()?;
        self.tree.same_content(path, stream, cx)
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        self.call()?;
        self.tree.materialize(order, cx)
    }
}
