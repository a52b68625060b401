//! Carries one claimed job out under its lease, and ends it truthfully.
//!
//! Rules: the lease is renewed while the work goes on; who lost it stops and writes nothing more. A wish to stop is looked for twice a
//! second. A process that leaves in good order gives its job back to the queue; what was done is found again by whoever takes it on.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use catalog::jobs::{Claim, Ending, JobRow};
use model::{Cancel, JobState, Kind, Problem, Progress, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::LEASE_MS;
use crate::orders::Order;
use crate::{Service, registry};

const BEAT: Duration = Duration::from_millis(500);

/// How a piece of work is stopped, and why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) progress: Progress,
    pub(crate) cancel: Cancel,
    /// Nobody sits before it: a lock on the repository is waited for as long as the settings say.
    pub(crate) in_no_hurry: bool,
    /// Set when the process leaves: its jobs go back to the queue.
    pub(crate) leaving: std::sync::Arc<AtomicBool>,
}

impl Service {
    /// Takes a job; nothing named = the oldest that may run.
    pub(crate) async fn claim(&self, node: &str, only: Option<&str>) -> Result<Option<JobRow>> {
        if self.alive.show(self.owner())? {
            // Whoever begins to work removes first what killed ones left lying about.
            self.reap().await?;
            self.sweep_scratch().await?;
        }
        let now = self.now_ms();
        let claim = Claim {
            owner: self.owner(),
            node,
            now_ms: now,
            until_ms: now + LEASE_MS,
        };
        let claimed = self.catalog.claim_job(&claim, only).await?;
        if let Some(job) = &claimed {
            // Of an earlier attempt.
            self.place.discard_scratch(&job.id)?;
        }
        Ok(claimed)
    }

    /// Carries a claimed job out; the outcome is stored with it as well.
    pub(crate) async fn carry_out(&self, job: &JobRow, watch: &Watch) -> Result<Value> {
        // Boxed: all kinds of work in one future are large.
        let house = self.house_for(job).watched(&watch.progress, &watch.cancel);
        let house = if watch.in_no_hurry {
            house.in_no_hurry()
        } else {
            house
        };
        house
            .carry_out_with(job, watch, Box::pin(registry::perform(&house, job, watch)))
            .await
    }

    /// The same for work that only this process can do.
    pub(crate) async fn carry_out_with(
        &self,
        job: &JobRow,
        watch: &Watch,
        work: impl Future<Output = Result<Value>>,
    ) -> Result<Value> {
        let begin = self.now_ms();
        self.log(&job.id, "info", &format!("{} begins", job.kind)).await;
        registry::job_starts(self, job).await;
        let outcome = self.under_lease(job, watch, unharmed(work)).await;
        let outcome = outcome.map(|mut result| {
            if let Some(fields) = result.as_object_mut() {
                let seconds = (self.now_ms() - begin) as f64 / 1000.0;
                fields.insert("seconds".to_owned(), json!(seconds));
            }
            result
        });
        self.end(job, watch, outcome).await
    }

    /// Queues and carries out what only this process can do.
    pub(crate) async fn here<T, F>(
        &self,
        order: &Order,
        source: Option<&str>,
        progress: &Progress,
        cancel: &Cancel,
        work: impl FnOnce(String) -> F,
    ) -> Result<T>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<Value>>,
    {
        // A node that nobody else serves.
        let node = format!("@{}", self.owner());
        let id = self.ask(order, source, &node).await?;
        let job = self.claim(&node, Some(&id)).await?;
        let job = job.ok_or_else(|| Problem::internal(format!("job {id} cannot be claimed")))?;
        let watch = Watch {
            progress: progress.clone(),
            cancel: cancel.clone(),
            ..Watch::default()
        };
        let done = self.carry_out_with(&job, &watch, work(id)).await?;
        read(done)
    }

    async fn under_lease(
        &self,
        job: &JobRow,
        watch: &Watch,
        work: impl Future<Output = Result<Value>>,
    ) -> Result<Value> {
        // Both go on at once: a beat that waits for the catalog's one writing connection must not stop the work that holds it.
        tokio::select! {
            outcome = work => outcome,
            never = self.keep_lease(job, watch) => match never {},
        }
    }

    /// Renews the lease, tells how far the work is, and hands on the wish to stop; until it is dropped.
    async fn keep_lease(&self, job: &JobRow, watch: &Watch) -> Infallible {
        let mut phase = String::new();
        let mut until = job.lease_until.unwrap_or(0);
        loop {
            tokio::time::sleep(BEAT).await;
            let seen = watch.progress.seen();
            if seen.phase != phase {
                phase.clone_from(&seen.phase);
                self.log(&job.id, "info", &phase).await;
            }
            let next = self.now_ms() + LEASE_MS;
            match self.catalog.beat(&job.id, job.fence, next, &seen).await {
                Ok(asked_to_stop) => {
                    until = next;
                    if asked_to_stop {
                        watch.cancel.cancel();
                    }
                }
                Err(problem) if problem.kind() == Kind::Conflict => watch.cancel.cancel(),
                // A catalog that is away for a moment stops nothing; a lease that ran out does.
                Err(problem) => {
                    tracing::warn!("job {}: {problem}", job.id);
                    if self.now_ms() >= until {
                        watch.cancel.cancel();
                    }
                }
            }
        }
    }

