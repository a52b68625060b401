//! What differs between two trees, without reading any content: equal ids are equal bytes.

use std::path::{Path, PathBuf};

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
        compare(self, other, &PathBuf::new(), cancel, report)
    }
}

fn compare(
    a: &Tree,
    b: &Tree,
    dir: &Path,
    cancel: &Cancel,
    report: &mut dyn FnMut(Change) -> Result<()>,
) -> Result<()> {
    cancel.check()?;
    let (before, after) = (a.list(dir)?, b.list(dir)?);
    let (mut left, mut right) = (before.into_iter().peekable(), after.into_iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => return Ok(()),
            (Some(one), Some(other)) if one.path == other.path => {
                if let (Some(before), Some(after)) = (left.next(), right.next()) {
                    pair(a, b, before, after, cancel, report)?;
                }
            }
            (Some(one), other) if other.is_none_or(|other| one.path.file_name() < other.path.file_name()) => {
                if let Some(entry) = left.next() {
                    whole(a, entry, &mut |entry| report(Change::Removed(entry)))?;
                }
            }
            _ => {
                if let Some(entry) = right.next() {
                    whole(b, entry, &mut |entry| report(Change::Added(entry)))?;
                }
            }
        }
    }
}

/// An entry, and everything below it.
fn whole(tree: &Tree, entry: Entry, report: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
    let below = entry.subtree.is_some().then(|| entry.path.clone());
    report(entry)?;
    below.map_or(Ok(()), |path| tree.walk(&path, report))
}

fn pair(
    a: &Tree,
    b: &Tree,
    before: Entry,
    after: Entry,
    cancel: &Cancel,
    report: &mut dyn FnMut(Change) -> Result<()>,
) -> Result<()> {
    let both_dirs = before.subtree.is_some() && after.subtree.is_some();
    let deeper = (both_dirs && before.subtree != after.subtree).then(|| before.path.clone());
    if before.meta.kind != after.meta.kind || before.content != after.content {
        if before.subtree.is_some() || after.subtree.is_some() {
            whole(a, before, &mut |entry| report(Change::Removed(entry)))?;
            return whole(b, after, &mut |entry| report(Change::Added(entry)));
        }
        report(Change::Content { before, after })?;
    } else if !same_metadata(&before, &after) {
        report(Change::Metadata { before, after })?;
    }
    deeper.map_or(Ok(()), |path| compare(a, b, &path, cancel, report))
}

/// Inode, device and change time belong to the file system and not to the file.
fn same_metadata(before: &Entry, after: &Entry) -> bool {
    let (a, b) = (&before.meta, &after.meta);
    (a.mode, a.mtime, a.uid, a.gid, a.size) == (b.mode, b.mtime, b.uid, b.gid, b.size) && a.xattrs == b.xattrs
}
