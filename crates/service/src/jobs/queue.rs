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

use catalog::jobs::{JobRow, NewJob};
use model::{JobId, JobKind, Problem, Result};
use serde::{Deserialize, Serialize};

pub(crate) use carry_out::{value, warnings};
pub use serve::{Roles, Serving, WorkedOff};

use crate::Service;
use crate::backups::BackupOrder;
use crate::backups::UploadOrder;
use crate::backups::die_if_asked;
use crate::restores::RestoreOrder;

/// Longer than any piece of work without a sign of life.
pub(crate) const LEASE_MS: i64 = 60_000;

/// What a job is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Order {
    Backup(BackupOrder),
    Restore(RestoreOrder),
    Verify {
        backup: Option<String>,
    },
    Prune {
        no_grace: bool,
    },
    /// By the process that was asked.
    Export {
        backup: String,
        format: String,
    },
    /// By the process that was asked.
    Import {
        file: String,
    },
    /// Of a snapshot of another program, by the process that was asked.
    Adopt {
        snapshot: String,
    },
    /// Of a file that was uploaded.
    #[serde(rename = "import-upload")]
    ImportUpload(UploadOrder),
    /// Import and restore in one.
    #[serde(rename = "restore-upload")]
    RestoreUpload(UploadOrder),
}

impl Order {
    pub(crate) fn kind(&self) -> JobKind {
        match self {
            Order::Backup(_) => JobKind::Backup,
            Order::Restore(_) | Order::RestoreUpload(_) => JobKind::Restore,
            Order::Verify { .. } => JobKind::Verify,
            Order::Prune { .. } => JobKind::Prune,
            Order::Export { .. } => JobKind::Export,
            Order::Import { .. } | Order::Adopt { .. } | Order::ImportUpload(_) => JobKind::Import,
        }
    }

    pub(crate) fn of(job: &JobRow) -> Result<Self> {
        serde_json::from_str(&job.request)
            .map_err(|error| Problem::damaged(format!("job {} cannot be read", job.id)).caused_by(error))
    }
}

impl Service {
    /// Queues a job; its id.
    pub(crate) async fn ask(&self, order: &Order, source: Option<&str>, node: &str) -> Result<String> {
        let job = self.new_job(order, source, node)?;
        self.name_job(&job.id).await?;
        self.catalog.add_job(&job).await?;
        die_if_asked("queued");
        Ok(job.id)
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
