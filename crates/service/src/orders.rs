//! Orders: what each kind of job is to do, as plain data, stored with the job so that any process can go on with it.
//!
//! Rules: an order says what is asked and knows nobody who does it. It holds no secret, unless sealed. Orders that are stored already are
//! read by every later version.

mod backup;
mod restore;
mod target;
mod upload;

pub use target::Target;

pub(crate) use backup::BackupOrder;
pub(crate) use restore::{RestoreOrder, superseded_by};
pub(crate) use upload::UploadOrder;

use catalog::jobs::JobRow;
use model::{JobKind, Problem, Result};
use serde::{Deserialize, Serialize};

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
