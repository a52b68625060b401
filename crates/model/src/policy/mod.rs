//! The policy of a source: when it is backed up, what is kept, what must hold before a restore, who is told.
//!
//! Pure data, written by people in TOML or through forms. Every key may be left out; the default protects
//! without surprising: nothing runs by itself, nothing is deleted, a destructive restore asks for the name.
//! Rules: an unknown key is refused by name. A policy holds no secret, only where one is to be found
//! ([`SecretPlace`]).

mod hooks;
mod notify;
mod preset;

pub use hooks::{Change, Hook, Hooks, SecretPlace};
pub use notify::{Channel, Event, Notify};
pub use preset::Preset;

use serde::{Deserialize, Serialize};

use crate::{Lapse, Limit, Result, Retention, Schedule, Share};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    pub schedule: Schedule,
    /// Is a run that was missed while nobody was running made up once?
    pub catch_up: bool,
    /// What scheduled runs capture; nothing named = everything.
    pub parts: Vec<String>,
    pub retention: Retention,
    /// How long older safety backups stay; nothing said = for ever.
    pub safety: Option<Lapse>,
    pub limit: Option<Limit>,
    /// A backup that holds less than this share of the items or bytes of the last good one is suspicious.
    pub suspicious_below: Share,
    pub gates: Gates,
    pub notify: Vec<Notify>,
    pub hooks: Hooks,
    /// How often a drill proves the newest backup.
    pub drill: Schedule,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            schedule: Schedule::off(),
            catch_up: true,
            parts: Vec::new(),
            retention: Retention::default(),
            safety: None,
            limit: None,
            suspicious_below: Share::HALF,
            gates: Gates::default(),
            notify: Vec::new(),
            hooks: Hooks::default(),
            drill: Schedule::off(),
        }
    }
}

impl Policy {
    /// Reads a policy; problems name the key.
    pub fn from_json(value: serde_json::Value) -> Result<Self> {
        crate::from_json("the policy", value)
    }

    /// What may be read by whoever reads a backup: without hooks and notices, whose commands and addresses may hold secrets; and the names of
    /// what was left out.
    pub fn without_secrets(&self) -> (Policy, Vec<&'static str>) {
        let mut left_out = Vec::new();
        if self.hooks != Hooks::default() {
            left_out.push("hooks");
        }
        if !self.notify.is_empty() {
            left_out.push("notify");
        }
        let told = Policy {
            hooks: Hooks::default(),
            notify: Vec::new(),
            ..self.clone()
        };
        (told, left_out)
    }
}

/// What must hold before a restore starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// A person types the name of the target when anything would be deleted or overwritten.
    pub typed: bool,
    /// The owner agrees by e-mail.
    pub approval: Option<Approval>,
    /// The server is stopped, or is stopped and started again where its settings say so.
    pub stopped: bool,
    /// The account's plan includes restores.
    pub entitlement: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Gates {
            typed: true,
            approval: None,
            stopped: false,
            entitlement: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approval {
    /// How long a request can be answered.
    pub expires: Lapse,
    /// May an owner approve what he asked for himself? Only by the link in his letter: it proves that the mailbox is his.
    pub own: bool,
}

impl Default for Approval {
    fn default() -> Self {
        Approval {
            expires: Lapse::hours(24),
            own: true,
        }
    }
}
