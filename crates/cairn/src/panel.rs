//! The door that game-server panels' clients know: Pterodactyl's client API for backups, in its exact shapes.
//!
//! A *server* is a source of the kind `folder`; it is found by its id, or the last eight digits of it. Liberal in what is accepted, strict
//! in what is answered. Unlike the panel itself: a failed backup is never restored, a running server is refused with 409 or stopped and
//! started as its guard says, and a restore takes a safety backup first.

mod body;
mod calls;
mod errors;
mod object;

use axum::Router;
use axum::routing::{get, post};

use crate::http::Door;

pub(crate) fn routes() -> Router<Door> {
    let backups = "/api/client/servers/{server}/backups";
    let one = &format!("{backups}/{{backup}}");
    Router::new()
        .route("/api/client", get(calls::servers))
        .route("/api/client/servers/{server}", get(calls::server))
        .route(backups, get(calls::list).post(calls::create))
        .route(one, get(calls::show).delete(calls::delete))
        .route(&format!("{one}/download"), get(calls::download))
        .route(&format!("{one}/lock"), post(calls::lock))
        .route(&format!("{one}/restore"), post(calls::restore))
}
