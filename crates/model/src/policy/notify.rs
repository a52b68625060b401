//! Who is told of what.
//!
//! Rules: nothing listed under `on` means everything but successes. Secrets (the key that signs a webhook)
//! are named by place.

use serde::{Deserialize, Serialize};

use super::SecretPlace;
use crate::words::closed_set;

closed_set! {
    Event, "an event" {
        Success = "success",
        Warning = "warning",
        Failure = "failure",
        /// No good backup for longer than the schedule promises.
        Overdue = "overdue",
        /// Much smaller or larger than those before.
        Anomaly = "anomaly",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    #[serde(default)]
    pub on: Vec<Event>,
    pub to: Channel,
}

impl Notify {
    pub fn wants(&self, event: Event) -> bool {
        if self.on.is_empty() {
            event != Event::Success
        } else {
            self.on.contains(&event)
        }
    }
}

/// The way there; `by` in the document says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Channel {
    Email {
        address: String,
    },
    Webhook {
        url: String,
        #[serde(default)]
        secret: Option<SecretPlace>,
    },
    /// A channel of Discord, by its id.
    Discord {
        channel: String,
    },
    Ntfy {
        url: String,
        #[serde(default)]
        secret: Option<SecretPlace>,
    },
    /// Pinged at the start, on success and on failure.
    Healthcheck {
        url: String,
    },
}
