//! Whoever asks by this door, and which source he names.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
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
pub(super) struct Named(Option<String>);

impl Named {
    /// That one, or else the one that the body names.
    pub(super) fn or(self, other: Option<String>) -> Option<String> {
        self.0.or(other).filter(|name| !name.is_empty())
    }
}

impl FromRequestParts<Door> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refusal> {
        let query = Query::<HashMap<String, String>>::from_request_parts(parts, door).await;
        let Query(mut query) = query.map_err(|rejection| Refusal::bad_request(rejection.body_text()))?;
        Ok(Named(query.remove("source")))
    }
}
