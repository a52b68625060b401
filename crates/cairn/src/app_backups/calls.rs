//! The calls: parse, ask the service, answer in this API's shapes.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{Cancel, Mode, Progress};
use serde_json::Value;
use service::archive::Format;
use service::{AppJob, BackupView, RestoreRequest, UploadRequest};

use super::administrator::{Administrator, Named};
use super::errors::Refusal;
use super::fields::Fields;
use super::{download, object, settings as form};
use crate::http::{Door, upload};

type Answer = Result<Response, Refusal>;

/// How long an answer waits for a job that was told to stop.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

fn accepted(job: &AppJob) -> Response {
    (StatusCode::ACCEPTED, Json(object::job(job))).into_response()
}

pub(super) async fn settings(who: Administrator, named: Named) -> Answer {
    let settings = who.0.app_settings(named.or(None).as_deref()).await?;
    Ok(Json(form::shown(&settings)).into_response())
}

pub(super) async fn change_settings(who: Administrator, named: Named, fields: Fields) -> Answer {
    let source = named.or(fields.text("source")?);
    let before = who.0.app_settings(source.as_deref()).await?;
    let changes = form::changes(&fields, &before)?;
    let now = who.0.change_app_settings(source.as_deref(), &changes).await?;
    Ok(Json(form::shown(&now)).into_response())
}

pub(super) async fn list(who: Administrator, named: Named) -> Answer {
    let jobs = who.0.app_jobs(named.or(None).as_deref()).await?;
    let shown: Vec<Value> = jobs.iter().map(object::job).collect();
    Ok(Json(shown).into_response())
}

pub(super) async fn create(who: Administrator, named: Named, fields: Fields) -> Answer {
    let source = named.or(fields.text("source")?);
    let asked = who.0.ask_app_backup(source.as_deref()).await?;
    Ok(accepted(&who.0.app_job(&asked.job).await?))
}

pub(super) async fn show(who: Administrator, Path(job): Path<String>) -> Answer {
    Ok(Json(object::job(&who.0.app_job(&job).await?)).into_response())
}

pub(super) async fn delete(who: Administrator, Path(job): Path<String>) -> Answer {
    who.0.delete_app_job(&job).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The backup that a job has made.
fn made(job: AppJob, wish: &str) -> Result<BackupView, Refusal> {
    let missing = || Refusal::bad_request(format!("Only a backup that succeeded can be {wish}."));
    let succeeded = object::file_name(&job).is_some();
    job.backup.filter(|_| succeeded).ok_or_else(missing)
}

pub(super) async fn send(
    who: Administrator,
    State(door): State<Door>,
    method: Method,
    Path(job): Path<String>,
) -> Answer {
    let job = who.0.app_job(&job).await?;
    let name = object::file_name(&job).unwrap_or_default();
    let bytes = job.archive.as_ref().map(|archive| archive.bytes);
    let backup = made(job, "downloaded")?;
    if let Some(kept) = who.0.archive_file(&backup.id).await? {
        return Ok(download::kept(kept, &name, &method));
    }
    let link = who.0.make_link(&backup.id, Format::TarGz).await?;
    let linked = who.0.follow_link(&link).await?;
    Ok(download::packed(&door, linked, &method, &name, bytes))
}

pub(super) async fn restore(who: Administrator, Path(job): Path<String>) -> Answer {
    let backup = made(who.0.app_job(&job).await?, "restored")?;
    let request = RestoreRequest {
        backup: backup.id,
        parts: Vec::new(),
        paths: Vec::new(),
        to: None,
        mode: Some(Mode::Replace),
        deep: false,
        without_safety: None,
        leave_unsaved: false,
        typed: None,
    };
    let (plan, target) = who
        .0
        .plan_restore(&request, &Progress::new(), &Cancel::new())
        .await?;
    // Its page has asked already.
    let request = RestoreRequest {
        typed: who.0.word_to_type(&plan, &target).await?,
        ..request
    };
    let job = who.0.ask_restore(&request, &plan, &target).await?;
    Ok(accepted(&who.0.app_job(&job).await?))
}

pub(super) async fn restore_upload(who: Administrator, named: Named, request: Request) -> Answer {
    let service = &who.0;
    let incoming = upload::receive(request, |field, length| async move {
        let source = service.app_source(named.or(field).as_deref()).await?;
        service.begin_upload(&source.id, length).await
    })
    .await?;
    let Some(mut incoming) = incoming else {
        return Err(Refusal::bad_request("No archive uploaded."));
    };
    let wanted = UploadRequest {
        name: incoming.fields.remove("name"),
        file_name: incoming.file_name,
        passphrase: incoming.fields.remove("passphrase"),
    };
    let job = service.restore_upload(incoming.received, wanted).await?;
    Ok(accepted(&service.app_job(&job).await?))
}

pub(super) async fn cancel(who: Administrator, Path(job): Path<String>) -> Answer {
    let found = who.0.app_job(&job).await?;
    let is_over = || Refusal::bad_request("This job cannot be canceled.");
    if found.job.is_over() {
        return Err(is_over());
    }
    who.0.cancel_job(&found.job.id).await?;
    let stopped = async {
        loop {
            let now = who.0.app_job(&found.job.id).await?;
            if now.job.is_over() {
                return Ok::<_, Refusal>(now);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let now = match tokio::time::timeout(PATIENCE, stopped).await {
        Ok(stopped) => stopped?,
        Err(_) => who.0.app_job(&found.job.id).await?,
    };
    // It may have been quicker than the wish.
    if now.job.is_over() && now.job.state != "cancelled" {
        return Err(is_over());
    }
    Ok(Json(object::job(&now)).into_response())
}
