//! `/api/approvals`: restores that wait for somebody's consent.
//!
//! Who was asked answers by id, signed in, or by the secret of the link in his letter, which stands in the path. Looking at a request
//! changes nothing.

use axum::Json;
use model::Counts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Agreement, ApprovalSheet, ApprovalView};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pages;
use super::plans::PlanCounts;
use crate::http::{At, Door, Fields, Queried, Visitor, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_approvals))
        .routes(routes!(show_approval))
        .routes(routes!(approve))
        .routes(routes!(decline))
        .routes(routes!(show_link))
        .routes(routes!(approve_link))
        .routes(routes!(decline_link))
}

/// Which requests.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those that nobody has answered yet.
    #[serde(default)]
    open: bool,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// All that somebody should know before he answers.
#[derive(Serialize, ToSchema)]
struct Sheet {
    approval: ApprovalView,
    /// What is typed by who approves.
    name: String,
    mode: String,
    parts: Vec<String>,
    counts: PlanCounts,
    /// What would be done to what, deletions first, with examples.
    #[schema(value_type = Vec<Object>)]
    groups: Value,
    warnings: Vec<String>,
    bytes: u64,
    seconds_estimate: u64,
}

impl From<ApprovalSheet> for Sheet {
    fn from(sheet: ApprovalSheet) -> Self {
        let Counts {
            create,
            update,
            delete,
            keep,
        } = sheet.counts;
        Sheet {
            groups: serde_json::to_value(&sheet.groups).unwrap_or_default(),
            approval: sheet.approval,
            name: sheet.name,
            mode: sheet.mode,
            parts: sheet.parts,
            counts: PlanCounts {
                create,
                update,
                delete,
                keep,
            },
            warnings: sheet.warnings,
            bytes: sheet.bytes,
            seconds_estimate: sheet.seconds_estimate,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AgreementFields {
    /// The exact name of what will be changed.
    name: String,
    /// Wanted of who approves for the owner.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
}

impl From<AgreementFields> for Agreement {
    fn from(fields: AgreementFields) -> Self {
        Agreement {
            name: fields.name,
            reason: fields.reason,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeclineFields {
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
}

/// The requests that one may see, the newest first.
#[utoipa::path(get, path = "/api/approvals", tag = "approvals", params(Which),
    responses((status = 200, body = Vec<ApprovalView>)))]
async fn list_approvals(
    Who(service): Who,
    Queried(which): Queried<Which>,
) -> Result<Json<Vec<ApprovalView>>, Wrong> {
    let limit = pages::limit(which.limit)?;
    Ok(Json(service.list_approvals(which.open, limit).await?))
}

#[utoipa::path(get, path = "/api/approvals/{approval}", tag = "approvals", params(("approval" = String, Path)),
    responses((status = 200, body = Sheet)))]
async fn show_approval(Who(service): Who, At(approval): At<String>) -> Result<Json<Sheet>, Wrong> {
    Ok(Json(service.show_approval(&approval).await?.into()))
}

/// Says yes: the restore begins.
#[utoipa::path(post, path = "/api/approvals/{approval}/approve", tag = "approvals", params(("approval" = String, Path)),
    request_body = AgreementFields, responses((status = 200, body = ApprovalView)))]
async fn approve(
    Who(service): Who,
    At(approval): At<String>,
    Fields(fields): Fields<AgreementFields>,
) -> Result<Json<ApprovalView>, Wrong> {
    Ok(Json(service.approve(&approval, &fields.into()).await?))
}

/// Says no: nothing is changed.
#[utoipa::path(post, path = "/api/approvals/{approval}/decline", tag = "approvals", params(("approval" = String, Path)),
    request_body = DeclineFields, responses((status = 200, body = ApprovalView)))]
async fn decline(
    Who(service): Who,
    At(approval): At<String>,
    Fields(fields): Fields<DeclineFields>,
) -> Result<Json<ApprovalView>, Wrong> {
    Ok(Json(service.decline(&approval, &fields.reason).await?))
}

/// What the link in a letter is about.
#[utoipa::path(get, path = "/api/links/{link}", tag = "approvals", security(()), params(("link" = String, Path)),
    responses((status = 200, body = Sheet)))]
async fn show_link(visitor: Visitor, At(link): At<String>) -> Result<Json<Sheet>, Wrong> {
    Ok(Json(visitor.service.approval_of_link(&link).await?.into()))
}

/// Says yes as the person to whom the letter was sent.
#[utoipa::path(post, path = "/api/links/{link}/approve", tag = "approvals", security(()), params(("link" = String, Path)),
    request_body = AgreementFields, responses((status = 200, body = ApprovalView)))]
async fn approve_link(
    visitor: Visitor,
    At(link): At<String>,
    Fields(fields): Fields<AgreementFields>,
) -> Result<Json<ApprovalView>, Wrong> {
    Ok(Json(
        visitor.service.approve_by_link(&link, &fields.into()).await?,
    ))
}

/// Says no as the person to whom the letter was sent.
#[utoipa::path(post, path = "/api/links/{link}/decline", tag = "approvals", security(()), params(("link" = String, Path)),
    request_body = DeclineFields, responses((status = 200, body = ApprovalView)))]
async fn decline_link(
    visitor: Visitor,
    At(link): At<String>,
    Fields(fields): Fields<DeclineFields>,
) -> Result<Json<ApprovalView>, Wrong> {
    Ok(Json(
        visitor.service.decline_by_link(&link, &fields.reason).await?,
    ))
}
