//! Problems as answers: `application/problem+json` with kind and hint.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Kind, Problem};
use serde_json::json;

/// The status of a kind.
pub(crate) fn status(kind: Kind) -> StatusCode {
    StatusCode::from_u16(kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn problem_json(problem: &Problem) -> Response {
    problem_with(status(problem.kind()), problem)
}

/// Where HTTP has a finer word than the kind.
pub(crate) fn problem_with(status: StatusCode, problem: &Problem) -> Response {
    if status.is_server_error() {
        tracing::error!("{problem}");
    }
    let body = json!({
        "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(),
        "kind": problem.kind().word(), "detail": problem.message(), "hint": problem.hint_text(),
    });
    let mut answer = (status, Json(body)).into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

pub(super) async fn no_such_method() -> Response {
    let problem = Problem::invalid("this path knows other methods only").hint("the header Allow names them");
    problem_with(StatusCode::METHOD_NOT_ALLOWED, &problem)
}

pub(super) async fn no_such_path() -> Response {
    problem_json(&Problem::not_found("there is nothing at this path"))
}
