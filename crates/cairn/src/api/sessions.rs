//! Coming in and going out: set-up, log-in, sessions, the authenticator.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Kind, Problem};
use serde::{Deserialize, Serialize};
use service::{Credentials, LogIn, NewSession, SessionView};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{At, Door, Fields, Visitor, Who, Wrong, cookie};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(set_up))
        .routes(routes!(log_in, show_me, log_out))
        .routes(routes!(list_sessions, end_other_sessions))
        .routes(routes!(end_session))
        .routes(routes!(begin_totp, confirm_totp, drop_totp))
        .routes(routes!(change_password))
}

/// Who is here.
#[derive(Serialize, ToSchema)]
struct Me {
    /// `null` for who has no account.
    id: Option<String>,
    name: String,
    /// What he may do here, at most.
    scopes: Vec<String>,
    /// The session by which he is here, if by one.
    session: Option<String>,
}

/// A session that was begun; its secret is in the cookie.
#[derive(Serialize, ToSchema)]
struct Begun {
    session: String,
    name: String,
    expires: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogInFields {
    #[schema(max_length = 200)]
    name: String,
    #[schema(max_length = 1000)]
    password: String,
    /// Of the authenticator, when one is wanted.
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUpFields {
    /// What the server printed when it was first started.
    token: String,
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordFields {
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeFields {
    code: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPasswordFields {
    old: String,
    new: String,
}

/// What the authenticator has to know.
#[derive(Serialize, ToSchema)]
struct Totp {
    /// To be typed.
    secret: String,
    /// To be shown as a picture.
    url: String,
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
struct Ended {
    ended: u64,
}

fn begun(session: &NewSession, visitor: &Visitor, status: StatusCode) -> Response {
    let left = session.expires_ms.saturating_sub(visitor.service.now_ms()) / 1000;
    let body = Begun {
        session: session.id.clone(),
        name: session.caller.name().to_owned(),
        expires: model::moment_text(session.expires_ms),
    };
    let mut answer = (status, Json(body)).into_response();
    if let Some(cookie) = cookie(Some((&session.secret, left)), visitor.is_secure) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// Makes the first administrator.
#[utoipa::path(post, path = "/api/set-up", tag = "people", security(()), request_body = SetUpFields,
    responses((status = 201, description = "He is there, and signed in.", body = Begun)))]
async fn set_up(visitor: Visitor, Fields(fields): Fields<SetUpFields>) -> Result<Response, Wrong> {
    let session = visitor
        .service
        .set_up(&fields.token, &fields.name, &fields.password, &visitor.agent)
        .await?;
    Ok(begun(&session, &visitor, StatusCode::CREATED))
}

/// Signs in: begins a session.
#[utoipa::path(post, path = "/api/session", tag = "people", security(()), request_body = LogInFields,
    responses((status = 200, description = "Signed in.", body = Begun)))]
async fn log_in(visitor: Visitor, Fields(fields): Fields<LogInFields>) -> Result<Response, Wrong> {
    let typed = Credentials {
        name: fields.name,
        password: fields.password,
        code: fields.code,
    };
    match visitor.service.log_in(&typed, &visitor.agent).await? {
        LogIn::Done(session) => Ok(begun(&session, &visitor, StatusCode::OK)),
        LogIn::CodeWanted => Err(Problem::new(
            Kind::Unauthenticated,
            "a code of the authenticator is wanted, too",
        )
        .hint("send the same with the field `code`")
        .into()),
    }
}

/// Says who asks.
#[utoipa::path(get, path = "/api/session", tag = "people", responses((status = 200, body = Me)))]
async fn show_me(Who(service): Who) -> Json<Me> {
    let caller = service.caller();
    Json(Me {
        id: caller.person_id().map(|id| id.to_string()),
        name: caller.name().to_owned(),
        scopes: caller.scopes().iter().map(ToString::to_string).collect(),
        session: caller.session().map(str::to_owned),
    })
}

/// Signs out: ends the session that asks.
#[utoipa::path(delete, path = "/api/session", tag = "people", responses((status = 204, description = "Signed out.")))]
async fn log_out(Who(service): Who, visitor: Visitor) -> Result<Response, Wrong> {
    service.log_out().await?;
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie(None, visitor.is_secure) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// The id of who asks; who has no account has no sessions either.
fn own(service: &service::Service) -> Result<String, Wrong> {
    let id = service.caller().person_id().map(|id| id.to_string());
    id.ok_or_else(|| Problem::not_found("who asks has no account").into())
}

/// One's own sessions.
#[utoipa::path(get, path = "/api/sessions", tag = "people", responses((status = 200, body = Vec<SessionView>)))]
async fn list_sessions(Who(service): Who) -> Result<Json<Vec<SessionView>>, Wrong> {
    let own = own(&service)?;
    Ok(Json(service.list_sessions(&own).await?))
}

/// Ends all of one's own sessions but the one that asks.
#[utoipa::path(delete, path = "/api/sessions", tag = "people", responses((status = 200, body = Ended)))]
async fn end_other_sessions(Who(service): Who) -> Result<Json<Ended>, Wrong> {
    let own = own(&service)?;
    let ended = service.end_sessions(&own, None).await?;
    Ok(Json(Ended { ended }))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/sessions/{session}", tag = "people", params(("session" = String, Path)),
    responses((status = 204, description = "It is over.")))]
async fn end_session(Who(service): Who, At(session): At<String>) -> Result<StatusCode, Wrong> {
    let own = own(&service)?;
    service.end_sessions(&own, Some(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins to set an authenticator up; a code of it confirms.
#[utoipa::path(post, path = "/api/totp", tag = "people", request_body = PasswordFields, responses((status = 200, body = Totp)))]
async fn begin_totp(Who(service): Who, Fields(fields): Fields<PasswordFields>) -> Result<Json<Totp>, Wrong> {
    let totp = service.begin_totp(&fields.password).await?;
    Ok(Json(Totp {
        secret: totp.secret,
        url: totp.url,
    }))
}

/// Confirms the authenticator: from now on a code is asked for.
#[utoipa::path(put, path = "/api/totp", tag = "people", request_body = CodeFields,
    responses((status = 204, description = "Codes are asked for.")))]
async fn confirm_totp(Who(service): Who, Fields(fields): Fields<CodeFields>) -> Result<StatusCode, Wrong> {
    service.confirm_totp(&fields.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the authenticator away.
#[utoipa::path(delete, path = "/api/totp", tag = "people", request_body = PasswordFields,
    responses((status = 204, description = "No code is asked for.")))]
async fn drop_totp(Who(service): Who, Fields(fields): Fields<PasswordFields>) -> Result<StatusCode, Wrong> {
    service.drop_totp(&fields.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes one's own password; all other sessions end.
#[utoipa::path(put, path = "/api/password", tag = "people", request_body = NewPasswordFields,
    responses((status = 204, description = "It is changed.")))]
async fn change_password(
    Who(service): Who,
    Fields(fields): Fields<NewPasswordFields>,
) -> Result<StatusCode, Wrong> {
    service.change_password(&fields.old, &fields.new).await?;
    Ok(StatusCode::NO_CONTENT)
}
