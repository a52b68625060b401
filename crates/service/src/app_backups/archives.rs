//! The archives of an app: files in the folder that its settings name, beside the backups in the repository.
//!
//! Nouns: the *place* of an app is the folder `path` of its settings; its *archive* is the `tar.gz` that a download would send, put there
//! once its backup is made. It goes when its backup does, whoever or whatever deletes that.
//! Rules: the place never changes what is backed up; an archive that cannot be put there is a warning, since the backup itself is made. A
//! file has its name only once it is whole and on the disk. The place may belong to somebody else than Cairn: it is entered folder by folder
//! and never through a link, files are made anew with mode 0600, and only a file that Cairn owns is ever sent.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use archive::{self, Format};
use catalog::archives::ArchiveRow;
use catalog::sources::SourceRow;
use model::{Cancel, Kind, Permission, Problem, Progress, Result};
use rustix::fs::{
    Access, AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags, accessat, flock, openat, renameat_with,
    statat, unlinkat,
};
use rustix::io::Errno;
use sources::Context;

use crate::Service;
use crate::backups::BackupView;

const ENDING: &str = ".tar.gz";
/// Of files that are still being written.
const PART: &str = ".cairn-archive-";

/// What is known of the archive of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppArchive {
    /// The file that it was put into; nothing: it is packed when somebody downloads it.
    pub path: Option<String>,
    pub name: String,
    /// As a download sends it.
    pub bytes: u64,
}

/// An archive that lies on the disk, opened.
#[derive(Debug)]
pub struct ArchiveFile {
    pub file: File,
    pub bytes: u64,
}

/// `dispatcharr-backup-20250928T031500Z.tar.gz`, as the tools of the app look for it.
pub fn app_archive_name(backup: &BackupView) -> String {
    let digits = backup.created.chars().filter(char::is_ascii_alphanumeric);
    let moment: String = digits.take(15).collect();
    format!("dispatcharr-backup-{moment}Z{ENDING}")
}

/// The folder, reached through no link.
fn enter(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::open("/", flags, Mode::empty())?;
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => at = openat(&at, name, flags, Mode::empty())?,
            _ => return Err(Errno::INVAL.into()),
        }
    }
    Ok(at)
}

/// May archives be put there? `path` is what a person wrote, `captured` are the folders of the source.
pub(super) fn check_place(service: &Service, path: &Path, captured: &[String]) -> Result<()> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(Problem::invalid(format!("path: “{shown}” is not absolute"))
            .hint("write the whole path of a folder on the server, from / on"));
    }
    let real = match path.canonicalize() {
        Ok(real) if real.is_dir() => real,
        Ok(_) => return Err(Problem::invalid(format!("path: {shown} is not a folder")).hint("name a folder")),
        Err(error) => {
            return Err(
                Problem::invalid(format!("path: there is no folder at {shown} ({error})"))
                    .hint("make it first"),
            );
        }
    };
    let folder = enter(path).map_err(|_| {
        Problem::invalid(format!("path: {shown} leads through a link"))
            .hint(format!("name {} itself", real.display()))
    })?;
    let within = captured.iter().find(|folder| {
        let folder = Path::new(folder);
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        real.starts_with(folder)
    });
    if let Some(folder) = within {
        let message = format!(
            "path: {shown} lies in {folder}, which is backed up: each backup would hold the archives before it"
        );
        return Err(Problem::invalid(message).hint("name a folder outside of what is backed up"));
    }
    service.check_output(&real.join("archive")).map_err(|_| {
        Problem::invalid(format!("path: {shown} lies among Cairn's own files"))
            .hint("name a folder outside of them")
    })?;
    let user = rustix::process::geteuid().as_raw();
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    accessat(&folder, ".", rights, AtFlags::EACCESS).map_err(|_| {
        Problem::invalid(format!(
            "path: Cairn runs as user {user}, who cannot write in {shown}"
        ))
        .hint(format!("chown {user} {shown}, or run Cairn as its owner"))
    })
}

