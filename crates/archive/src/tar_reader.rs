//! Reads a tar block by block, strictly.
//!
//! Nouns: a *header* is a block of 512 bytes with a checksum; *notes* are headers (pax, GNU long names) that change the
//! one header after them.
//! Rules: notes are small, come once each before an entry, and are never left over; sparse files and volumes
//! are refused; the end is a block of zeros, and after it come only zeros, not too many of them.

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use model::{FileKind, Meta, Problem, Result, Timestamp, Xattr};
use tar::{EntryType, Header};

use super::pax;
use super::receiver::{Receiver, reading};
use super::refusal::{refuse, refuse_whole, too_large};
use super::tar_writer::BLOCK;

/// Bytes of one note.
const LONGEST_NOTE: u64 = 1 << 20;
/// Zeros after the end: writers fill up to the size of a tape's block.
const MOST_ZEROS: u64 = 16 << 20;

/// What the notes before an entry say of it.
#[derive(Default)]
struct Notes {
    any: bool,
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<Timestamp>,
    uid: Option<u64>,
    gid: Option<u64>,
    user: Option<String>,
    group: Option<String>,
    xattrs: Vec<Xattr>,
    pax: bool,
}

pub(super) fn read(mut from: impl Read, receiver: &mut Receiver<'_>) -> Result<()> {
    let mut notes = Notes::default();
    loop {
        receiver.cx().cancel.check()?;
        let Some(block) = next_block(&mut from)? else {
            return Err(refuse_whole("it is cut short: its end is missing"));
        };
        if block.iter().all(|byte| *byte == 0) {
            if notes.any {
                return Err(refuse_whole("it ends in the middle of an entry"));
            }
            return only_zeros(&mut from, receiver);
        }
        let header = checked(&block)?;
        match header.entry_type() {
            EntryType::XHeader => notes.pax(&header, &note(&header, &mut from)?)?,
            EntryType::XGlobalHeader => check_global(&header, &note(&header, &mut from)?)?,
            EntryType::GNULongName => notes.long_name(&header, note(&header, &mut from)?)?,
            EntryType::GNULongLink => notes.long_target(&header, note(&header, &mut from)?)?,
            kind => entry(&header, kind, std::mem::take(&mut notes), &mut from, receiver)?,
        }
    }
}

/// Is this block the header of a tar, by its checksum? For archives older than the magic.
pub(super) fn is_header(block: &[u8]) -> bool {
    block.len() == BLOCK && block.iter().any(|byte| *byte != 0) && checked(block).is_ok()
}

fn checked(block: &[u8]) -> Result<Header> {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    if header.cksum().ok() != Some(sum) {
        return Err(refuse_whole("it is damaged: a header's checksum is wrong"));
    }
    Ok(header)
}

fn next_block(from: &mut dyn Read) -> Result<Option<Vec<u8>>> {
    let mut block = Vec::with_capacity(BLOCK);
    from.take(BLOCK as u64)
        .read_to_end(&mut block)
        .map_err(|error| reading(b"", error))?;
    match block.len() {
        0 => Ok(None),
        BLOCK => Ok(Some(block)),
        _ => Err(refuse_whole("it is cut short in the middle of a header")),
    }
}

fn only_zeros(from: &mut dyn Read, receiver: &Receiver<'_>) -> Result<()> {
    let mut piece = vec![0; 64 * 1024];
    let mut seen = 0;
    loop {
        receiver.cx().cancel.check()?;
        let n = super::content::read_some(from, &mut piece).map_err(|error| reading(b"", error))?;
        if n == 0 {
            return Ok(());
        }
        seen += n as u64;
        if piece[..n].iter().any(|byte| *byte != 0) {
            return Err(refuse_whole("something follows its end"));
        }
        if seen > MOST_ZEROS {
            return Err(too_large("endless zeros follow its end"));
        }
    }
}

/// The bytes of a note, with their padding read away.
fn note(header: &Header, from: &mut dyn Read) -> Result<Vec<u8>> {
    let size = size(header)?;
    if size > LONGEST_NOTE {
        return Err(too_large(format!(
            "the notes on an entry take {size} bytes, more than {LONGEST_NOTE}"
        )));
    }
    let mut bytes = vec![0; size as usize];
    from.read_exact(&mut bytes).map_err(|error| reading(b"", error))?;
    skip_padding(b"", size, from)?;
    Ok(bytes)
}

fn skip_padding(name: &[u8], size: u64, from: &mut dyn Read) -> Result<()> {
    let over = (size % BLOCK as u64) as usize;
    if over > 0 {
        let mut rest = [0; BLOCK];
        from.read_exact(&mut rest[over..])
            .map_err(|error| reading(name, error))?;
    }
    Ok(())
}

fn size(header: &Header) -> Result<u64> {
    header
        .entry_size()
        .map_err(|_| refuse(&header.path_bytes(), "has a malformed size"))
}

/// What tools leave there for people may stay; what would change every entry may not.
fn check_global(header: &Header, bytes: &[u8]) -> Result<()> {
    let name = header.path_bytes();
    let records = pax::parse(bytes).ok_or_else(|| refuse(&name, "has malformed pax records"))?;
    match records.iter().find(|(key, _)| *key != b"comment") {
        Some((key, _)) => {
            let key = super::refusal::shown(key);
            Err(refuse(&name, format!("changes “{key}” of all entries at once")))
        }
        None => Ok(()),
    }
}

