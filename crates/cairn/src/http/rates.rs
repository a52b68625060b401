//! How often one may ask: so many requests a minute for each token, or address when there is no token.
//!
//! A window of a minute per key; the table is emptied of old keys when it grows. Health checks are not counted. Where there is no limit,
//! nothing is.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use model::{Kind, Problem};
use sha2::{Digest, Sha256};

use super::answer::problem_json;
use super::door::Door;

const WINDOW_MS: i64 = 60_000;
const MOST_KEYS: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Token([u8; 32]),
    Address(IpAddr),
}

#[derive(Debug)]
pub(crate) struct Rates {
    seen: Mutex<HashMap<Key, (i64, u32)>>,
    /// 0: no limit.
    most: u32,
}

/// What is left of the window.
struct Left {
    remaining: Option<u32>,
    seconds: i64,
}

impl Rates {
    pub(crate) fn new(most: u32) -> Self {
        Rates {
            seen: Mutex::default(),
            most,
        }
    }

    fn count(&self, key: Key, now_ms: i64) -> Left {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_KEYS {
            seen.retain(|_, (begin, _)| (0..WINDOW_MS).contains(&(now_ms - *begin)));
        }
        let entry = seen.entry(key).or_insert((now_ms, 0));
        if !(0..WINDOW_MS).contains(&(now_ms - entry.0)) {
            *entry = (now_ms, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        Left {
            remaining: self.most.checked_sub(entry.1),
            seconds: (entry.0 + WINDOW_MS - now_ms + 999) / 1000,
        }
    }
}

pub(super) async fn limit(
    State(door): State<Door>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if door.rates().most == 0 || matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let key = match request.headers().get(header::AUTHORIZATION) {
        Some(token) => Key::Token(Sha256::digest(token.as_bytes()).into()),
        None => Key::Address(door.address_of(request.headers(), from)),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_window() {
        let rates = Rates::new(2);
        let (one, other) = (Key::Token([1; 32]), Key::Token([2; 32]));
        assert_eq!(rates.count(one, 0).remaining, Some(1));
        assert_eq!(rates.count(one, 1).remaining, Some(0));
        assert_eq!(rates.count(one, 2).remaining, None);
        assert_eq!(rates.count(other, 2).remaining, Some(1));
        assert_eq!(rates.count(one, WINDOW_MS).remaining, Some(1), "a new minute");
        assert_eq!(
            rates.count(one, 5).remaining,
            Some(1),
            "a clock that was set back"
        );
    }
}
