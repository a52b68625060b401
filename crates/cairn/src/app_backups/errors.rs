//! What went wrong, as this API says it: `{"detail": "…"}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Kind, Problem};
use serde_json::json;

use crate::http::status;

#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    detail: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Refusal {
            status,
            detail: detail.into(),
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What is wrong with a field.
    pub(super) fn field(name: &str, why: impl std::fmt::Display) -> Self {
        Refusal::bad_request(format!("{name}: {why}"))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let hint = problem.hint_text().map(|hint| format!(" ({hint})"));
        let detail = format!("{}{}", problem.message(), hint.unwrap_or_default());
        let status = match problem.kind() {
            // This API has one word for what the state of things does not allow.
            Kind::Conflict => StatusCode::BAD_REQUEST,
            kind => status(kind),
        };
        if status.is_server_error() {
            tracing::error!("{problem}");
        }
        Refusal { status, detail }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(json!({ "detail": self.detail }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}
