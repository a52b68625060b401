//! Export: a backup as one portable file, streamed to wherever it is wanted.
//!
//! Rules: the archive is the tree of the backup, so what is imported again is the same. Nothing is staged; who reads slowly slows it down
//! and costs no memory. It is a job of the process that was asked, which has the output.

use std::io::Write;
use std::path::{Path, PathBuf};

use archive::{self, Exported, Format};
use catalog::backups::BackupRow;
use model::{Cancel, Kind, Permission, Problem, Progress, Result};
use serde::{Deserialize, Serialize};

use crate::Service;
use crate::backups::view::BackupView;
use crate::jobs::value;
use crate::orders::Order;

#[derive(Clone, Debug)]
pub struct ExportRequest {
    pub backup: String,
    pub format: Format,
    /// Encrypts a zip (AES-256).
    pub passphrase: Option<String>,
}

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportDone {
    pub job: String,
    pub state: String,
    pub backup: String,
    pub format: String,
    pub files: u64,
    pub bytes: u64,
    /// Length of the archive.
    pub written: u64,
    pub warnings: Vec<String>,
    #[serde(default)]
    pub seconds: f64,
}

impl Service {
    /// Nothing that a person names is written over Cairn's own files, or among them, on whichever way they are reached.
    pub fn check_output(&self, path: &Path) -> Result<()> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let named = path.parent().and_then(|parent| parent.canonicalize().ok());
        let named = named.map(|parent| parent.join(path.file_name().unwrap_or_default()));
        let reached: Vec<PathBuf> = [Some(path.clone()), named, path.canonicalize().ok()]
            .into_iter()
            .flatten()
            .collect();
        for own in self.forbidden() {
            let own = own.canonicalize().unwrap_or(own);
            if reached.iter().any(|path| path.starts_with(&own)) {
                let message = format!("{} lies among Cairn's own files", path.display());
                return Err(Problem::new(Kind::Refused, message)
                    .hint(format!("name a file outside of {}", own.display())));
            }
        }
        Ok(())
    }

    /// Writes a backup to `out` as an archive.
    pub async fn export(
        &self,
        request: ExportRequest,
        out: Box<dyn Write + Send>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<ExportDone> {
        let row = self.readable(&request.backup).await?;
        self.may(Permission::Download, Some(&row.source)).await?;
        self.export_row(row, request, out, progress, cancel).await
    }

    pub(crate) async fn export_row(
        &self,
        row: BackupRow,
        request: ExportRequest,
        mut out: Box<dyn Write + Send>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<ExportDone> {
        let order = Order::Export {
            backup: row.id.clone(),
            format: request.format.word().to_owned(),
        };
        self.audit("backup.export", &row.source_name, &row.id).await?;
        let measured =
            (request.format == Format::TarGz && request.passphrase.is_none()).then(|| row.id.clone());
        let source = Some(row.source.clone()).filter(|source| !source.is_empty());
        let work = self.here(&order, source.as_deref(), progress, cancel, |job| {
            let cx = self.context(&job, progress, cancel);
            let format = request.format;
            cx.progress
                .expect(row.files.unsigned_abs(), row.bytes.unsigned_abs());
            let snapshot = row.snapshot.clone();
            // Boxed: reading a tree and packing it in one future are large.
            let work = Box::pin(async move {
                self.with_tree(&snapshot, move |tree| {
                    cx.progress.phase("exporting");
                    let passphrase = request.passphrase.as_deref();
                    let exported = archive::export(&tree, format, passphrase, &mut *out, &cx)?;
                    out.flush()
                        .map_err(|error| model::Problem::io("cannot write the archive", error))?;
                    Ok(exported)
                })
                .await
            });
            async move { value(done(job, row.id, format, work.await?)) }
        });
        let done: ExportDone = work.await?;
        if let Some(backup) = measured {
            let bytes = i64::try_from(done.written).unwrap_or(i64::MAX);
            self.catalog
                .measure_archive(&backup, bytes, &self.options.version)
                .await?;
        }
        Ok(done)
    }
}

fn done(job: String, backup: String, format: Format, exported: Exported) -> ExportDone {
    let skipped = exported
        .skipped
        .into_iter()
        .map(|skipped| format!("{}: {}", skipped.name, skipped.why));
    let warnings: Vec<String> = skipped.chain(exported.notes).collect();
    let state = if warnings.is_empty() {
        "succeeded"
    } else {
        "warning"
    };
    ExportDone {
        job,
        state: state.to_owned(),
        backup,
        format: format.word().to_owned(),
        files: exported.files,
        bytes: exported.bytes,
        written: exported.written,
        warnings,
        seconds: 0.0,
    }
}

/// `world-20261121-031500.tar.zst`: what an archive is called when nobody says otherwise.
pub fn archive_name(backup: &BackupView, format: Format) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let source: String = backup.source.chars().map(plain).collect();
    let moment: String = backup
        .created
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(15)
        .collect();
    format!("{source}-{}.{format}", moment.replace('T', "-"))
}
