//! Work: everything long is a job, and all jobs go one way.
//!
//! Nouns: an *order* says what is to be done and is stored with its job; a *worker* is any process that claims a job and carries it out under
//! a lease; to *see a job through* is to wait for its end, and to carry it out oneself when no worker of its node is alive.
//!
//! Rules: a job's order holds no secret, unless sealed. Whoever asked may go away: the job goes on. What only the asking process can do (its file, its
//! output) is queued for a node that nobody else serves. Invariants: a job is ended by the holder of its lease and by nobody else; a job
//! whose process vanished becomes interrupted and never runs for ever.

mod carry_out;
mod reap;
mod see_through;
mod serve;

use catalog::jobs::NewJob;
use model::{JobId, Kind, Problem, Result};

pub(crate) use carry_out::{Watch, value, warnings};
pub use serve::{Roles, Serving, WorkedOff};

use crate::Service;
use crate::instance::die_if_asked;
use crate::orders::Order;

/// Jobs of one person that wait or run.
const MOST_OPEN: i64 = 100;
/// Longer than any piece of work without a sign of life.
pub(crate) const LEASE_MS: i64 = 60_000;

impl Service {
    /// Queues a job; its id.
    pub(crate) async fn ask(&self, order: &Order, source: Option<&str>, node: &str) -> Result<String> {
        self.check_turns().await?;
        let job = self.new_job(order, source, node)?;
        self.name_job(&job.id).await?;
        self.catalog.add_job(&job).await?;
        die_if_asked("queued");
        Ok(job.id)
    }

    /// The queue is everybody's: nobody fills it alone. Whoever has the machine itself is not counted.
    async fn check_turns(&self) -> Result<()> {
        if self.caller.person_id().is_none() {
            return Ok(());
        }
        if self.catalog.open_jobs_of_person(self.caller.name()).await? < MOST_OPEN {
            return Ok(());
        }
        Err(Problem::new(
            Kind::TooMany,
            format!("{MOST_OPEN} jobs that you asked for are not over yet"),
        )
        .hint("wait until some of them are, or cancel what is not needed"))
    }

    pub(crate) fn new_job(&self, order: &Order, source: Option<&str>, node: &str) -> Result<NewJob> {
        let request = serde_json::to_string(order)
            .map_err(|error| Problem::internal(format!("a job cannot be written: {error}")))?;
        let kind = order.kind();
        Ok(NewJob {
            id: JobId::new(&self.options.clock, &self.options.random)?.to_string(),
            kind: kind.word().to_owned(),
            source: source.map(str::to_owned),
            alone: kind.is_alone(),
            node: node.to_owned(),
            request,
            person: Some(self.caller.name().to_owned()),
            created: self.now_ms(),
        })
    }

    /// The lease holder's name of this opened instance.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// A line of a job's log. A log that cannot be written stops no work.
    pub(crate) async fn log(&self, job: &str, level: &str, text: &str) {
        if let Err(problem) = self.catalog.add_event(job, self.now_ms(), level, text).await {
            tracing::warn!("the log of job {job}: {problem}");
        }
    }
}
