//! Makes a backup: capture, manifest, snapshot, catalog. In this order, and nothing of it when a step fails.

use std::path::PathBuf;

use catalog::backups::BackupRow;
use catalog::jobs::JobRow;
use catalog::sources::SourceRow;
use model::{Cancel, JobKind, Lacks, Permission, Policy, Progress, Reason, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sources::Context;

use crate::backups::capture::{Made, capture};
use crate::backups::making::{Capture, Making, by_source};
use crate::backups::standing::{accept_hint, amounts};
use crate::backups::view::BackupView;
use crate::instance::{die_if_asked, policy_of};
use crate::orders::{BackupOrder, Order};
use crate::{Service, registry};

#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// Name or id of a source, or the path of a folder.
    pub source: String,
    pub parts: Vec<String>,
    pub name: Option<String>,
    pub reason: Reason,
    /// What is added to lists in the source's settings for this backup alone: `{"ignore": ["*.log"]}`.
    pub more: Map<String, Value>,
    /// Locked from the beginning.
    pub lock: bool,
}

/// A backup that was queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    pub job: String,
    /// The id that the backup will have.
    pub backup: String,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupDone {
    pub job: String,
    pub state: String,
    pub backup: BackupView,
    pub warnings: Vec<String>,
    /// Backups that went for it, by the policy.
    #[serde(default)]
    pub deleted: Vec<String>,
    /// The repository came to be with this backup.
    #[serde(skip)]
    pub first: bool,
    /// What is not in it; see [`model::Manifest::lacks`].
    #[serde(skip)]
    pub(crate) lacks: Lacks,
    /// What is in it and changed while it was read.
    #[serde(skip)]
    pub(crate) torn: Vec<PathBuf>,
}

impl Service {
    /// Makes a backup and waits for it.
    pub async fn backup(
        &self,
        request: &BackupRequest,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        self.source_to_back_up(&request.source).await?;
        let (_, first) = self.opened_or_new().await?;
        let asked = self.ask_backup(request).await?;
        let done: BackupDone = self.see_through(&asked.job, progress, cancel).await?;
        Ok(BackupDone { first, ..done })
    }

    async fn source_to_back_up(&self, wanted: &str) -> Result<SourceRow> {
        let source = self.source_or_folder(wanted).await?;
        self.may(Permission::BackUp, Some(&source.id)).await?;
        self.source_row(&source.id).await
    }

    /// Queues a backup.
    pub async fn ask_backup(&self, request: &BackupRequest) -> Result<Asked> {
        let source = self.source_to_back_up(&request.source).await?;
        // What cannot be opened or is not admitted is refused at once, and again when its turn comes.
        self.open_source_with(&source, &request.more)?;
        if request.lock {
            self.may(Permission::Lock, Some(&source.id)).await?;
        }
        let policy = policy_of(&source)?;
        self.admit(&source, &policy, request.reason, Some(self.caller.name()))
            .await?;
        let backup = self.new_backup_id()?;
        let order = BackupOrder {
            backup: backup.clone(),
            source: source.id.clone(),
            parts: request.parts.clone(),
            name: request.name.clone(),
            reason: request.reason,
            more: request.more.clone(),
            ignore: Vec::new(),
            lock: request.lock,
        };
        let job = self
            .ask(&Order::Backup(order), Some(&source.id), &source.node)
            .await?;
        Ok(Asked { job, backup })
    }

    pub(crate) async fn perform_backup(
        &self,
        job: &JobRow,
        order: &BackupOrder,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        self.opened_or_new().await?;
        let source = self.source_row(&order.source).await?;
        let policy = policy_of(&source)?;
        let mut done = match self.catalog.backup(&order.backup).await? {
            // The process that made it left, or was killed, before the job was over.
            Some(row) => BackupDone::found(job, &row),
            None => {
                self.make_as_ordered(job, order, &source, &policy, progress, cancel)
                    .await?
            }
        };
        done.warn(registry::backup_is_made(self, &source, &done.backup, progress, cancel).await?);
        let thinned = self
            .thin_out(&source, &policy, &done.backup.id, progress, cancel)
            .await?;
        done.deleted = thinned.deleted;
        if let Some(problem) = thinned.stopped {
            let hint = problem.hint_text().map(|hint| format!(" ({hint})"));
            done.warn([format!(
                "older backups stay: {problem}{}",
                hint.unwrap_or_default()
            )]);
        }
        if let Some(row) = self.catalog.backup(&done.backup.id).await? {
            self.tell_unusual(&source, &row).await?;
            done.backup = BackupView::of(&row);
        }
        Ok(done)
    }

    async fn make_as_ordered(
        &self,
        job: &JobRow,
        order: &BackupOrder,
        source: &SourceRow,
        policy: &Policy,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        self.admit(source, policy, order.reason, job.person.as_deref())
            .await?;
        let capture = by_source(self.open_source_with(source, &order.more())?, order.parts.clone());
        let making = Making {
            id: order.backup.parse()?,
            job: job.id.parse()?,
            source: source.clone(),
            name: order.name.clone(),
            reason: order.reason,
            undoes: None,
            lock: order.lock,
            who: job.person.clone().unwrap_or_default(),
            progress: progress.clone(),
            cancel: cancel.clone(),
        };
        self.wait_for_owed_hooks(&source.id, cancel).await?;
        self.hooks_before(job, source, &policy.hooks, JobKind::Backup, cancel)
            .await?;
        die_if_asked("hooked");
        let done = self.make(making, capture).await;
        let state = if done.is_ok() { "succeeded" } else { "failed" };
        let warnings = self
            .hooks_after(job, source, &policy.hooks, JobKind::Backup, state)
            .await;
        let mut done = done?;
        done.warn(warnings);
        Ok(done)
    }

