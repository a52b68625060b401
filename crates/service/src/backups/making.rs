//! What one capture is told and does: by a source, or of an archive from outside.

use catalog::sources::SourceRow;
use model::{BackupId, Cancel, JobId, Progress, Reason, Result};
use sources::{Captured, Context, Sink};

/// What one capture needs.
pub(crate) struct Making {
    pub(crate) id: BackupId,
    pub(crate) job: JobId,
    pub(crate) source: SourceRow,
    pub(crate) name: Option<String>,
    pub(crate) reason: Reason,
    pub(crate) undoes: Option<JobId>,
    /// Locked from the first moment.
    pub(crate) lock: bool,
    /// For whom.
    pub(crate) who: String,
    pub(crate) progress: Progress,
    pub(crate) cancel: Cancel,
}

/// Fills a backup: what a source does, or an archive from outside. It lives until the backup is whole: files are opened late.
pub(crate) type Capture = Box<dyn Fn(&mut dyn Sink, &Context) -> Result<Captured> + Send>;

/// A capture of these parts by the source itself.
pub(crate) fn by_source(source: Box<dyn sources::Source>, parts: Vec<String>) -> Capture {
    Box::new(move |sink, cx| source.capture(&parts, sink, cx))
}
