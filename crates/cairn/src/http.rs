//! The door of HTTP: listens, lets people in, answers.
//!
//! Layers, from outside: connections · request id · log · what may be kept · panic becomes 500 · patience with bodies · rate limit · time limit
//! and body limit, but for what carries a file · routes. A
//! slash at the end of a path does not count. Rules: a problem is answered in the shape of the API that was asked, with kind and hint, and never with a secret; what
//! is not found and what is not yours look alike. Told to leave, the door takes no more connections, ends streams, and is gone in time.

mod answer;
mod asked;
mod connections;
mod cookies;
mod door;
mod download;
mod guests;
mod limit;
mod patience;
pub(crate) mod ranges;
mod rates;
pub(crate) mod upload;
mod vitals;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request as Asked, State};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use model::{Cancel, Problem, Result};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

pub(crate) use answer::{problem_json, problem_with, status};
pub(crate) use asked::{At, Fields, Queried, Wrong};
pub(crate) use cookies::set as cookie;
pub(crate) use door::{Bears, Door, Visitor, Who};
pub(crate) use download::{archive, attachment, stream};
pub(crate) use patience::Bounds;

/// Of a request that carries no file.
const MOST_BODY: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_mins(1);

/// Binds the address; the error says what to do.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Problem::io(format!("cannot listen on {address}"), error)
            .hint("another program may listen there; choose another address with --listen")
    })
}

/// What the interfaces answer.
pub(crate) struct Routes {
    /// Answered within a minute, with a small body.
    pub(crate) short: Router<Door>,
    /// Streams, and what carries a file.
    pub(crate) long: Router<Door>,
}

fn router(door: Door, routes: Routes) -> Router {
    let base = door.base().to_owned();
    let short = routes
        .short
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            PATIENCE,
        ))
        .layer(DefaultBodyLimit::max(MOST_BODY));
    let all = Router::new()
        .route("/healthz", get(vitals::healthz))
        .route("/readyz", get(vitals::readyz))
        .route("/metrics", get(vitals::metrics))
        .route("/download/{link}", get(download::download))
        .merge(short)
        .merge(routes.long)
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(from_fn_with_state(door.clone(), limit::limit))
        .layer(from_fn_with_state(door.clone(), patiently))
        .with_state(door);
    if base.is_empty() {
        all
    } else {
        Router::new().nest(&base, all)
    }
}

/// Serves until told to leave.
pub(crate) async fn serve(door: Door, routes: Routes, listener: TcpListener, stop: Cancel) -> Result<()> {
    let log = TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
        let path = without_secret(request.uri().path());
        tracing::info_span!("http", method = %request.method(), path)
    });
    let app = router(door.clone(), routes)
        .layer(CatchPanicLayer::new())
        .layer(from_fn(kept_by_nobody))
        .layer(log)
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid));
    let app = tower_layer::Layer::layer(&NormalizePathLayer::trim_trailing_slash(), app);
    connections::serve(&door, listener, app, &stop).await;
    Ok(())
}

/// The body of a request is waited for, but not for ever.
async fn patiently(State(door): State<Door>, request: Asked, next: Next) -> Response {
    let patience = door.bounds().body;
    let request = request.map(|body| Body::new(patience::Arriving::new(body, patience)));
    next.run(request).await
}

/// An answer may hold a secret: nobody keeps one on the way, but those that say themselves for how long.
async fn kept_by_nobody(request: Asked, next: Next) -> Response {
    let mut answer = next.run(request).await;
    answer
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// The path of a download, and of an approval's link, is a secret.
fn without_secret(path: &str) -> String {
    const SECRET: [&str; 3] = ["/download/", "/a/", "/api/links/"];
    let found = SECRET
        .iter()
        .find_map(|before| path.find(before).map(|at| at + before.len()));
    match found {
        Some(end) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_paths_are_not_logged() {
        for (path, logged) in [
            ("/download/abc", "/download/…"),
            ("/cairn/a/abc", "/cairn/a/…"),
            ("/api/links/abc/approve", "/api/links/…"),
            ("/api/backups/latest", "/api/backups/latest"),
        ] {
            assert_eq!(without_secret(path), logged);
        }
    }
}
