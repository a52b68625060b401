//! A snapshot out of pieces of another one: nothing is read or stored again but one listing and a few small files.
//!
//! Rules: everything below the pieces is looked at under the lock, and each of its blobs is in the index; so the new snapshot is as whole as
//! the old one, and stays so when that one is forgotten. The old snapshot is only read.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use model::{Cancel, Meta, Problem, Progress, Result, Timestamp};

use crate::Id;
use crate::format::pack::BlobKind;
use crate::format::snapshot::{Snapshot, Summary, time_text};
use crate::format::tree::{self, Node};
use crate::repository::Repository;
use crate::tree::Tree;
use crate::write::{BlobWriter, SnapshotMeta};

/// A folder of the old snapshot, and what it is called at the root of the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// In the old snapshot; empty: all of it.
    pub path: PathBuf,
    pub name: String,
}

/// A piece that was looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grafted {
    pub name: String,
    pub entries: u64,
    pub files: u64,
    pub bytes: u64,
    pub tree: Id,
}

/// A file at the root of the new snapshot.
#[derive(Clone, Debug)]
pub struct RootFile {
    pub name: String,
    pub meta: Meta,
    pub bytes: Vec<u8>,
}

impl Repository {
    /// Commits a snapshot of these pieces, and of the file that `describe` makes of what they hold.
    pub fn graft(
        &self,
        from: &Id,
        pieces: &[Piece],
        describe: impl FnOnce(&[Grafted]) -> Result<RootFile>,
        meta: &SnapshotMeta,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Snapshot> {
        self.check_writable()?;
        let mut writer = BlobWriter::new(self, cancel)?;
        // Under the lock: what is there now is not pruned any more.
        let old = self.snapshot(from)?;
        let tree = self.tree(&old)?;
        let mut nodes = Vec::new();
        let mut grafted = Vec::new();
        for piece in pieces {
            let node = node_of(&tree, &old, piece)?;
            grafted.push(look_through(&tree, piece, &node, progress, cancel)?);
            nodes.push(node);
        }
        let file = describe(&grafted)?;
        writer.blob(BlobKind::Data, &file.bytes)?;
        let size = file.bytes.len() as u64;
        nodes.push(Node {
            name: file.name.into_bytes(),
            meta: Meta { size, ..file.meta },
            content: vec![Id::of(&file.bytes)],
            ..Node::default()
        });
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let listing = tree::encode(&nodes)?;
        writer.blob(BlobKind::Tree, &listing)?;
        let snapshot = snapshot(&old, Id::of(&listing), meta, &grafted, size);
        let id = writer.finish(&snapshot)?;
        Ok(Snapshot { id, ..snapshot })
    }
}

fn node_of(tree: &Tree, old: &Snapshot, piece: &Piece) -> Result<Node> {
    let shown = piece.path.display();
    let node = if piece.path.as_os_str().is_empty() {
        let mtime = Timestamp {
            seconds: old.time_ms()?.div_euclid(1000),
            nanos: 0,
        };
        Node {
            meta: Meta { mtime, ..Meta::dir() },
            subtree: Some(tree.id()),
            ..Node::default()
        }
    } else {
        let found = tree.node_at(&piece.path)?;
        found.ok_or_else(|| Problem::not_found(format!("“{shown}” is not in this snapshot")))?
    };
    if node.subtree.is_none() {
        return Err(
            Problem::invalid(format!("“{shown}” is no folder")).hint("choose the folder that it is in")
        );
    }
    Ok(Node {
        name: Path::new(&piece.name).as_os_str().as_bytes().to_vec(),
        ..node
    })
}

fn look_through(
    tree: &Tree,
    piece: &Piece,
    node: &Node,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Grafted> {
    let mut grafted = Grafted {
        name: piece.name.clone(),
        entries: 0,
        files: 0,
        bytes: 0,
        tree: node.subtree.unwrap_or_default(),
    };
    tree.walk(&piece.path, &mut |entry| {
        cancel.check()?;
        let is_there = |id: &Id| tree.index.contains(BlobKind::Data, id);
        if let Some(lost) = entry.content.iter().find(|id| !is_there(id)) {
            return Err(crate::read::missing(BlobKind::Data, lost).context(entry.path.display()));
        }
        grafted.entries += 1;
        if entry.meta.is_file() {
            grafted.files += 1;
            grafted.bytes += entry.meta.size;
        }
        progress.items(1);
        Ok(())
    })?;
    Ok(grafted)
}

fn snapshot(old: &Snapshot, tree: Id, meta: &SnapshotMeta, grafted: &[Grafted], file: u64) -> Snapshot {
    let time = time_text(meta.time_ms);
    let summary = Summary {
        backup_start: time.clone(),
        backup_end: time.clone(),
        total_files_processed: grafted.iter().map(|one| one.files).sum::<u64>() + 1,
        total_bytes_processed: grafted.iter().map(|one| one.bytes).sum::<u64>() + file,
        ..Summary::default()
    };
    Snapshot {
        time,
        parent: Some(old.id),
        tree,
        paths: meta.paths.clone(),
        hostname: meta.hostname.clone(),
        username: meta.username.clone(),
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        excludes: meta.excludes.clone(),
        tags: meta.tags.clone(),
        program_version: format!("cairn {}", env!("CARGO_PKG_VERSION")),
        summary: Some(summary),
        ..Snapshot::default()
    }
}
