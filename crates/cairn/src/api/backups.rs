//! `/api/backups`: list, make, show, change, delete, verify, download, plan a restore.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use model::{Cancel, Mode, Progress, Reason};
use serde::{Deserialize, Serialize};
use service::archive::Format;
use service::{BackupFilter, BackupRequest, BackupView, RestoreRequest};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pages::{self, Page};
use super::plans::{PlanDocument, plan_document};
use super::work::{Queued, WhenGone};
use crate::http::{At, Door, Fields, Queried, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_backups, make_backup))
        .routes(routes!(show_backup, change_backup, delete_backup))
        .routes(routes!(lock_backup, unlock_backup))
        .routes(routes!(accept_backup))
        .routes(routes!(verify_backup))
        .routes(routes!(make_link))
        .routes(routes!(plan_restore))
}

/// Which backups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Name or id of a source.
    source: Option<String>,
    #[param(schema_with = pages::reasons, required = false)]
    reason: Option<Reason>,
    #[param(schema_with = pages::standings, required = false)]
    state: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// What the part before called `next`.
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBackup {
    /// Name or id.
    source: String,
    #[schema(max_length = 191)]
    name: Option<String>,
    /// Nothing: all.
    #[serde(default)]
    parts: Vec<String>,
    /// Patterns of what is left out, as `.gitignore` writes them.
    #[serde(default)]
    ignore: Vec<String>,
    /// No retention deletes it.
    #[serde(default)]
    lock: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupChanges {
    #[schema(max_length = 191)]
    name: String,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
enum FormatWord {
    #[serde(rename = "zip")]
    Zip,
    #[serde(rename = "tar.gz")]
    TarGz,
    #[serde(rename = "tar.zst")]
    TarZst,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkFields {
    format: FormatWord,
}

/// An address that whoever holds it can download from, for a quarter of an hour.
#[derive(Serialize, ToSchema)]
struct Link {
    url: String,
    expires: String,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModeWord {
    Replace,
    Merge,
    Rebuild,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreFields {
    /// Nothing: all that the backup has.
    #[serde(default)]
    parts: Vec<String>,
    /// Paths of single files and folders.
    #[serde(default)]
    paths: Vec<String>,
    /// Name of another source; nothing: back in place.
    to: Option<String>,
    mode: Option<ModeWord>,
    /// Compare contents, too, and not only sizes and times.
    #[serde(default)]
    deep: bool,
    /// Leave alone what no safety backup can hold (the plan names it as `unsaved`) and restore the rest. Otherwise such a
    /// plan cannot be carried out.
    #[serde(default)]
    leave_unsaved: bool,
}

/// The backups that one may see, the newest first.
#[utoipa::path(get, path = "/api/backups", tag = "backups", params(Which),
    responses((status = 200, body = Page<BackupView>)))]
async fn list_backups(
    Who(service): Who,
    Queried(which): Queried<Which>,
) -> Result<Json<Page<BackupView>>, Wrong> {
    let filter = BackupFilter {
        source: which.source,
        reason: which.reason.map(|reason| reason.word().to_owned()),
        state: which.state,
    };
    let page = service
        .backups_page(&filter, which.cursor.as_deref(), pages::limit(which.limit)?)
        .await?;
    Ok(Json(page.into()))
}

fn ignored(patterns: Vec<String>) -> serde_json::Map<String, serde_json::Value> {
    let mut more = serde_json::Map::new();
    if !patterns.is_empty() {
        more.insert("ignore".to_owned(), patterns.into());
    }
    more
}

/// Asks for a backup.
#[utoipa::path(post, path = "/api/backups", tag = "backups", request_body = NewBackup,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses((status = 202, description = "It is a job.", body = Queued)))]
async fn make_backup(
    Who(service): Who,
    Fields(new): Fields<NewBackup>,
) -> Result<(StatusCode, Json<Queued>), Wrong> {
    let request = BackupRequest {
        name: new.name,
        parts: new.parts,
        more: ignored(new.ignore),
        lock: new.lock,
        ..BackupRequest::manual(new.source)
    };
    let asked = service.ask_backup(&request).await?;
    let queued = Queued {
        job: asked.job,
        backup: Some(asked.backup),
    };
    Ok((StatusCode::ACCEPTED, Json(queued)))
}

#[utoipa::path(get, path = "/api/backups/{backup}", tag = "backups", params(("backup" = String, Path)),
    responses((status = 200, body = BackupView)))]
async fn show_backup(Who(service): Who, At(backup): At<String>) -> Result<Json<BackupView>, Wrong> {
    Ok(Json(service.show_backup(&backup).await?))
}

/// Gives it another name.
#[utoipa::path(patch, path = "/api/backups/{backup}", tag = "backups", params(("backup" = String, Path)),
    request_body = BackupChanges, responses((status = 200, body = BackupView)))]
