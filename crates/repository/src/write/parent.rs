//! What the parent snapshot knows about an entry.

use std::sync::Arc;

use model::{Meta, Result};

use super::assembly::Known;
use super::shared::Shared;
use crate::Id;
use crate::format::pack::BlobKind;
use crate::format::tree::{self, Node};

/// Loads a listing of the parent. A damaged or missing one is no reason to fail: everything below it is read again.
pub(super) fn load(shared: &Shared, tree: Id) -> Option<Known> {
    let load = || -> Result<Vec<Node>> {
        let json = shared
            .repository
            .with_cached_blobs(&shared.index, |blobs| blobs.load(BlobKind::Tree, &tree))?;
        tree::decode(&json)
    };
    load().ok().map(|nodes| Known {
        tree,
        nodes: Arc::new(nodes),
    })
}

/// The parent's node of this name. Siblings mostly come in order, so the place after the last hit is tried first.
pub(super) fn find<'a>(known: Option<&'a Known>, name: &[u8], hint: &mut usize) -> Option<&'a Node> {
    let nodes = &known?.nodes;
    if nodes.get(*hint).is_none_or(|node| node.name != name) {
        *hint = nodes
            .binary_search_by(|node| node.name.as_slice().cmp(name))
            .ok()?;
    }
    *hint += 1;
    nodes.get(*hint - 1)
}

/// Need the content not be read again? As restic decides, for entries that come from a file system.
pub(super) fn is_unchanged(shared: &Shared, old: &Node, meta: &Meta) -> bool {
    let same = |old: &Meta| {
        old.is_file()
            && meta.is_file()
            && meta.inode != 0
            && (old.size, old.mtime, old.ctime, old.inode) == (meta.size, meta.mtime, meta.ctime, meta.inode)
    };
    same(&old.meta)
        && old
            .content
            .iter()
            .all(|id| shared.index.holds(BlobKind::Data, id))
}
