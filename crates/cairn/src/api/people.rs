//! `/api/people`: who may come in.

use axum::Json;
use axum::http::StatusCode;
use model::{Entitlement, Role};
use serde::{Deserialize, Serialize};
use service::{NewPerson, PersonChanges, PersonView, SessionView};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{At, Door, Fields, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(list_people, add_person))
        .routes(routes!(show_person, edit_person, remove_person))
        .routes(routes!(set_password))
        .routes(routes!(reset_totp))
        .routes(routes!(list_persons_sessions, end_persons_sessions))
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RoleWord {
    Administrator,
    Operator,
    Viewer,
    Owner,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Administrator => Role::Administrator,
            RoleWord::Operator => Role::Operator,
            RoleWord::Viewer => Role::Viewer,
            RoleWord::Owner => Role::Owner,
        }
    }
}

/// What an account's plan includes; what is not named is not bounded.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanFields {
    sources: Option<u32>,
    /// Per source.
    backups: Option<u32>,
    retention_days: Option<u32>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    restores: bool,
}

fn yes() -> bool {
    true
}

impl From<PlanFields> for Entitlement {
    fn from(fields: PlanFields) -> Self {
        Entitlement {
            sources: fields.sources,
            backups: fields.backups,
            retention_days: fields.retention_days,
            restores: fields.restores,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPersonFields {
    name: String,
    role: RoleWord,
    /// Without one he comes in by tokens only.
    password: Option<String>,
    email: Option<String>,
    plan: Option<PlanFields>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonFields {
    name: Option<String>,
    role: Option<RoleWord>,
    email: Option<String>,
    disabled: Option<bool>,
    plan: Option<PlanFields>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetPassword {
    #[schema(min_length = 8)]
    password: String,
}

#[utoipa::path(get, path = "/api/people", tag = "people", responses((status = 200, body = Vec<PersonView>)))]
async fn list_people(Who(service): Who) -> Result<Json<Vec<PersonView>>, Wrong> {
    Ok(Json(service.list_people().await?))
}

#[utoipa::path(post, path = "/api/people", tag = "people", request_body = NewPersonFields,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")), responses((status = 201, body = PersonView)))]
async fn add_person(
    Who(service): Who,
    Fields(fields): Fields<NewPersonFields>,
) -> Result<(StatusCode, Json<PersonView>), Wrong> {
    let new = NewPerson {
        name: fields.name,
        role: fields.role.into(),
        password: fields.password,
        email: fields.email,
        plan: fields.plan.map(Entitlement::from).unwrap_or_default(),
    };
    Ok((StatusCode::CREATED, Json(service.add_person(&new).await?)))
}

/// Somebody, or oneself.
#[utoipa::path(get, path = "/api/people/{person}", tag = "people", params(("person" = String, Path)),
    responses((status = 200, body = PersonView)))]
async fn show_person(Who(service): Who, At(person): At<String>) -> Result<Json<PersonView>, Wrong> {
    Ok(Json(service.person(&person).await?))
}

/// Changes what is named.
#[utoipa::path(patch, path = "/api/people/{person}", tag = "people", params(("person" = String, Path)),
    request_body = PersonFields, responses((status = 200, body = PersonView)))]
async fn edit_person(
    Who(service): Who,
    At(person): At<String>,
    Fields(fields): Fields<PersonFields>,
) -> Result<Json<PersonView>, Wrong> {
    let changes = PersonChanges {
        name: fields.name,
        role: fields.role.map(Role::from),
        email: fields.email,
        disabled: fields.disabled,
        plan: fields.plan.map(Entitlement::from),
    };
    Ok(Json(service.edit_person(&person, &changes).await?))
}

#[utoipa::path(delete, path = "/api/people/{person}", tag = "people", params(("person" = String, Path)),
    responses((status = 204, description = "He is removed, with his tokens and sessions.")))]
async fn remove_person(Who(service): Who, At(person): At<String>) -> Result<StatusCode, Wrong> {
    service.remove_person(&person).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets somebody's password; all his sessions end.
#[utoipa::path(put, path = "/api/people/{person}/password", tag = "people", params(("person" = String, Path)),
    request_body = SetPassword, responses((status = 204, description = "It is set.")))]
async fn set_password(
    Who(service): Who,
    At(person): At<String>,
    Fields(fields): Fields<SetPassword>,
) -> Result<StatusCode, Wrong> {
    service.set_password(&person, &fields.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes somebody's authenticator away: he has lost it.
#[utoipa::path(delete, path = "/api/people/{person}/totp", tag = "people", params(("person" = String, Path)),
    responses((status = 204, description = "No code is asked for.")))]
async fn reset_totp(Who(service): Who, At(person): At<String>) -> Result<StatusCode, Wrong> {
    service.reset_totp(&person).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(get, path = "/api/people/{person}/sessions", tag = "people", params(("person" = String, Path)),
    responses((status = 200, body = Vec<SessionView>)))]
async fn list_persons_sessions(
    Who(service): Who,
    At(person): At<String>,
) -> Result<Json<Vec<SessionView>>, Wrong> {
    Ok(Json(service.list_sessions(&person).await?))
}

/// Signs somebody out everywhere.
#[utoipa::path(delete, path = "/api/people/{person}/sessions", tag = "people", params(("person" = String, Path)),
    responses((status = 204, description = "He is signed out.")))]
async fn end_persons_sessions(Who(service): Who, At(person): At<String>) -> Result<StatusCode, Wrong> {
    service.end_sessions(&person, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
