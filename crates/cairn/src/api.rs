//! The JSON API: everything the service can do, described by itself.
//!
//! Nouns: a *resource* is a file here; a [`Page`](pages::Page) is a part of a list, with where it goes on; a *description* is the OpenAPI
//! document, made from the same code that answers.
//!
//! Rules: parses, asks the service, answers; who may is the service's to say. Unknown fields are refused, so that a slip of the pen is not
//! taken for a wish. Every problem is `application/problem+json`. What makes something and bears an `Idempotency-Key` is done once. Long work
//! is a job: the answer is 202 with its id, and `/api/jobs/{job}/events` tells how it goes on.

mod approvals;
mod audit;
mod backups;
mod contents;
mod describe;
mod events;
mod jobs;
mod pages;
mod people;
mod plans;
mod policies;
mod repeat;
mod sessions;
mod sources;
mod tags;
mod tokens;
mod uploads;
mod work;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::http::Door;

/// Everything that is answered at once.
fn described() -> OpenApiRouter<Door> {
    OpenApiRouter::with_openapi(describe::beginning())
        .merge(sessions::routes())
        .merge(sources::routes())
        .merge(policies::routes())
        .merge(backups::routes())
        .merge(contents::routes())
        .merge(plans::routes())
        .merge(jobs::routes())
        .merge(approvals::routes())
        .merge(people::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
}

/// What is answered within a moment.
pub(crate) fn routes(door: &Door) -> Router<Door> {
    let (router, _) = described().split_for_parts();
    router
        .layer(from_fn_with_state(door.clone(), repeat::once))
        .layer(axum::middleware::from_fn(tags::tag))
        .route("/api/openapi.json", get(describe::document))
        .route("/api/docs", get(describe::to_page))
        .route("/api/docs/{*file}", get(describe::page))
}

/// What goes on for as long as somebody listens.
pub(crate) fn streams() -> Router<Door> {
    long().split_for_parts().0
}

/// The whole description.
pub(crate) fn description() -> Value {
    let whole = described().merge(long());
    describe::finished(whole.split_for_parts().1)
}

fn long() -> OpenApiRouter<Door> {
    events::routes()
        .merge(contents::streams())
        .merge(uploads::streams())
}
