//! The directories that are not written yet.
//!
//! Nouns: a *slot* is the place of a node in its directory. A directory is *ready* when it is closed (nothing more will be announced in
//! it) and no slot in it waits for content or a listing. A ready directory is taken out, written outside the lock, and its id put into
//! its slot above, which may make that one ready in turn.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Settled;
use crate::Id;
use crate::format::tree::Node;

/// Number of a directory in progress.
pub(super) type DirNumber = usize;

/// Place of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) dir: DirNumber,
    pub(super) at: usize,
}

/// The same directory in the parent snapshot.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) tree: Id,
    pub(super) nodes: Arc<Vec<Node>>,
}

#[derive(Debug)]
struct Dir {
    above: Option<Slot>,
    nodes: Vec<Option<Node>>,
    waiting: usize,
    closed: bool,
    known: Option<Known>,
}

/// A directory that can be written.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) above: Option<Slot>,
    pub(super) nodes: Vec<Node>,
    pub(super) known: Option<Known>,
}

#[derive(Debug)]
pub(super) struct Assembly {
    dirs: Vec<Option<Dir>>,
    free: Vec<DirNumber>,
}

pub(super) const ROOT: DirNumber = 0;

impl Assembly {
    /// With the root as its only directory.
    pub(super) fn new() -> Self {
        let root = Dir {
            above: None,
            nodes: Vec::new(),
            waiting: 0,
            closed: false,
            known: None,
        };
        Assembly {
            dirs: vec![Some(root)],
            free: Vec::new(),
        }
    }

    fn dir(&mut self, number: DirNumber) -> &mut Dir {
        self.dirs[number]
            .as_mut()
            .expect("a directory is here until it is written, and it waits for its slots")
    }

    pub(super) fn know(&mut self, dir: DirNumber, known: Known) {
        self.dir(dir).known = Some(known);
    }

    /// Adds a node; a pending one makes its directory wait.
    pub(super) fn add(&mut self, dir: DirNumber, node: Node, pending: bool) -> Slot {
        let dir_data = self.dir(dir);
        dir_data.nodes.push(Some(node));
        dir_data.waiting += usize::from(pending);
        Slot {
            dir,
            at: dir_data.nodes.len() - 1,
        }
    }

    /// Opens a directory whose node is in this (pending) slot.
    pub(super) fn open(&mut self, above: Slot, known: Option<Known>) -> DirNumber {
        let dir = Some(Dir {
            above: Some(above),
            nodes: Vec::new(),
            waiting: 0,
            closed: false,
            known,
        });
        if let Some(number) = self.free.pop() {
            self.dirs[number] = dir;
            return number;
        }
        self.dirs.push(dir);
        self.dirs.len() - 1
    }

    /// Nothing more will be announced in it.
    pub(super) fn close(&mut self, number: DirNumber) -> Option<Ready> {
        self.dir(number).closed = true;
        self.take_if_ready(number)
    }

    /// A slot has what it waited for; `None` means that the entry is left out.
    pub(super) fn fill(&mut self, slot: Slot, fill: impl FnOnce(Node) -> Option<Node>) -> Option<Ready> {
        let dir = self.dir(slot.dir);
        dir.nodes[slot.at] = dir.nodes[slot.at].take().and_then(fill);
        dir.waiting -= 1;
        self.take_if_ready(slot.dir)
    }

    fn take_if_ready(&mut self, number: DirNumber) -> Option<Ready> {
        let dir = self.dir(number);
        if number == ROOT || !dir.closed || dir.waiting > 0 {
            return None;
        }
        self.free.push(number);
        self.dirs[number].take().map(Dir::ready)
    }

    pub(super) fn close_root(&mut self) -> Option<Ready> {
        let root = self.dir(ROOT);
        if root.waiting > 0 {
            return None;
        }
        let fresh = Dir {
            above: None,
            nodes: Vec::new(),
            waiting: 0,
            closed: false,
            known: None,
        };
        self.dirs[ROOT].replace(fresh).map(Dir::ready)
    }

    pub(super) fn root_children(&mut self) -> Vec<Settled> {
        let children = self.dir(ROOT).nodes.iter().flatten();
        let settled = |node: &Node| Settled {
            name: PathBuf::from(OsStr::from_bytes(&node.name)),
            tree: node.subtree,
            content: node.content.clone(),
        };
        children.map(settled).collect()
    }
}

impl Dir {
    fn ready(self) -> Ready {
        let mut nodes: Vec<Node> = self.nodes.into_iter().flatten().collect();
        if !nodes.is_sorted_by(|a, b| a.name < b.name) {
            nodes.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ready {
            above: self.above,
            nodes,
            known: self.known,
        }
    }
}
