//! `/api/plans`: restore plans, as they were shown; what was shown is what is carried out.

use axum::Json;
use axum::http::StatusCode;
use model::{Cancel, Counts, Plan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::backups::Queued;
use crate::http::{At, Door, Fields, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(show_plan))
        .routes(routes!(run_plan))
}

/// Ends the work when whoever asked has gone away.
pub(super) struct WhenGone(pub(super) Cancel);

impl Drop for WhenGone {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What a restore would do.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanDocument {
    id: String,
    /// Names what would be done to what is there now; whoever agrees sends it back.
    hash: String,
    backup: String,
    /// A source, by id, or a folder as `dir:/path`.
    target: String,
    /// `replace`, `merge`, `rebuild`.
    mode: String,
    parts: Vec<String>,
    paths: Vec<String>,
    created: String,
    /// Until when it can be carried out.
    expires: String,
    counts: PlanCounts,
    /// Does it delete or overwrite anything?
    destructive: bool,
    bytes: u64,
    seconds_estimate: u64,
    warnings: Vec<String>,
    items: Vec<PlanItem>,
}

#[derive(Serialize, ToSchema)]
struct PlanCounts {
    create: u64,
    update: u64,
    delete: u64,
    keep: u64,
}

/// One thing that would change, deletions first.
#[derive(Serialize, ToSchema)]
struct PlanItem {
    /// `delete`, `create`, `update`, `keep`.
    action: String,
    part: String,
    /// `file`, `folder`, `role`, …
    kind: String,
    name: String,
    detail: String,
}

pub(super) fn plan_document(plan: Plan) -> PlanDocument {
    let Counts {
        create,
        update,
        delete,
        keep,
    } = plan.draft.counts();
    let word = |value: &dyn Fn() -> serde_json::Result<serde_json::Value>| {
        let value = value().unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    };
    let item = |item: model::Item| PlanItem {
        action: word(&|| serde_json::to_value(item.action)),
        part: item.part,
        kind: item.kind,
        name: item.name,
        detail: item.detail,
    };
    PlanDocument {
        mode: word(&|| serde_json::to_value(plan.mode)),
        counts: PlanCounts {
            create,
            update,
            delete,
            keep,
        },
        destructive: plan.draft.is_destructive(),
        bytes: plan.draft.bytes,
        seconds_estimate: plan.draft.seconds_estimate,
        warnings: plan.draft.warnings,
        items: plan.draft.items.into_iter().map(item).collect(),
        id: plan.id,
        hash: plan.hash,
        backup: plan.backup,
        target: plan.target,
        parts: plan.parts,
        paths: plan.paths,
        created: model::moment_text(plan.created),
        expires: model::moment_text(plan.expires),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RunFields {
    /// The hash of the plan that was looked at.
    hash: String,
}

/// A plan, as it was shown.
#[utoipa::path(get, path = "/api/plans/{plan}", tag = "restores", params(("plan" = String, Path)),
    responses((status = 200, body = PlanDocument)))]
async fn show_plan(Who(service): Who, At(plan): At<String>) -> Result<Json<PlanDocument>, Wrong> {
    let (plan, _) = service.show_plan(&plan).await?;
    Ok(Json(plan_document(plan)))
}

/// Carries a plan out: a safety backup first, then exactly this. When what is there has changed since, it stops and says so.
#[utoipa::path(post, path = "/api/plans/{plan}/run", tag = "restores",
    params(("plan" = String, Path), ("Idempotency-Key" = Option<String>, Header)), request_body = RunFields,
    responses((status = 202, description = "It is a job.", body = Queued)))]
async fn run_plan(
    Who(service): Who,
    At(plan): At<String>,
    Fields(fields): Fields<RunFields>,
) -> Result<(StatusCode, Json<Queued>), Wrong> {
    Ok(Queued::job(service.run_plan(&plan, &fields.hash).await?))
}
