//! What a careful person would look at every hour: is the catalog in step with the repository, is a backup overdue, is something unusual.
//!
//! Rules: overdue means that a run was due two hours ago and no backup was made since; it is said once a day. Nothing is deleted here but what a policy lets go and what is expired.

use std::collections::HashMap;

use catalog::schedules::ScheduleRow;
use catalog::sources::SourceRow;
use model::{Cancel, Kind, Problem, Progress, Result};
use serde::Serialize;

use crate::Service;
use crate::instance::policy_of;
use crate::notices::Severity;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const GRACE_MS: i64 = 2 * HOUR_MS;

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceVitals {
    pub name: String,
    /// The newest ordinary backup.
    pub last_backup_ms: Option<i64>,
    pub next_ms: Option<i64>,
    pub is_overdue: bool,
}

/// Figures for monitoring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Vitals {
    pub sources: Vec<SourceVitals>,
    pub jobs: Vec<(String, i64)>,
    /// The repository is not where it was.
    pub is_repository_missing: bool,
}

impl Service {
    /// Can the catalog be reached?
    pub async fn ping(&self) -> Result<()> {
        self.catalog.ping().await
    }

    /// Can work be done: is the catalog there, and the repository where it was?
    pub async fn ready(&self) -> Result<()> {
        self.ping().await?;
        match self.look().await {
            // Whoever asks need not be told addresses.
            Err(problem) if problem.kind() == Kind::RepositoryMissing => {
                Err(Problem::new(Kind::RepositoryMissing, "the repository is missing")
                    .hint("`cairn doctor` on the server says more"))
            }
            // What else is wrong with it is not known for certain, and is told by who uses it.
            _ => Ok(()),
        }
    }

    pub async fn vitals(&self) -> Result<Vitals> {
        let looked = self.look().await;
        let is_repository_missing = looked.is_err_and(|problem| problem.kind() == Kind::RepositoryMissing);
        let seen = self.sources_seen().await?;
        let newest: HashMap<String, i64> = self.catalog.newest_backups().await?.into_iter().collect();
        let marks = self.catalog.list_schedules().await?;
        let marks: HashMap<&str, &ScheduleRow> = marks
            .iter()
            .filter_map(|marks| Some((marks.source.as_deref()?, marks)))
            .collect();
        let now = self.now_ms();
        let mut sources = Vec::new();
        for source in seen {
            let last = newest.get(&source.id).copied();
            let marks = marks.get(source.id.as_str());
            let promised = match marks {
                Some(marks) => {
                    policy_of(&source)?
                        .schedule
                        .latest(marks.enabled, marks.enabled, now - GRACE_MS)
                }
                None => None,
            };
            sources.push(SourceVitals {
                name: source.name,
                last_backup_ms: last,
                next_ms: marks.and_then(|marks| marks.next),
                is_overdue: promised.is_some_and(|promised| last.is_none_or(|last| last < promised)),
            });
        }
        let jobs = self.catalog.count_jobs().await?;
        Ok(Vitals {
            sources,
            jobs,
            is_repository_missing,
        })
    }

    /// The scheduler's care; also at every start.
    pub async fn hourly(&self) -> Result<()> {
        let now = self.now_ms();
        self.schedule_care().await?;
        // An interrupted restore may still be resumed with its plan.
        self.catalog.delete_expired_plans(now - 30 * DAY_MS).await?;
        self.catalog.delete_unused_plans(now).await?;
        self.catalog.delete_given_up(now - 30 * DAY_MS).await?;
        self.forget_who_left(now).await?;
        self.catalog.delete_old_answers(now - DAY_MS).await?;
        self.sweep_uploads().await?;
        self.remind_of_gone().await?;
        self.take_room_back();
        self.tell_overdue(now).await?;
        for source in self.catalog.list_sources().await? {
            if let Err(problem) = self.thin_out_safety(&source).await {
                tracing::warn!("{}: {problem}", source.name);
            }
        }
        if self.is_first_today("reconciled", now).await? {
            self.reconcile().await?;
        }
        Ok(())
    }

    /// Brings the catalog in step with the repository, and tells of backups that are gone or damaged.
    pub(crate) async fn reconcile(&self) -> Result<()> {
        let step = self.bring_in_step(true, &Progress::new(), &Cancel::new()).await;
        let step = match step {
            // Whoever finds it gone tells of it; where there never was one, nothing is out of step.
            Err(problem) if problem.kind() == Kind::RepositoryMissing => return Ok(()),
            other => other?,
        };
        self.tell_of_gone(&step.gone).await?;
        self.tell_of_damaged(&step.hurt).await
    }

    /// True once a day, and remembered.
    pub(crate) async fn is_first_today(&self, what: &str, now: i64) -> Result<bool> {
        let last = self.catalog.setting(what).await?;
        let last: Option<i64> = last.and_then(|text| text.parse().ok());
        if last.is_some_and(|last| (0..DAY_MS).contains(&(now - last))) {
            return Ok(false);
        }
        self.catalog.set_setting(what, &now.to_string()).await?;
        Ok(true)
    }

    async fn tell_overdue(&self, now: i64) -> Result<()> {
        let newest: HashMap<String, i64> = self.catalog.newest_backups().await?.into_iter().collect();
        let sources = self.catalog.list_sources().await?;
        let sources: HashMap<&str, &SourceRow> = sources.iter().map(|row| (row.id.as_str(), row)).collect();
        for marks in self.catalog.list_schedules().await? {
            let source = marks.source.as_deref().and_then(|id| sources.get(id));
            let Some(source) = source.copied() else {
                continue;
            };
            let schedule = policy_of(source)?.schedule;
            let Some(promised) = schedule.latest(marks.enabled, marks.enabled, now - GRACE_MS) else {
                continue;
            };
            let last = newest.get(&source.id).copied();
            if last.is_some_and(|last| last >= promised) {
                continue;
            }
            if self
                .is_first_today(&format!("overdue:{}", source.id), now)
                .await?
            {
                self.tell_one_overdue(source, promised, last).await?;
            }
        }
        Ok(())
    }

    async fn tell_one_overdue(&self, source: &SourceRow, promised: i64, last: Option<i64>) -> Result<()> {
        let last = last.map_or("there is none yet".to_owned(), |last| {
            format!("the last one is of {}", model::moment_text(last))
        });
        let text = format!(
            "a backup was due at {} and was not made; {last}. Is `cairn serve` running?",
            model::moment_text(promised)
        );
        let notice = self.notice(Severity::Overdue, "backup", &text)?;
        self.tell(source, notice).await
    }
}
