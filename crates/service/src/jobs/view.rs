//! The jobs there are: list, show, follow their logs, cancel.

use catalog::job_events::EventRow;
use catalog::job_pages::Which;
use catalog::jobs::JobRow;
use catalog::paging::After;
use model::{JobKind, Kind, Permission, Problem, Result};
use serde::Serialize;
use serde_json::Value;

use crate::Service;
use crate::jobs::closing::{closed, is_resumable, left_by};

/// Restores are looked through so many at a time.
const MANY: i64 = 100;

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct JobError {
    pub kind: String,
    pub message: String,
    pub hint: Option<String>,
}

/// A job, as doors show it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct JobView {
    pub id: String,
    pub kind: String,
    pub state: String,
    /// The name of the source, when it has one.
    pub source: Option<String>,
    pub source_id: Option<String>,
    pub phase: String,
    pub item: String,
    pub done: i64,
    pub total: i64,
    pub bytes: i64,
    pub bytes_total: i64,
    pub eta_seconds: Option<i64>,
    pub person: Option<String>,
    pub created: String,
    pub started: Option<String>,
    pub ended: Option<String>,
    pub error: Option<JobError>,
    /// What a job that is over has done.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// The request that somebody has to answer before it begins.
    pub approval: Option<String>,
    /// Can somebody go on with it?
    pub resumable: bool,
    /// What a restore that was cancelled for good has left, and why it stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
    #[serde(skip)]
    pub created_ms: i64,
}

impl JobView {
    pub(crate) fn of(row: JobRow, now: i64) -> Self {
        let (message, hint) = (row.error_message.clone(), row.error_hint.clone());
        let error = row.error_kind.clone().map(|kind| JobError {
            kind,
            message: message.unwrap_or_default(),
            hint,
        });
        JobView {
            eta_seconds: eta(&row, now),
            resumable: is_resumable(&row),
            left_behind: Vec::new(),
            kind: row.kind,
            source: row.source_name.or_else(|| row.source.clone()),
            source_id: row.source,
            phase: row.phase,
            item: row.item,
            done: row.items_done,
            total: row.items_total,
            bytes: row.bytes_done,
            bytes_total: row.bytes_total,
            person: row.person,
            created: model::moment_text(row.created),
            started: row.started.map(model::moment_text),
            ended: row.ended.map(model::moment_text),
            error,
            result: row.result.and_then(|text| serde_json::from_str(&text).ok()),
            approval: None,
            created_ms: row.created,
            state: row.state,
            id: row.id,
        }
    }

    pub fn is_over(&self) -> bool {
        self.state
            .parse::<model::JobState>()
            .is_ok_and(model::JobState::is_over)
    }
}

/// As long as what is left takes at the rate so far.
fn eta(row: &JobRow, now: i64) -> Option<i64> {
    let begun = row.started.filter(|_| row.state == "running")?;
    let (done, total) = if row.bytes_total > 0 {
        (row.bytes_done, row.bytes_total)
    } else {
        (row.items_done, row.items_total)
    };
    if done <= 0 || total < done {
        return None;
    }
    let left = i128::from(total - done) * i128::from(now - begun) / i128::from(done);
    i64::try_from(left / 1000).ok()
}

impl Service {
    pub(crate) async fn job_views(&self, rows: Vec<JobRow>) -> Result<Vec<JobView>> {
        let now = self.now_ms();
        let waits = rows.iter().any(|row| row.state == "waiting");
        let requests = if waits {
            self.catalog.pending_approvals().await?
        } else {
            Vec::new()
        };
        let request = |job: &str| requests.iter().find(|request| request.job == job);
        Ok(rows
            .into_iter()
            .map(|row| JobView {
                approval: request(&row.id).map(|request| request.id.clone()),
                ..JobView::of(row, now)
            })
            .collect())
    }

    /// The newest restore of this sort that somebody is told of.
    pub(crate) async fn newest_restore(&self, is_it: impl Fn(&JobRow) -> bool) -> Result<Option<JobRow>> {
        let within = self.sight().await?.knows();
        let which = Which {
            kind: Some(JobKind::Restore.word().to_owned()),
            state: None,
        };
        let mut after = After::nothing();
        loop {
            let rows = self.catalog.page_of_jobs(&within, &which, &after, MANY).await?;
            match rows.last() {
                Some(row) => after = row.place(),
                None => return Ok(None),
            }
            if let Some(row) = rows.into_iter().find(&is_it) {
                return Ok(Some(row));
            }
        }
    }

    pub async fn show_job(&self, wanted: &str) -> Result<JobView> {
        let row = self.job_row(wanted).await?;
        self.may_job(Permission::See, &row).await?;
        self.reap().await?;
        let row = self.job_row(&row.id).await?;
        self.one_job(row).await
    }

    pub(crate) async fn one_job(&self, row: JobRow) -> Result<JobView> {
        let views = self.job_views(vec![row]).await?;
        let view = views.into_iter().next();
        view.ok_or_else(|| Problem::internal("one row, one view"))
    }

    /// Lines of a job's log after this number.
    pub async fn job_log(&self, id: &str, after: i64) -> Result<Vec<EventRow>> {
        let row = self.job_row(id).await?;
        self.may_job(Permission::See, &row).await?;
        self.catalog.list_events(&row.id, after).await
    }

    /// Asks a job to stop. One that does not run, also one that was broken off, is closed for good.
    pub async fn cancel_job(&self, wanted: &str) -> Result<JobView> {
        let row = self.job_row(wanted).await?;
        self.may_job(Permission::Cancel, &row).await?;
        self.reap().await?;
        let row = self.job_row(&row.id).await?;
        let now = self.now_ms();
        let is_closed = row.state != "running"
            && self
                .catalog
                .close_job(&row.id, now, left_by(&row).as_ref())
                .await?;
        if !is_closed && !self.catalog.cancel_job(&row.id, now).await? {
            let message = match row.closed {
                0 => format!("job {} is {} already", row.id, row.state),
                _ => closed(&row).message().to_owned(),
            };
            return Err(Problem::new(Kind::Conflict, message)
                .hint(format!("`cairn status {}` shows what became of it", row.id)));
        }
        self.audit("cancel", &row.id, "").await?;
        let asked = format!("{} asks to stop it", self.caller.name());
        self.log(&row.id, "info", &asked).await;
        let mut left_behind = Vec::new();
        if is_closed {
            // Nobody will take what was uploaded for it.
            self.place.discard_upload(&row.id)?;
            if row.kind == "restore" {
                left_behind = self.house().tidy_after(&row, false).await;
            }
        }
        let row = self.job_row(&row.id).await?;
        Ok(JobView {
            left_behind,
            ..JobView::of(row, now)
        })
    }
}
