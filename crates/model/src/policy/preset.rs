//! Ready-made policies for well-known habits.
//!
//! `discord-single`: one backup per server and person, a new one replaces the old one. `rotating:n`: the
//! last *n* stay. `panel:n`: at most *n*; a person is refused the next one, the schedule rotates; the server
//! is stopped for a restore; the panel's own dialogue is the confirmation. `nightly-7-days`: every night,
//! kept for seven days, restored only with the owner's approval and where the account's plan includes it.
//! Rule: a preset changes the keys that it is about, each as a whole, and no others.

use std::fmt;
use std::str::FromStr;

use super::{Approval, Gates, Policy};
use crate::{
    CalendarSpan, Count, Limit, Per, Problem, Result, Retention, Schedule, TimeOfDay, WhenFull, Zone, nearest,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    DiscordSingle,
    Rotating(u32),
    Panel(u32),
    Nightly7Days,
}

impl Preset {
    /// How they are written; `n` is a number.
    pub const NAMES: [&str; 4] = ["discord-single", "rotating:n", "panel:n", "nightly-7-days"];

    /// The policy of a source that has no other wishes.
    pub fn policy(self, zone: &Zone) -> Policy {
        self.applied_to(Policy::default(), zone)
    }

    /// Changes what the preset is about, and nothing else: who is told, and when it runs, stays as it is where the preset does not say.
    #[must_use]
    pub fn applied_to(self, policy: Policy, zone: &Zone) -> Policy {
        match self {
            Preset::DiscordSingle => Policy {
                limit: Some(Limit::new(1, Per::Person, WhenFull::Rotate)),
                ..policy
            },
            Preset::Rotating(n) => Policy {
                retention: Retention {
                    last: Count(n),
                    ..Retention::default()
                },
                ..policy
            },
            Preset::Panel(n) => Policy {
                limit: Some(Limit::new(n, Per::Source, WhenFull::RotateScheduled)),
                gates: Gates {
                    typed: false,
                    stopped: true,
                    ..policy.gates
                },
                ..policy
            },
            Preset::Nightly7Days => Policy {
                schedule: Schedule::daily(TimeOfDay::NIGHT, zone.clone()),
                retention: Retention {
                    within: CalendarSpan::days(7),
                    ..Retention::default()
                },
                gates: Gates {
                    approval: policy.gates.approval.clone().or(Some(Approval::default())),
                    entitlement: true,
                    ..policy.gates
                },
                ..policy
            },
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Preset::DiscordSingle => f.write_str("discord-single"),
            Preset::Rotating(n) => write!(f, "rotating:{n}"),
            Preset::Panel(n) => write!(f, "panel:{n}"),
            Preset::Nightly7Days => f.write_str("nightly-7-days"),
        }
    }
}

impl FromStr for Preset {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        let (name, number) = text.split_once(':').unwrap_or((text, ""));
        match (name, number, number.parse::<u32>()) {
            ("discord-single", "", _) => Ok(Preset::DiscordSingle),
            ("nightly-7-days", "", _) => Ok(Preset::Nightly7Days),
            ("rotating", _, Ok(n)) if n > 0 => Ok(Preset::Rotating(n)),
            ("panel", _, Ok(n)) => Ok(Preset::Panel(n)),
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> Problem {
    let problem = Problem::invalid(format!("“{text}” is not a preset of a policy"));
    match nearest(text, Preset::NAMES) {
        Some(near) => problem.hint(format!("did you mean “{near}”, where n is a number from 1?")),
        None => problem.hint(format!("use one of: {}", Preset::NAMES.join(", "))),
    }
}
