//! Ctrl-C and SIGTERM: one listener for the life of the process, installed before anything is begun.
//!
//! Nouns: who does work that can be stopped in good order holds a [`Stopping`]; who asks a person something holds an [`Asking`].
//! Rules: a signal is never lost. While there is such work it is asked to stop, and the second signal leaves at once; anywhere else nothing
//! has to be put right, and the process ends with 130. Work is not begun any more once a signal was heard.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Cancel, Problem, Result};
use tokio::signal::unix::{SignalKind, signal};

const INTERRUPTED: i32 = 130;

/// What the listener has to know when a signal comes.
struct State {
    heard: bool,
    work: Option<(Cancel, &'static str)>,
    asks: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    heard: false,
    work: None,
    asks: false,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens from now on, until the process ends.
pub(super) fn listen(say: impl Fn(&str) + Send + 'static) -> Result<()> {
    let problem = |error| Problem::io("cannot listen for signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(problem)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(problem)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            hear(&say);
        }
    });
    Ok(())
}

fn hear(say: &impl Fn(&str)) {
    let mut state = state();
    match state.hear() {
        Some(says) => say(says),
        None => {
            if state.asks {
                say("\ninterrupted; nothing was changed");
            }
            std::process::exit(INTERRUPTED)
        }
    }
}

impl State {
    /// What is said while work stops in good order; nothing: the process ends at once.
    fn hear(&mut self) -> Option<&'static str> {
        let is_first = !std::mem::replace(&mut self.heard, true);
        let (cancel, says) = self.work.as_ref().filter(|_| is_first)?;
        cancel.cancel();
        Some(says)
    }
}

/// Was the process told to end?
pub(crate) fn check() -> Result<()> {
    if state().heard {
        return Err(Problem::cancelled());
    }
    Ok(())
}

/// Work that a signal asks to stop; until it is dropped.
pub(super) struct Stopping;

impl Stopping {
    /// Begins work that this stops; what is said then. Not any more once a signal was heard.
    pub(super) fn begin(cancel: &Cancel, says: &'static str) -> Result<Self> {
        let mut state = state();
        if state.heard {
            return Err(Problem::cancelled());
        }
        state.work = Some((cancel.clone(), says));
        Ok(Stopping)
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        state().work = None;
    }
}

/// A question that a person is asked; until it is dropped.
pub(crate) struct Asking;

impl Asking {
    pub(crate) fn begin() -> Result<Self> {
        check()?;
        state().asks = true;
        Ok(Asking)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        state().asks = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_during_one_piece_of_work_stops_that_and_all_that_would_follow() {
        let cancel = Cancel::new();
        let work = Stopping::begin(&cancel, "stopping").expect("nothing was heard yet");
        assert_eq!(state().hear(), Some("stopping"));
        assert!(cancel.is_cancelled());
        drop(work);
        assert!(Stopping::begin(&Cancel::new(), "more").is_err(), "no more work");
        assert!(Asking::begin().is_err(), "and no question");
        assert_eq!(state().hear(), None, "the second time at once");
    }
}