/// A file that is being written, and that nobody sees under its name yet.
struct Part<'a> {
    folder: &'a OwnedFd,
    name: String,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // Once it has its name, there is none of this one.
        let _ = unlinkat(self.folder, self.name.as_str(), AtFlags::empty());
    }
}

impl Part<'_> {
    fn begin<'a>(folder: &'a OwnedFd, backup: &str) -> io::Result<(Part<'a>, File)> {
        let name = format!("{PART}{backup}.part");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, name.as_str(), flags, Mode::RUSR | Mode::WUSR)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok((Part { folder, name }, File::from(file)))
    }

    /// Gives it the name, or else the first free one of those with a number.
    fn name(&self, wanted: &str) -> io::Result<String> {
        let stem = wanted.strip_suffix(ENDING).unwrap_or(wanted);
        let numbered = (1..1000).map(|number| format!("{stem}-{number}{ENDING}"));
        for name in std::iter::once(wanted.to_owned()).chain(numbered) {
            match self.rename(&name) {
                Err(Errno::EXIST) => {}
                other => return other.map(|()| name).map_err(io::Error::from),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn rename(&self, name: &str) -> rustix::io::Result<()> {
        let from = self.name.as_str();
        match renameat_with(self.folder, from, self.folder, name, RenameFlags::NOREPLACE) {
            // Some file systems cannot do it in one step.
            Err(Errno::INVAL | Errno::NOSYS) => match statat(self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(_) => rustix::fs::renameat(self.folder, from, self.folder, name),
            },
            other => other,
        }
    }
}

/// The folder again, to list it and to write it through.
fn listed(folder: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(folder, ".", flags, Mode::empty())
}

/// Removes what was left half written by a process that is gone.
fn sweep(folder: &OwnedFd) -> io::Result<()> {
    for entry in Dir::new(listed(folder)?)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_bytes().starts_with(PART.as_bytes()) {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(folder, name, flags, Mode::empty()) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = unlinkat(folder, name, AtFlags::empty());
        }
    }
    Ok(())
}

fn written_to(
    path: &Path,
    backup: &BackupView,
    pack: impl FnOnce(&mut dyn Write) -> Result<u64>,
) -> Result<ArchiveRow> {
    let shown = path.display();
    let problem = |error: io::Error| Problem::io(format!("cannot put the archive into {shown}"), error);
    let folder = enter(path).map_err(problem)?;
    // Whoever cannot list the folder can write into it all the same.
    let _ = sweep(&folder);
    let (part, file) = Part::begin(&folder, &backup.id).map_err(problem)?;
    let mut out = BufWriter::new(file);
    let bytes = pack(&mut out)?;
    let file = out.into_inner().map_err(|error| problem(error.into_error()))?;
    file.sync_all().map_err(problem)?;
    let name = part.name(&app_archive_name(backup)).map_err(problem)?;
    // Where a folder cannot be written through, the name lasts as well as that file system makes it.
    let _ = listed(&folder).and_then(rustix::fs::fsync);
    Ok(ArchiveRow {
        backup: backup.id.clone(),
        folder: path.display().to_string(),
        name,
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        version: String::new(),
    })
}

/// The file, when it is still the one that Cairn has put there.
fn own_file(row: &ArchiveRow) -> io::Result<File> {
    let folder = enter(Path::new(&row.folder))?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&folder, row.name.as_str(), flags, Mode::empty())?);
    let found = file.metadata()?;
    let is_own = found.is_file()
        && found.uid() == rustix::process::geteuid().as_raw()
        && found.mode() & 0o022 == 0
        && found.nlink() == 1
        && i64::try_from(found.len()).is_ok_and(|bytes| bytes == row.bytes);
    if is_own {
        Ok(file)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

impl Service {
    /// Puts the archive of a new backup where the app's settings say; the warnings are what stood against it.
    pub(crate) async fn put_archive(
        &self,
        source: &SourceRow,
        backup: &BackupView,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Option<String>> {
        let Some(place) = self.archive_place(&source.id).await? else {
            return Ok(None);
        };
        let earlier = self.catalog.archive(&backup.id).await?;
        if earlier.is_some_and(|row| !row.folder.is_empty()) {
            return Ok(None);
        }
        progress.phase("putting the archive into its folder");
        match self.put_archive_into(&place, source, backup, cancel).await {
            Ok(()) => Ok(None),
            Err(problem) if problem.kind() == Kind::Cancelled => Err(problem),
            Err(problem) => {
                let hint = problem.hint_text().map(|hint| format!(" ({hint})"));
                Ok(Some(format!(
                    "the backup is made, but its archive is not in {place}: {problem}{}",
                    hint.unwrap_or_default()
                )))
            }
        }
    }

    async fn put_archive_into(
        &self,
        place: &str,
        source: &SourceRow,
        backup: &BackupView,
        cancel: &Cancel,
    ) -> Result<()> {
        let captured = super::paths::paths_of(source);
        check_place(self, Path::new(place), &captured)?;
        self.check_room()?;
        let cx = Context {
            cancel: cancel.clone(),
            progress: Progress::new(),
            now_ms: self.now_ms(),
            ..Context::default()
        };
        let (path, of) = (Path::new(place).to_path_buf(), backup.clone());
        let packed = self.with_tree(&backup.snapshot, move |tree| {
            written_to(&path, &of, |out| {
                let exported = archive::export(&tree, Format::TarGz, None, out, &cx)?;
                Ok(exported.written)
            })
        });
        let row = packed.await?;
        self.catalog
            .put_archive(&ArchiveRow {
                version: self.options.version.clone(),
                ..row
            })
            .await
    }

    /// Its backup is deleted. A file that cannot be removed is told in the log and stays.
    pub(crate) async fn remove_archive(&self, backup: &str) -> Result<()> {
        let Some(row) = self.catalog.archive(backup).await? else {
            return Ok(());
        };
        if !row.folder.is_empty() {
            let removed = self.blocking(move || {
                let gone = own_file(&row).and_then(|_| {
                    let folder = enter(Path::new(&row.folder))?;
                    Ok(unlinkat(&folder, OsStr::new(&row.name), AtFlags::empty())?)
                });
                match gone {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Problem::io(
                        format!("the archive {}/{} stays", row.folder, row.name),
                        error,
                    )),
                    _ => Ok(()),
                }
            });
            if let Err(problem) = removed.await {
                tracing::warn!("{problem}");
            }
        }
        self.catalog.forget_archive(backup).await
    }

    /// The file of an archive, when one lies there and is still what Cairn has put there.
    pub async fn archive_file(&self, backup: &str) -> Result<Option<ArchiveFile>> {
        let row = self.backup_row(backup).await?;
        self.may(Permission::Download, Some(&row.source)).await?;
        let Some(known) = self.catalog.archive(&row.id).await? else {
            return Ok(None);
        };
        if known.folder.is_empty() {
            return Ok(None);
        }
        let opened = self.blocking(move || {
            Ok(own_file(&known).ok().map(|file| ArchiveFile {
                file,
                bytes: known.bytes.unsigned_abs(),
            }))
        });
        let found = opened.await?;
        if found.is_some() {
            self.audit("backup.export", &row.source_name, &row.id).await?;
        }
        Ok(found)
    }

    /// How the archive of a backup looks from outside.
    pub(super) fn archive_view(&self, row: Option<&ArchiveRow>) -> Option<AppArchive> {
        let row = row?;
        let is_file = !row.folder.is_empty();
        // Another version may pack it otherwise.
        (is_file || row.version == self.options.version).then(|| AppArchive {
            path: is_file.then(|| Path::new(&row.folder).join(&row.name).display().to_string()),
            name: row.name.clone(),
            bytes: row.bytes.unsigned_abs(),
        })
    }
}
