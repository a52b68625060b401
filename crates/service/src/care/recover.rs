//! Rebuilds the catalog from a repository alone: every backup carries its manifest.
//!
//! Rules: nothing is deleted; a backup that the catalog knows already is left as it is; a snapshot without a manifest of ours is counted and let
//! be. One that cannot be read stops nothing: it is named, its row is marked, and all others are brought back. A row whose snapshot got
//! another id follows it (`moved`).

mod moved;
mod policy;

use std::collections::{BTreeMap, HashMap, HashSet};

use catalog::backups::BackupRow;
use model::{Cancel, Kind, Manifest, Permission, Progress, Result, SourceId};
use repository::{Repository, Snapshot, Snapshots};
use serde::Serialize;

pub use policy::RecoveredPolicy;

use crate::Service;
use crate::backups::{manifest_of, row_of};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovered {
    pub sources: u64,
    pub backups: u64,
    pub known: u64,
    /// Made by other programs.
    pub foreign: u64,
    /// Rows whose snapshot is gone; they are marked missing.
    pub missing: u64,
    /// There, but not to be read.
    pub damaged: Vec<DamagedBackup>,
    /// Of sources that had none.
    pub policies: Vec<RecoveredPolicy>,
    /// Secrets that are in no backup and must be entered again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<LostSecrets>,
}

/// The secret settings that a recovered source lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LostSecrets {
    pub source: String,
    pub settings: Vec<String>,
}

/// A snapshot that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DamagedBackup {
    pub snapshot: String,
    /// Where the catalog knows it.
    pub backup: Option<String>,
    pub why: String,
}

/// How sources and backups are brought back.
#[derive(Clone, Default)]
pub struct RecoverRequest {
    /// What ran by itself runs again.
    pub schedules: bool,
    /// Also in place of another repository that the catalog remembers.
    pub replace: bool,
    /// Typed, or from a file; else the configured one. It is kept in the data directory.
    pub password: Option<String>,
}

/// What bringing catalog and repository in step found.
#[derive(Default)]
pub(crate) struct InStep {
    pub(crate) recovered: Recovered,
    /// Rows whose snapshot is gone since the last look.
    pub(crate) gone: Vec<BackupRow>,
    /// Rows whose snapshot cannot be read any more.
    pub(crate) hurt: Vec<BackupRow>,
}

/// A backup's row comes a moment after its snapshot; a snapshot without a row is only then without an owner.
const YOUNG_MS: i64 = 3_600_000;

