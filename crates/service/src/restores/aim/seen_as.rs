//! A backup's tree with one of its parts under another name, as a source wants it whose part is called otherwise.

use std::io::Read;
use std::path::{Path, PathBuf};

use model::Result;
use sources::{Context, Entry, Materialize, ReadSeek, Tree, Unwritten};

pub(super) struct SeenAs {
    tree: Box<dyn Tree>,
    /// In the backup.
    own: PathBuf,
    /// As it is seen.
    seen: PathBuf,
}

impl SeenAs {
    pub(super) fn new(tree: Box<dyn Tree>, own: &str, seen: &str) -> Self {
        SeenAs {
            tree,
            own: PathBuf::from(own),
            seen: PathBuf::from(seen),
        }
    }

    /// How a path of the backup is seen.
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        replaced(path, &self.own, &self.seen)
    }

    fn own(&self, path: &Path) -> PathBuf {
        replaced(path, &self.seen, &self.own)
    }

    /// What has a name that is seen as another part, or that is seen under another one, is not there.
    fn is_hidden(&self, path: &Path) -> bool {
        self.own != self.seen && path.starts_with(&self.own)
    }

    fn shown(&self, entry: Entry) -> Entry {
        Entry {
            path: self.seen(&entry.path),
            ..entry
        }
    }
}

fn replaced(path: &Path, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.to_path_buf(),
        Ok(rest) => to.join(rest),
        Err(_) => path.to_path_buf(),
    }
}

impl Tree for SeenAs {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        let mut entries = self.tree.list(&self.own(dir))?;
        if dir.as_os_str().is_empty() {
            // Another part of the name under which this one is seen.
            entries.retain(|entry| entry.path != self.seen || self.own == self.seen);
        }
        let mut entries: Vec<Entry> = entries.into_iter().map(|entry| self.shown(entry)).collect();
        entries.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
        Ok(entries)
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        if self.is_hidden(path) {
            return Ok(None);
        }
        let found = self.tree.stat(&self.own(path))?;
        Ok(found.map(|entry| self.shown(entry)))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        self.tree.open(&self.own(path))
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.tree.same_content(&self.own(path), stream, cx)
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        let entries = order.entries.iter();
        let order = Materialize {
            into: order.into.clone(),
            entries: entries.map(|(from, to)| (self.own(from), to.clone())).collect(),
        };
        self.tree.materialize(&order, cx)
    }
}
