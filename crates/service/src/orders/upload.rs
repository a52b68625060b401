//! What a job that takes an upload is to do.

use serde::{Deserialize, Serialize};

/// What is stored with the job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadOrder {
    pub(crate) source: String,
    pub(crate) name: Option<String>,
    pub(crate) file_name: Option<String>,
    pub(crate) upload: String,
    /// Sealed.
    pub(crate) passphrase: Option<String>,
}