impl Service {
    /// Rebuilds what the catalog lacks, on a person's wish. From then on this repository is ours.
    pub async fn recover(
        &self,
        request: &RecoverRequest,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Recovered> {
        self.may(Permission::Repository, None).await?;
        let repository = self
            .take_over(request.replace, request.password.as_deref())
            .await?;
        let step = self.bring_in_step_with(repository, false, progress, cancel).await;
        let mut recovered = step?.recovered;
        if request.schedules {
            self.switch_on(&mut recovered.policies).await?;
        }
        self.audit("recover", &self.repository_address(), &detail(&recovered))
            .await?;
        Ok(recovered)
    }

    /// `careful`: others may be at work, so what is young is let be.
    pub(crate) async fn bring_in_step(
        &self,
        careful: bool,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<InStep> {
        let repository = self.opened().await?;
        self.bring_in_step_with(repository, careful, progress, cancel)
            .await
    }

    pub(crate) async fn bring_in_step_with(
        &self,
        repository: Repository,
        careful: bool,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<InStep> {
        // Rows first: what is listed later than its row was written is in the list.
        let rows = self.catalog.list_backups(None, i64::MAX).await?;
        let reading = repository.clone();
        let found = self.blocking(move || reading.readable_snapshots()).await?;
        let mut step = InStep::default();
        let known: HashSet<&str> = rows.iter().map(|row| row.snapshot.as_str()).collect();
        let newest = self.now_ms() - YOUNG_MS;
        let unknown = found
            .readable
            .iter()
            .filter(|snapshot| !known.contains(snapshot.id.hex().as_str()));
        let unknown: Vec<Snapshot> = unknown.cloned().collect();
        step.recovered.known = (found.readable.len() - unknown.len()) as u64;
        let manifests = self.manifests(repository, unknown, progress, cancel).await?;
        let moved = moved::moved(&rows, &found, &manifests);
        self.mark(&rows, &found, &moved, &mut step).await?;
        let mut readable = Vec::new();
        for (snapshot, manifest) in manifests {
            match manifest {
                Err(problem) => step.recovered.damaged.push(DamagedBackup {
                    snapshot: snapshot.id.hex(),
                    backup: None,
                    why: problem.to_string(),
                }),
                Ok(None) => step.recovered.foreign += 1,
                Ok(Some(manifest)) if careful && manifest.created > newest => {}
                Ok(Some(manifest)) => readable.push((snapshot, manifest)),
            }
        }
        self.adopt(&readable, &mut step.recovered).await?;
        Ok(step)
    }

    /// Marks rows whose snapshot is gone, cannot be read, is back, or has another id.
    async fn mark(
        &self,
        rows: &[BackupRow],
        found: &Snapshots,
        moved: &HashMap<String, Snapshot>,
        step: &mut InStep,
    ) -> Result<()> {
        let readable = found.readable.iter().map(|snapshot| (snapshot.id.hex(), "ok"));
        let unreadable = found.unreadable.iter().map(|one| (one.id.hex(), "damaged"));
        let there: HashMap<String, &str> = readable.chain(unreadable).collect();
        for row in rows {
            let state = there.get(&row.snapshot).copied().unwrap_or("missing");
            // Deleted since: then there is no row any more either.
            if (state == row.state && state != "missing") || self.catalog.backup(&row.id).await?.is_none() {
                continue;
            }
            if let (Some(snapshot), "missing") = (moved.get(&row.id), state) {
                let (id, tree) = (snapshot.id.hex(), snapshot.tree.hex());
                self.catalog.set_backup_snapshot(&row.id, &id, &tree).await?;
                continue;
            }
            self.catalog.set_backup_state(&row.id, state).await?;
            match state {
                "missing" if row.state != "missing" => step.gone.push(row.clone()),
                "damaged" => step.hurt.push(row.clone()),
                _ => {}
            }
        }
        step.recovered.missing = step.gone.len() as u64;
        let known: HashMap<&str, &str> = rows
            .iter()
            .map(|row| (row.snapshot.as_str(), row.id.as_str()))
            .collect();
        let damaged = found.unreadable.iter().map(|one| DamagedBackup {
            snapshot: one.id.hex(),
            backup: known.get(one.id.hex().as_str()).map(|id| (*id).to_owned()),
            why: one.why.clone(),
        });
        step.recovered.damaged = damaged.collect();
        Ok(())
    }

    async fn manifests(
        &self,
        repository: Repository,
        snapshots: Vec<Snapshot>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<(Snapshot, Result<Option<Manifest>>)>> {
        let (progress, cancel) = (progress.clone(), cancel.clone());
        self.blocking(move || {
            progress.phase("reading");
            let mut found = Vec::new();
            for snapshot in snapshots {
                cancel.check()?;
                let manifest = manifest_of(&repository, &snapshot);
                match manifest {
                    Err(problem) if !is_of_the_backup(problem.kind()) => return Err(problem),
                    manifest => found.push((snapshot, manifest)),
                }
                progress.items(1);
            }
            Ok(found)
        })
        .await
    }

    /// The sources first, as their newest backups know them.
    async fn adopt(&self, found: &[(Snapshot, Manifest)], recovered: &mut Recovered) -> Result<()> {
        let mut sources: HashMap<SourceId, (&Manifest, i64)> = HashMap::new();
        for (_, manifest) in found {
            let (newest, created) = sources
                .entry(manifest.source.id)
                .or_insert((manifest, manifest.created));
            if manifest.created > newest.created {
                *newest = manifest;
            }
            *created = manifest.created.min(*created);
        }
        let mut sources: Vec<_> = sources.into_values().collect();
        sources.sort_by_key(|(newest, created)| (*created, newest.source.id));
        for (newest, created) in sources {
            self.recover_source(newest, created, recovered).await?;
        }
        let mut rows: BTreeMap<String, Vec<BackupRow>> = BTreeMap::new();
        for (snapshot, manifest) in found {
            let row = row_of(snapshot, manifest);
            rows.entry(row.source.clone()).or_default().push(row);
        }
        for (source, mut rows) in rows {
            if let Some(source) = self.catalog.source(&source).await? {
                self.judge_found(&source, &mut rows).await?;
            }
            for row in rows {
                match self.catalog.add_backup(&row).await {
                    // A copy of a backup that is there under another snapshot.
                    Err(problem) if problem.kind() == Kind::Conflict => recovered.known += 1,
                    other => {
                        other?;
                        recovered.backups += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

/// For the audit log: also what ran by itself until then, since nobody else remembers it.
fn detail(recovered: &Recovered) -> String {
    let mut text = format!("{} backups", recovered.backups);
    for told in recovered.policies.iter().filter(|told| told.schedule != "off") {
        let is_on = if told.switched_on { "on" } else { "stays off" };
        text.push_str(&format!("; {}: {} ({is_on})", told.source, told.schedule));
    }
    text
}

/// Can another backup be read where this one cannot?
fn is_of_the_backup(kind: Kind) -> bool {
    !matches!(kind, Kind::Cancelled | Kind::Unavailable | Kind::Locked)
}
