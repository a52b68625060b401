//! The ways to somebody, as they are configured, with their secrets in them.
//!
//! Rules: an unknown key is refused. The keys in [`Channel::SECRETS`] are sealed where channels are stored and absent
//! where they are shown. `allow` lists networks of one's own that this channel may call; without it only the open
//! internet is called. A policy names secrets by place; [`Channel::of_policy`] puts them in.

use model::{Result, SecretPlace};
use outbound::{Net, Secret};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Channel {
    /// A file in the outbox.
    Outbox {},
    Email {
        address: String,
    },
    Webhook {
        url: String,
        /// Signs what is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<Secret>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allow: Vec<Net>,
    },
    Ntfy {
        /// With the topic: `https://ntfy.sh/my-topic`.
        url: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Secret>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allow: Vec<Net>,
    },
    /// Pinged at the start, on success and on failure.
    Healthcheck {
        url: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allow: Vec<Net>,
    },
}

impl Channel {
    /// Keys whose values are secrets. The address of a healthcheck is one as well: who knows it can ping.
    pub const SECRETS: &'static [&'static str] = &["secret", "token"];

    /// Reads settings; problems name the key.
    pub fn from_json(value: Value) -> Result<Self> {
        model::from_json("the channel", value)
    }

    /// For people.
    pub fn without_secrets(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("text and lists of text are JSON");
        if let Value::Object(fields) = &mut value {
            fields.retain(|key, _| !Self::SECRETS.contains(&key.as_str()));
        }
        value
    }

    /// The channel that a policy names; `None` for Discord, where the bot delivers.
    pub fn of_policy(
        channel: &model::Channel,
        allow: &[Net],
        find: &dyn Fn(&SecretPlace) -> Result<Secret>,
    ) -> Result<Option<Self>> {
        let found = |place: &Option<SecretPlace>| place.as_ref().map(find).transpose();
        let allow = allow.to_vec();
        Ok(Some(match channel {
            model::Channel::Email { address } => Channel::Email {
                address: address.clone(),
            },
            model::Channel::Webhook { url, secret } => Channel::Webhook {
                url: url.clone(),
                secret: found(secret)?,
                allow,
            },
            model::Channel::Ntfy { url, secret } => Channel::Ntfy {
                url: url.clone(),
                token: found(secret)?,
                allow,
            },
            model::Channel::Healthcheck { url } => Channel::Healthcheck {
                url: url.clone(),
                allow,
            },
            model::Channel::Discord { .. } => return Ok(None),
        }))
    }
}
