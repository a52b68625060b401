//! What a job that makes a backup is to do.

use model::Reason;
use serde::{Deserialize, Serialize};

/// What a job that makes a backup is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackupOrder {
    pub(crate) backup: String,
    pub(crate) source: String,
    pub(crate) parts: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) reason: Reason,
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    #[serde(default)]
    pub(crate) lock: bool,
}
