//! Is the server that lives in a folder running, and what to do about it before a restore.
//!
//! Nouns: a *probe* tells the *state* of the server; the *guard* refuses a restore while it runs, or stops it before and starts it
//! again after, as its settings say.
//!
//! Rules: a probe without an answer is a problem, never a "stopped"; that the server will be stopped is remembered in the
//! journal before it is; only what the guard has stopped is started again, whoever comes to do it, and a server that somebody
//! else was stopping is not. Starting again is not cancelled.

mod probe;
mod settings;

use std::time::Duration;

use model::{Cancel, Change, Hook, Kind, Lapse, Problem, Result};
use outbound::Patience;
use serde_json::json;

pub use probe::{Probe, State};
pub use settings::{GuardSettings, WhenRunning};

use crate::hooks::{HookContext, Programs, Side, perform};
use crate::{Context, Hold, Journal};

/// How often the state is looked at while it changes.
const GLANCE: Duration = Duration::from_millis(250);
/// One probe takes no longer.
const PROBE: Lapse = Lapse::seconds(15);

/// Watches over one server.
#[derive(Clone, Debug)]
pub struct Guard {
    settings: GuardSettings,
    programs: Programs,
}

impl Guard {
    pub fn new(settings: GuardSettings, programs: Programs) -> Result<Self> {
        settings.check()?;
        Ok(Guard { settings, programs })
    }

    /// What the server is doing; a problem when that cannot be told.
    pub fn state(&self, cancel: &Cancel) -> Result<State> {
        self.look(&Patience::new(PROBE, cancel))
    }

    fn look(&self, patience: &Patience) -> Result<State> {
        let state = self
            .settings
            .probe
            .state(&self.programs, &patience.at_most(PROBE));
        state.map_err(|problem| match problem.kind() {
            Kind::Cancelled => problem,
            _ => problem.context(format!("cannot tell whether {} is running", self.settings.probe)),
        })
    }

    /// Refuses what `hold` would refuse now.
    pub fn check(&self, cx: &Context) -> Result<()> {
        match (self.state(&cx.cancel)?, self.settings.when_running) {
            (State::Stopped, _) | (_, WhenRunning::Stop) => Ok(()),
            (state, WhenRunning::Refuse) => Err(self.refused(state)),
        }
    }

    /// Refuses, or stops the server and waits until it is.
    pub fn hold(&self, journal: &mut dyn Journal, cx: &Context) -> Result<()> {
        let patience = Patience::new(self.settings.timeout, &cx.cancel);
        match (self.look(&patience)?, self.settings.when_running) {
            (State::Stopped, _) => Ok(()),
            (state, WhenRunning::Refuse) => Err(self.refused(state)),
            (State::Stopping, WhenRunning::Stop) => self.wait_until_stopped(&patience),
            (_, WhenRunning::Stop) => {
                if Hold::of(journal).is_none() {
                    let data = json!({ "stopped": self.settings.probe.to_string() });
                    Hold { data }.begin(journal)?;
                }
                cx.progress.phase("stopping the server");
                self.perform(Change::Stop, cx, &cx.cancel)?;
                self.wait_until_stopped(&patience)
            }
        }
    }

    fn refused(&self, state: State) -> Problem {
        let probe = &self.settings.probe;
        let hint = if state == State::Stopping {
            "wait until it has stopped, then try again".to_owned()
        } else {
            format!(
                "stop it first ({}), or let Cairn stop it and start it again: when_running = \"stop\" in the guard of the source",
                probe.how_to_stop()
            )
        };
        Problem::new(
            Kind::Conflict,
            format!("{probe} is {state}; nothing was restored"),
        )
        .hint(hint)
    }

    fn wait_until_stopped(&self, patience: &Patience) -> Result<()> {
        let what = format!("the stop of {}", self.settings.probe);
        while self.look(patience)? != State::Stopped {
            patience.pause(GLANCE, &what)?;
        }
        Ok(())
    }

    /// Starts the server again, if this job has stopped it.
    pub fn release(&self, journal: &mut dyn Journal, cx: &Context) -> Result<()> {
        let Some(hold) = Hold::of(journal) else {
            return Ok(());
        };
        let not_cancelled = Cancel::new();
        let patience = Patience::new(self.settings.timeout, &not_cancelled);
        if self.settled(&patience)? == State::Stopped {
            cx.progress.phase("starting the server");
            self.perform(Change::Start, cx, &not_cancelled)?;
            if !cx.cancel.is_cancelled() {
                self.wait_until_started(&patience)?;
            }
        }
        hold.end(journal)
    }

    /// A server that is still stopping cannot be started yet.
    fn settled(&self, patience: &Patience) -> Result<State> {
        loop {
            match self.look(patience)? {
                State::Stopping => patience.pause(GLANCE, &format!("the stop of {}", self.settings.probe))?,
                state => return Ok(state),
            }
        }
    }

    fn wait_until_started(&self, patience: &Patience) -> Result<()> {
        let what = format!("the start of {}", self.settings.probe);
        while self.look(patience)? == State::Stopped {
            patience.pause(GLANCE, &what)?;
        }
        Ok(())
    }

    fn perform(&self, change: Change, cx: &Context, cancel: &Cancel) -> Result<()> {
        let missing = || Problem::invalid(format!("the guard does not say how to {change} the server"));
        let hook: Hook = self.settings.way_to(change).ok_or_else(missing)?;
        let hook_cx = HookContext {
            job: &cx.job,
            source: "",
            event: change.word(),
            state: "running",
            cancel,
            programs: &self.programs,
            sql: None,
        };
        let done = perform(&hook, Side::Before, &hook_cx);
        done.map_err(|problem| match problem.kind() {
            Kind::Cancelled => problem,
            _ => problem.context(format!("cannot {change} {}", self.settings.probe)),
        })
    }
}
