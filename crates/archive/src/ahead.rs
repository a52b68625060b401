//! The reading half of an export: walks the tree and reads its files, a little ahead of the half that packs them.
//!
//! Rules: `manifest.json` comes first, then the parts in the order of their names, each folder before what lies in it. Files with one
//! inode and the same content are told as links where the archive has links, and read again where it has none. Who packs slowly holds the
//! reading up after a few pieces; who packs no more ends it. A walk that came to its end says so, so that one that broke off is not taken
//! for whole.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use boundary::{Context, Entry, Tree};
use model::{FileKind, MANIFEST_FILE, Meta, Problem, Result};

use super::content::read_some;

const PIECE: usize = 64 * 1024;
/// Pieces that wait to be packed. Fifty slow downloads have fifty times what one has.
const WAITING: usize = 4;

/// What the packing half is told.
pub(super) enum Event {
    /// What has no bytes: a folder, a link, a device, a socket.
    Bare(Entry),
    /// A file that is in the archive already, at this path.
    Link(Entry, PathBuf),
    /// Its pieces follow. `again`: it is a link that the archive cannot hold.
    File {
        entry: Entry,
        again: bool,
    },
    Piece(Vec<u8>),
    EndOfFile,
    EndOfTree,
}

pub(super) struct Reader<'a> {
    tree: &'a dyn Tree,
    cx: &'a Context,
    has_links: bool,
    told: SyncSender<Result<Event>>,
    /// Files of which more links may come: (inode, device) → path, content, links still to come.
    seen: HashMap<(u64, u64), Seen>,
}

struct Seen {
    path: PathBuf,
    content: String,
    left: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        tree: &'a dyn Tree,
        has_links: bool,
        cx: &'a Context,
    ) -> (Self, Receiver<Result<Event>>) {
        let (told, events) = sync_channel(WAITING);
        let reader = Reader {
            tree,
            cx,
            has_links,
            told,
            seen: HashMap::new(),
        };
        (reader, events)
    }

    pub(super) fn run(mut self) {
        let end = self.all().map(|()| Event::EndOfTree);
        // Who packs no more does not want to know.
        let _ = self.told.send(end);
    }

    fn tell(&self, event: Event) -> Result<()> {
        let told = self.told.send(Ok(event));
        told.map_err(|_| Problem::new(model::Kind::Cancelled, "nobody packs any more"))
    }

    fn all(&mut self) -> Result<()> {
        let mut levels = vec![root(self.tree)?.into_iter()];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.next() else {
                levels.pop();
                continue;
            };
            self.cx.cancel.check()?;
            let below = entry.meta.is_dir().then(|| entry.path.clone());
            if entry.meta.kind == FileKind::File {
                self.file(entry)?;
            } else {
                self.tell(Event::Bare(entry))?;
            }
            if let Some(dir) = below {
                levels.push(self.tree.list(&dir)?.into_iter());
            }
        }
        Ok(())
    }

    fn file(&mut self, entry: Entry) -> Result<()> {
        let earlier = self.earlier(&entry);
        if self.has_links
            && let Some(first) = earlier
        {
            return self.tell(Event::Link(entry, first));
        }
        let mut content = self.tree.open(&entry.path)?;
        let again = earlier.is_some();
        self.tell(Event::File { entry, again })?;
        loop {
            let mut piece = vec![0; PIECE];
            let n = read_some(&mut content, &mut piece).map_err(plainly)?;
            if n == 0 {
                return self.tell(Event::EndOfFile);
            }
            piece.truncate(n);
            self.tell(Event::Piece(piece))?;
        }
    }

    /// The path under which this very file is in the archive already.
    fn earlier(&mut self, entry: &Entry) -> Option<PathBuf> {
        let identity = identity(&entry.meta)?;
        if let Some(seen) = self.seen.get_mut(&identity) {
            if seen.content != entry.content_id {
                return None;
            }
            seen.left = seen.left.saturating_sub(1);
            let path = seen.path.clone();
            if seen.left == 0 {
                self.seen.remove(&identity);
            }
            return Some(path);
        }
        let seen = Seen {
            path: entry.path.clone(),
            content: entry.content_id.clone(),
            left: entry.meta.links - 1,
        };
        self.seen.insert(identity, seen);
        None
    }
}

/// Which file it is, the packing half says.
fn plainly(error: io::Error) -> Problem {
    error
        .downcast()
        .unwrap_or_else(|error| Problem::io("cannot read", error))
}

fn identity(meta: &Meta) -> Option<(u64, u64)> {
    (meta.links > 1 && meta.inode != 0).then_some((meta.inode, meta.device))
}

/// The entries of the root, the manifest first: who reads a stream wants to know early what comes.
fn root(tree: &dyn Tree) -> Result<Vec<Entry>> {
    let mut entries = tree.list(Path::new(""))?;
    entries.sort_by_key(|entry| entry.path.as_os_str() != OsStr::new(MANIFEST_FILE));
    Ok(entries)
}

/// The bytes of the file that was told last.
pub(super) struct Pieces<'a> {
    events: &'a Receiver<Result<Event>>,
    piece: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(events: &'a Receiver<Result<Event>>) -> Self {
        Pieces {
            events,
            piece: Vec::new(),
            at: 0,
            is_over: false,
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.is_over {
            match self.events.recv() {
                Ok(Ok(Event::Piece(piece))) => (self.piece, self.at) = (piece, 0),
                Ok(Ok(Event::EndOfFile)) => self.is_over = true,
                Ok(Err(problem)) => return Err(io::Error::other(problem)),
                Ok(Ok(_)) | Err(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
