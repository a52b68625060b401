//! Refuses whoever asks more often than they may, before anything is done for them.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use model::{Kind, Problem};

use super::answer::problem_json;
use super::door::{Door, Who};
use super::guests::place;
use super::rates::Key;

pub(super) async fn limit(
    State(door): State<Door>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if door.rates().most == 0 || matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let key = match Who::identify(&mut parts, &door).await {
        Some(person) => Key::Person(person),
        None => Key::Address(place(door.address_of(&parts.headers, from))),
    };
    let request = Request::from_parts(parts, body);
    let left = door.rates().count(key, door.service().now_ms());
    let mut answer = match left.remaining {
        Some(_) => next.run(request).await,
        None => {
            let problem = Problem::new(Kind::TooMany, "too many requests in this minute")
                .hint(format!("try again in {} seconds", left.seconds));
            let mut answer = problem_json(&problem);
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(left.seconds));
            answer
        }
    };
    let headers = answer.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(door.rates().most));
    let remaining = left.remaining.unwrap_or(0);
    headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
    answer
}
