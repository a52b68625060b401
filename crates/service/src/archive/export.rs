//! Export: walks a tree once and hands every entry to a packer.
//!
//! Rules: `manifest.json` comes first, then the parts in the order of their names, each folder before what lies in it.
//! An entry that the format cannot hold is skipped and listed with the reason; what a format can hold only in part
//! (attributes, links) is told in one note. Files with one inode and the same content become links where the format
//! has links, and copies where it has none.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use model::{FileKind, MANIFEST_FILE, Meta, Problem, Result};
use sources::{Context, Entry, Skipped, Tree};

use super::Format;
use super::gate::{Gate, Valve};
use super::tar_writer::TarPacker;
use super::zip_writer::ZipPacker;

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Entries of every kind.
    pub files: u64,
    /// Bytes of the files that were packed.
    pub bytes: u64,
    /// Length of the archive.
    pub written: u64,
    pub skipped: Vec<Skipped>,
    /// What the format could not keep of entries that are there, for people.
    pub notes: Vec<String>,
}

/// What became of an entry that has no bytes.
pub(super) enum Kept {
    Yes,
    No(&'static str),
}

/// One kind of archive being written.
pub(super) trait Packer {
    fn file(&mut self, entry: &Entry, content: &mut dyn Read, cx: &Context) -> Result<()>;
    /// Folders, links, devices.
    fn bare(&mut self, entry: &Entry) -> Result<Kept>;
    /// `false`: this format has no such links, so the file goes in once more.
    fn link(&mut self, entry: &Entry, first: &Path) -> Result<bool>;
    /// Ends the archive; returns the notes.
    fn finish(&mut self) -> Result<Vec<String>>;
}

/// Writes the whole tree to `out`.
pub fn export(
    tree: &dyn Tree,
    format: Format,
    passphrase: Option<&str>,
    out: &mut dyn Write,
    cx: &Context,
) -> Result<Exported> {
    let (gate, valve) = Gate::new(out);
    let packer = open(format, passphrase, gate)?;
    let mut work = Work {
        tree,
        cx,
        packer,
        done: Exported::default(),
        seen: HashMap::new(),
    };
    let result = work.all();
    if result.is_err() {
        valve.shut();
    }
    result.map(|()| work.report(&valve))
}

fn open<'a>(format: Format, passphrase: Option<&'a str>, gate: Gate<'a>) -> Result<Box<dyn Packer + 'a>> {
    match (format, passphrase) {
        (_, Some("")) => Err(Problem::invalid("the passphrase is empty")
            .hint("give a passphrase, or none at all for an archive that anybody can read")),
        (Format::TarGz | Format::TarZst, Some(_)) => Err(Problem::invalid(format!(
            "a {format} archive cannot be encrypted with a passphrase"
        ))
        .hint("export as zip, which can be (AES-256)")),
        (Format::Zip, passphrase) => Ok(Box::new(ZipPacker::new(gate, passphrase))),
        (Format::TarGz, None) => Ok(Box::new(TarPacker::gzip(gate))),
        (Format::TarZst, None) => Ok(Box::new(TarPacker::zstd(gate)?)),
    }
}

struct Work<'a> {
    tree: &'a dyn Tree,
    cx: &'a Context,
    packer: Box<dyn Packer + 'a>,
    done: Exported,
    /// Files of which more links may come: (inode, device) → path, content, links still to come.
    seen: HashMap<(u64, u64), Seen>,
}

struct Seen {
    path: PathBuf,
    content: String,
    left: u64,
}

impl Work<'_> {
    fn all(&mut self) -> Result<()> {
        let mut levels = vec![root(self.tree)?.into_iter()];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.next() else {
                levels.pop();
                continue;
            };
            self.cx.cancel.check()?;
            self.cx.progress.item(&entry.path.to_string_lossy());
            self.one(&entry)?;
            self.cx.progress.items(1);
            if entry.meta.is_dir() {
                levels.push(self.tree.list(&entry.path)?.into_iter());
            }
        }
        self.done.notes = self.packer.finish()?;
        Ok(())
    }

    fn one(&mut self, entry: &Entry) -> Result<()> {
        match entry.meta.kind {
            FileKind::File => self.file(entry),
            FileKind::Socket => {
                self.skip(entry, "a socket is only of use to the program that made it");
                Ok(())
            }
            _ => match self.packer.bare(entry)? {
                Kept::Yes => {
                    self.done.files += 1;
                    Ok(())
                }
                Kept::No(why) => {
                    self.skip(entry, why);
                    Ok(())
                }
            },
        }
    }

    fn skip(&mut self, entry: &Entry, why: &str) {
        self.done.skipped.push(Skipped {
            name: entry.path.to_string_lossy().into_owned(),
            why: why.to_owned(),
        });
    }

    fn file(&mut self, entry: &Entry) -> Result<()> {
        self.done.files += 1;
        if let Some(first) = self.earlier(entry)
            && self.packer.link(entry, &first)?
        {
            return Ok(());
        }
        let mut content = self.tree.open(&entry.path)?;
        self.packer.file(entry, &mut content, self.cx)?;
        self.done.bytes += entry.meta.size;
        Ok(())
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

    fn report(mut self, valve: &Valve) -> Exported {
        self.done.written = valve.passed();
        self.done
    }
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
