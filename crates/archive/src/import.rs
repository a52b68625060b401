//! Import: finds out what a file is and unpacks it, whole or not at all.
//!
//! Rules: the first bytes say what a file is, not its name. The file is opened once and read from that one handle.
//! Whatever goes wrong, a wish to stop included, the staging folder is gone when the problem is returned.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use boundary::Context;
use model::{Problem, Result};

use super::limits::Limits;
use super::receiver::{Receiver, Unpacked};
use super::{tar_reader, zip_reader};

const BUFFER: usize = 256 * 1024;
/// The most memory that a zstd frame may ask for: 128 MiB, what zstd itself allows.
const ZSTD_WINDOW: u32 = 27;
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zip,
    Gzip,
    Zstd,
    Tar,
}

/// Unpacks the archive at `path` into a new folder below `staging_root`.
pub fn import(
    path: &Path,
    limits: Limits,
    passphrase: Option<&str>,
    staging_root: &Path,
    cx: &Context,
) -> Result<Unpacked> {
    let opening = |error| Problem::io(format_args!("opening {}", path.display()), error);
    let mut file = File::open(path).map_err(opening)?;
    let length = file.metadata().map_err(opening)?.len();
    let kind = recognise(&mut file, &path.display().to_string())?;
    let mut receiver = Receiver::new(limits, length, staging_root, cx)?;
    let reader = BufReader::with_capacity(BUFFER, file);
    match kind {
        Kind::Zip => zip_reader::read(reader, passphrase, &mut receiver)?,
        Kind::Tar => tar_reader::read(reader, &mut receiver)?,
        Kind::Gzip => tar_reader::read(gzip(reader), &mut receiver)?,
        Kind::Zstd => tar_reader::read(zstd(reader)?, &mut receiver)?,
    }
    receiver.finish()
}

fn gzip(reader: BufReader<File>) -> impl Read {
    BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(reader))
}

fn zstd(reader: BufReader<File>) -> Result<impl Read> {
    let trouble = |error| Problem::io("reading the archive", error);
    let mut decoder = zstd::Decoder::with_buffer(reader).map_err(trouble)?;
    decoder.window_log_max(ZSTD_WINDOW).map_err(trouble)?;
    Ok(BufReader::with_capacity(BUFFER, decoder))
}

/// A first look, before anything costs time: does it begin like an archive? `name` is what a person calls it.
pub fn look_at(file: &mut File, name: &str) -> Result<()> {
    file.rewind()
        .map_err(|error| Problem::io(format_args!("reading {name}"), error))?;
    recognise(file, name).map(|_| ())
}

fn recognise(file: &mut File, name: &str) -> Result<Kind> {
    let reading = |error| Problem::io(format_args!("reading {name}"), error);
    let mut head = Vec::new();
    (&mut *file).take(512).read_to_end(&mut head).map_err(reading)?;
    file.rewind().map_err(reading)?;
    match head.as_slice() {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Ok(Kind::Zip),
        [0x1f, 0x8b, ..] => Ok(Kind::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Kind::Zstd),
        block if block.get(TAR_MAGIC) == Some(b"ustar".as_slice()) => Ok(Kind::Tar),
        block if tar_reader::is_header(block) => Ok(Kind::Tar),
        other => Err(unknown(name, other)),
    }
}

fn unknown(name: &str, head: &[u8]) -> Problem {
    let what = match head {
        [] => "empty",
        [b'B', b'Z', b'h', ..] => "packed with bzip2",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "packed with xz",
        [b'7', b'z', 0xbc, 0xaf, ..] => "a 7z archive",
        [b'R', b'a', b'r', b'!', ..] => "a RAR archive",
        _ => "not an archive that Cairn knows",
    };
    Problem::invalid(format!("{name} is {what}"))
        .hint("Cairn reads zip, tar, tar.gz and tar.zst, whatever the file is called")
}
