//! What went wrong, in the panel's words: `{"errors":[{"code","status","detail"}]}`, the status as text.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Kind, Problem};
use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// For validation: the field and the rule.
    field: Option<(&'static str, &'static str)>,
    retry_after: Option<i64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Refusal {
            status,
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    pub(super) fn no_such_server() -> Self {
        Refusal::not_found("The requested resource does not exist on this server.")
    }

    pub(super) fn no_such_backup() -> Self {
        Refusal::not_found("The requested resource could not be found on the server.")
    }

    fn not_found(detail: &str) -> Self {
        Refusal::new(StatusCode::NOT_FOUND, "NotFoundHttpException", detail)
    }

    pub(super) fn too_many_backups(most: u32) -> Self {
        let detail =
            format!("Cannot create a new backup, this server has reached its limit of {most} backups.");
        Refusal::new(StatusCode::BAD_REQUEST, "TooManyBackupsException", detail)
    }

    pub(super) fn too_often(most: usize, seconds: i64, retry_after: i64) -> Self {
        let detail = format!("Only {most} backups may be generated within a {seconds} second span of time.");
        Refusal {
            retry_after: Some(retry_after),
            ..Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsHttpException",
                detail,
            )
        }
    }

    pub(super) fn locked() -> Self {
        let detail = "Cannot delete a backup that is marked as locked.";
        Refusal::new(StatusCode::BAD_REQUEST, "BackupLockedException", detail)
    }

    pub(super) fn not_restorable() -> Self {
        let detail = "This backup cannot be restored at this time: not completed or failed.";
        Refusal::new(StatusCode::BAD_REQUEST, "BadRequestHttpException", detail)
    }

    pub(super) fn restoring() -> Self {
        let detail = "This server is currently restoring from a backup, please try again later.";
        Refusal::new(StatusCode::CONFLICT, "ServerStateConflictException", detail)
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "BadRequestHttpException", detail)
    }

    pub(super) fn wrong_field(field: &'static str, rule: &'static str, detail: impl Into<String>) -> Self {
        Refusal {
            field: Some((field, rule)),
            ..Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "ValidationException", detail)
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let hint = problem
            .hint_text()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        let detail = format!("{}{hint}", problem.message());
        match problem.kind() {
            Kind::Unauthenticated => Refusal::new(
                StatusCode::UNAUTHORIZED,
                "AuthenticationException",
                "Unauthenticated.",
            ),
            Kind::Refused => Refusal::new(
                StatusCode::FORBIDDEN,
                "AuthorizationException",
                "This action is unauthorized.",
            ),
            Kind::NotFound => Refusal::no_such_backup(),
            Kind::Conflict | Kind::Locked | Kind::Drifted => {
                Refusal::new(StatusCode::CONFLICT, "ServerStateConflictException", detail)
            }
            Kind::Invalid => Refusal::bad_request(detail),
            kind => {
                tracing::error!("{problem}");
                let status = StatusCode::from_u16(kind.http_status());
                Refusal::new(
                    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                    "HttpException",
                    detail,
                )
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error: Value = json!({
            "code": self.code, "status": self.status.as_u16().to_string(), "detail": self.detail,
        });
        if let Some((field, rule)) = self.field {
            error["meta"] = json!({"source_field": field, "rule": rule});
        }
        let mut answer = (self.status, Json(json!({ "errors": [error] }))).into_response();
        if let Some(seconds) = self.retry_after {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}
