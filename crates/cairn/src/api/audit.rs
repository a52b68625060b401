//! `/api/audit`: who did what, when, from where; every refusal, too.

use axum::Json;
use serde::Serialize;
use service::AuditRow;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pages::{self, Page, Part};
use crate::http::{Door, Queried, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_audit))
        .routes(routes!(check_audit))
}

/// A line of the audit log. Each names the hash of the one before.
#[derive(Serialize, ToSchema)]
struct AuditLine {
    seq: i64,
    at: String,
    who: String,
    what: String,
    target: String,
    detail: String,
    previous: String,
    hash: String,
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        AuditLine {
            seq: row.seq,
            at: model::moment_text(row.at),
            who: row.who,
            what: row.what,
            target: row.target,
            detail: row.detail,
            previous: row.previous,
            hash: row.hash,
        }
    }
}

/// How many lines were found unbroken.
#[derive(Serialize, ToSchema)]
struct Unbroken {
    lines: u64,
}

/// The newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(Part), responses((status = 200, body = Page<AuditLine>)))]
async fn list_audit(Who(service): Who, Queried(part): Queried<Part>) -> Result<Json<Page<AuditLine>>, Wrong> {
    let page = service
        .audit_page(part.cursor.as_deref(), pages::limit(part.limit)?)
        .await?;
    Ok(Json(Page {
        items: page.items.into_iter().map(AuditLine::from).collect(),
        next: page.next,
    }))
}

/// Follows the chain of hashes from the first line to the last.
#[utoipa::path(post, path = "/api/audit/check", tag = "audit", responses((status = 200, body = Unbroken)))]
async fn check_audit(Who(service): Who) -> Result<Json<Unbroken>, Wrong> {
    let lines = service.check_audit().await? as u64;
    Ok(Json(Unbroken { lines }))
}
