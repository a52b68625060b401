//! The job that takes an upload: it becomes a backup.
//!
//! Rules: the file takes the name of its job before the job is there, and keeps its lock until then, so that nobody sweeps it; the job reads
//! it as hostile, into no more room than there is. A passphrase is stored with the job sealed, and with it only. However the job ends, the
//! file goes; a job that goes back to the queue keeps it.

use archive::Limits;
use catalog::jobs::JobRow;
use catalog::sources::SourceRow;
use model::{Cancel, Permission, Problem, Progress, Reason, Result};

use super::{Received, room};
use crate::Service;
use crate::backups::create::BackupDone;
use crate::backups::import::ImportRequest;
use crate::instance::policy_of;
use crate::orders::{Order, UploadOrder};

/// What is to become of an upload.
#[derive(Clone, Default)]
pub struct UploadRequest {
    /// Of the backup.
    pub name: Option<String>,
    /// What whoever sent it calls the file; shown, and never used as a path.
    pub file_name: Option<String>,
    /// Opens an encrypted zip.
    pub passphrase: Option<String>,
}

impl std::fmt::Debug for UploadRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UploadRequest({:?}, {:?})", self.name, self.file_name)
    }
}

fn place(upload: &str) -> String {
    format!("uploads/{upload}/passphrase")
}

impl Service {
    /// Queues the import of what was received; the job's id.
    pub async fn import_upload(&self, received: Received, request: UploadRequest) -> Result<String> {
        let source = self.source_row(received.source()).await?;
        self.may(Permission::Import, Some(&source.id)).await?;
        self.hand_over(received, &source, request, Order::ImportUpload)
            .await
    }

    /// Gives what was received to a new job.
    pub(crate) async fn hand_over(
        &self,
        mut received: Received,
        source: &SourceRow,
        request: UploadRequest,
        order: impl FnOnce(UploadOrder) -> Order,
    ) -> Result<String> {
        self.admit_import(source, self.caller.name()).await?;
        let upload = received.waiting.id.clone();
        let seal = |secret: String| {
            self.sealer()?
                .seal(&secret, &place(&upload), &self.options.random)
        };
        let file_name = request.file_name.clone().unwrap_or_default();
        let order = order(UploadOrder {
            source: source.id.clone(),
            name: request.name,
            file_name: request.file_name,
            passphrase: request.passphrase.map(seal).transpose()?,
            upload,
        });
        let job = self.new_job(&order, Some(&source.id), &source.node)?;
        let path = self.place.upload(&job.id);
        std::fs::rename(&received.waiting.path, &path)
            .map_err(|error| Problem::io(format!("cannot name {}", path.display()), error))?;
        received.waiting.path = path;
        self.name_job(&job.id).await?;
        self.catalog.add_job(&job).await?;
        received.waiting.is_kept = true;
        let what = if matches!(order, Order::ImportUpload(_)) {
            "backup.import"
        } else {
            "restore.upload"
        };
        self.audit(what, &source.name, &file_name).await?;
        Ok(job.id)
    }

    async fn admit_import(&self, source: &SourceRow, person: &str) -> Result<()> {
        self.admit(source, &policy_of(source)?, Reason::Imported, Some(person))
            .await
    }

    /// Makes a backup of what was uploaded for this job.
    pub(crate) async fn perform_import_upload(
        &self,
        job: &JobRow,
        order: &UploadOrder,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        let source = self.source_row(&order.source).await?;
        let file = self.place.upload(&job.id);
        if !file.exists() {
            return Err(Problem::not_found("the uploaded file is not here any more").hint("upload it again"));
        }
        self.opened_or_new().await?;
        self.admit_import(&source, self.caller.name()).await?;
        let request = ImportRequest {
            file,
            source: source.id.clone(),
            name: order.name.clone(),
            passphrase: self.passphrase_of(order)?,
            limits: self.limits_of_uploads()?,
        };
        let done = self.take_in(&job.id, request, source, progress, cancel).await;
        self.place.discard_scratch(&job.id)?;
        done
    }

    fn passphrase_of(&self, order: &UploadOrder) -> Result<Option<String>> {
        let Some(sealed) = &order.passphrase else {
            return Ok(None);
        };
        let opened = self.sealer()?.open(sealed, &place(&order.upload))?;
        Ok(Some(opened.as_str().to_owned()))
    }

    /// An archive from outside does not fill the disk either when it is unpacked.
    fn limits_of_uploads(&self) -> Result<Limits> {
        let usual = Limits::default();
        let room = room(&self.place.uploads()?, 0)?;
        Ok(Limits {
            total_bytes: usual.total_bytes.min(room),
            ..usual
        })
    }
}