impl Notes {
    fn pax(&mut self, header: &Header, bytes: &[u8]) -> Result<()> {
        let name = header.path_bytes().into_owned();
        if std::mem::replace(&mut self.pax, true) {
            return Err(refuse(&name, "comes after pax records for another entry"));
        }
        self.any = true;
        let records = pax::parse(bytes).ok_or_else(|| refuse(&name, "has malformed pax records"))?;
        for (key, value) in records {
            if key.starts_with(b"GNU.sparse.") {
                return Err(refuse(&name, "is sparse; pack it without --sparse"));
            }
            if self.record(key, value).is_none() {
                let key = super::refusal::shown(key);
                return Err(refuse(&name, format!("has a malformed “{key}”")));
            }
        }
        Ok(())
    }

    /// `None` when the value is malformed. Keys that are not known are passed over, as pax says.
    fn record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        let text = || String::from_utf8(value.to_vec()).ok();
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.target = Some(value.to_vec()),
            b"size" => self.size = Some(number()?),
            b"mtime" => self.mtime = Some(pax::time(value)?),
            b"uid" => self.uid = Some(number()?),
            b"gid" => self.gid = Some(number()?),
            b"uname" => self.user = Some(text()?),
            b"gname" => self.group = Some(text()?),
            other => self.xattrs.extend(pax::attribute(other, value)),
        }
        Some(())
    }

    fn long_name(&mut self, header: &Header, bytes: Vec<u8>) -> Result<()> {
        self.any = true;
        let before = self.path.replace(until_nul(bytes));
        once(header, before.is_none())
    }

    fn long_target(&mut self, header: &Header, bytes: Vec<u8>) -> Result<()> {
        self.any = true;
        let before = self.target.replace(until_nul(bytes));
        once(header, before.is_none())
    }
}

fn once(header: &Header, first: bool) -> Result<()> {
    if first {
        return Ok(());
    }
    Err(refuse(&header.path_bytes(), "names one entry twice"))
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

fn entry(
    header: &Header,
    kind: EntryType,
    mut notes: Notes,
    from: &mut dyn Read,
    receiver: &mut Receiver<'_>,
) -> Result<()> {
    let name = match notes.path.take() {
        Some(name) => name,
        None => header.path_bytes().into_owned(),
    };
    let target = match notes.target.take() {
        Some(target) => target,
        None => header.link_name_bytes().unwrap_or_default().into_owned(),
    };
    let bytes = notes.size.map_or_else(|| size(header), Ok)?;
    let meta = meta(&name, header, notes)?;
    let folder = kind == EntryType::Directory || (kind == EntryType::Regular && name.ends_with(b"/"));
    if (folder || !matches!(kind, EntryType::Regular | EntryType::Continuous)) && bytes != 0 {
        return Err(refuse(&name, "has bytes where there can be none"));
    }
    match kind {
        _ if folder => receiver.dir(
            &name,
            Meta {
                kind: FileKind::Dir,
                ..meta
            },
        ),
        EntryType::Regular | EntryType::Continuous => {
            let meta = Meta { size: bytes, ..meta };
            receiver.file(&name, meta, &mut Whole { from, left: bytes })?;
            skip_padding(&name, bytes, from)
        }
        EntryType::Symlink => receiver.symlink(&name, meta, PathBuf::from(OsString::from_vec(target))),
        EntryType::Link => receiver.hard_link(&name, &target),
        EntryType::Fifo => receiver.pipe(&name, meta),
        EntryType::Char | EntryType::Block => receiver.device(&name, meta, device(header, kind)),
        other => Err(refuse(&name, unwanted(other))),
    }
}

fn device(header: &Header, kind: EntryType) -> Option<FileKind> {
    let major = header.device_major().ok().flatten()?;
    let device = rustix::fs::makedev(major, header.device_minor().ok().flatten()?);
    Some(match kind {
        EntryType::Char => FileKind::CharDevice { device },
        _ => FileKind::BlockDevice { device },
    })
}

fn unwanted(kind: EntryType) -> &'static str {
    match kind {
        EntryType::GNUSparse => "is sparse; pack it without --sparse",
        _ => "is of a kind that is not imported",
    }
}

/// Exactly the bytes of one file; fewer are an error here, where it is known that more were to come.
struct Whole<'a> {
    from: &'a mut dyn Read,
    left: u64,
}

impl Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.from.read(&mut into[..most])?;
        if n == 0 && most > 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

fn meta(name: &[u8], header: &Header, notes: Notes) -> Result<Meta> {
    let wrong = |what: &str| refuse(name, format!("has a malformed {what}"));
    let number = |value: std::io::Result<u64>, what: &str| -> Result<u32, Problem> {
        let value = value.map_err(|_| wrong(what))?;
        u32::try_from(value).map_err(|_| wrong(what))
    };
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    Ok(Meta {
        mode: header.mode().map_err(|_| wrong("mode"))? & 0o7777,
        mtime: match notes.mtime {
            Some(time) => time,
            None => header_time(header).ok_or_else(|| wrong("time"))?,
        },
        uid: number(notes.uid.map_or_else(|| header.uid(), Ok), "owner")?,
        gid: number(notes.gid.map_or_else(|| header.gid(), Ok), "group")?,
        user: notes.user.unwrap_or_else(|| text(header.username_bytes())),
        group: notes.group.unwrap_or_else(|| text(header.groupname_bytes())),
        links: 1,
        xattrs: notes.xattrs,
        ..Meta::default()
    })
}

/// GNU tar writes times before 1970 as negative numbers in base 256.
fn header_time(header: &Header) -> Option<Timestamp> {
    let field = header.as_old().mtime;
    let seconds = if field[0] == 0xff {
        let bytes: [u8; 8] = field[4..12].try_into().ok()?;
        i64::from_be_bytes(bytes)
    } else {
        i64::try_from(header.mtime().ok()?).ok()?
    };
    Some(Timestamp { seconds, nanos: 0 })
}
