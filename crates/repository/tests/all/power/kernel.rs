//! A file system as a power cut sees it.
//!
//! Nouns: a *name* in a folder is durable once the folder was synced after it came or went; a file's *content* once the file was synced
//! after it was written. Everything else is *pending*, and a cut may take away any part of it, in any combination.
//! Left out because nobody relies on them: temporary names, and locks, whose holders a cut takes away too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use repository::Id;
use repository::storage::{Change, Class, Memory, Witness};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Folder,
    File(usize),
}

struct Content {
    bytes: Vec<u8>,
    is_synced: bool,
}

/// What becomes of content that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tear {
    Whole,
    Half,
    Empty,
}

/// What may be left after one cut.
pub(crate) struct Cut {
    /// After how many changes.
    pub(crate) at: usize,
    pub(crate) left: Memory,
    pub(crate) committed: Vec<Id>,
    pub(crate) forgotten: Vec<Id>,
}

type Names = BTreeMap<PathBuf, Node>;

pub(crate) struct Kernel {
    root: PathBuf,
    contents: Vec<Content>,
    now: Names,
    durable: Names,
    pending: Vec<(PathBuf, Option<Node>)>,
    changes: usize,
    /// The process is killed before this change.
    limit: usize,
    is_recording: bool,
    committed: Vec<Id>,
    forgotten: Vec<Id>,
    seen: BTreeSet<(Names, Tear, Vec<Id>, usize)>,
    cuts: Vec<Cut>,
}

/// The kernel, for those who change files, and for the test.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Kernel>>);

