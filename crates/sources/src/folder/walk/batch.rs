//! What a descent found, on its way to who visits it.
//!
//! A batch holds raw answers of the kernel and names in one buffer, no texts of their own: it costs no allocation per entry, is given back
//! when it was visited, and used again. The visitor makes paths and metadata of it, on the caller's thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Cancel, Chunking, Content, Result, Xattr};
use rustix::fs::Stat;

use super::super::beneath::Root;
use super::super::owners::Owners;
use super::way::Way;
use super::{Visit, look};

/// An entry.
pub(super) struct Found {
    pub(super) stat: Stat,
    /// Where a link leads.
    pub(super) target: PathBuf,
    pub(super) xattrs: Vec<Xattr>,
    /// What follows lies in it, until it is left.
    pub(super) enters: bool,
}

/// An entry in its place.
struct Placed {
    /// So many folders were left before it.
    left: usize,
    /// The end of its name; it begins where the one before it ends.
    name_end: usize,
    found: Found,
}

#[derive(Default)]
pub(super) struct Batch {
    names: Vec<u8>,
    placed: Vec<Placed>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.placed.len()
    }

    pub(super) fn push(&mut self, left: usize, name: &[u8], found: Found) {
        self.names.extend_from_slice(name);
        self.placed.push(Placed {
            left,
            name_end: self.names.len(),
            found,
        });
    }
}

/// Tells the caller of each entry.
pub(super) struct Visitor<'a, 'v> {
    root: Arc<Root>,
    way: Way,
    owners: Owners,
    cancel: &'a Cancel,
    visit: &'a mut Visit<'v>,
}

impl<'a, 'v> Visitor<'a, 'v> {
    pub(super) fn new(root: &Arc<Root>, cancel: &'a Cancel, visit: &'a mut Visit<'v>) -> Self {
        Visitor {
            root: Arc::clone(root),
            way: Way::from(Path::new("")),
            owners: Owners::read(),
            cancel,
            visit,
        }
    }

    /// Visits all of a batch, which is empty then.
    pub(super) fn take(&mut self, batch: &mut Batch) -> Result<()> {
        let mut start = 0;
        for Placed {
            left,
            name_end,
            found,
        } in batch.placed.drain(..)
        {
            self.cancel.check()?;
            for _ in 0..left {
                self.way.pop();
            }
            self.way.push(&batch.names[start..name_end]);
            start = name_end;
            let enters = found.enters;
            self.tell(found)?;
            if !enters {
                self.way.pop();
            }
        }
        batch.names.clear();
        Ok(())
    }

    fn tell(&mut self, found: Found) -> Result<()> {
        let mut meta = look::meta(&found.stat, found.target, &self.owners);
        meta.xattrs = found.xattrs;
        let content = if meta.is_file() && meta.size > 0 {
            Content::Beneath {
                root: Arc::<Root>::clone(&self.root),
                path: self.way.relative().to_path_buf(),
                chunking: Chunking::Auto,
            }
        } else {
            Content::None
        };
        (self.visit)(self.way.relative(), meta, content)
    }
}
