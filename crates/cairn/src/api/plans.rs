//! `/api/plans`: restore plans, as they were shown; what was shown is what is carried out.

use axum::Json;
use axum::http::StatusCode;
use model::{Counts, Plan};
use serde::{Deserialize, Serialize};
use service::{Service, Target};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::work::Queued;
use crate::http::{At, Door, Fields, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(show_plan))
        .routes(routes!(run_plan))
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
    /// What the restore would delete or overwrite although no safety backup can hold it.
    unsaved: Vec<UnsavedItem>,
    /// It is left alone. Otherwise this plan cannot be carried out while something is `unsaved`.
    leaves_unsaved: bool,
    /// What has to be sent as `confirm` to carry it out: the exact name of what it would change. `null`: nothing.
    confirm: Option<String>,
    items: Vec<PlanItem>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PlanCounts {
    pub(super) create: u64,
    pub(super) update: u64,
    pub(super) delete: u64,
    pub(super) keep: u64,
}

#[derive(Serialize, ToSchema)]
struct UnsavedItem {
    part: String,
    name: String,
    /// Why it cannot be saved.
    reason: String,
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

pub(super) async fn plan_document(
    service: &Service,
    plan: Plan,
    target: &Target,
) -> Result<PlanDocument, Wrong> {
    let confirm = service.word_to_type(&plan, target).await?;
    let Counts {
        create,
        update,
        delete,
        keep,
    } = plan.draft.counts();
    let item = |item: model::Item| PlanItem {
        action: item.action.word().to_owned(),
        part: item.part,
        kind: item.kind,
        name: item.name,
        detail: item.detail,
    };
    let unsaved = |unsaved: model::Unsaved| UnsavedItem {
        part: unsaved.part,
        name: unsaved.name,
        reason: unsaved.why,
    };
    Ok(PlanDocument {
        confirm,
        mode: plan.mode.word().to_owned(),
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
        unsaved: plan.draft.unsaved.into_iter().map(unsaved).collect(),
        leaves_unsaved: plan.draft.leaves_unsaved,
        items: plan.draft.items.into_iter().map(item).collect(),
        id: plan.id,
        hash: plan.hash,
        backup: plan.backup,
        target: plan.target,
        parts: plan.parts,
        paths: plan.paths,
        created: model::moment_text(plan.created),
        expires: model::moment_text(plan.expires),
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RunFields {
    /// The hash of the plan that was looked at.
    hash: String,
    /// What the plan calls `confirm`, typed by somebody who means it.
    confirm: Option<String>,
}

/// A plan, as it was shown.
#[utoipa::path(get, path = "/api/plans/{plan}", tag = "restores", params(("plan" = String, Path)),
    responses((status = 200, body = PlanDocument)))]
async fn show_plan(Who(service): Who, At(plan): At<String>) -> Result<Json<PlanDocument>, Wrong> {
    let (plan, target) = service.show_plan(&plan).await?;
    Ok(Json(plan_document(&service, plan, &target).await?))
}

/// Carries a plan out: a safety backup first, then exactly this. When what is there has changed since, it stops and says so.
#[utoipa::path(post, path = "/api/plans/{plan}/run", tag = "restores",
    params(("plan" = String, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")), request_body = RunFields,
    responses((status = 202, description = "It is a job.", body = Queued)))]
async fn run_plan(
    Who(service): Who,
    At(plan): At<String>,
    Fields(fields): Fields<RunFields>,
) -> Result<(StatusCode, Json<Queued>), Wrong> {
    Ok(Queued::job(
        service.run_plan(&plan, &fields.hash, fields.confirm).await?,
    ))
}
