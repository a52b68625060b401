//! Writes a tar of the pax kind through gzip or zstd.
//!
//! Rules: what the ustar header can say is said there alone; a pax header comes before it only for what it cannot:
//! names that are long or not ASCII, fractions of seconds, times before 1970, long owners, attributes. Names that are
//! neither short nor UTF-8 are marked `hdrcharset=BINARY`. Sizes and ids beyond octal are written in base 256.
//! Nothing of the clock, the machine or the number of its cores goes in.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use boundary::{Context, Entry};
use flate2::write::GzEncoder;
use model::{FileKind, Meta, Result};
use tar::{EntryType, Header};

use super::content::{pump, writing};
use super::export::{Kept, Packer};
use super::gate::Gate;
use super::pax;

pub(super) const BLOCK: usize = 512;
const ZSTD_LEVEL: i32 = 3;
/// Half a MiB: what a download costs in memory is a few times this, and archives are hardly larger.
const ZSTD_WINDOW: u32 = 19;

pub(super) struct TarPacker<'a> {
    out: Option<Squeezed<'a>>,
}

enum Squeezed<'a> {
    Gzip(GzEncoder<Gate<'a>>),
    Zstd(zstd::Encoder<'static, Gate<'a>>),
}

impl Squeezed<'_> {
    fn end(self) -> io::Result<()> {
        match self {
            Squeezed::Gzip(encoder) => encoder.finish()?.flush(),
            Squeezed::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Squeezed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Squeezed::Gzip(encoder) => encoder.write(bytes),
            Squeezed::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Squeezed::Gzip(encoder) => encoder.flush(),
            Squeezed::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl<'a> TarPacker<'a> {
    pub(super) fn gzip(gate: Gate<'a>) -> Self {
        let encoder = GzEncoder::new(gate, flate2::Compression::default());
        TarPacker {
            out: Some(Squeezed::Gzip(encoder)),
        }
    }

    pub(super) fn zstd(gate: Gate<'a>) -> Result<Self> {
        let mut encoder = zstd::Encoder::new(gate, ZSTD_LEVEL).map_err(writing)?;
        encoder.window_log(ZSTD_WINDOW).map_err(writing)?;
        encoder.include_checksum(true).map_err(writing)?;
        Ok(TarPacker {
            out: Some(Squeezed::Zstd(encoder)),
        })
    }

    fn out(&mut self) -> &mut Squeezed<'a> {
        self.out
            .as_mut()
            .expect("nothing is packed after the archive was finished")
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out().write_all(bytes).map_err(writing)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let over = (size % BLOCK as u64) as usize;
        if over > 0 {
            self.put(&[0; BLOCK][over..])?;
        }
        Ok(())
    }

    fn head(&mut self, entry: &Entry, kind: EntryType, size: u64, target: Option<&Path>) -> Result<()> {
        let mut name = entry.path.as_os_str().as_bytes().to_vec();
        if entry.meta.is_dir() {
            name.push(b'/');
        }
        let (mut header, mut extra) = describe(&entry.meta, kind, size);
        set_name(&mut header, &mut extra, &name);
        if let Some(target) = target {
            set_target(&mut header, &mut extra, target.as_os_str().as_bytes());
        }
        if let FileKind::BlockDevice { device } | FileKind::CharDevice { device } = entry.meta.kind {
            set_device(&mut header, device);
        }
        if !extra.is_empty() {
            self.extra(&name, &extra)?;
        }
        header.set_cksum();
        self.put(header.as_bytes())
    }

    fn extra(&mut self, name: &[u8], records: &[u8]) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(records.len() as u64);
        let shown: Vec<u8> = [b"PaxHeaders/".as_slice(), name].concat();
        copy_into(&mut ustar(&mut header).name, &shown);
        header.set_cksum();
        self.put(header.as_bytes())?;
        self.put(records)?;
        self.pad(records.len() as u64)
    }
}

