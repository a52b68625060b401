//! Export and import: a backup as one file, and one file as a backup.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use model::{Kind, Problem, Result};
use serde_json::json;
use service::archive::{Format, Limits};
use service::{ExportDone, ExportRequest, ImportRequest, Service, archive_name};
use tempfile::NamedTempFile;

use super::arguments::{Export, Import, Passphrase};
use super::backups::made;
use super::watch::watch;
use crate::cli::output::{Output, duration, size};
use crate::configuration::secret_file;

const BUFFER: usize = 1 << 20;

fn passphrase(words: &Passphrase) -> Result<Option<String>> {
    match &words.passphrase_file {
        Some(path) => secret_file(path).map(Some),
        None => Ok(std::env::var("CAIRN_PASSPHRASE")
            .ok()
            .filter(|text| !text.is_empty())),
    }
}

/// What the file's name says, when nobody says otherwise. What contradicts itself is refused: one of the two would be wrong.
fn format(wanted: Option<&str>, output: Option<&Path>) -> Result<Format> {
    let wanted: Option<Format> = wanted.map(str::parse).transpose()?;
    let file = output.filter(|path| *path != Path::new("-"));
    let name = file
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    match (wanted, Format::of_name(&name)) {
        (Some(wanted), Some(named)) if wanted != named => Err(Problem::invalid(format!(
            "“{name}” is the name of a {named} archive, and --format says {wanted}"
        ))
        .hint("leave --format out, or choose another name")),
        (Some(format), _) | (None, Some(format)) => Ok(format),
        (None, None) if file.is_some() => Err(Problem::invalid(format!(
            "“{name}” does not say which kind of archive is wanted"
        ))
        .hint("let the name end in .tar.zst, .tar.gz, .tgz or .zip, or say it with --format")),
        (None, None) => Ok(Format::TarZst),
    }
}

pub(crate) async fn export(service: &Service, words: Export, output: Output) -> Result<u8> {
    let format = format(words.format.as_deref(), words.output.as_deref())?;
    let backup = service.show_backup(&words.backup).await?;
    let request = ExportRequest {
        backup: backup.id.clone(),
        format,
        passphrase: passphrase(&words.passphrase)?,
    };
    let to_stdout = words.output.as_deref() == Some(Path::new("-"));
    if to_stdout {
        if std::io::stdout().is_terminal() {
            return Err(Problem::invalid("an archive is not for a terminal")
                .hint("name a file with -o, or send it somewhere: cairn export … -o - | tar t"));
        }
        let out = Box::new(BufWriter::with_capacity(BUFFER, std::io::stdout()));
        let done = run(service, request, out, output).await?;
        return Ok(finish(&done, None, output));
    }
    let path = words
        .output
        .unwrap_or_else(|| PathBuf::from(archive_name(&backup, format)));
    service.check_output(&path)?;
    let part = Part::create(&path, words.force)?;
    let out = Box::new(BufWriter::with_capacity(BUFFER, part.file()?));
    let done = run(service, request, out, output).await?;
    part.keep()?;
    output.answer(&answer(&done, &path), || {
        format!(
            "{}  {}, {} in {}",
            path.display(),
            model::counted(done.files, "file", "files"),
            size(done.written),
            duration(done.seconds)
        )
    })?;
    Ok(finish(&done, Some(&path), output))
}

fn answer(done: &ExportDone, path: &Path) -> serde_json::Value {
    let mut value = json!(done);
    value["file"] = json!(path);
    value
}

async fn run(
    service: &Service,
    request: ExportRequest,
    out: Box<dyn Write + Send>,
    output: Output,
) -> Result<ExportDone> {
    watch(output, |progress, cancel| async move {
        service.export(request, out, &progress, &cancel).await
    })
    .await
}

fn finish(done: &ExportDone, path: Option<&Path>, output: Output) -> u8 {
    for warning in &done.warnings {
        output.warn(warning);
    }
    if path.is_some() {
        output.say("An archive is readable by whoever has it; the backups in the repository stay encrypted.");
    }
    if done.warnings.is_empty() { 0 } else { 3 }
}

/// A file that takes its name only when it is whole; until then it has another one, for the owner alone.
struct Part {
    path: PathBuf,
    force: bool,
    unfinished: NamedTempFile,
}

impl Part {
    fn create(path: &Path, force: bool) -> Result<Self> {
        let taken = fs::symlink_metadata(path);
        if taken.is_ok() && !force {
            return Err(there_already(path));
        }
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            let message = format!("{} is no ordinary file, and is not replaced", path.display());
            return Err(Problem::new(Kind::Refused, message).hint("choose another name with -o"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let unfinished = tempfile::Builder::new()
            .prefix(&format!("{name}."))
            .suffix(".part")
            .tempfile_in(dir.unwrap_or(Path::new(".")))
            .map_err(|error| Problem::io(format!("cannot write beside {}", path.display()), error))?;
        Ok(Part {
            path: path.to_path_buf(),
            force,
            unfinished,
        })
    }

    fn file(&self) -> Result<File> {
        self.unfinished
            .reopen()
            .map_err(|error| Problem::io(format!("cannot write {}", self.path.display()), error))
    }

    fn keep(self) -> Result<()> {
        let problem = |error| Problem::io(format!("cannot write {}", self.path.display()), error);
        self.unfinished.as_file().sync_all().map_err(problem)?;
        let named = if self.force {
            self.unfinished.persist(&self.path)
        } else {
            // Somebody may have taken the name meanwhile.
            self.unfinished.persist_noclobber(&self.path)
        };
        match named {
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Err(there_already(&self.path)),
            other => other.map(|_| ()).map_err(|failed| problem(failed.error)),
        }
    }
}

fn there_already(path: &Path) -> Problem {
    Problem::new(Kind::Conflict, format!("{} is there already", path.display()))
        .hint("choose another name with -o, or overwrite it with --force")
}

pub(crate) async fn import(service: &Service, words: Import, output: Output) -> Result<u8> {
    let request = ImportRequest {
        file: words.file,
        source: words.source,
        name: words.name,
        passphrase: passphrase(&words.passphrase)?,
        limits: Limits {
            owners: words.trusted,
            outside_links: words.trusted,
            ..Limits::default()
        },
    };
    let done = watch(output, |progress, cancel| async move {
        service.import(request, &progress, &cancel).await
    })
    .await?;
    made(&done, output)
}
