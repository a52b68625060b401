//! What differs between two trees, without reading any content: equal ids are equal bytes.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::path::Path;
use std::vec::IntoIter;

use model::{Cancel, Result};

use crate::tree::{Entry, Tree};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Added(Entry),
    Removed(Entry),
    /// Content, kind or link target.
    Content {
        before: Entry,
        after: Entry,
    },
    /// Only mode, owner, times or attributes.
    Metadata {
        before: Entry,
        after: Entry,
    },
}

impl Change {
    pub fn path(&self) -> &Path {
        match self {
            Change::Added(entry) | Change::Removed(entry) => &entry.path,
            Change::Content { after, .. } | Change::Metadata { after, .. } => &after.path,
        }
    }
}

impl Tree {
    /// Reports what has to be done to this tree to become the other one, in the order of the paths.
    pub fn diff(
        &self,
        other: &Tree,
        cancel: &Cancel,
        report: &mut dyn FnMut(Change) -> Result<()>,
    ) -> Result<()> {
        if self.id() == other.id() {
            return Ok(());
        }
        // However deep it goes: the stack of the thread is not what bounds it.
        let top = Path::new("");
        let mut open = vec![Level::new(self.list(top)?, other.list(top)?)];
        while let Some(level) = open.last_mut() {
            cancel.check()?;
            let Some(next) = level.next() else {
                open.pop();
                continue;
            };
            match next {
                Next::Removed(entry) => whole(self, entry, &mut |entry| report(Change::Removed(entry)))?,
                Next::Added(entry) => whole(other, entry, &mut |entry| report(Change::Added(entry)))?,
                Next::Both(both) => {
                    let (before, after) = *both;
                    let path = before.path.clone();
                    if pair(self, other, before, after, report)? {
                        open.push(Level::new(self.list(&path)?, other.list(&path)?));
                    }
                }
            }
        }
        Ok(())
    }
}

/// One folder in both trees, as far as it was not compared yet.
struct Level {
    left: Peekable<IntoIter<Entry>>,
    right: Peekable<IntoIter<Entry>>,
}

enum Next {
    Removed(Entry),
    Added(Entry),
    Both(Box<(Entry, Entry)>),
}

impl Level {
    fn new(left: Vec<Entry>, right: Vec<Entry>) -> Self {
        Level {
            left: left.into_iter().peekable(),
            right: right.into_iter().peekable(),
        }
    }
}

impl Iterator for Level {
    type Item = Next;

    fn next(&mut self) -> Option<Next> {
        let order = match (self.left.peek(), self.right.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.path.file_name().cmp(&other.path.file_name()),
        };
        match order {
            Ordering::Less => self.left.next().map(Next::Removed),
            Ordering::Greater => self.right.next().map(Next::Added),
            Ordering::Equal => Some(Next::Both(Box::new((self.left.next()?, self.right.next()?)))),
        }
    }
}

/// An entry, and everything below it.
fn whole(tree: &Tree, entry: Entry, report: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
    let below = entry.subtree.is_some().then(|| entry.path.clone());
    report(entry)?;
    below.map_or(Ok(()), |path| tree.walk(&path, report))
}

/// Reports what differs of an entry that both have; true: what is below it has to be compared as well.
fn pair(
    a: &Tree,
    b: &Tree,
    before: Entry,
    after: Entry,
    report: &mut dyn FnMut(Change) -> Result<()>,
) -> Result<bool> {
    let both_dirs = before.subtree.is_some() && after.subtree.is_some();
    let is_deeper = both_dirs && before.subtree != after.subtree;
    if before.meta.kind != after.meta.kind || before.content != after.content {
        if before.subtree.is_some() || after.subtree.is_some() {
            whole(a, before, &mut |entry| report(Change::Removed(entry)))?;
            whole(b, after, &mut |entry| report(Change::Added(entry)))?;
            return Ok(false);
        }
        report(Change::Content { before, after })?;
    } else if !same_metadata(&before, &after) {
        report(Change::Metadata { before, after })?;
    }
    Ok(is_deeper)
}

/// Inode, device and change time belong to the file system and not to the file.
fn same_metadata(before: &Entry, after: &Entry) -> bool {
    let (a, b) = (&before.meta, &after.meta);
    (a.mode, a.mtime, a.uid, a.gid, a.size) == (b.mode, b.mtime, b.uid, b.gid, b.size) && a.xattrs == b.xattrs
}
