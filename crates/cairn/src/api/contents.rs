//! What is in a backup: list, find, compare, and single files.

use std::path::PathBuf;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::Cancel;
use serde::Deserialize;
use service::{Difference, FoundFile, Listed};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::plans::WhenGone;
use crate::http::{At, Door, Queried, Who, Wrong, stream};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_files))
        .routes(routes!(compare))
        .routes(routes!(find_files))
}

pub(super) fn streams() -> OpenApiRouter<Door> {
    OpenApiRouter::new().routes(routes!(read_file))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Place {
    /// Inside the backup: `world/region`; nothing: the top.
    #[serde(default)]
    path: String,
    /// All that is below.
    #[serde(default)]
    recursive: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct File {
    /// Inside the backup: `world/level.dat`.
    path: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Sought {
    /// A piece of the path, whatever its case.
    text: String,
    source: Option<String>,
}

/// Files and folders at a place in a backup.
#[utoipa::path(get, path = "/api/backups/{backup}/files", tag = "contents", params(("backup" = String, Path), Place),
    responses((status = 200, body = Vec<Listed>)))]
async fn list_files(
    Who(service): Who,
    At(backup): At<String>,
    Queried(place): Queried<Place>,
) -> Result<Json<Vec<Listed>>, Wrong> {
    Ok(Json(
        service.ls(&backup, place.path.as_ref(), place.recursive).await?,
    ))
}

/// What changed from a backup to another one, or to the living thing (`live`).
#[utoipa::path(get, path = "/api/backups/{backup}/diff/{other}", tag = "contents",
    params(("backup" = String, Path), ("other" = String, Path)), responses((status = 200, body = Vec<Difference>)))]
async fn compare(
    Who(service): Who,
    At((backup, other)): At<(String, String)>,
) -> Result<Json<Vec<Difference>>, Wrong> {
    let cancel = Cancel::new();
    let gone = WhenGone(cancel.clone());
    let found = service.diff(&backup, &other, &cancel).await?;
    drop(gone);
    Ok(Json(found))
}

/// Files by a piece of their path, in all backups that one may see.
#[utoipa::path(get, path = "/api/files", tag = "contents", params(Sought), responses((status = 200, body = Vec<FoundFile>)))]
async fn find_files(
    Who(service): Who,
    Queried(sought): Queried<Sought>,
) -> Result<Json<Vec<FoundFile>>, Wrong> {
    let cancel = Cancel::new();
    let gone = WhenGone(cancel.clone());
    let found = service
        .find(&sought.text, sought.source.as_deref(), &cancel)
        .await?;
    drop(gone);
    Ok(Json(found))
}

/// The bytes of one file.
#[utoipa::path(get, path = "/api/backups/{backup}/file", tag = "contents", params(("backup" = String, Path), File),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
async fn read_file(
    State(_): State<Door>,
    Who(service): Who,
    At(backup): At<String>,
    Queried(File { path }): Queried<File>,
) -> Result<Response, Wrong> {
    let path = PathBuf::from(path);
    // What is wrong is said before the first byte.
    let size = service.file_size(&backup, &path).await?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let body: Body = stream(move |out| async move { service.cat(&backup, &path, out).await.map(|_| ()) });
    let mut answer = body.into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Some(disposition) = crate::http::attachment(&name) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(answer)
}
