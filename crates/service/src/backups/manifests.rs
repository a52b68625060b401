//! Manifests: what each backup says of itself, read from its tree, and the row of the catalog that follows from it.

use std::io::Read;
use std::path::Path;

use catalog::backups::BackupRow;
use catalog::sources::SourceRow;
use model::{Kind, MANIFEST_FILE, Manifest, Policy, Result};
use repository::{Repository, Snapshot, Tree};
use serde_json::Value;

use crate::backups::standing::amounts;
use crate::instance::policy_of;

/// What a manifest holds of a source's policy, and what it lacks of it.
pub(crate) fn policy_for_manifest(source: &SourceRow) -> (Value, Vec<String>) {
    // A policy that cannot be read stops no backup.
    let policy = policy_of(source).unwrap_or_default();
    if policy == Policy::default() {
        return (Value::Null, Vec::new());
    }
    let (told, lacks) = policy.without_secrets();
    let value = serde_json::to_value(told).unwrap_or_default();
    (value, lacks.into_iter().map(str::to_owned).collect())
}

/// `None` for a snapshot that is not ours.
pub(crate) fn manifest_of(repository: &Repository, snapshot: &Snapshot) -> Result<Option<Manifest>> {
    manifest_in(&repository.tree(snapshot)?)
        .map_err(|problem| problem.context(format!("snapshot {}", snapshot.id.short())))
}

pub(crate) fn manifest_in(tree: &Tree) -> Result<Option<Manifest>> {
    let is_file = tree
        .stat(Path::new(MANIFEST_FILE))?
        .is_some_and(|entry| entry.meta.is_file());
    if !is_file {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = tree
        .open(Path::new(MANIFEST_FILE))?
        .take(64 << 20)
        .read_to_end(&mut bytes);
    read.map_err(|error| model::Problem::io("cannot read the manifest of a backup", error))?;
    match Manifest::decode(&bytes) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(problem) if problem.kind() == Kind::Invalid => Ok(None),
        Err(problem) => Err(problem),
    }
}

pub(crate) fn row_of(snapshot: &Snapshot, manifest: &Manifest) -> BackupRow {
    let summary = snapshot.summary.clone().unwrap_or_default();
    let names: Vec<&str> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
    let warnings: Vec<String> = manifest
        .warnings()
        .map(|(_, warning)| warning.to_owned())
        .collect();
    BackupRow {
        id: manifest.backup.to_string(),
        source: manifest.source.id.to_string(),
        source_name: manifest.source.name.clone(),
        kind: manifest.source.kind.clone(),
        repository: "main".to_owned(),
        snapshot: snapshot.id.hex(),
        tree: snapshot.tree.hex(),
        name: manifest.name.clone().unwrap_or_default(),
        reason: manifest.reason.word().to_owned(),
        created: manifest.created,
        seconds: 0.0,
        parts: serde_json::json!(names).to_string(),
        // The manifest itself is not counted.
        files: summary.total_files_processed.saturating_sub(1) as i64,
        bytes: manifest.bytes() as i64,
        added_bytes: summary.data_added_packed as i64,
        locked: 0,
        verified: None,
        person: manifest.by.as_ref().map(|author| author.name.clone()),
        job: manifest.undoes.map(|job| job.to_string()),
        state: "ok".to_owned(),
        warnings: serde_json::json!(warnings).to_string(),
        lacks: manifest.lacks.skipped.len() as i64,
        suspicion: String::new(),
        accepted: None,
        hurt: 0,
        amounts: amounts(manifest),
        ignored: "[]".to_owned(),
    }
}
