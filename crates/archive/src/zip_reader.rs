//! Reads a zip by its directory, after it was found sound.
//!
//! Rules: the records at the end are checked first, then every entry's own header against the directory: same name,
//! sizes, checksum and method, no overlaps, no entry that the directory does not list. Contents are checked against
//! checksum (or seal, when encrypted) and announced length while they are written.

use std::ffi::OsString;
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use model::{FileKind, Meta, Problem, Result, Timestamp};
use zip::read::{ArchiveOffset, Config, ZipFile};
use zip::result::ZipError;
use zip::{CompressionMethod, ExtraField, System, ZipArchive, ZipReadOptions};

use super::receiver::{Receiver, reading};
use super::refusal::{passphrase_wanted, passphrase_wrong, refuse, refuse_whole};
use super::zip_end;

const TYPE: u32 = 0o170_000;

pub(super) fn read<R: Read + Seek>(
    mut from: R,
    passphrase: Option<&str>,
    receiver: &mut Receiver<'_>,
) -> Result<()> {
    let end = zip_end::check(&mut from, receiver.limits())?;
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut archive = ZipArchive::with_config(config, from).map_err(|error| trouble(b"", error))?;
    if archive.len() as u64 != end.entries || archive.central_directory_start() != end.directory {
        return Err(refuse_whole("its records can be read in more than one way"));
    }
    check_passphrase(&archive, passphrase)?;
    check_headers(&mut archive)?;
    receiver.check_space(announced(&archive))?;
    for number in 0..archive.len() {
        entry(&mut archive, number, passphrase, receiver)?;
    }
    Ok(())
}

fn announced<R: Read + Seek>(archive: &ZipArchive<R>) -> u64 {
    let sizes = (0..archive.len()).filter_map(|number| archive.by_index_data(number).ok());
    sizes.fold(0, |sum: u64, entry| sum.saturating_add(entry.size()))
}

fn check_passphrase<R: Read + Seek>(archive: &ZipArchive<R>, passphrase: Option<&str>) -> Result<()> {
    if passphrase.is_some() {
        return Ok(());
    }
    for number in 0..archive.len() {
        let entry = archive
            .by_index_data(number)
            .map_err(|error| trouble(b"", error))?;
        if entry.encrypted() {
            return Err(passphrase_wanted(entry.name_raw()));
        }
    }
    Ok(())
}

/// Everything at once, for what lies between entries; on failure entry by entry, to name the one.
fn check_headers<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<()> {
    let Err(whole) = archive.validate_header_consistency() else {
        return Ok(());
    };
    for number in 0..archive.len() {
        let options = ZipReadOptions::new()
            .ignore_encryption_flag(true)
            .enforce_header_consistency(true);
        let name = name_of(archive, number);
        if let Err(ZipError::InvalidArchive(why)) = archive.by_index_with_options(number, options) {
            let why = format!("has a header of its own that differs from the directory’s: {why}");
            return Err(refuse(&name, why));
        }
    }
    Err(trouble(b"", whole))
}

fn name_of<R: Read + Seek>(archive: &ZipArchive<R>, number: usize) -> Vec<u8> {
    let entry = archive.by_index_data(number);
    entry.map_or_else(|_| Vec::new(), |entry| entry.name_raw().to_vec())
}

fn entry<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    number: usize,
    passphrase: Option<&str>,
    receiver: &mut Receiver<'_>,
) -> Result<()> {
    let name = name_of(archive, number);
    let options = ZipReadOptions::new().password(passphrase.map(str::as_bytes));
    let mut file = archive
        .by_index_with_options(number, options)
        .map_err(|error| trouble(&name, error))?;
    if name.contains(&b'\\') && matches!(file.system(), System::Dos | System::WindowsNTFS | System::VFAT) {
        return Err(refuse(
            &name,
            "has backslashes, which may be folders or part of the name",
        ));
    }
    if !matches!(
        file.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        let why = format!(
            "is compressed with {}, which Cairn does not read; pack it with deflate",
            file.compression()
        );
        return Err(refuse(&name, why));
    }
    let meta = meta(&file);
    match file.unix_mode().unwrap_or(0) & TYPE {
        0o120_000 => symlink(&name, meta, &mut file, receiver),
        0o040_000 => folder(&name, meta, receiver),
        0 | 0o100_000 if name.ends_with(b"/") => folder(&name, meta, receiver),
        0 | 0o100_000 => receiver.file(&name, meta, &mut file),
        0o010_000 => receiver.pipe(&name, meta),
        0o020_000 | 0o060_000 => receiver.device(&name, meta, None),
        _ => Err(refuse(&name, "is of a kind that is not imported")),
    }
}

fn folder(name: &[u8], meta: Meta, receiver: &mut Receiver<'_>) -> Result<()> {
    if meta.size != 0 {
        return Err(refuse(name, "is a folder and yet has bytes"));
    }
    receiver.dir(
        name,
        Meta {
            kind: FileKind::Dir,
            ..meta
        },
    )
}

fn symlink(name: &[u8], meta: Meta, file: &mut dyn Read, receiver: &mut Receiver<'_>) -> Result<()> {
    if meta.size > receiver.limits().path as u64 {
        return Err(refuse(name, "is a link without a proper target"));
    }
    let mut target = Vec::new();
    file.take(meta.size + 1)
        .read_to_end(&mut target)
        .map_err(|error| reading(name, error))?;
    receiver.symlink(name, meta, PathBuf::from(OsString::from_vec(target)))
}

fn meta<R: Read>(file: &ZipFile<'_, R>) -> Meta {
    let folder = file.name_raw().ends_with(b"/");
    Meta {
        mode: file
            .unix_mode()
            .map(|mode| mode & 0o7777)
            .filter(|mode| *mode != 0)
            .unwrap_or(if folder { 0o755 } else { 0o644 }),
        mtime: Timestamp {
            seconds: time(file),
            nanos: 0,
        },
        links: 1,
        size: file.size(),
        ..Meta::default()
    }
}

/// The exact field of Unix programs; else the old one, taken as UTC.
fn time<R: Read>(file: &ZipFile<'_, R>) -> i64 {
    let exact = file.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    // The field is a signed number, whatever its reader takes it for.
    exact.map_or_else(
        || old_time(file).unwrap_or(0),
        |seconds| i64::from(seconds as i32),
    )
}

fn old_time<R: Read>(file: &ZipFile<'_, R>) -> Option<i64> {
    let old = file.last_modified()?;
    let signed = |part: u8| i8::try_from(part).ok();
    let at = jiff::civil::DateTime::new(
        i16::try_from(old.year()).ok()?,
        signed(old.month())?,
        signed(old.day())?,
        signed(old.hour())?,
        signed(old.minute())?,
        signed(old.second())?,
        0,
    );
    let moment = at.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_second())
}

fn trouble(name: &[u8], error: ZipError) -> Problem {
    let refused = |why: String| match name {
        b"" => refuse_whole(why),
        name => refuse(name, why),
    };
    match error {
        ZipError::Io(error) => reading(name, error),
        ZipError::InvalidPassword => passphrase_wrong(name),
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => passphrase_wanted(name),
        other => refused(other.to_string()),
    }
}
