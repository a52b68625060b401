//! Hooks: what is done before and after a backup or a restore.
//!
//! Rules: hooks of a list run in order; a *before* hook that fails or runs out of time stops the work before
//! anything is touched; *after* hooks run whatever happened, so that what was stopped is started again.
//! What to do is data; doing it is the affair of `sources::hooks`. Secrets are named by place, never written here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::words::closed_set;
use crate::{Lapse, Problem, Result};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    pub before_backup: Vec<Hook>,
    pub after_backup: Vec<Hook>,
    pub before_restore: Vec<Hook>,
    pub after_restore: Vec<Hook>,
}

closed_set! {
    Change, "a change of something that runs" {
        Start = "start",
        Stop = "stop",
        Restart = "restart",
    }
}

/// One thing to do; `do` in the document says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Hook {
    /// Program and arguments; no shell in between.
    Command {
        command: Vec<String>,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
    Http {
        url: String,
        #[serde(default = "post")]
        method: String,
        /// Sent as bearer token.
        #[serde(default)]
        secret: Option<SecretPlace>,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
    /// In the database of the source.
    Sql {
        statement: String,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
    /// Makes a file before, removes it after.
    Touch { path: String },
    /// Of systemd.
    Unit {
        unit: String,
        change: Change,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
    /// Of Docker.
    Container {
        container: String,
        change: Change,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
    /// A game server, through its panel.
    Panel {
        url: String,
        server: String,
        change: Change,
        secret: SecretPlace,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
    /// Lines for a game server's console (RCON).
    Console {
        address: String,
        lines: Vec<String>,
        secret: SecretPlace,
        #[serde(default = "a_minute")]
        timeout: Lapse,
    },
}

fn a_minute() -> Lapse {
    Lapse::minutes(1)
}

fn post() -> String {
    "POST".to_owned()
}

impl Hook {
    pub fn timeout(&self) -> Lapse {
        match self {
            Hook::Command { timeout, .. }
            | Hook::Http { timeout, .. }
            | Hook::Sql { timeout, .. }
            | Hook::Unit { timeout, .. }
            | Hook::Container { timeout, .. }
            | Hook::Panel { timeout, .. }
            | Hook::Console { timeout, .. } => *timeout,
            Hook::Touch { .. } => a_minute(),
        }
    }
}

/// Where a secret is to be found: `env:NAME` or `file:/path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SecretPlace {
    Env(String),
    File(String),
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretPlace::Env(name) => write!(f, "env:{name}"),
            SecretPlace::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl FromStr for SecretPlace {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(SecretPlace::Env(name.to_owned())),
            Some(("file", path)) if path.starts_with('/') => Ok(SecretPlace::File(path.to_owned())),
            // The text itself is not repeated: it may be the secret.
            _ => Err(
                Problem::invalid("this does not say where a secret is to be found")
                    .hint("write env:NAME_OF_A_VARIABLE or file:/path/to/a/file, not the secret itself"),
            ),
        }
    }
}

impl From<SecretPlace> for String {
    fn from(place: SecretPlace) -> String {
        place.to_string()
    }
}

impl TryFrom<String> for SecretPlace {
    type Error = Problem;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}
