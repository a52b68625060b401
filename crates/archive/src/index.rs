//! What an archive has held so far: every path once, with what it is.
//!
//! Rules: a path comes once; a folder that was implied by what lies in it may still be described once. Nothing lies
//! below something that is not a folder: so nothing is ever below a link. With `one_case`, names that differ by case
//! alone are refused. Invariant: iteration gives a folder before what lies in it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use model::{FileKind, Meta, Result};

use super::limits::{Budget, Limits};
use super::names::raw;
use super::refusal::{refuse, shown};

/// What a node costs in memory beside its names.
const NODE: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Index {
    nodes: BTreeMap<PathBuf, Node>,
    folded: HashMap<String, PathBuf>,
    links: u64,
}

#[derive(Debug)]
struct Node {
    meta: Meta,
    implied: bool,
}

impl Index {
    /// Takes an entry in; returns the folders above it that have to be made first.
    pub(super) fn add(
        &mut self,
        path: &Path,
        meta: Meta,
        limits: &Limits,
        budget: &mut Budget,
    ) -> Result<Vec<PathBuf>> {
        let implied = self.imply_parents(path, limits, budget)?;
        if let Some(node) = self.nodes.get_mut(path) {
            if !(node.implied && meta.is_dir()) {
                return Err(refuse(raw(path), "is there twice"));
            }
            *node = Node { meta, implied: false };
            return Ok(implied);
        }
        self.insert(path, meta, false, limits, budget)?;
        Ok(implied)
    }

    fn imply_parents(&mut self, path: &Path, limits: &Limits, budget: &mut Budget) -> Result<Vec<PathBuf>> {
        let mut missing = Vec::new();
        for parent in path.ancestors().skip(1) {
            if parent.as_os_str().is_empty() {
                break;
            }
            match self.nodes.get(parent) {
                Some(node) if node.meta.is_dir() => break,
                Some(node) => {
                    let what = kind(&node.meta);
                    let why = format!("lies below “{}”, which is {what}", shown(raw(parent)));
                    return Err(refuse(raw(path), why));
                }
                None => missing.push(parent.to_path_buf()),
            }
        }
        missing.reverse();
        for parent in &missing {
            self.insert(parent, Meta::dir(), true, limits, budget)?;
        }
        Ok(missing)
    }

    fn insert(
        &mut self,
        path: &Path,
        meta: Meta,
        implied: bool,
        limits: &Limits,
        budget: &mut Budget,
    ) -> Result<()> {
        budget.entry()?;
        budget.remember(NODE + raw(path).len() + weight(&meta))?;
        if limits.one_case {
            self.fold(path)?;
        }
        self.nodes.insert(path.to_path_buf(), Node { meta, implied });
        Ok(())
    }

    fn fold(&mut self, path: &Path) -> Result<()> {
        let folded = path.to_string_lossy().to_lowercase();
        match self.folded.insert(folded, path.to_path_buf()) {
            Some(other) => {
                let why = format!("differs from “{}” by case alone", shown(raw(&other)));
                Err(refuse(raw(path), why))
            }
            None => Ok(()),
        }
    }

    /// Makes `path` one more name of the file `first`.
    pub(super) fn hard_link(
        &mut self,
        path: &Path,
        first: &Path,
        limits: &Limits,
        budget: &mut Budget,
    ) -> Result<Vec<PathBuf>> {
        let wrong = |what: &str| {
            let why = format!("is a hard link to “{}”, {what}", shown(raw(first)));
            Err(refuse(raw(path), why))
        };
        let meta = match self.nodes.get_mut(first) {
            None => return wrong("which did not come before it"),
            Some(node) if !node.meta.is_file() => return wrong("which is not a file"),
            Some(node) => {
                if node.meta.inode == 0 {
                    self.links += 1;
                    node.meta.inode = self.links;
                }
                node.meta.links += 1;
                node.meta.clone()
            }
        };
        self.add(path, meta, limits, budget)
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Meta> {
        self.nodes.get(path).map(|node| &node.meta)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Path, &Meta)> {
        self.nodes.iter().map(|(path, node)| (path.as_path(), &node.meta))
    }

    /// Everything, with links counted equally on all names of a file.
    pub(super) fn into_entries(self) -> Vec<(PathBuf, Meta)> {
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for node in self.nodes.values().filter(|node| node.meta.inode != 0) {
            let count = counts.entry(node.meta.inode).or_default();
            *count = node.meta.links.max(*count);
        }
        let entries = self.nodes.into_iter().map(|(path, mut node)| {
            if let Some(count) = counts.get(&node.meta.inode) {
                node.meta.links = *count;
            }
            (path, node.meta)
        });
        entries.collect()
    }
}

fn weight(meta: &Meta) -> usize {
    let target = match &meta.kind {
        FileKind::Symlink { target } => raw(target).len(),
        _ => 0,
    };
    let attributes: usize = meta
        .xattrs
        .iter()
        .map(|attribute| attribute.name.len() + attribute.value.len())
        .sum();
    target + attributes + meta.user.len() + meta.group.len()
}

fn kind(meta: &Meta) -> &'static str {
    match meta.kind {
        FileKind::Symlink { .. } => "a link",
        _ => "a file",
    }
}
