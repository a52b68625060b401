//! Snapshots in the repository that other programs made (restic, rustic): listed, read, and made into backups.
//!
//! Nouns: a *foreign* snapshot has no manifest of Cairn; to *adopt* one is to make a backup of it, which shares every byte with it.
//! Rules: they are for those who look after the repository, since nobody was granted them. They are only read: neither retention nor `delete`
//! touches them, whatever becomes of the backup that one was made into.

mod adopt;
mod choose;

use std::collections::HashMap;

use catalog::backups::BackupRow;
use model::{Kind, Permission, Problem, Reason, Result};
use repository::{Repository, Snapshot};
use serde::Serialize;

pub use adopt::AdoptRequest;

use crate::Service;
use crate::backups::manifests::manifest_of;

/// Shorter beginnings of a snapshot's id are not looked for.
const SHORTEST: usize = 4;
/// What the state of a backup is that is none of ours.
const FOREIGN: &str = "foreign";

/// A snapshot of another program, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForeignSnapshot {
    pub snapshot: String,
    pub created: String,
    pub hostname: String,
    pub username: String,
    pub paths: Vec<String>,
    pub tags: Vec<String>,
    /// What made it, where it says so.
    pub program: String,
    /// Where it says so.
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    /// The backups that were made of it.
    pub adopted: Vec<String>,
    #[serde(skip)]
    pub created_ms: i64,
}

impl Service {
    /// The snapshots of other programs, newest first.
    pub async fn foreign_snapshots(&self) -> Result<Vec<ForeignSnapshot>> {
        self.may(Permission::Repository, None).await?;
        let repository = self.opened().await?;
        let rows = self.catalog.list_backups(None, i64::MAX).await?;
        let known: HashMap<String, String> = rows.into_iter().map(|row| (row.snapshot, row.id)).collect();
        self.blocking(move || {
            let all = repository.readable_snapshots()?.readable;
            let mut adopted: HashMap<String, Vec<String>> = HashMap::new();
            for snapshot in &all {
                if let (Some(parent), Some(backup)) = (snapshot.parent, known.get(&snapshot.id.hex())) {
                    adopted.entry(parent.hex()).or_default().push(backup.clone());
                }
            }
            let mut found = Vec::new();
            for snapshot in all.iter().rev() {
                let id = snapshot.id.hex();
                if !known.contains_key(&id) && is_foreign(&repository, snapshot) {
                    found.push(view(snapshot, adopted.remove(&id).unwrap_or_default()));
                }
            }
            Ok(found)
        })
        .await
    }

    /// A backup, or a snapshot of the repository by its id: for those who only read.
    pub(crate) async fn readable(&self, wanted: &str) -> Result<BackupRow> {
        let problem = match self.backup_row(wanted).await {
            Err(problem) if problem.kind() == Kind::NotFound => problem,
            other => return other,
        };
        self.snapshot_row(wanted).await?.ok_or(problem)
    }

    async fn snapshot_row(&self, wanted: &str) -> Result<Option<BackupRow>> {
        let is_an_id =
            (SHORTEST..=64).contains(&wanted.len()) && wanted.chars().all(|c| c.is_ascii_hexdigit());
        if !is_an_id || !self.could(Permission::Repository, None).await? {
            return Ok(None);
        }
        let Some(snapshot) = self.find_snapshot(wanted).await? else {
            return Ok(None);
        };
        let id = snapshot.id.hex();
        let rows = self.catalog.list_backups(None, i64::MAX).await?;
        match rows.into_iter().find(|row| row.snapshot == id) {
            Some(row) => Ok(Some(row)),
            None => row_of(&snapshot).map(Some),
        }
    }

    async fn find_snapshot(&self, wanted: &str) -> Result<Option<Snapshot>> {
        let repository = match self.opened().await {
            Err(problem) if problem.kind() == Kind::RepositoryMissing => return Ok(None),
            other => other?,
        };
        let wanted = wanted.to_owned();
        let found = self.blocking(move || repository.find_snapshot(&wanted)).await;
        match found {
            Err(problem) if problem.kind() == Kind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}

/// A snapshot of another program belongs to no source, and cannot go back to one.
pub(crate) fn needs_a_folder(row: &BackupRow) -> Problem {
    let short = row.snapshot.get(..8).unwrap_or_default();
    Problem::invalid(format!(
        "snapshot {short} was made by another program and belongs to no source"
    ))
    .hint(format!(
        "unpack it into a folder with --to DIR, or make it a backup first: cairn adopt {short}"
    ))
}

/// What cannot be read is nobody's; it is shown, so that it is seen.
fn is_foreign(repository: &Repository, snapshot: &Snapshot) -> bool {
    !matches!(manifest_of(repository, snapshot), Ok(Some(_)))
}

fn view(snapshot: &Snapshot, adopted: Vec<String>) -> ForeignSnapshot {
    let summary = snapshot.summary.as_ref();
    let created_ms = snapshot.time_ms().unwrap_or(0);
    ForeignSnapshot {
        snapshot: snapshot.id.hex(),
        created: model::moment_text(created_ms),
        hostname: snapshot.hostname.clone(),
        username: snapshot.username.clone(),
        paths: snapshot.paths.clone(),
        tags: snapshot.tags.clone(),
        program: snapshot.program_version.clone(),
        files: summary.map(|summary| summary.total_files_processed),
        bytes: summary.map(|summary| summary.total_bytes_processed),
        adopted,
        created_ms,
    }
}

/// As if it were a backup, for those who read: of no source, and in no catalog.
fn row_of(snapshot: &Snapshot) -> Result<BackupRow> {
    let summary = snapshot.summary.clone().unwrap_or_default();
    Ok(BackupRow {
        id: snapshot.id.hex(),
        source: String::new(),
        source_name: choose::plain_name(snapshot),
        kind: "folder".to_owned(),
        repository: "main".to_owned(),
        snapshot: snapshot.id.hex(),
        tree: snapshot.tree.hex(),
        name: snapshot.paths.join(", "),
        reason: Reason::Imported.word().to_owned(),
        created: snapshot.time_ms()?,
        seconds: 0.0,
        parts: "[]".to_owned(),
        files: summary.total_files_processed as i64,
        bytes: summary.total_bytes_processed as i64,
        added_bytes: summary.data_added_packed as i64,
        locked: 0,
        verified: None,
        person: Some(snapshot.username.clone()),
        job: None,
        state: FOREIGN.to_owned(),
        warnings: "[]".to_owned(),
        lacks: 0,
        suspicion: String::new(),
        accepted: None,
        hurt: 0,
        amounts: "{}".to_owned(),
        ignored: "[]".to_owned(),
    })
}
