//! Adopting: a foreign snapshot becomes a backup of a source of the kind folder, and from then on is one like any other.
//!
//! Rules: the backup is a snapshot of Cairn's own, with a manifest, that shares every byte with the foreign one, so it costs nothing and
//! outlives it. It is as old as what it holds: `latest` stays what it was. Where one folder goes to a source that has one, it is that one.

use std::path::PathBuf;

use catalog::sources::SourceRow;
use model::{
    BackupId, Cancel, Kind, MANIFEST_FILE, Manifest, ManifestPart, Permission, Problem, Progress, Reason,
    Result,
};
use repository::{Grafted, Piece, RootFile, Snapshot};
use serde_json::json;
use sources::Context;

use super::choose::{Chosen, choose};
use crate::Service;
use crate::backups::capture::{manifest, manifest_meta, snapshot_meta};
use crate::backups::create::BackupDone;
use crate::backups::making::Making;
use crate::backups::manifests::row_of;
use crate::backups::view::BackupView;
use crate::instance::policy_of;
use crate::jobs::value;
use crate::orders::Order;

#[derive(Clone, Debug, Default)]
pub struct AdoptRequest {
    /// Its id, or the beginning of it.
    pub snapshot: String,
    /// Name of a source, which is made when there is none; nothing: after the folder that was backed up.
    pub source: Option<String>,
    /// Folders inside the snapshot; nothing: those that were backed up.
    pub paths: Vec<PathBuf>,
    pub name: Option<String>,
}

impl Service {
    /// Makes a backup of a snapshot of another program.
    pub async fn adopt_snapshot(
        &self,
        request: &AdoptRequest,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        self.may(Permission::Repository, None).await?;
        let snapshot = self.foreign_snapshot(&request.snapshot).await?;
        let tree = self.tree_of(&snapshot.id.hex()).await?;
        let (of, paths) = (snapshot.clone(), request.paths.clone());
        let chosen = self.blocking(move || choose(&tree, &of, &paths)).await?;
        let source = self.source_for(request.source.as_deref(), &chosen).await?;
        self.may(Permission::Import, Some(&source.id)).await?;
        self.admit(
            &source,
            &policy_of(&source)?,
            Reason::Imported,
            Some(self.caller.name()),
        )
        .await?;
        self.check_not_adopted(&snapshot, &source).await?;
        let (pieces, warnings) = self.fitted(&source, chosen).await?;
        let id = snapshot.id.hex();
        self.audit("backup.adopt", &source.name, &id).await?;
        let order = Order::Adopt { snapshot: id };
        let (name, of) = (request.name.clone(), source.id.clone());
        let work = |job: String| async move {
            let making = Making {
                id: BackupId::new(&self.options.clock, &self.options.random)?,
                job: job.parse()?,
                source,
                name,
                reason: Reason::Imported,
                undoes: None,
                lock: false,
                who: self.caller.name().to_owned(),
                progress: progress.clone(),
                cancel: cancel.clone(),
            };
            let mut done = Box::pin(self.graft_of(making, snapshot, pieces)).await?;
            done.warn(warnings);
            value(done)
        };
        Box::pin(self.here(&order, Some(&of), progress, cancel, work)).await
    }

    async fn foreign_snapshot(&self, wanted: &str) -> Result<Snapshot> {
        let row = self.readable(wanted).await?;
        if row.source.is_empty() {
            let repository = self.opened().await?;
            let id = repository::Id::parse(&row.snapshot)?;
            return self.blocking(move || repository.snapshot(&id)).await;
        }
        Err(
            Problem::new(Kind::Conflict, format!("that is backup {} already", row.id))
                .hint("`cairn list --foreign` shows the snapshots of other programs"),
        )
    }

    /// Once is enough: the same backup twice would only be counted twice.
    async fn check_not_adopted(&self, snapshot: &Snapshot, source: &SourceRow) -> Result<()> {
        let rows = self.catalog.list_backups(Some(&source.id), i64::MAX).await?;
        let repository = self.opened().await?;
        let all = self
            .blocking(move || repository.readable_snapshots())
            .await?
            .readable;
        let made = all.iter().filter(|made| made.parent == Some(snapshot.id));
        let made: Vec<String> = made.map(|made| made.id.hex()).collect();
        match rows.iter().find(|row| made.contains(&row.snapshot)) {
            None => Ok(()),
            Some(row) => Err(Problem::new(
                Kind::Conflict,
                format!("“{}” has it as backup {} already", source.name, row.id),
            )
            .hint("delete that one first, or adopt it into another source with --source")),
        }
    }

    /// The source that was named or is called like the folder, made when there is none.
    async fn source_for(&self, wanted: Option<&str>, chosen: &[Chosen]) -> Result<SourceRow> {
        let origins: Option<Vec<PathBuf>> = chosen.iter().map(|one| one.origin.clone()).collect();
        let name = match (wanted, chosen) {
            (Some(name), _) => name.to_owned(),
            (None, [only]) => only.piece.name.clone(),
            (None, _) => {
                return Err(Problem::invalid("several folders were backed up together")
                    .hint("say with --source which source they are, or what a new one is called"));
            }
        };
        let problem = match self.source_row(&name).await {
            Ok(row) => {
                check_fits(&row, wanted.is_some(), origins.as_deref())?;
                return Ok(row);
            }
            Err(problem) => problem,
        };
        if problem.kind() != Kind::NotFound {
            return Err(problem);
        }
        let origins = origins.ok_or_else(|| {
            problem
                .hint("the snapshot does not say where its folder was: add the source first, with its folder")
        })?;
        let made = self
            .add_source(&name, "folder", &json!({ "paths": origins }))
            .await?;
        self.source_row(&made.id).await
    }

