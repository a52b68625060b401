//! Backups of a source as whoever asked for them sees them: from the moment they were asked for, and also when they failed.
//!
//! A backup that is not made yet is only an order of a job, with the id that it will have. Panels show it from then on. Their pages are
//! counted, so that any one can be asked for; what is not made yet is put between the backups where it belongs by its time.

use std::time::Duration;

use catalog::backup_pages::MadeRow;
use catalog::job_pages::Which;
use catalog::jobs::JobRow;
use catalog::paging::{After, Within};
use model::{BackupId, JobKind, JobState, Kind, Permission, Problem, Reason, Result, WhenFull};
use serde::Serialize;

use crate::Service;
use crate::access::no_such_backup;
use crate::backups::view::BackupView;
use crate::instance::policy_of;
use crate::orders::{BackupOrder, Order};

/// Of what failed, so much is shown; likewise of what goes on.
const MOST: i64 = 200;

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
    /// Or is to be, once it is made.
    pub locked: bool,
    /// When it was asked for; the same before and after it was made.
    pub created_ms: i64,
    pub completed_ms: Option<i64>,
    /// The job that makes it or failed to.
    pub job: Option<String>,
    /// Of a backup that was made.
    pub made: Option<BackupView>,
    /// Names its content: the id of its tree.
    pub tree: Option<String>,
}

/// Some of the backups of a source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AskedPage {
    pub items: Vec<AskedBackup>,
    /// How many there are on all pages.
    pub total: u64,
    /// Those that failed left out.
    pub counted: u64,
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
        let jobs = self
            .catalog
            .jobs_since(&source.id, JobKind::Backup.word(), since)
            .await?;
        let by_hand = |job: &&JobRow| order_of(job).is_some_and(|order| order.reason == Reason::Manual);
        let lately: Vec<i64> = jobs.iter().filter(by_hand).map(|job| job.created).collect();
        Ok(Allowance {
            most: limit.map(|limit| limit.most),
            refuses: limit.is_some_and(|limit| limit.when_full != WhenFull::Rotate),
            lately: lately.len(),
            oldest_ms: lately.into_iter().min(),
        })
    }

    /// So many after the newest ones; safety backups excepted.
    pub async fn asked_backups(&self, source: &str, skip: u64, most: u32) -> Result<AskedPage> {
        let source = self.source_row(source).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        let mut unmade = self.unmade_backups(&source.id).await?;
        let made = self.catalog.count_backups(&source.id).await?.unsigned_abs();
        // What is not made may all be newer than what is looked up, and then moves it back by so much.
        let passed = skip.saturating_sub(unmade.len() as u64).min(made);
        let wanted = (skip - passed).saturating_add(u64::from(most));
        let rows = self
            .catalog
            .made_backups(
                &source.id,
                passed as i64,
                i64::try_from(wanted).unwrap_or(i64::MAX),
            )
            .await?;
        // Made between the two looks.
        unmade.retain(|asked| rows.iter().all(|row| row.backup.id != asked.id));
        let failed = unmade.iter().filter(|asked| asked.stage == Stage::Failed).count() as u64;
        let total = made + unmade.len() as u64;
        let mut items: Vec<AskedBackup> = rows.iter().map(done).chain(unmade).collect();
        items.sort_by(|a, b| (b.created_ms, &b.id).cmp(&(a.created_ms, &a.id)));
        let before = usize::try_from(skip - passed).unwrap_or(usize::MAX);
        let items = items.into_iter().skip(before).take(most as usize).collect();
        Ok(AskedPage {
            items,
            total,
            counted: total - failed,
        })
    }

    /// One of them, by its id.
    pub async fn asked_backup(&self, source: &str, backup: &str) -> Result<AskedBackup> {
        let source = self.source_row(source).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        if let Some(made) = self.made_backup(&source.id, backup).await? {
            return Ok(made);
        }
        let unmade = self.unmade_backups(&source.id).await?;
        if let Some(found) = unmade.into_iter().find(|asked| asked.id == backup) {
            return Ok(found);
        }
        // It may have been made between the two looks.
        let made = self.made_backup(&source.id, backup).await?;
        made.ok_or_else(|| no_such_backup(backup))
    }

    async fn made_backup(&self, source: &str, backup: &str) -> Result<Option<AskedBackup>> {
        let row = self.catalog.backup(backup).await?;
        let Some(backup) = row.filter(|row| row.source == source) else {
            return Ok(None);
        };
        if backup.reason == Reason::Safety.word() || backup.state != "ok" {
            return Err(no_such_backup(&backup.id));
        }
        let job = match &backup.job {
            Some(job) => self.catalog.job(job).await?,
            None => None,
        };
        let request = job.map(|job| job.request);
        Ok(Some(done(&MadeRow { backup, request })))
    }

    /// What was asked for and is not there: it is on its way, or it failed.
    async fn unmade_backups(&self, source: &str) -> Result<Vec<AskedBackup>> {
        let within = Within::Source(source.to_owned());
        let mut unmade: Vec<AskedBackup> = Vec::new();
        for state in [
            JobState::Waiting,
            JobState::Queued,
            JobState::Running,
            JobState::Failed,
            JobState::Interrupted,
        ] {
            let which = Which {
                kind: Some(JobKind::Backup.word().to_owned()),
                state: Some(state.word().to_owned()),
            };
            let newest = After::nothing();
            let jobs = self.catalog.page_of_jobs(&within, &which, &newest, MOST).await?;
            for asked in jobs.iter().filter_map(unmade_of) {
                // What went on meanwhile is found again, further on.
                unmade.retain(|earlier| earlier.id != asked.id);
                if self.catalog.backup(&asked.id).await?.is_none() {
                    unmade.push(asked);
                }
            }
        }
        Ok(unmade)
    }

    /// Takes back a backup that was asked for and is not made yet, or puts one away that failed.
    pub async fn dismiss_backup(&self, source: &str, backup: &str) -> Result<()> {
        let asked = self.asked_backup(source, backup).await?;
        let id = self.source_row(source).await?.id;
        self.may(Permission::Delete, Some(&id)).await?;
        let job = asked.job.filter(|_| asked.stage != Stage::Done);
        let job = job.ok_or_else(|| no_such_backup(backup))?;
        if self.catalog.cancel_job(&job, self.now_ms()).await? {
            self.until_over(&job).await?;
        } else {
            self.catalog.delete_job(&job).await?;
        }
        self.audit("backup.dismiss", source, backup).await?;
        // It may have become whole before the job heard of it: then it goes like any other, and does not come back.
        match self.catalog.backup(&asked.id).await? {
            Some(row) => self.delete_backups(&[row.id]).await.map(|_| ()),
            None => Ok(()),
        }
    }

    async fn until_over(&self, job: &str) -> Result<()> {
        for _ in 0..CANCEL_LOOKS {
            match self.catalog.job(job).await? {
                Some(row) if matches!(row.state.as_str(), "queued" | "running" | "waiting") => {}
                _ => return Ok(()),
            }
            tokio::time::sleep(CANCEL_LOOK).await;
        }
        Err(Problem::new(
            Kind::Conflict,
            "the backup is still being made, and is asked to stop",
        )
        .hint("try again in a few seconds"))
    }

    /// Is a restore of this source queued or running? One that waits for an approval is not.
    pub async fn is_restoring(&self, source: &str) -> Result<bool> {
        let source = self.source_row(source).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        Ok(!self.catalog.active_jobs("restore", &source.id).await?.is_empty())
    }
}

