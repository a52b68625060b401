//! The description of the API, and the page that shows it.
//!
//! Most of it is made from the code that answers. [`rules`] hold for all of it; [`doors`] adds the calls that speak in the shapes of others.

mod doors;
mod rules;
mod words;

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, SecurityRequirement,
};
use utoipa_swagger_ui::Config;

use crate::http::Door;

/// What every problem looks like (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
    #[schema(rename = "type")]
    r#type: String,
    title: Option<String>,
    status: u16,
    /// What programs branch on: `not-found`, `refused`, `conflict`, `drifted`, …
    kind: String,
    /// What happened, for a person.
    detail: String,
    /// What to do about it.
    hint: Option<String>,
}

pub(super) fn beginning() -> OpenApi {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token: `cairn token create`, or POST /api/tokens."))
        .build();
    let cookie = ApiKeyValue::with_description(
        "cairn",
        "The cookie of a session; over HTTPS it is called `__Host-cairn`.",
    );
    let (name, schema) = (
        <ProblemDocument as ToSchema>::name(),
        <ProblemDocument as utoipa::PartialSchema>::schema(),
    );
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(token))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .schema(name, schema)
        .build();
    let info = InfoBuilder::new()
        .title("Cairn")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Backs up and restores what communities run. Long work is a job: the answer is 202 with its id. Lists are cut into pages: \
             send `next` as `cursor`. What makes something may bear an `Idempotency-Key`. Sources, backups and people are named by id or \
             by name, backups by the beginning of their id, too.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([
            SecurityRequirement::new("token", Vec::<String>::new()),
            SecurityRequirement::new("session", Vec::<String>::new()),
        ]))
        .build()
}

/// The whole description: what the code says, the rules for all of it, and the doors in other shapes.
pub(super) fn finished(api: OpenApi) -> Value {
    let mut api = serde_json::to_value(api).unwrap_or_default();
    rules::may_fail(&mut api, "application/problem+json", "Problem");
    doors::add(&mut api);
    rules::apply(&mut api);
    api
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(super::description);

pub(super) async fn document(State(door): State<Door>) -> Response {
    let mut api = DESCRIPTION.clone();
    let base = if door.base().is_empty() { "/" } else { door.base() };
    api["servers"] = json!([{ "url": base }]);
    Json(api).into_response()
}

pub(super) async fn to_page(State(door): State<Door>) -> Redirect {
    Redirect::to(&format!("{}/api/docs/index.html", door.base()))
}

pub(super) async fn page(State(door): State<Door>, Path(file): Path<String>) -> Response {
    let config = Config::new([format!("{}/api/openapi.json", door.base())]).try_it_out_enabled(true);
    match utoipa_swagger_ui::serve(&file, Arc::new(config)) {
        Ok(Some(file)) => (
            [
                (header::CONTENT_TYPE, file.content_type),
                // It is a part of the program, and holds nothing of anybody's.
                (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
            ],
            file.bytes.into_owned(),
        )
            .into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!("the page of the API: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
