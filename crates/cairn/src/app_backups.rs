//! The door of app backups: settings, history, download, restore and upload of one app, in the shapes that its administrators' tools know.
//!
//! An *app* is a source: `?source=NAME`, or the field `source`; without it the only one. A *job* of this API is a backup or a restore, and a
//! backup and its job are one thing. Liberal in what is accepted, strict in what is answered; errors are `{"detail": …}`. Administrators only,
//! by the judge's word. `docs/api-app.md` says what each field means for which kind of source.

mod administrator;
mod calls;
mod cron;
mod download;
mod errors;
mod fields;
mod object;
mod settings;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::http::Door;

const JOBS: &str = "/api/backups/jobs";

/// What is answered at once.
pub(crate) fn routes() -> Router<Door> {
    let one = format!("{JOBS}/{{job}}");
    Router::new()
        .route(
            "/api/backups/settings",
            get(calls::settings).put(calls::change_settings),
        )
        .route(JOBS, get(calls::list).post(calls::create))
        .route(&one, get(calls::show).delete(calls::delete))
        .route(&format!("{one}/download"), get(calls::send))
        .route(&format!("{one}/cancel"), post(calls::cancel))
}

/// What may take as long as it takes: a plan of something large, a file of any size.
pub(crate) fn long_routes() -> Router<Door> {
    Router::new()
        .route(&format!("{JOBS}/{{job}}/restore"), post(calls::restore))
        .route(&format!("{JOBS}/restore-upload"), post(calls::restore_upload))
        .layer(DefaultBodyLimit::disable())
}
