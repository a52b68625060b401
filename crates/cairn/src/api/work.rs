//! Work for whoever asks: queued as a job, or done at once for as long as they wait.

use axum::Json;
use axum::http::StatusCode;
use model::Cancel;
use serde::Serialize;
use utoipa::ToSchema;

/// What was asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct Queued {
    pub(super) job: String,
    /// The id that the backup will have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<String>,
}

impl Queued {
    pub(super) fn job(job: String) -> (StatusCode, Json<Queued>) {
        (StatusCode::ACCEPTED, Json(Queued { job, backup: None }))
    }
}

/// Ends the work when whoever asked has gone away.
pub(super) struct WhenGone(pub(super) Cancel);

impl Drop for WhenGone {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