    async fn end(&self, job: &JobRow, watch: &Watch, outcome: Result<Value>) -> Result<Value> {
        if let Err(problem) = &outcome
            && problem.kind() == Kind::Cancelled
            && watch.leaving.load(Ordering::SeqCst)
            && !self.is_asked_to_stop(&job.id).await
        {
            self.log(
                &job.id,
                "info",
                "the process ends; the job goes back to the queue",
            )
            .await;
            self.catalog
                .give_job_back(&job.id, job.fence, self.now_ms())
                .await?;
            return outcome;
        }
        let (state, result, problem) = match &outcome {
            Ok(result) => (state_of(result), Some(result.to_string()), None),
            Err(problem) if problem.kind() == Kind::Cancelled => (JobState::Cancelled, None, Some(problem)),
            Err(problem) => (JobState::Failed, None, Some(problem)),
        };
        let ending = Ending {
            state: state.word(),
            result,
            problem,
        };
        self.log_end(job, state, &outcome).await;
        self.catalog
            .end_job(&job.id, job.fence, &ending, self.now_ms())
            .await?;
        if let Err(problem) = self.place.discard_upload(&job.id) {
            tracing::warn!("{problem}");
        }
        registry::job_ended(self, job, state, &outcome).await;
        outcome
    }

    async fn is_asked_to_stop(&self, job: &str) -> bool {
        let row = self.catalog.job(job).await;
        row.is_ok_and(|row| row.is_some_and(|row| row.cancel_requested != 0))
    }

    async fn log_end(&self, job: &JobRow, state: JobState, outcome: &Result<Value>) {
        match outcome {
            Ok(result) => {
                for warning in warnings(result) {
                    self.log(&job.id, "warning", warning).await;
                }
            }
            Err(problem) => {
                let hint = problem.hint_text().map(|hint| format!(" ({hint})"));
                let text = format!("{}{}", problem.message(), hint.unwrap_or_default());
                self.log(&job.id, "error", &text).await;
            }
        }
        self.log(&job.id, "info", state.word()).await;
    }
}

/// A panic fails the job that it happens in, and nothing else. (Work on threads of its own comes back as a problem by itself; a stack
/// that overflows would end the process, which is why nothing that comes from outside is recursed into.)
async fn unharmed(work: impl Future<Output = Result<Value>>) -> Result<Value> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(move |cx| {
        let polled = panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            Poll::Ready(Err(Problem::internal(
                "the job broke off because of a fault in Cairn",
            )
            .hint("the log of the process says where; please report it")))
        })
    })
    .await
}

/// The warnings of a job's result.
pub(crate) fn warnings(result: &Value) -> impl Iterator<Item = &str> {
    let list = result.get("warnings").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

pub(super) fn state_of(result: &Value) -> JobState {
    let word = result.get("state").and_then(Value::as_str).unwrap_or_default();
    word.parse().unwrap_or(JobState::Succeeded)
}

pub(crate) fn read<T: DeserializeOwned>(result: Value) -> Result<T> {
    serde_json::from_value(result)
        .map_err(|error| Problem::internal(format!("a result cannot be read: {error}")))
}

pub(crate) fn value(result: impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(result)
        .map_err(|error| Problem::internal(format!("a result cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use catalog::journal::StepRow;

    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn a_beat_waits_for_work_that_holds_the_catalog() {
        let dir = tempfile::tempdir().expect("a folder");
        let service = Service::open(Options::new(dir.path())).await.expect("opened");
        let order = Order::Prune { no_grace: false };
        let id = service.ask(&order, None, "here").await.expect("asked");
        let job = service
            .claim("here", Some(&id))
            .await
            .expect("claimed")
            .expect("a job");
        let watch = Watch::default();
        watch.progress.phase("a phase of which the log is told");
        // One transaction that takes longer than it is to the next beat.
        let step = |number: u32| StepRow {
            step: number.to_string(),
            done: 0,
            data: "{}".to_owned(),
        };
        let steps: Vec<StepRow> = (0..30_000).map(step).collect();
        let begun = std::time::Instant::now();
        let work = async {
            while begun.elapsed() < BEAT * 2 {
                service.catalog.record_steps(&id, 0, &steps).await?;
            }
            Ok(Value::Null)
        };
        service.under_lease(&job, &watch, work).await.expect("done");
        assert!(!watch.cancel.is_cancelled(), "the lease was kept");
    }

    #[tokio::test]
    async fn a_panic_fails_its_job_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let service = Service::open(Options::new(dir.path())).await.expect("opened");
        let id = service
            .ask(&Order::Prune { no_grace: false }, None, "here")
            .await
            .expect("asked");
        let job = service
            .claim("here", Some(&id))
            .await
            .expect("claimed")
            .expect("a job");
        let work = async {
            tokio::task::yield_now().await;
            assert!(id.is_empty(), "on purpose");
            Ok(Value::Null)
        };
        let outcome = service.carry_out_with(&job, &Watch::default(), work).await;
        assert!(outcome.is_err_and(|problem| problem.message().contains("a fault in Cairn")));
        let row = service.catalog.job(&id).await.expect("read").expect("there");
        assert_eq!((row.state.as_str(), row.lease_until), ("failed", None));
    }
}
