//! Archives that come in and become backups.

use axum::Json;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use model::Problem;
use serde::Deserialize;
use service::UploadRequest;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::work::Queued;
use crate::http::{At, Door, Queried, Who, Wrong, upload};

pub(super) fn streams() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(import_archive))
        .layer(DefaultBodyLimit::disable())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// The name that the backup will have.
    name: Option<String>,
}

/// An archive, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read piece by piece")]
struct ArchiveForm {
    /// Before the file: of a zip that is sealed.
    passphrase: Option<String>,
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Takes an archive in (zip, tar.gz, tar.zst) as a backup of this source: as the field `file` of a form, or the bytes alone. It is streamed to
/// the disk, checked as a whole, and then imported by a job.
#[utoipa::path(post, path = "/api/sources/{source}/import", tag = "backups", params(("source" = String, Path), Named),
    request_body(content((Vec<u8> = "application/octet-stream"), (ArchiveForm = "multipart/form-data"))),
    responses((status = 202, description = "It is a job.", body = Queued)))]
async fn import_archive(
    Who(service): Who,
    At(source): At<String>,
    Queried(named): Queried<Named>,
    request: Request,
) -> Result<(StatusCode, Json<Queued>), Wrong> {
    let (asked, source) = (&service, &source);
    let incoming = upload::receive(request, |_, length| async move {
        asked.begin_upload(source, length).await
    })
    .await?;
    let Some(mut incoming) = incoming else {
        return Err(Problem::invalid("no archive was sent")
            .hint("send it as the field `file` of a form, or as the body")
            .into());
    };
    let wanted = UploadRequest {
        name: named.name.or_else(|| incoming.fields.remove("name")),
        file_name: incoming.file_name,
        passphrase: incoming.fields.remove("passphrase"),
    };
    Ok(Queued::job(
        service.import_upload(incoming.received, wanted).await?,
    ))
}
