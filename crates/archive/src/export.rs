//! Export: what the reading half tells is handed to a packer.
//!
//! Rules: an entry that the format cannot hold is skipped and listed with the reason; what a format can hold only in part (attributes,
//! links) is told in one note. Reading and packing are done side by side, in one order.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::Receiver;

use boundary::{Context, Entry, Skipped, Tree};
use model::{FileKind, Problem, Result};

use super::Format;
use super::ahead::{Event, Pieces, Reader};
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
    /// Can a file be a link to another one? Else it goes in once more.
    fn has_links(&self) -> bool;
    fn link(&mut self, entry: &Entry, first: &Path) -> Result<()>;
    /// The next file is such a link.
    fn lose_link(&mut self);
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
    let (reader, events) = Reader::new(tree, packer.has_links(), cx);
    std::thread::scope(|scope| {
        scope.spawn(|| reader.run());
        // Taken along, so that the reader ends when the packing does.
        let events = events;
        let mut work = Work {
            events: &events,
            cx,
            packer,
            done: Exported::default(),
        };
        let result = work.all();
        if result.is_err() {
            valve.shut();
        }
        result.map(|()| work.report(&valve))
    })
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
    events: &'a Receiver<Result<Event>>,
    cx: &'a Context,
    packer: Box<dyn Packer + 'a>,
    done: Exported,
}

impl Work<'_> {
    fn all(&mut self) -> Result<()> {
        loop {
            let event = self.events.recv().map_err(|_| broke_off())??;
            let entry = match &event {
                Event::EndOfTree => break,
                Event::Bare(entry) | Event::Link(entry, _) | Event::File { entry, .. } => entry,
                Event::Piece(_) | Event::EndOfFile => return Err(broke_off()),
            };
            self.cx.progress.item(&entry.path.to_string_lossy());
            self.one(&event)?;
            self.cx.progress.items(1);
        }
        self.done.notes = self.packer.finish()?;
        Ok(())
    }

    fn one(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Bare(entry) => self.bare(entry),
            Event::Link(entry, first) => {
                self.done.files += 1;
                self.packer.link(entry, first)
            }
            Event::File { entry, again } => {
                self.done.files += 1;
                if *again {
                    self.packer.lose_link();
                }
                let mut content = Pieces::of(self.events);
                self.packer.file(entry, &mut content, self.cx)?;
                self.done.bytes += entry.meta.size;
                Ok(())
            }
            Event::Piece(_) | Event::EndOfFile | Event::EndOfTree => Err(broke_off()),
        }
    }

    fn bare(&mut self, entry: &Entry) -> Result<()> {
        if entry.meta.kind == FileKind::Socket {
            self.skip(entry, "a socket is only of use to the program that made it");
            return Ok(());
        }
        match self.packer.bare(entry)? {
            Kept::Yes => self.done.files += 1,
            Kept::No(why) => self.skip(entry, why),
        }
        Ok(())
    }

    fn skip(&mut self, entry: &Entry, why: &str) {
        self.done.skipped.push(Skipped {
            name: entry.path.to_string_lossy().into_owned(),
            why: why.to_owned(),
        });
    }

    fn report(mut self, valve: &Valve) -> Exported {
        self.done.written = valve.passed();
        self.done
    }
}

fn broke_off() -> Problem {
    Problem::internal("the reading half of an export broke off")
}
