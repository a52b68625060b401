//! How long something may take, and who may stop it earlier.

use std::future::Future;
use std::time::{Duration, Instant};

use model::{Cancel, Kind, Lapse, Problem, Result};

/// How often somebody who waits looks up.
const GLANCE: Duration = Duration::from_millis(50);
/// Long enough to stand for "for ever".
const LONGEST: Duration = Duration::from_hours(24 * 365);

#[derive(Clone, Debug)]
pub struct Patience {
    limit: Lapse,
    end: Instant,
    cancel: Cancel,
}

impl Patience {
    /// Begins now.
    pub fn new(limit: Lapse, cancel: &Cancel) -> Self {
        Patience {
            limit,
            end: Instant::now() + limit.std().min(LONGEST),
            cancel: cancel.clone(),
        }
    }

    /// The same, but for this long at most.
    #[must_use]
    pub fn at_most(&self, limit: Lapse) -> Self {
        let shorter = Patience::new(limit, &self.cancel);
        if shorter.end < self.end {
            shorter
        } else {
            self.clone()
        }
    }

    /// Is there any left? `what` is what is being waited for.
    pub fn check(&self, what: &str) -> Result<()> {
        self.cancel.check()?;
        if Instant::now() < self.end {
            Ok(())
        } else {
            Err(self.ran_out(what))
        }
    }

    fn ran_out(&self, what: &str) -> Problem {
        Problem::new(
            Kind::Unavailable,
            format!("{what} took longer than {}", self.limit),
        )
        .hint("raise its timeout if it needs that long")
    }

    /// Lets time pass, if there is any left.
    pub fn pause(&self, time: Duration, what: &str) -> Result<()> {
        let until = (Instant::now() + time).min(self.end);
        loop {
            self.check(what)?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.check(what);
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }

    /// Waits for something that waits for a network. Not to be called where futures are being driven.
    pub fn wait<T>(&self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::io("cannot wait for the network", error))?;
        let outcome = runtime.block_on(async {
            let mut glances = tokio::time::interval(GLANCE);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    outcome = &mut work => return outcome,
                    _ = glances.tick() => self.check(what)?,
                }
            }
        });
        // A name that is still being looked up is not waited for.
        runtime.shutdown_background();
        outcome
    }
}
