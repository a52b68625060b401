//! What is in a backup: list, find, compare, and single files.

use std::path::PathBuf;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Cancel, Problem};
use serde::Deserialize;
use service::{Difference, FoundFile, Listed};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::work::WhenGone;
use crate::http::ranges::{self, Part};
use crate::http::{At, Door, Queried, Who, Wrong, attachment, problem_with, stream};

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
    let cancel = Cancel::new();
    let gone = WhenGone(cancel.clone());
    let found = service
        .ls(&backup, place.path.as_ref(), place.recursive, &cancel)
        .await?;
    drop(gone);
    Ok(Json(found))
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

/// The bytes of one file, or a part of them.
#[utoipa::path(get, path = "/api/backups/{backup}/file", tag = "contents",
    params(("backup" = String, Path), File, ("Range" = Option<String>, Header)),
    responses(
        (status = 200, description = "All of it.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that was asked for.", content_type = "application/octet-stream", body = Vec<u8>),
    ))]
async fn read_file(
    Who(service): Who,
    At(backup): At<String>,
    Queried(File { path }): Queried<File>,
    method: Method,
    asked: HeaderMap,
) -> Result<Response, Wrong> {
    let path = PathBuf::from(path);
    // What is wrong is said before the first byte.
    let size = service.file_size(&backup, &path).await?;
    let part = ranges::asked(&asked, size);
    let (status, begin, length) = match part {
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Bytes(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Part::Nowhere => {
            let problem =
                Problem::invalid(format!("the file has {size} bytes, and nothing of it lies there"));
            let mut answer = problem_with(StatusCode::RANGE_NOT_SATISFIABLE, &problem);
            let range = HeaderValue::from_str(&format!("bytes */{size}"));
            answer
                .headers_mut()
                .extend(range.map(|range| (header::CONTENT_RANGE, range)));
            return Ok(answer);
        }
    };
    let mut headers = HeaderMap::new();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.extend(attachment(&name).map(|name| (header::CONTENT_DISPOSITION, name)));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = HeaderValue::from_str(&format!("bytes {begin}-{}/{size}", begin + length - 1));
        headers.extend(range.map(|range| (header::CONTENT_RANGE, range)));
    }
    if method == Method::HEAD {
        return Ok((status, headers).into_response());
    }
    let body = stream(move |out| async move {
        service
            .cat_part(&backup, &path, begin, length, out)
            .await
            .map(|_| ())
    });
    Ok((status, headers, body).into_response())
}
