//! Backups of a source as whoever asked for them sees them: from the moment they were asked for, and also when they failed.
//!
//! A backup that is not made yet is only an order of a job, with the id that it will have. Panels show it from then on.

use std::collections::HashSet;

use catalog::jobs::JobRow;
use model::{Permission, Reason, Result, WhenFull};
use serde::Serialize;

use crate::Service;
use crate::library::BackupView;
use crate::policy::policy_of;
use crate::work::Order;

/// Jobs are looked at so far back.
const MOST: i64 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Pending,
    Failed,
    Done,
}

/// A backup, wanted or made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AskedBackup {
    pub id: String,
    pub stage: Stage,
    pub name: String,
    pub ignore: Vec<String>,
    pub created_ms: i64,
    pub completed_ms: Option<i64>,
    /// The job that makes it or failed to.
    pub job: Option<String>,
    /// Of a backup that was made.
    pub made: Option<BackupView>,
    /// Names its content: the id of its tree.
    pub tree: Option<String>,
}

/// How many backups of a source there may be, and how many were asked for lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// `None`: no limit.
    pub most: Option<u32>,
    /// At the limit the next one is refused, and no old one goes for it.
    pub refuses: bool,
    /// Asked for by people within the time that was named, also when they were deleted since.
    pub lately: usize,
    /// When the oldest of those was asked for.
    pub oldest_ms: Option<i64>,
}

impl Service {
    /// What the policy allows, for doors that show it.
    pub async fn allowance(&self, source: &str, window_ms: i64) -> Result<Allowance> {
        let source = self.source_row(source).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        let limit = policy_of(&source)?.limit;
        let since = self.now_ms() - window_ms;
        let jobs = self.catalog.list_jobs(Some(&source.id), MOST).await?;
        let lately: Vec<i64> = jobs
            .iter()
            .filter(|job| job.created > since)
            .filter(|job| order_of(job).is_some_and(|order| order.reason == Reason::Manual))
            .map(|job| job.created)
            .collect();
        Ok(Allowance {
            most: limit.map(|limit| limit.most),
            refuses: limit.is_some_and(|limit| limit.when_full != WhenFull::Rotate),
            lately: lately.len(),
            oldest_ms: lately.into_iter().min(),
        })
    }

    /// Newest first; safety backups excepted.
    pub async fn asked_backups(&self, source: &str) -> Result<Vec<AskedBackup>> {
        let source = self.source_row(source).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        let rows = self.catalog.list_backups(Some(&source.id), i64::MAX).await?;
        let jobs = self.catalog.list_jobs(Some(&source.id), MOST).await?;
        let mut all = Vec::new();
        let made: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        for job in &jobs {
            if let Some(asked) = unmade(job)
                && !made.contains(asked.id.as_str())
            {
                all.push(asked);
            }
        }
        for row in rows
            .iter()
            .filter(|row| row.reason != "safety" && row.state == "ok")
        {
            let order = jobs
                .iter()
                .find(|job| Some(&job.id) == row.job.as_ref())
                .and_then(order_of);
            all.push(AskedBackup {
                id: row.id.clone(),
                stage: Stage::Done,
                name: row.name.clone(),
                ignore: order.map(|order| order.ignore).unwrap_or_default(),
                created_ms: row.created,
                completed_ms: Some(row.created + (row.seconds * 1000.0) as i64),
                job: row.job.clone(),
                made: Some(BackupView::of(row)),
                tree: Some(row.tree.clone()),
            });
        }
        all.sort_by(|a, b| (b.created_ms, &b.id).cmp(&(a.created_ms, &a.id)));
        Ok(all)
    }

    /// Takes back a backup that was asked for and is not made yet, or puts one away that failed.
    pub async fn dismiss_backup(&self, source: &str, backup: &str) -> Result<()> {
        let asked = self.asked_backups(source).await?;
        let id = self.source_row(source).await?.id;
        self.may(Permission::Delete, Some(&id)).await?;
        let found = asked.into_iter().find(|asked| asked.id == backup);
        let job = found.and_then(|asked| asked.job);
        let job = job.ok_or_else(|| crate::backup::no_such_backup(backup))?;
        if !self.catalog.cancel_job(&job, self.now_ms()).await? {
            self.catalog.delete_job(&job).await?;
        }
        self.audit("backup.dismiss", source, backup).await
    }

    /// Is a restore of this source queued or running? One that waits for an approval is not.
    pub async fn is_restoring(&self, source: &str) -> Result<bool> {
        let source = self.source_row(source).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        Ok(!self.catalog.active_jobs("restore", &source.id).await?.is_empty())
    }
}

fn order_of(job: &JobRow) -> Option<crate::backup::BackupOrder> {
    match Order::of(job) {
        Ok(Order::Backup(order)) => Some(order),
        _ => None,
    }
}

fn unmade(job: &JobRow) -> Option<AskedBackup> {
    let order = order_of(job)?;
    let stage = match job.state.as_str() {
        "waiting" | "queued" | "running" => Stage::Pending,
        "failed" | "interrupted" => Stage::Failed,
        // A cancelled one is nobody's backup, and one that was made and deleted is gone.
        _ => return None,
    };
    Some(AskedBackup {
        id: order.backup,
        stage,
        name: order.name.unwrap_or_default(),
        ignore: order.ignore,
        created_ms: job.created,
        completed_ms: job.ended,
        job: Some(job.id.clone()),
        made: None,
        tree: None,
    })
}