impl Shared {
    /// A repository will be made in the folder `root`, which is not there yet.
    pub(crate) fn new(root: &Path) -> Self {
        let above = Names::from([(root.parent().unwrap().to_path_buf(), Node::Folder)]);
        Shared(Arc::new(Mutex::new(Kernel {
            root: root.to_path_buf(),
            contents: Vec::new(),
            now: above.clone(),
            durable: above,
            pending: Vec::new(),
            changes: 0,
            limit: usize::MAX,
            is_recording: true,
            committed: Vec::new(),
            forgotten: Vec::new(),
            seen: BTreeSet::new(),
            cuts: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().unwrap()
    }

    /// From now on this snapshot must be there after every cut.
    pub(crate) fn commit(&self, id: Id) {
        let mut kernel = self.lock();
        kernel.committed.push(id);
        kernel.record();
    }

    /// From now on this snapshot may be gone.
    pub(crate) fn forgetting(&self, id: Id) {
        self.lock().committed.retain(|other| *other != id);
    }

    /// From now on this snapshot must be gone.
    pub(crate) fn forgotten(&self, id: Id) {
        let mut kernel = self.lock();
        kernel.forgotten.push(id);
        kernel.record();
    }

    /// Cuts are of interest, or not for now.
    pub(crate) fn recording(&self, on: bool) {
        self.lock().is_recording = on;
    }

    /// The process is killed before it makes so many more changes; `None` lets the next one live.
    pub(crate) fn kill_after(&self, more: Option<usize>) {
        let mut kernel = self.lock();
        kernel.limit = more.map_or(usize::MAX, |more| kernel.changes + more);
    }

    pub(crate) fn was_killed(&self) -> bool {
        let kernel = self.lock();
        kernel.changes >= kernel.limit
    }

    /// Everything that was done so far reaches the disk: much later.
    pub(crate) fn settle(&self) {
        let mut kernel = self.lock();
        kernel.durable = kernel.now.clone();
        kernel.pending.clear();
    }

    /// What the disk may hold if the power goes now.
    pub(crate) fn cut_now(&self) {
        self.lock().record();
    }

    pub(crate) fn take_cuts(&self) -> Vec<Cut> {
        std::mem::take(&mut self.lock().cuts)
    }
}

impl Witness for Shared {
    fn before(&mut self, _: Change<'_>) -> std::io::Result<()> {
        if self.was_killed() {
            return Err(std::io::Error::other("this process was killed, for a test"));
        }
        Ok(())
    }

    fn after(&mut self, change: Change<'_>) {
        let mut kernel = self.lock();
        kernel.changes += 1;
        kernel.apply(change);
        if kernel.is_recording {
            kernel.record();
        }
    }
}

impl Kernel {
    fn apply(&mut self, change: Change<'_>) {
        match change {
            Change::Folder(path) => self.name(path, Some(Node::Folder)),
            Change::File(path) => {
                self.contents.push(Content {
                    bytes: Vec::new(),
                    is_synced: false,
                });
                self.name(path, Some(Node::File(self.contents.len() - 1)));
            }
            Change::Content(path, bytes) => {
                let content = self.content(path);
                content.bytes = bytes.to_vec();
                content.is_synced = false;
            }
            Change::Synced(path) if self.now[path] == Node::Folder => self.sync_folder(path),
            Change::Synced(path) => self.content(path).is_synced = true,
            Change::Renamed(from, to) => {
                let node = self.now[from];
                self.name(from, None);
                self.name(to, Some(node));
            }
            Change::Linked(from, to) => self.name(to, Some(self.now[from])),
            Change::Removed(path) => self.name(path, None),
        }
    }

    fn content(&mut self, path: &Path) -> &mut Content {
        match self.now[path] {
            Node::File(number) => &mut self.contents[number],
            Node::Folder => panic!("{} is a folder", path.display()),
        }
    }

    fn name(&mut self, path: &Path, node: Option<Node>) {
        set(&mut self.now, path, node);
        let is_of_interest = node == Some(Node::Folder) || class_and_id(&self.root, path).is_some();
        if is_of_interest {
            self.pending.push((path.to_path_buf(), node));
        }
    }

    fn sync_folder(&mut self, folder: &Path) {
        for (path, node) in self
            .pending
            .extract_if(.., |(path, _)| path.parent() == Some(folder))
        {
            set(&mut self.durable, &path, node);
        }
    }

    /// Every combination of what is pending may survive.
    fn record(&mut self) {
        assert!(
            self.pending.len() <= 12,
            "too much is pending: {:?}",
            self.pending
        );
        for kept in 0..1_u32 << self.pending.len() {
            let mut names = self.durable.clone();
            for (at, (path, node)) in self.pending.iter().enumerate() {
                if kept & 1 << at != 0 {
                    set(&mut names, path, *node);
                }
            }
            let all = names.clone();
            names.retain(|path, _| class_and_id(&self.root, path).is_some() && self.is_reachable(&all, path));
            for tear in [Tear::Whole, Tear::Half, Tear::Empty] {
                self.record_one(&names, tear);
            }
        }
    }

    fn is_reachable(&self, names: &Names, path: &Path) -> bool {
        let mut above = path.ancestors().skip(1);
        above.find_map(|folder| match names.get(folder) {
            None => Some(false),
            Some(_) if folder == self.root => Some(true),
            Some(_) => None,
        }) == Some(true)
    }

    fn record_one(&mut self, names: &Names, tear: Tear) {
        let is_torn = |node: &Node| matches!(node, Node::File(number) if !self.contents[*number].is_synced);
        if tear != Tear::Whole && !names.values().any(is_torn) {
            return;
        }
        if !self
            .seen
            .insert((names.clone(), tear, self.committed.clone(), self.forgotten.len()))
        {
            return;
        }
        let left = |(path, node): (&PathBuf, &Node)| {
            let Node::File(number) = node else { return None };
            let Content { bytes, is_synced } = &self.contents[*number];
            let length = match tear {
                _ if *is_synced => bytes.len(),
                Tear::Whole => bytes.len(),
                Tear::Half => bytes.len() / 2,
                Tear::Empty => 0,
            };
            Some((class_and_id(&self.root, path)?, bytes[..length].to_vec()))
        };
        self.cuts.push(Cut {
            at: self.changes,
            left: Memory::with(names.iter().filter_map(left).collect()),
            committed: self.committed.clone(),
            forgotten: self.forgotten.clone(),
        });
    }
}

fn set(names: &mut Names, path: &Path, node: Option<Node>) {
    match node {
        Some(node) => names.insert(path.to_path_buf(), node),
        None => names.remove(path),
    };
}

/// Which file of the repository this is, if anybody relies on it.
fn class_and_id(root: &Path, path: &Path) -> Option<(Class, Id)> {
    let below = path.strip_prefix(root).ok()?;
    let class = match below.components().next()?.as_os_str().to_str()? {
        "config" => return (below == Path::new("config")).then_some((Class::Config, Id::default())),
        "keys" => Class::Key,
        "snapshots" => Class::Snapshot,
        "index" => Class::Index,
        "data" => Class::Pack,
        _ => return None,
    };
    Some((class, Id::parse(path.file_name()?.to_str()?).ok()?))
}
