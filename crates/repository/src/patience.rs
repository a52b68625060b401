//! Waiting for others to let go of the repository.
//!
//! Rules: who has no patience is refused at once, with the name of who holds the lock. Who waits says for whom, looks again after a while
//! (soon at first, then less often: looking costs a listing), and stops waiting within a second when told to.

use std::time::{Duration, Instant};

use model::{Cancel, Kind, Lapse, Problem, Progress, Result};

use crate::lock::LOCKED;

/// How the phase of whoever waits begins.
pub const WAITING_FOR_A_LOCK: &str = "waiting for a lock held";

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3);
/// Between two looks at the wish to stop.
const SLICE: Duration = Duration::from_millis(100);

/// How long somebody waits for a lock, who is told of it, and who may stop it.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    pub most: Duration,
    pub progress: Progress,
    pub cancel: Cancel,
}

impl Patience {
    /// Tries until it has the lock, or the patience is at its end.
    pub(crate) fn wait<T>(&self, take: impl Fn() -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        let mut pause = FIRST;
        let mut before: Option<String> = None;
        loop {
            let problem = match take() {
                Err(problem) if problem.kind() == Kind::Locked => problem,
                other => {
                    if let Some(phase) = before {
                        self.progress.phase(&phase);
                    }
                    return other;
                }
            };
            let left = self.most.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(self.at_its_end(problem));
            }
            let seen = self.progress.seen();
            let phase = waiting(&problem);
            if seen.phase != phase {
                before.get_or_insert(seen.phase);
                self.progress.phase(&phase);
            }
            self.pause(pause.min(left))?;
            pause = (pause * 2).min(LONGEST);
        }
    }

    fn pause(&self, length: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.cancel.check()?;
            let left = length.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    fn at_its_end(&self, problem: Problem) -> Problem {
        if self.most.is_zero() {
            return problem;
        }
        let waited = Lapse::millis(i64::try_from(self.most.as_millis()).unwrap_or(i64::MAX));
        let message = format!("{}; it was waited for for {}", problem.message(), waited.words());
        let hint = problem.hint_text().unwrap_or("try again later").to_owned();
        Problem::new(Kind::Locked, message).hint(hint)
    }
}

fn waiting(problem: &Problem) -> String {
    let whose = problem.message().strip_prefix(LOCKED).unwrap_or_default();
    format!("{WAITING_FOR_A_LOCK}{whose}")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn locked() -> Problem {
        Problem::new(
            Kind::Locked,
            format!("{LOCKED} by host (process 1), exclusively since noon"),
        )
        .hint("wait")
    }

    #[test]
    fn who_waits_says_for_whom_and_goes_on_where_it_was() {
        let patience = Patience {
            most: Duration::from_mins(1),
            ..Patience::default()
        };
        patience.progress.phase("storing");
        let looks = Cell::new(0);
        let taken = patience.wait(|| {
            looks.set(looks.get() + 1);
            match looks.get() {
                1 => Err(locked()),
                2 => Ok(patience.progress.seen().phase),
                _ => unreachable!("it has what it waited for"),
            }
        });
        let phase = "waiting for a lock held by host (process 1), exclusively since noon";
        assert_eq!(taken.expect("taken"), phase);
        assert_eq!(patience.progress.seen().phase, "storing");
    }

    #[test]
    fn who_has_no_patience_or_no_more_is_refused() {
        let refused = Patience::default()
            .wait(|| Err::<(), _>(locked()))
            .expect_err("at once");
        assert_eq!(refused.message(), locked().message());
        let patience = Patience {
            most: Duration::from_millis(1),
            ..Patience::default()
        };
        let refused = patience.wait(|| Err::<(), _>(locked())).expect_err("soon");
        assert_eq!(
            (refused.kind(), refused.hint_text()),
            (Kind::Locked, Some("wait"))
        );
        assert!(refused.message().contains("waited for"));
        // Another problem is none that goes by itself.
        let other = patience
            .wait(|| Err::<(), _>(Problem::damaged("broken")))
            .expect_err("at once");
        assert_eq!(other.kind(), Kind::Damaged);
    }

    #[test]
    fn who_is_told_to_stop_stops_waiting() {
        let patience = Patience {
            most: Duration::from_hours(1),
            ..Patience::default()
        };
        patience.cancel.cancel();
        let stopped = patience.wait(|| Err::<(), _>(locked())).expect_err("stopped");
        assert_eq!(stopped.kind(), Kind::Cancelled);
    }
}