async fn change_backup(
    Who(service): Who,
    At(backup): At<String>,
    Fields(changes): Fields<BackupChanges>,
) -> Result<Json<BackupView>, Wrong> {
    Ok(Json(service.rename_backup(&backup, &changes.name).await?))
}

/// Deletes it, unless it is locked. What nobody else uses goes with the next prune.
#[utoipa::path(delete, path = "/api/backups/{backup}", tag = "backups", params(("backup" = String, Path)),
    responses((status = 204, description = "It is gone.")))]
async fn delete_backup(Who(service): Who, At(backup): At<String>) -> Result<StatusCode, Wrong> {
    service.delete_backups(&[backup]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// No retention deletes it, and nobody by mistake.
#[utoipa::path(put, path = "/api/backups/{backup}/lock", tag = "backups", params(("backup" = String, Path)),
    responses((status = 200, body = BackupView)))]
async fn lock_backup(Who(service): Who, At(backup): At<String>) -> Result<Json<BackupView>, Wrong> {
    Ok(Json(service.lock_backup(&backup, true).await?))
}

#[utoipa::path(delete, path = "/api/backups/{backup}/lock", tag = "backups", params(("backup" = String, Path)),
    responses((status = 200, body = BackupView)))]
async fn unlock_backup(Who(service): Who, At(backup): At<String>) -> Result<Json<BackupView>, Wrong> {
    Ok(Json(service.lock_backup(&backup, false).await?))
}

/// Says that it is as it should be, although it lacks something or is suspiciously small: from now on it counts like every other when older ones go.
#[utoipa::path(post, path = "/api/backups/{backup}/accept", tag = "backups", params(("backup" = String, Path)),
    responses((status = 200, body = BackupView)))]
async fn accept_backup(Who(service): Who, At(backup): At<String>) -> Result<Json<BackupView>, Wrong> {
    Ok(Json(service.accept_backup(&backup).await?))
}

/// Reads every byte of it back.
#[utoipa::path(post, path = "/api/backups/{backup}/verify", tag = "backups",
    params(("backup" = String, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses((status = 202, description = "It is a job.", body = Queued)))]
async fn verify_backup(
    Who(service): Who,
    At(backup): At<String>,
) -> Result<(StatusCode, Json<Queued>), Wrong> {
    Ok(Queued::job(service.ask_verify(Some(&backup)).await?))
}

/// Makes an address to download it from as an archive; it holds for a quarter of an hour.
#[utoipa::path(post, path = "/api/backups/{backup}/download", tag = "backups", params(("backup" = String, Path)),
    request_body = LinkFields, responses((status = 201, body = Link)))]
async fn make_link(
    State(door): State<Door>,
    Who(service): Who,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    At(backup): At<String>,
    Fields(fields): Fields<LinkFields>,
) -> Result<(StatusCode, Json<Link>), Wrong> {
    let format = match fields.format {
        FormatWord::Zip => Format::Zip,
        FormatWord::TarGz => Format::TarGz,
        FormatWord::TarZst => Format::TarZst,
    };
    let link = service.make_link(&backup, format).await?;
    let link = Link {
        url: format!("{}/download/{link}", door.url(&headers, from)),
        expires: model::moment_text(service.now_ms() + service::LINK_MS),
    };
    Ok((StatusCode::CREATED, Json(link)))
}

/// Plans a restore: what would be deleted, created, updated. Nothing is changed; `POST /api/plans/{plan}/run` carries it out.
#[utoipa::path(post, path = "/api/backups/{backup}/restore", tag = "restores",
    params(("backup" = String, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")), request_body = RestoreFields,
    responses((status = 201, description = "The plan.", body = PlanDocument)))]
async fn plan_restore(
    Who(service): Who,
    At(backup): At<String>,
    Fields(fields): Fields<RestoreFields>,
) -> Result<(StatusCode, Json<PlanDocument>), Wrong> {
    let request = RestoreRequest {
        backup,
        parts: fields.parts,
        paths: fields.paths.into_iter().map(PathBuf::from).collect(),
        to: fields.to,
        mode: fields.mode.map(|mode| match mode {
            ModeWord::Replace => Mode::Replace,
            ModeWord::Merge => Mode::Merge,
            ModeWord::Rebuild => Mode::Rebuild,
        }),
        deep: fields.deep,
        without_safety: None,
        leave_unsaved: fields.leave_unsaved,
        typed: None,
    };
    let cancel = Cancel::new();
    let gone = WhenGone(cancel.clone());
    let (plan, target) = service.plan_restore(&request, &Progress::new(), &cancel).await?;
    drop(gone);
    Ok((
        StatusCode::CREATED,
        Json(plan_document(&service, plan, &target).await?),
    ))
}
