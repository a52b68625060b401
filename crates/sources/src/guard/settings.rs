//! What is set of a guard: the probe, and what to do while the server runs.

use model::{Change, Hook, Lapse, Problem, Result};
use serde::{Deserialize, Serialize};

use super::probe::Probe;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenRunning {
    /// The restore does not begin.
    #[default]
    Refuse,
    /// It is stopped, and started again after.
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardSettings {
    pub probe: Probe,
    #[serde(default)]
    pub when_running: WhenRunning,
    /// How it is stopped; units, containers and panels' servers are stopped by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Hook>,
    /// How it is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Hook>,
    /// How long a stop or a start may take.
    #[serde(default = "two_minutes")]
    pub timeout: Lapse,
}

fn two_minutes() -> Lapse {
    Lapse::minutes(2)
}

impl GuardSettings {
    pub(super) fn check(&self) -> Result<()> {
        self.probe.check().map_err(|problem| problem.context("guard"))?;
        if self.when_running == WhenRunning::Refuse {
            return Ok(());
        }
        match [Change::Stop, Change::Start].into_iter().find(|change| self.way_to(*change).is_none()) {
            None => Ok(()),
            Some(change) => Err(Problem::invalid(format!(
                "guard: to stop {} and start it again, it must be said how to {change} it",
                self.probe
            ))
            .hint(
                "give `stop` and `start`, each a hook such as {\"do\": \"command\", \"command\": [\"/srv/stop.sh\"]}",
            )),
        }
    }

    pub(super) fn way_to(&self, change: Change) -> Option<Hook> {
        let given = match change {
            Change::Stop => &self.stop,
            Change::Start | Change::Restart => &self.start,
        };
        given.clone().or_else(|| self.probe.way_to(change, self.timeout))
    }
}
