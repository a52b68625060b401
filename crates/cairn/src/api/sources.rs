//! `/api/sources`: the things that are protected.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{GrantView, SourceView};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{At, Door, Fields, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_sources, add_source))
        .routes(routes!(list_kinds))
        .routes(routes!(show_source, edit_source, remove_source))
        .routes(routes!(check_source))
        .routes(routes!(list_grants))
        .routes(routes!(grant, revoke_grant))
}

/// Something that is protected.
#[derive(Serialize, ToSchema)]
struct Source {
    id: String,
    name: String,
    /// `folder`, …
    kind: String,
    /// As the kind describes them.
    #[schema(value_type = Object)]
    settings: Value,
    created: String,
}

impl From<SourceView> for Source {
    fn from(view: SourceView) -> Self {
        Source {
            id: view.id,
            name: view.name,
            kind: view.kind,
            settings: view.settings,
            created: model::moment_text(view.created),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSource {
    /// 1 to 100 characters, no slash.
    name: String,
    kind: String,
    /// `{"paths": ["/srv/world"]}` for a folder.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SourceChanges {
    name: Option<String>,
    /// What is not named stays.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// What a source consists of, and what is in the way of backing it up.
#[derive(Serialize, ToSchema)]
struct Checked {
    #[schema(value_type = Vec<Object>)]
    parts: Value,
    #[schema(value_type = Vec<Object>)]
    obstacles: Value,
}

/// A kind of source, and what is set of it: what a form needs.
#[derive(Serialize, ToSchema)]
struct KindOfSource {
    kind: &'static str,
    about: &'static str,
    /// Each with `name`, `about`, `takes`, `required`, `default`, `secret`, `repeated`.
    #[schema(value_type = Vec<Object>)]
    fields: Value,
}

/// The kinds of sources that there are.
#[utoipa::path(get, path = "/api/kinds", tag = "sources", responses((status = 200, body = Vec<KindOfSource>)))]
async fn list_kinds(Who(service): Who) -> Json<Vec<KindOfSource>> {
    let kinds = service.kinds().descriptions().map(|described| KindOfSource {
        kind: described.kind,
        about: described.about,
        fields: serde_json::to_value(described.fields).unwrap_or_default(),
    });
    Json(kinds.collect())
}

/// The sources that one may see.
#[utoipa::path(get, path = "/api/sources", tag = "sources", responses((status = 200, body = Vec<Source>)))]
async fn list_sources(Who(service): Who) -> Result<Json<Vec<Source>>, Wrong> {
    let views = service.list_sources().await?;
    Ok(Json(views.into_iter().map(Source::from).collect()))
}

/// Begins to protect something.
#[utoipa::path(post, path = "/api/sources", tag = "sources", request_body = NewSource,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")), responses((status = 201, body = Source)))]
async fn add_source(
    Who(service): Who,
    Fields(new): Fields<NewSource>,
) -> Result<(StatusCode, Json<Source>), Wrong> {
    let settings = Value::Object(new.settings);
    let view = service.add_source(&new.name, &new.kind, &settings).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}

#[utoipa::path(get, path = "/api/sources/{source}", tag = "sources", params(("source" = String, Path)),
    responses((status = 200, body = Source)))]
async fn show_source(Who(service): Who, At(source): At<String>) -> Result<Json<Source>, Wrong> {
    Ok(Json(service.source(&source).await?.into()))
}

/// Changes name and settings.
#[utoipa::path(patch, path = "/api/sources/{source}", tag = "sources", params(("source" = String, Path)),
    request_body = SourceChanges, responses((status = 200, body = Source)))]
async fn edit_source(
    Who(service): Who,
    At(source): At<String>,
    Fields(changes): Fields<SourceChanges>,
) -> Result<Json<Source>, Wrong> {
    let settings = Value::Object(changes.settings);
    let view = service
        .edit_source(&source, changes.name.as_deref(), &settings)
        .await?;
    Ok(Json(view.into()))
}

/// Protects it no more. Its backups stay.
#[utoipa::path(delete, path = "/api/sources/{source}", tag = "sources", params(("source" = String, Path)),
    responses((status = 204, description = "It is removed; its backups stay.")))]
async fn remove_source(Who(service): Who, At(source): At<String>) -> Result<StatusCode, Wrong> {
    service.remove_source(&source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks at the living thing: its parts, and what is in the way.
#[utoipa::path(post, path = "/api/sources/{source}/check", tag = "sources", params(("source" = String, Path)),
    responses((status = 200, body = Checked)))]
async fn check_source(Who(service): Who, At(source): At<String>) -> Result<Json<Checked>, Wrong> {
    let seen = service.check_source(&source).await?;
    let value = serde_json::to_value(&seen).unwrap_or_default();
    Ok(Json(Checked {
        parts: value["parts"].clone(),
        obstacles: value["obstacles"].clone(),
    }))
}

/// Who works with a source, and who owns it.
#[utoipa::path(get, path = "/api/sources/{source}/grants", tag = "people", params(("source" = String, Path)),
    responses((status = 200, body = Vec<GrantView>)))]
async fn list_grants(Who(service): Who, At(source): At<String>) -> Result<Json<Vec<GrantView>>, Wrong> {
    Ok(Json(service.list_grants(&source).await?))
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RelationWord {
    Granted,
    Owner,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GrantFields {
    relation: RelationWord,
}

/// Gives a person a source to work with, or to own.
#[utoipa::path(put, path = "/api/sources/{source}/grants/{person}", tag = "people",
    params(("source" = String, Path), ("person" = String, Path)), request_body = GrantFields,
    responses((status = 200, body = GrantView)))]
async fn grant(
    Who(service): Who,
    At((source, person)): At<(String, String)>,
    Fields(fields): Fields<GrantFields>,
) -> Result<Json<GrantView>, Wrong> {
    let relation = match fields.relation {
        RelationWord::Granted => model::Relation::Granted,
        RelationWord::Owner => model::Relation::Owner,
    };
    Ok(Json(service.grant(&person, &source, relation).await?))
}

/// Takes a grant back.
#[utoipa::path(delete, path = "/api/sources/{source}/grants/{person}", tag = "people",
    params(("source" = String, Path), ("person" = String, Path)),
    responses((status = 204, description = "It is taken back.")))]
async fn revoke_grant(
    Who(service): Who,
    At((source, person)): At<(String, String)>,
) -> Result<StatusCode, Wrong> {
    service.revoke_grant(&person, &source).await?;
    Ok(StatusCode::NO_CONTENT)
}