    /// Captures and remembers the backup.
    pub(crate) async fn make(&self, making: Making, fill: Capture) -> Result<BackupDone> {
        let start = self.now_ms();
        let repository = self.opened().await?;
        self.check_room()?;
        let scratch = self.place.scratch(&making.job.to_string())?;
        let parent = self.newest_snapshot_of(&making.source.id).await?;
        let version = self.options.version.clone();
        let job = making.job.to_string();
        let (making, made) = self
            .blocking(move || {
                let cx = Context {
                    cancel: making.cancel.clone(),
                    progress: making.progress.clone(),
                    now_ms: start,
                    job: making.job.to_string(),
                    absent_is_empty: making.reason == Reason::Safety,
                    scratch,
                    ..Context::default()
                };
                let made = capture(&repository, &fill, &making, parent.as_deref(), &version, &cx);
                Ok((making, made))
            })
            .await?;
        self.place.discard_scratch(&job)?;
        let made = made?;
        let row = self.remember(&making, &made, start).await?;
        let mut warnings = made.warnings();
        if !row.suspicion.is_empty() {
            warnings.push(format!("suspicious: {}; {}", row.suspicion, accept_hint(&row.id)));
        }
        let state = if warnings.is_empty() {
            "succeeded"
        } else {
            "warning"
        };
        Ok(BackupDone {
            job,
            state: state.to_owned(),
            backup: BackupView::of(&row),
            warnings,
            deleted: Vec::new(),
            first: false,
            lacks: made.manifest.lacks,
            torn: made.torn,
        })
    }

    /// What a job was given beside the settings of its source.
    async fn ignored_by(&self, job: &str) -> Result<String> {
        let job = self.catalog.job(job).await?;
        let order = job.and_then(|job| serde_json::from_str(&job.request).ok());
        let ignored = match order {
            Some(Order::Backup(order)) => order.added(),
            _ => Vec::new(),
        };
        Ok(serde_json::json!(ignored).to_string())
    }

    async fn newest_snapshot_of(&self, source: &str) -> Result<Option<String>> {
        let newest = self.catalog.list_backups(Some(source), 1).await?;
        Ok(newest.into_iter().next().map(|row| row.snapshot))
    }

    async fn remember(&self, making: &Making, made: &Made, start: i64) -> Result<BackupRow> {
        let summary = made.snapshot.summary.clone().unwrap_or_default();
        let names: Vec<&str> = made
            .manifest
            .parts
            .iter()
            .map(|part| part.name.as_str())
            .collect();
        let mut row = BackupRow {
            id: making.id.to_string(),
            source: making.source.id.clone(),
            source_name: making.source.name.clone(),
            kind: making.source.kind.clone(),
            repository: "main".to_owned(),
            snapshot: made.snapshot.id.hex(),
            tree: made.snapshot.tree.hex(),
            name: making.name.clone().unwrap_or_default(),
            reason: making.reason.word().to_owned(),
            created: start,
            seconds: (self.now_ms() - start) as f64 / 1000.0,
            parts: serde_json::json!(names).to_string(),
            files: made.held.files as i64,
            bytes: made.held.bytes as i64,
            added_bytes: summary.data_added_packed as i64,
            locked: i64::from(making.lock),
            verified: None,
            person: Some(making.who.clone()),
            job: Some(making.job.to_string()),
            state: "ok".to_owned(),
            warnings: serde_json::json!(made.warnings()).to_string(),
            lacks: made.lacking.len() as i64,
            suspicion: String::new(),
            accepted: None,
            hurt: 0,
            amounts: amounts(&made.manifest),
            ignored: self.ignored_by(&making.job.to_string()).await?,
        };
        row.suspicion = self.suspicion(&making.source, &row).await?;
        self.catalog.add_backup(&row).await?;
        self.audit("backup", &making.source.name, &row.id).await?;
        Ok(row)
    }
}

impl BackupDone {
    /// One that an earlier turn of the same job has made.
    fn found(job: &JobRow, row: &BackupRow) -> Self {
        let backup = BackupView::of(row);
        let mut done = BackupDone {
            job: job.id.clone(),
            state: "succeeded".to_owned(),
            warnings: Vec::new(),
            deleted: Vec::new(),
            first: false,
            lacks: Lacks::default(),
            torn: Vec::new(),
            backup,
        };
        done.warn(done.backup.warnings.clone());
        done
    }

    pub(crate) fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        let before = self.warnings.len();
        self.warnings.extend(warnings);
        if self.warnings.len() > before {
            "warning".clone_into(&mut self.state);
        }
    }
}

impl BackupRequest {
    /// A manual backup of everything.
    pub fn manual(source: impl Into<String>) -> Self {
        BackupRequest {
            source: source.into(),
            parts: Vec::new(),
            name: None,
            reason: Reason::Manual,
            more: Map::new(),
            lock: false,
        }
    }
}
