//! Import and restore of an upload in one job.
//!
//! Order: the archive is found good as a whole → it becomes a backup → the plan → the gates → from here on a restore like every other. What
//! was planned is a step of the journal: a job that is gone on with neither imports again nor plans anew, and needs the uploaded file no more.

use catalog::jobs::JobRow;
use catalog::sources::SourceRow;
use model::{Cancel, Kind, Mode, Permission, Problem, Progress, Reason, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sources::Journal;

use super::{RestoreRequest, Restored, Wanted};
use crate::Service;
use crate::backups::{JournalOf, Received, UploadRequest};
use crate::instance::policy_of;
use crate::jobs::value;
use crate::orders::{Order, RestoreOrder, UploadOrder};

/// The step of the journal that holds the [`Planned`].
const UPLOAD_STEP: &str = "service:upload";

/// The backup that was made of the upload, and how it is restored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    backup: String,
    pub(super) order: RestoreOrder,
}

impl Service {
    /// Queues import and restore, in place, of what was received; the job's id.
    pub async fn restore_upload(&self, received: Received, request: UploadRequest) -> Result<String> {
        let source = self.source_row(received.source()).await?;
        self.may(Permission::Import, Some(&source.id)).await?;
        self.may(Permission::Restore, Some(&source.id)).await?;
        // Refused at once what would be refused after all the work.
        check_no_approval(&source)?;
        self.check_standstill(&source).await?;
        self.hand_over(received, &source, request, Order::RestoreUpload)
            .await
    }

    pub(crate) async fn perform_restore_upload(
        &self,
        job: &JobRow,
        order: &UploadOrder,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        let planned = match self.planned_before(job).await? {
            Some(planned) => planned,
            None => self.plan_upload(job, order, progress, cancel).await?,
        };
        // From here on the backup stands for it.
        self.place.discard_upload(&job.id)?;
        let done = self
            .perform_restore(job, &planned.order, progress, cancel)
            .await?;
        Ok(Restored {
            imported: Some(planned.backup),
            ..done
        })
    }

    pub(super) async fn planned_before(&self, job: &JobRow) -> Result<Option<Planned>> {
        let journal = JournalOf::load(&self.catalog, &job.id).await?;
        let Some(step) = journal.find(UPLOAD_STEP) else {
            return Ok(None);
        };
        Planned::deserialize(&step.data).map(Some).map_err(|error| {
            Problem::damaged(format!("the journal of job {} is malformed", job.id)).caused_by(error)
        })
    }

    async fn plan_upload(
        &self,
        job: &JobRow,
        order: &UploadOrder,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Planned> {
        let backup = match self.imported_before(job, order).await? {
            Some(backup) => backup,
            None => {
                let done = self.perform_import_upload(job, order, progress, cancel).await?;
                done.backup.id
            }
        };
        progress.phase("planning");
        let request = RestoreRequest {
            backup: backup.clone(),
            parts: Vec::new(),
            paths: Vec::new(),
            to: None,
            mode: Some(Mode::Replace),
            deep: false,
            without_safety: None,
            leave_unsaved: false,
            typed: None,
        };
        let (plan, target) = self.plan_restore(&request, progress, cancel).await?;
        self.catalog.use_plan(&plan.id).await?;
        // Who sends an archive to be restored means it.
        let request = RestoreRequest {
            typed: self.word_to_type(&plan, &target).await?,
            ..request
        };
        // The policy may have changed since it was asked for.
        if let Some(source) = self.check_gates(&request, &plan, &target).await? {
            check_no_approval(&source)?;
        }
        self.audit("restore", &order.source, &plan.hash).await?;
        let planned = Planned {
            order: RestoreOrder {
                plan: plan.id,
                snapshot: self.backup_row(&backup).await?.snapshot,
                target,
                wanted: Wanted {
                    mode: Mode::Replace,
                    ..Wanted::default()
                },
                without_safety: None,
            },
            backup,
        };
        self.remember_planned(job, value(&planned)?).await?;
        Ok(planned)
    }

    /// An earlier run may have ended right after its import.
    async fn imported_before(&self, job: &JobRow, order: &UploadOrder) -> Result<Option<String>> {
        let rows = self.catalog.list_backups(Some(&order.source), i64::MAX).await?;
        let is_it = |row: &catalog::backups::BackupRow| {
            row.job.as_deref() == Some(&job.id) && row.reason == Reason::Imported.word()
        };
        Ok(rows.into_iter().find(is_it).map(|row| row.id))
    }

    async fn remember_planned(&self, job: &JobRow, planned: Value) -> Result<()> {
        let mut journal = JournalOf::load(&self.catalog, &job.id).await?;
        self.blocking(move || journal.record(UPLOAD_STEP, true, planned))
            .await
    }
}

/// Nobody can approve a plan that is made and carried out in one go.
fn check_no_approval(source: &SourceRow) -> Result<()> {
    if policy_of(source)?.gates.approval.is_none() {
        return Ok(());
    }
    let message = format!(
        "“{}” is restored only with its owner's approval of the plan",
        source.name
    );
    Err(Problem::new(Kind::Refused, message)
        .hint("import the archive as a backup, and ask for a restore of that"))
}
