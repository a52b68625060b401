//! Tags: who has an answer already is told that it is still the same, without its body. Whether anybody on the way may keep it is said by the
//! door, for all answers alike.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Larger answers bear no tag.
const LARGEST: usize = 4 << 20;

pub(super) async fn tag(request: Request, next: Next) -> Response {
    let wants = request.headers().get(header::IF_NONE_MATCH).cloned();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let answer = next.run(request).await;
    // Only what is short is held whole to be tagged; what is long, or of unknown length, goes its way as it is.
    let is_short = answer
        .body()
        .size_hint()
        .upper()
        .is_some_and(|most| most <= LARGEST as u64);
    if !is_read || answer.status() != StatusCode::OK || !is_short {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let digest = Sha256::digest(&bytes);
    let tag = format!(
        "\"{}\"",
        digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    let is_known = wants
        .as_ref()
        .and_then(|wants| wants.to_str().ok())
        .is_some_and(|wants| {
            wants
                .split(',')
                .map(str::trim)
                .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
        });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if is_known {
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.status = StatusCode::NOT_MODIFIED;
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}
