//! `/api/tokens`: what programs come in with.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use service::{NewToken, TokenMade, TokenView};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{At, Door, Fields, Queried, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTokenFields {
    /// Nothing: one's own.
    person: Option<String>,
    /// What it is for.
    #[serde(default)]
    name: String,
    /// `restore`, `restore@world`; nothing: everything the person may.
    #[serde(default)]
    scopes: Vec<String>,
    /// `30d`; nothing: never.
    expires: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Nothing: one's own; who has no account sees everybody's.
    person: Option<String>,
}

#[utoipa::path(get, path = "/api/tokens", tag = "people", params(Whose), responses((status = 200, body = Vec<TokenView>)))]
async fn list_tokens(
    Who(service): Who,
    Queried(whose): Queried<Whose>,
) -> Result<Json<Vec<TokenView>>, Wrong> {
    let own = service.caller().person_id().map(|id| id.to_string());
    let tokens = service.list_tokens(whose.person.or(own).as_deref()).await?;
    Ok(Json(tokens))
}

/// Makes a token. It is shown this once.
#[utoipa::path(post, path = "/api/tokens", tag = "people", request_body = NewTokenFields,
    responses((status = 201, body = TokenMade)))]
async fn create_token(
    Who(service): Who,
    Fields(fields): Fields<NewTokenFields>,
) -> Result<(StatusCode, Json<TokenMade>), Wrong> {
    let new = NewToken {
        person: fields.person,
        name: fields.name,
        scopes: fields.scopes,
        expires: fields.expires.map(|text| text.parse()).transpose()?,
    };
    Ok((StatusCode::CREATED, Json(service.create_token(&new).await?)))
}

/// It opens nothing any more.
#[utoipa::path(delete, path = "/api/tokens/{token}", tag = "people", params(("token" = String, Path)),
    responses((status = 204, description = "It is revoked.")))]
async fn revoke_token(Who(service): Who, At(token): At<String>) -> Result<StatusCode, Wrong> {
    service.revoke_token(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}
