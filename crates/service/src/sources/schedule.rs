//! What runs by itself: backups by the policy of their source, and the daily care of the repository.
//!
//! Nouns: a *tick* looks once for what is due. Rules: a due run is fired once, by whichever process looks first, also across restarts; of
//! several that were missed one is made up, if the policy says so; while the last run of a source is still going on, the next is let go.
//! When a run is due follows from the marks in the catalog and the policy alone.

use std::collections::HashMap;

use catalog::schedules::{Firing, ScheduleRow};
use catalog::sources::SourceRow;
use model::{Marks, Permission, Policy, Result, Schedule};
use serde::Serialize;

use crate::Service;
use crate::instance::policy_of;
use crate::orders::{BackupOrder, Order};

/// Two machines' clocks may differ by so much.
const SKEW_MS: i64 = 3_600_000;
/// Fired in one transaction at most.
const MOST: i64 = 1_000;
const SHOWN: usize = 5;
/// The daily prune of the repository.
const PRUNE: &str = "prune";

/// A schedule, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ScheduleView {
    pub source: String,
    /// In words: `daily at 03:00 Europe/Berlin`.
    pub schedule: String,
    pub catch_up: bool,
    pub enabled: Option<String>,
    pub last: Option<String>,
    /// The next runs, in RFC 3339.
    pub next: Vec<String>,
    #[serde(skip)]
    pub next_ms: Vec<i64>,
    #[serde(skip)]
    pub last_ms: Option<i64>,
}

fn name_of(source: &str) -> String {
    format!("backup:{source}")
}

impl Service {
    /// Keeps the marks in step with a policy that was just saved.
    pub(crate) async fn reschedule(&self, source: &str, before: &Schedule, now: &Schedule) -> Result<()> {
        let name = name_of(source);
        if now.is_off() {
            return self.catalog.delete_schedule(&name).await;
        }
        if now == before && self.catalog.schedule(&name).await?.is_some() {
            return Ok(());
        }
        let enabled = self.now_ms();
        let row = ScheduleRow {
            name,
            source: Some(source.to_owned()),
            enabled,
            last: None,
            next: now.next(enabled, enabled),
        };
        self.catalog.put_schedule(&row).await
    }

    pub(crate) async fn unschedule(&self, source: &str) -> Result<()> {
        self.catalog.delete_schedule(&name_of(source)).await
    }

    pub async fn show_schedule(&self, wanted: &str) -> Result<ScheduleView> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        self.schedule_view(row).await
    }

    async fn schedule_view(&self, row: SourceRow) -> Result<ScheduleView> {
        let policy = policy_of(&row)?;
        let marks = self.catalog.schedule(&name_of(&row.id)).await?;
        let now = self.now_ms();
        let enabled = marks.as_ref().map_or(now, |marks| marks.enabled);
        let next_ms = policy.schedule.next_n(now, enabled, SHOWN);
        let last_ms = marks.as_ref().and_then(|marks| marks.last);
        Ok(ScheduleView {
            source: row.name,
            schedule: policy.schedule.to_string(),
            catch_up: policy.catch_up,
            enabled: marks.map(|marks| model::moment_text(marks.enabled)),
            last: last_ms.map(model::moment_text),
            next: next_ms.iter().copied().map(model::moment_text).collect(),
            next_ms,
            last_ms,
        })
    }

    pub async fn set_schedule(&self, wanted: &str, schedule: Schedule) -> Result<ScheduleView> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::Schedule, Some(&row.id)).await?;
        let policy = Policy {
            schedule,
            ..policy_of(&row)?
        };
        self.save_policy(row, &policy).await?;
        self.schedule_view(self.source_row(wanted).await?).await
    }

    /// Fires what is due; how many runs were started.
    pub async fn tick(&self) -> Result<usize> {
        let now = self.now_ms();
        let due = self.catalog.due_schedules(now, now + SKEW_MS, MOST).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let sources = self.sources_of(&due).await?;
        let mut firings = Vec::new();
        for row in due {
            if row.name == PRUNE {
                let daily = daily();
                let order = Order::Prune { no_grace: false };
                let job = self.new_job(&order, None, &self.options.node)?;
                firings.push(firing(row, &daily, now, true, Some(job)));
                continue;
            }
            let source = row.source.as_ref().and_then(|id| sources.get(id));
            match source {
                Some(source) => firings.extend(self.backup_firing(row, source, now).await?),
                None => self.catalog.delete_schedule(&row.name).await?,
            }
        }
        self.catalog.fire_schedules(&firings).await
    }

    async fn sources_of(&self, due: &[ScheduleRow]) -> Result<HashMap<String, SourceRow>> {
        let mut sources = HashMap::new();
        if due.len() > 20 {
            for row in self.catalog.list_sources().await? {
                sources.insert(row.id.clone(), row);
            }
            return Ok(sources);
        }
        for id in due.iter().filter_map(|row| row.source.as_deref()) {
            if let Some(row) = self.catalog.source(id).await? {
                sources.insert(row.id.clone(), row);
            }
        }
        Ok(sources)
    }

    async fn backup_firing(&self, row: ScheduleRow, source: &SourceRow, now: i64) -> Result<Option<Firing>> {
        let policy = policy_of(source)?;
        if policy.schedule.is_off() {
            self.catalog.delete_schedule(&row.name).await?;
            return Ok(None);
        }
        let order = Order::Backup(BackupOrder::scheduled(
            self.new_backup_id()?,
            source.id.clone(),
            policy.parts.clone(),
        ));
        let is_going_on = !self.catalog.open_jobs("backup", &source.id).await?.is_empty();
        let job = if is_going_on {
            tracing::warn!(
                "{}: the last backup still goes on; this run is let go",
                source.name
            );
            None
        } else {
            Some(self.new_job(&order, Some(&source.id), &source.node)?)
        };
        Ok(Some(firing(row, &policy.schedule, now, policy.catch_up, job)))
    }

    /// The daily care is there from the first start of a scheduler on.
    pub(crate) async fn schedule_care(&self) -> Result<()> {
        if self.catalog.schedule(PRUNE).await?.is_some() {
            return Ok(());
        }
        let enabled = self.now_ms();
        let row = ScheduleRow {
            name: PRUNE.to_owned(),
            source: None,
            enabled,
            last: None,
            next: daily().next(enabled, enabled),
        };
        self.catalog.put_schedule(&row).await
    }
}

fn daily() -> Schedule {
    Schedule::every(model::Lapse::days(1))
}

/// What becomes of a due row: its new marks, and the job if the run is to be had.
fn firing(
    row: ScheduleRow,
    schedule: &Schedule,
    now: i64,
    catch_up: bool,
    job: Option<catalog::jobs::NewJob>,
) -> Firing {
    let was_next = row.next;
    // A clock that was wrong and has been put right must not stop a schedule for years.
    let enabled = if row.enabled > now + SKEW_MS {
        now
    } else {
        row.enabled
    };
    let marks = Marks {
        enabled,
        last: row.last,
    };
    let run = schedule.due(marks, now, catch_up);
    let after = row.last.filter(|last| *last <= now).unwrap_or(enabled);
    let last = run
        .or_else(|| schedule.latest(enabled, after, now))
        .or(row.last.filter(|last| *last <= now));
    let next = schedule.next(now.max(last.unwrap_or(now)), enabled);
    Firing {
        was_next,
        marks: ScheduleRow {
            enabled,
            last,
            next,
            ..row
        },
        job: job.filter(|_| run.is_some()),
    }
}