/// A job that is asked to stop does so within a second; one on a busy machine is waited for a little longer.
const CANCEL_LOOK: Duration = Duration::from_millis(50);
const CANCEL_LOOKS: u32 = 200;

fn order_of(job: &JobRow) -> Option<BackupOrder> {
    order_in(&job.request)
}

fn order_in(request: &str) -> Option<BackupOrder> {
    match serde_json::from_str(request) {
        Ok(Order::Backup(order)) => Some(order),
        _ => None,
    }
}

/// A backup that was made.
fn done(row: &MadeRow) -> AskedBackup {
    let MadeRow { backup, request } = row;
    let order = request.as_deref().and_then(order_in);
    AskedBackup {
        id: backup.id.clone(),
        stage: Stage::Done,
        name: backup.name.clone(),
        ignore: order.map(|order| order.added()).unwrap_or_default(),
        locked: backup.locked != 0,
        created_ms: asked_ms(&backup.id).unwrap_or(backup.created),
        completed_ms: Some(backup.created + (backup.seconds * 1000.0) as i64),
        job: backup.job.clone(),
        made: Some(BackupView::of(backup)),
        tree: Some(backup.tree.clone()),
    }
}

/// An id is drawn when a backup is asked for, and holds that moment.
fn asked_ms(id: &str) -> Option<i64> {
    id.parse::<BackupId>().ok().map(|id| id.made_ms())
}

fn unmade_of(job: &JobRow) -> Option<AskedBackup> {
    let order = order_of(job)?;
    let stage = match job.state.as_str() {
        "waiting" | "queued" | "running" => Stage::Pending,
        "failed" | "interrupted" => Stage::Failed,
        // A cancelled one is nobody's backup, and one that was made and deleted is gone.
        _ => return None,
    };
    Some(AskedBackup {
        ignore: order.added(),
        locked: order.lock && stage == Stage::Pending,
        created_ms: asked_ms(&order.backup).unwrap_or(job.created),
        id: order.backup,
        stage,
        name: order.name.unwrap_or_default(),
        completed_ms: job.ended,
        job: Some(job.id.clone()),
        made: None,
        tree: None,
    })
}
