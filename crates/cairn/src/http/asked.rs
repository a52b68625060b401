//! What a request of the JSON API brings: fields of a body, of a query, of a path; what is wrong with them is said with its place.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Kind, Problem};
use serde::de::DeserializeOwned;

use super::answer::{problem_json, problem_with};
use super::door::Door;

/// A problem as the answer of the JSON API.
#[derive(Debug)]
pub(crate) struct Wrong(Problem);

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Wrong(problem)
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        problem_json(&self.0)
    }
}

/// The fields of a body of JSON.
pub(crate) struct Fields<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Door> for Fields<T> {
    type Rejection = Response;

    async fn from_request(request: Request, door: &Door) -> Result<Self, Response> {
        if !is_json(&request) {
            let problem = Problem::invalid("the body is not declared as JSON")
                .hint("send it with Content-Type: application/json");
            return Err(problem_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, &problem));
        }
        let bytes = Bytes::from_request(request, door)
            .await
            .map_err(|error| refused(&error))?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let fields = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let place = error.path().to_string();
            let inner = error.into_inner();
            let text = match place.as_str() {
                "." => format!("the body does not fit: {inner}"),
                place => format!("the field {place} does not fit: {inner}"),
            };
            problem_json(&Problem::invalid(text).hint("/api/docs shows what is expected"))
        })?;
        reader.end().map_err(|error| {
            problem_json(&Problem::invalid(format!(
                "something follows the body's JSON: {error}"
            )))
        })?;
        Ok(Fields(fields))
    }
}

fn is_json(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

pub(crate) fn refused(error: &BytesRejection) -> Response {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let problem = Problem::new(Kind::TooLarge, "the body has more than 1 MiB")
            .hint("archives are sent to /api/sources/{source}/import");
        return problem_json(&problem);
    }
    problem_json(&Problem::invalid(format!("the body cannot be read: {error}")))
}

/// The fields after the question mark.
pub(crate) struct Queried<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Door> for Queried<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Response> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(fields)| Queried(fields))
            .map_err(|error| {
                use std::error::Error as _;
                let reason = error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string);
                problem_json(&Problem::invalid(format!("the query does not fit: {reason}")))
            })
    }
}

/// What stands in the path.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Door> for At<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Response> {
        Path::from_request_parts(parts, door)
            .await
            .map(|Path(fields)| At(fields))
            .map_err(|error| {
                problem_json(&Problem::not_found(format!(
                    "there is nothing at this path: {error}"
                )))
            })
    }
}
