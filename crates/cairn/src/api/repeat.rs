//! `Idempotency-Key`: what bears one is done once, and answered the same however often it is sent.
//!
//! Who asks is found out before anything is repeated, and a repeated answer wants the rights that the first one took (`service::once`).
//! Not for what answers with a secret: an answer is remembered for a day, and secrets are not. What becomes of a key whose process
//! dies is told in `service::once`.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Problem, Result};
use service::{Judged, Once, Service, Via};
use sha2::{Digest, Sha256};

use crate::http::{Bears, Door, Who, problem_json};

const KEY: &str = "idempotency-key";
const MOST: usize = 1 << 20;
const SECRET: [&str; 5] = [
    "/api/session",
    "/api/set-up",
    "/api/tokens",
    "/api/totp",
    "/download",
];

pub(super) async fn once(State(door): State<Door>, request: Request, next: Next) -> Response {
    let is_secret = SECRET.iter().any(|path| {
        let asked = request.uri().path();
        asked.starts_with(path) || (*path == "/download" && asked.ends_with(path))
    });
    let key = request.headers().get(KEY).cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST && !is_secret) else {
        return next.run(request).await;
    };
    match carry_out(&door, &key, request, next).await {
        Ok(answer) => answer,
        Err(problem) => problem_json(&problem),
    }
}

async fn carry_out(door: &Door, key: &HeaderValue, request: Request, next: Next) -> Result<Response> {
    let key = key.to_str().unwrap_or_default().to_owned();
    let (mut parts, body) = request.into_parts();
    let Who(service) = Who::of(&parts, door, Via::Api).await?;
    let body = to_bytes(body, MOST)
        .await
        .map_err(|_| Problem::new(model::Kind::TooLarge, "the body has more than 1 MiB"))?;
    let mut hasher = Sha256::new();
    hasher.update(parts.uri.to_string());
    hasher.update([0]);
    hasher.update(&body);
    let asked: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if let Once::Answered { status, body } = service.begin_once(&key, &asked).await? {
        return Ok(replayed(status, body));
    }
    let asked = Judged::default();
    let service = service.acting(service.caller().clone().noting(&asked));
    let bears = Bears {
        key: key.clone(),
        asked,
    };
    parts.extensions.insert(bears);
    // Whoever asked may go away: what was begun is ended, and its answer remembered.
    let work = tokio::spawn(async move {
        let request = Request::from_parts(parts, Body::from(body));
        tokio::select! {
            answer = next.run(request) => remember(&service, &key, answer).await,
            never = service.hold_once(&key) => match never {},
        }
    });
    work.await
        .map_err(|error| Problem::internal(format!("the request broke off: {error}")))?
}

fn replayed(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let headers = [
        (header::CONTENT_TYPE.as_str(), kind),
        ("idempotency-replayed", "true"),
    ];
    (status, headers, body).into_response()
}

/// Remembers what was answered.
async fn remember(service: &Service, key: &str, answer: Response) -> Result<Response> {
    // What is too long is answered all the same, and not remembered: a plan, which changes nothing, may be made once more.
    let is_short = answer
        .body()
        .size_hint()
        .upper()
        .is_some_and(|most| most <= 4 * MOST as u64);
    if !is_short {
        service.end_once(key, None).await?;
        return Ok(answer);
    }
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, 4 * MOST)
        .await
        .map_err(|_| Problem::internal("an answer that cannot be remembered"))?;
    // A refusal changed nothing: what was wrong may be mended and sent again.
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|_| parts.status.is_success());
    service
        .end_once(key, text.map(|text| (parts.status.as_u16(), text)))
        .await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
