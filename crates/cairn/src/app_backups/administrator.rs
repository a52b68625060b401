//! Whoever asks by this door, and which source he names.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use service::{Service, Via};

use super::errors::Refusal;
use crate::http::{Door, Who};

/// Who asks, and may.
pub(super) struct Administrator(pub(super) Service);

impl FromRequestParts<Door> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refusal> {
        let who = Who::of(parts, door, Via::Api).await?.0;
        // Before anything is looked at: who may not learns nothing of what there is.
        who.enter_app_backups().await?;
        Ok(Administrator(who))
    }
}

/// The source that the address names: `?source=NAME`.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Named {
    source: Option<String>,
}

impl Named {
    /// That one, or else the one that the body names.
    pub(super) fn or(self, other: Option<String>) -> Option<String> {
        self.source.or(other).filter(|name| !name.is_empty())
    }
}