impl Packer for TarPacker<'_> {
    fn file(&mut self, entry: &Entry, content: &mut dyn Read, cx: &Context) -> Result<()> {
        let size = entry.meta.size;
        self.head(entry, EntryType::Regular, size, None)?;
        pump(&entry.path, size, content, self.out(), cx)?;
        self.pad(size)
    }

    fn bare(&mut self, entry: &Entry) -> Result<Kept> {
        let (kind, target) = match &entry.meta.kind {
            FileKind::Dir => (EntryType::Directory, None),
            FileKind::Symlink { target } => (EntryType::Symlink, Some(target.as_path())),
            FileKind::BlockDevice { .. } => (EntryType::Block, None),
            FileKind::CharDevice { .. } => (EntryType::Char, None),
            FileKind::Fifo => (EntryType::Fifo, None),
            FileKind::File | FileKind::Socket => return Ok(Kept::No("tar has no such entries")),
        };
        self.head(entry, kind, 0, target)?;
        Ok(Kept::Yes)
    }

    fn has_links(&self) -> bool {
        true
    }

    fn link(&mut self, entry: &Entry, first: &Path) -> Result<()> {
        self.head(entry, EntryType::Link, 0, Some(first))
    }

    fn lose_link(&mut self) {}

    fn finish(&mut self) -> Result<Vec<String>> {
        self.put(&[0; 2 * BLOCK])?;
        if let Some(out) = self.out.take() {
            out.end().map_err(writing)?;
        }
        Ok(Vec::new())
    }
}

fn ustar(header: &mut Header) -> &mut tar::UstarHeader {
    header.as_ustar_mut().expect("it was made as ustar")
}

/// Everything but names; what the header cannot say goes into the records.
fn describe(meta: &Meta, kind: EntryType, size: u64) -> (Header, Vec<u8>) {
    let mut header = Header::new_ustar();
    let mut extra = Vec::new();
    header.set_entry_type(kind);
    header.set_mode(meta.mode & 0o7777);
    header.set_uid(u64::from(meta.uid));
    header.set_gid(u64::from(meta.gid));
    header.set_size(size);
    header.set_mtime(u64::try_from(meta.mtime.seconds).unwrap_or(0));
    if meta.mtime.seconds < 0 || meta.mtime.nanos > 0 {
        pax::put(&mut extra, b"mtime", pax::time_text(meta.mtime).as_bytes());
    }
    if header.set_username(&meta.user).is_err() {
        pax::put(&mut extra, b"uname", meta.user.as_bytes());
    }
    if header.set_groupname(&meta.group).is_err() {
        pax::put(&mut extra, b"gname", meta.group.as_bytes());
    }
    for attribute in &meta.xattrs {
        pax::put_attribute(&mut extra, attribute);
    }
    (header, extra)
}

fn set_device(header: &mut Header, device: u64) {
    let fields = ustar(header);
    fields.set_device_major(rustix::fs::major(device));
    fields.set_device_minor(rustix::fs::minor(device));
}

fn set_name(header: &mut Header, extra: &mut Vec<u8>, name: &[u8]) {
    let fields = ustar(header);
    let fits = match split(name) {
        Some((prefix, rest)) => {
            copy_into(&mut fields.prefix, prefix);
            copy_into(&mut fields.name, rest)
        }
        None => copy_into(&mut fields.name, name),
    };
    if !fits || needs_telling(name) {
        put_text(extra, b"path", name);
    }
}

fn set_target(header: &mut Header, extra: &mut Vec<u8>, target: &[u8]) {
    if !copy_into(&mut ustar(header).linkname, target) || needs_telling(target) {
        put_text(extra, b"linkpath", target);
    }
}

/// Readers take names in a header to be in whatever encoding they like; in a pax record they are UTF-8.
fn needs_telling(name: &[u8]) -> bool {
    !name.is_ascii() && std::str::from_utf8(name).is_ok()
}

fn put_text(extra: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    if std::str::from_utf8(value).is_err() && !extra.windows(10).any(|window| window == b"hdrcharset") {
        let mut first = Vec::new();
        pax::put(&mut first, b"hdrcharset", b"BINARY");
        extra.splice(0..0, first);
    }
    pax::put(extra, key, value);
}

/// Cuts a name that is too long for its field at a `/`, when both halves fit.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 || name.len() > 256 {
        return None;
    }
    let earliest = name.len().saturating_sub(101);
    let at = (earliest..=155.min(name.len() - 2)).find(|at| name[*at] == b'/')?;
    Some((&name[..at], &name[at + 1..]))
}

/// As much as there is room for; was that all?
fn copy_into(field: &mut [u8], bytes: &[u8]) -> bool {
    let n = bytes.len().min(field.len());
    field[..n].copy_from_slice(&bytes[..n]);
    n == bytes.len()
}
