//! `/api/jobs`: what goes on, and what became of it.

use axum::Json;
use axum::http::StatusCode;
use model::{Cancel, JobKind, JobState, Progress};
use serde::{Deserialize, Serialize};
use service::{JobFilter, JobView};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pages::{self, Page};
use super::plans::{PlanDocument, plan_document};
use super::work::Queued;
use super::work::WhenGone;
use crate::http::{At, Door, Queried, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(show_job))
        .routes(routes!(cancel_job))
        .routes(routes!(resume_job))
        .routes(routes!(plan_undo))
        .routes(routes!(job_log))
}

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Name or id of a source.
    source: Option<String>,
    #[param(schema_with = pages::kinds, required = false)]
    kind: Option<JobKind>,
    #[param(schema_with = pages::states, required = false)]
    state: Option<JobState>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// What the part before called `next`.
    cursor: Option<String>,
}

/// A line of a job's log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLine {
    pub(super) seq: i64,
    pub(super) at: String,
    /// `info`, `warning`, `error`.
    pub(super) level: String,
    pub(super) text: String,
}

impl From<service::EventRow> for LogLine {
    fn from(row: service::EventRow) -> Self {
        LogLine {
            seq: row.seq,
            at: model::moment_text(row.at),
            level: row.level,
            text: row.text,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct After {
    /// Lines after this number.
    after: Option<i64>,
}

/// The jobs that one may see, the newest first.
#[utoipa::path(get, path = "/api/jobs", tag = "jobs", params(Which), responses((status = 200, body = Page<JobView>)))]
async fn list_jobs(Who(service): Who, Queried(which): Queried<Which>) -> Result<Json<Page<JobView>>, Wrong> {
    let filter = JobFilter {
        source: which.source,
        kind: which.kind.map(|kind| kind.word().to_owned()),
        state: which.state.map(|state| state.word().to_owned()),
    };
    let page = service
        .jobs_page(&filter, which.cursor.as_deref(), pages::limit(which.limit)?)
        .await?;
    Ok(Json(page.into()))
}

#[utoipa::path(get, path = "/api/jobs/{job}", tag = "jobs", params(("job" = String, Path)),
    responses((status = 200, body = JobView)))]
async fn show_job(Who(service): Who, At(job): At<String>) -> Result<Json<JobView>, Wrong> {
    Ok(Json(service.show_job(&job).await?))
}

/// Asks it to stop; it does within a second. One that does not run, also a restore that was broken off, is closed for good.
#[utoipa::path(post, path = "/api/jobs/{job}/cancel", tag = "jobs", params(("job" = String, Path)),
    responses((status = 202, description = "It was told.", body = JobView)))]
async fn cancel_job(Who(service): Who, At(job): At<String>) -> Result<(StatusCode, Json<JobView>), Wrong> {
    Ok((StatusCode::ACCEPTED, Json(service.cancel_job(&job).await?)))
}

/// Goes on with a restore that failed, was cancelled or interrupted, unless somebody changed since what it would still touch.
#[utoipa::path(post, path = "/api/jobs/{job}/resume", tag = "jobs", params(("job" = String, Path)),
    responses((status = 202, description = "It is in the queue again.", body = Queued)))]
async fn resume_job(Who(service): Who, At(job): At<String>) -> Result<(StatusCode, Json<Queued>), Wrong> {
    Ok(Queued::job(service.ask_resume(Some(&job)).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UndoFields {
    /// Leave alone what no safety backup can hold, and take back the rest.
    #[serde(default)]
    leave_unsaved: bool,
}

/// Plans to take a restore back; `POST /api/plans/{plan}/run` carries it out.
#[utoipa::path(post, path = "/api/jobs/{job}/undo", tag = "restores", params(("job" = String, Path), UndoFields),
    responses((status = 201, description = "The plan.", body = PlanDocument)))]
async fn plan_undo(
    Who(service): Who,
    At(job): At<String>,
    Queried(fields): Queried<UndoFields>,
) -> Result<(StatusCode, Json<PlanDocument>), Wrong> {
    let cancel = Cancel::new();
    let gone = WhenGone(cancel.clone());
    let (_, plan, target) = service
        .plan_undo_leaving(Some(&job), fields.leave_unsaved, &Progress::new(), &cancel)
        .await?;
    drop(gone);
    Ok((
        StatusCode::CREATED,
        Json(plan_document(&service, plan, &target).await?),
    ))
}

/// What it wrote down.
#[utoipa::path(get, path = "/api/jobs/{job}/log", tag = "jobs", params(("job" = String, Path), After),
    responses((status = 200, body = Vec<LogLine>)))]
async fn job_log(
    Who(service): Who,
    At(job): At<String>,
    Queried(after): Queried<After>,
) -> Result<Json<Vec<LogLine>>, Wrong> {
    let rows = service.job_log(&job, after.after.unwrap_or(0)).await?;
    Ok(Json(rows.into_iter().map(LogLine::from).collect()))
}