    /// The pieces under the names that the source's parts have, and what does not fit.
    async fn fitted(&self, source: &SourceRow, chosen: Vec<Chosen>) -> Result<(Vec<Piece>, Vec<String>)> {
        let opened = self.open_source(source)?;
        let parts = self
            .blocking(move || Ok(opened.inspect(&Context::default())?.parts))
            .await?;
        let mut pieces: Vec<Piece> = chosen.into_iter().map(|one| one.piece).collect();
        if let ([piece], [part]) = (pieces.as_mut_slice(), parts.as_slice()) {
            piece.name.clone_from(&part.name);
        }
        let is_part = |piece: &&Piece| parts.iter().any(|part| part.name == piece.name);
        let warnings = pieces
            .iter()
            .filter(|piece| !is_part(piece))
            .map(|piece| {
                format!(
                    "{}: not a part of “{}”, and not restored into it",
                    piece.name, source.name
                )
            })
            .collect();
        if let Some(piece) = pieces.iter().find(|piece| !model::is_part_name(&piece.name)) {
            return Err(
                Problem::invalid(format!("“{}” cannot be the name of a part", piece.name))
                    .hint("choose the folder with --path"),
            );
        }
        Ok((pieces, warnings))
    }

    async fn graft_of(&self, making: Making, old: Snapshot, pieces: Vec<Piece>) -> Result<BackupDone> {
        let repository = self.watched(&making.progress, &making.cancel).opened().await?;
        let version = self.options.version.clone();
        let created = old.time_ms()?;
        let job = making.job.to_string();
        let (snapshot, manifest) = self
            .blocking(move || {
                making.progress.phase("reading");
                let mut manifest = manifest(&making, &version, created)?;
                manifest.facts = json!({"adopted": {
                    "snapshot": old.id.hex(), "hostname": old.hostname, "paths": old.paths,
                    "tags": old.tags, "program": old.program_version,
                }});
                let describe = |grafted: &[Grafted]| {
                    manifest.parts = grafted.iter().map(part_of).collect();
                    let bytes = manifest.encode();
                    Ok(RootFile {
                        name: MANIFEST_FILE.to_owned(),
                        meta: manifest_meta(created, bytes.len() as u64),
                        bytes,
                    })
                };
                let meta = snapshot_meta(&making, created);
                let snapshot = repository.graft(
                    &old.id,
                    &pieces,
                    describe,
                    &meta,
                    &making.progress,
                    &making.cancel,
                )?;
                Ok((snapshot, manifest))
            })
            .await?;
        self.remember_adopted(job, &snapshot, &manifest).await
    }

    async fn remember_adopted(
        &self,
        job: String,
        snapshot: &Snapshot,
        manifest: &Manifest,
    ) -> Result<BackupDone> {
        let row = catalog::backups::BackupRow {
            job: Some(job.clone()),
            ..row_of(snapshot, manifest)
        };
        match self.catalog.add_backup(&row).await {
            // Whoever brings catalog and repository in step was quicker.
            Err(problem) if problem.kind() == Kind::Conflict => {}
            other => other?,
        }
        self.audit("backup", &row.source_name, &row.id).await?;
        Ok(BackupDone {
            job,
            state: "succeeded".to_owned(),
            backup: BackupView::of(&row),
            warnings: Vec::new(),
            deleted: Vec::new(),
            first: false,
            lacks: manifest.lacks.clone(),
            torn: Vec::new(),
        })
    }
}

fn part_of(grafted: &Grafted) -> ManifestPart {
    ManifestPart {
        name: grafted.name.clone(),
        holds: model::counted(grafted.files, "file", "files"),
        items: grafted.entries,
        bytes: grafted.bytes,
        checksum: grafted.tree.hex(),
        ..ManifestPart::default()
    }
}

/// Another folder of the same name is another thing, unless somebody says that it is not.
fn check_fits(row: &SourceRow, is_named: bool, origins: Option<&[PathBuf]>) -> Result<()> {
    if row.kind != "folder" {
        let message = format!(
            "“{}” is of the kind {}, and a snapshot holds folders",
            row.name, row.kind
        );
        return Err(Problem::invalid(message).hint("name another source with --source"));
    }
    let settings: serde_json::Value = serde_json::from_str(&row.settings).unwrap_or_default();
    let paths: Vec<PathBuf> = serde_json::from_value(settings["paths"].clone()).unwrap_or_default();
    if is_named || origins == Some(paths.as_slice()) {
        return Ok(());
    }
    let message = format!(
        "there is a source “{}” already, and its folder is another one",
        row.name
    );
    Err(Problem::new(Kind::Conflict, message).hint(format!(
        "adopt it into that one with --source \"{}\", or name a new one",
        row.name
    )))
}
