//! Writes a zip front to back: sizes follow the bytes in data descriptors, zip64 where a file or the archive is large.
//!
//! Rules: modes, links and times (to the second) are kept in the fields that Unix programs read. A zip knows no
//! devices, pipes, attributes and hard links: the first two are skipped, the others told in a note. With a passphrase
//! contents and targets of links are sealed with AES-256; names, sizes and times are not, no zip can.
//! A name that is not UTF-8 is written as its bytes without the flag that would say UTF-8.

use std::io::{BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use boundary::{Context, Entry};
use model::{FileKind, Meta, Problem, Result, Timestamp, counted};
use zip::result::ZipError;
use zip::write::{FullFileOptions, SimpleFileOptions, StreamWriter};
use zip::{AesMode, CompressionMethod, DateTime, ZipWriter};

use super::content::{pump, writing};
use super::export::{Kept, Packer};
use super::gate::Gate;

/// From here on a file is written with 64-bit sizes: incompressible bytes grow a little when deflated.
const LARGE: u64 = u32::MAX as u64 - (64 << 20);
const MODIFIED: u16 = 0x5455;
const TYPE_DIR: u32 = 0o040_000;
const TYPE_LINK: u32 = 0o120_000;
const TYPE_FILE: u32 = 0o100_000;

pub(super) struct ZipPacker<'a> {
    zip: Option<ZipWriter<StreamWriter<BufWriter<Gate<'a>>>>>,
    passphrase: Option<&'a str>,
    lost: Lost,
}

/// Entries that lost something on the way.
#[derive(Default)]
struct Lost {
    attributes: u64,
    links: u64,
    folders: u64,
}

impl<'a> ZipPacker<'a> {
    pub(super) fn new(gate: Gate<'a>, passphrase: Option<&'a str>) -> Self {
        ZipPacker {
            zip: Some(ZipWriter::new_stream(BufWriter::new(gate))),
            passphrase,
            lost: Lost::default(),
        }
    }

    fn zip(&mut self) -> &mut ZipWriter<StreamWriter<BufWriter<Gate<'a>>>> {
        self.zip
            .as_mut()
            .expect("nothing is packed after the archive was finished")
    }

    fn note_losses(&mut self, meta: &Meta) {
        self.lost.attributes += u64::from(!meta.xattrs.is_empty());
    }

    fn begin(&mut self, entry: &Entry, kind: u32, size: u64) -> Result<()> {
        let mut options = options(&entry.meta, kind)?.large_file(size >= LARGE);
        if size == 0 || kind == TYPE_LINK {
            options = options.compression_method(CompressionMethod::Stored);
        }
        if let Some(passphrase) = self.passphrase {
            options = options.with_aes_encryption(AesMode::Aes256, passphrase);
        }
        let options = options.name(entry.path.as_os_str().as_bytes());
        self.note_losses(&entry.meta);
        let result = self.zip().start_file_with_options(options);
        result.map_err(|error| trouble(&entry.path, error))
    }

    fn symlink(&mut self, entry: &Entry, target: &Path) -> Result<()> {
        let target = target.as_os_str().as_bytes();
        self.begin(entry, TYPE_LINK, target.len() as u64)?;
        self.zip().write_all(target).map_err(writing)
    }

    fn dir(&mut self, entry: &Entry) -> Result<()> {
        let Some(name) = entry.path.to_str() else {
            self.lost.folders += 1;
            return Ok(());
        };
        let options = options(&entry.meta, TYPE_DIR)?;
        self.note_losses(&entry.meta);
        let result = self.zip().add_directory(format!("{name}/"), options);
        result.map_err(|error| trouble(&entry.path, error))
    }
}

impl Packer for ZipPacker<'_> {
    fn file(&mut self, entry: &Entry, content: &mut dyn Read, cx: &Context) -> Result<()> {
        let size = entry.meta.size;
        self.begin(entry, TYPE_FILE, size)?;
        pump(&entry.path, size, content, self.zip(), cx)
    }

    fn bare(&mut self, entry: &Entry) -> Result<Kept> {
        match &entry.meta.kind {
            FileKind::Dir => self.dir(entry)?,
            FileKind::Symlink { target } => self.symlink(entry, target)?,
            FileKind::BlockDevice { .. } | FileKind::CharDevice { .. } => {
                return Ok(Kept::No("a zip cannot hold devices; tar.gz and tar.zst can"));
            }
            FileKind::Fifo => return Ok(Kept::No("a zip cannot hold named pipes; tar.gz and tar.zst can")),
            FileKind::File | FileKind::Socket => return Ok(Kept::No("a zip has no such entries")),
        }
        Ok(Kept::Yes)
    }

    fn has_links(&self) -> bool {
        false
    }

    fn link(&mut self, entry: &Entry, _first: &Path) -> Result<()> {
        Err(Problem::internal(format!(
            "a zip cannot hold {} as a link",
            entry.path.display()
        )))
    }

    fn lose_link(&mut self) {
        self.lost.links += 1;
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        if let Some(zip) = self.zip.take() {
            let stream = zip.finish().map_err(|error| trouble(Path::new(""), error))?;
            stream.into_inner().flush().map_err(writing)?;
        }
        Ok(notes(&self.lost))
    }
}

fn notes(lost: &Lost) -> Vec<String> {
    let told = [
        (
            lost.attributes,
            "in this archive without extended attributes (and ACLs)",
        ),
        (lost.links, "in this archive as a copy instead of a hard link"),
        (
            lost.folders,
            "in this archive without mode and time, because the name is not UTF-8",
        ),
    ];
    let told = told.into_iter().filter(|(n, _)| *n > 0);
    told.map(|(n, what)| {
        format!(
            "{} {what}; tar.zst keeps them",
            counted(n, "entry is", "entries are")
        )
    })
    .collect()
}

fn options<'k>(meta: &Meta, kind: u32) -> Result<FullFileOptions<'k, 'static>> {
    let mode = kind | (meta.mode & 0o7777);
    let mut options = SimpleFileOptions::DEFAULT
        .into_full_options()
        .last_modified_time(dos_time(meta.mtime))
        .unix_permissions(mode)
        .external_attributes(mode << 16);
    if let Ok(seconds) = i32::try_from(meta.mtime.seconds) {
        let mut field = vec![1];
        field.extend_from_slice(&seconds.to_le_bytes());
        options
            .add_extra_field(MODIFIED, field, false)
            .map_err(|error| trouble(Path::new(""), error))?;
    }
    Ok(options)
}

/// In UTC; times that the old field cannot hold become its first.
fn dos_time(time: Timestamp) -> DateTime {
    let known = jiff::Timestamp::from_second(time.seconds)
        .ok()
        .and_then(|moment| {
            let at = jiff::tz::TimeZone::UTC.to_datetime(moment);
            DateTime::from_date_and_time(
                u16::try_from(at.year()).ok()?,
                at.month().unsigned_abs(),
                at.day().unsigned_abs(),
                at.hour().unsigned_abs(),
                at.minute().unsigned_abs(),
                at.second().unsigned_abs(),
            )
            .ok()
        });
    known.unwrap_or(DateTime::DEFAULT)
}

fn trouble(path: &Path, error: ZipError) -> Problem {
    match error {
        ZipError::Io(error) => writing(error),
        other => Problem::invalid(format!("a zip cannot hold {}: {other}", path.display()))
            .hint("export as tar.zst, which can"),
    }
}
