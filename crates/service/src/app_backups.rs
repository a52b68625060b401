//! What the API of app backups needs: one source, and the history of its backups and restores.
//!
//! Nouns: an *app* is a source as that API sees it, the only one where none is named; its history is a list of [`AppJob`]s, in which a backup
//! and the job that made it are one thing: where the one is gone, the other is not shown either.
//! Rules: all of this is for administrators (`Permission::AppBackups`), and asks like every other verb for what it does as well.

mod archives;
mod paths;
mod settings;

use std::collections::HashMap;

use catalog::archives::ArchiveRow;
use catalog::backups::BackupRow;
use catalog::job_pages::Which;
use catalog::jobs::JobRow;
use catalog::paging::{After, Within};
use catalog::sources::SourceRow;
use model::{JobState, Kind, Permission, Problem, Reason, Result};

pub use archives::{AppArchive, ArchiveFile, app_archive_name};
pub use settings::{AppChanges, AppSettings};

use crate::Service;
use crate::backups::{Asked, BackupRequest, BackupView};
use crate::instance::policy_of;
use crate::jobs::JobView;
use crate::orders::Order;
use crate::sources::{SourceView, view};

/// Jobs are looked at so far back.
const MOST: i64 = 2_000;
const LISTED: usize = 10;

/// A backup or a restore, with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AppJob {
    pub job: JobView,
    pub is_scheduled: bool,
    /// The backup that the job made.
    pub backup: Option<BackupView>,
    /// What is known of that backup's archive.
    pub archive: Option<AppArchive>,
    /// What the file was called that was uploaded for it.
    pub file_name: Option<String>,
}

impl Service {
    /// Is this API open to whoever asks?
    pub async fn enter_app_backups(&self) -> Result<()> {
        self.may(Permission::AppBackups, None).await
    }

    /// The source that is meant; nothing: the only one.
    pub async fn app_source(&self, wanted: Option<&str>) -> Result<SourceView> {
        self.may(Permission::AppBackups, None).await?;
        let row = self.app(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        Ok(view(&row))
    }

    async fn app(&self, wanted: Option<&str>) -> Result<SourceRow> {
        if let Some(wanted) = wanted {
            return self.source_row(wanted).await;
        }
        let eyes = self.eyes().await?;
        let mut rows = self.catalog.list_sources().await?;
        rows.retain(|row| row.hidden == 0 && eyes.sees(&row.id));
        match rows.len() {
            1 => Ok(rows.swap_remove(0)),
            0 => Err(Problem::not_found("there is no source yet").hint("add one: `cairn source add`")),
            _ => {
                let names: Vec<&str> = rows.iter().take(LISTED).map(|row| row.name.as_str()).collect();
                Err(Problem::invalid("there are several sources, and none is named")
                    .hint(format!("name one with `source`: {}", names.join(", "))))
            }
        }
    }

    /// Queues a backup of what the settings say.
    pub async fn ask_app_backup(&self, wanted: Option<&str>) -> Result<Asked> {
        self.may(Permission::AppBackups, None).await?;
        let row = self.app(wanted).await?;
        let request = BackupRequest {
            parts: policy_of(&row)?.parts,
            ..BackupRequest::manual(row.id)
        };
        self.ask_backup(&request).await
    }

    /// Newest first.
    pub async fn app_jobs(&self, wanted: Option<&str>) -> Result<Vec<AppJob>> {
        self.may(Permission::AppBackups, None).await?;
        let source = self.app(wanted).await?;
        self.may(Permission::See, Some(&source.id)).await?;
        self.reap().await?;
        let (within, which) = (Within::Source(source.id.clone()), Which::default());
        let jobs = self
            .catalog
            .page_of_jobs(&within, &which, &After::nothing(), MOST)
            .await?;
        let rows = self.catalog.list_backups(Some(&source.id), i64::MAX).await?;
        let backups: HashMap<&str, &BackupRow> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let (jobs, known): (Vec<JobRow>, Vec<Known>) = jobs
            .into_iter()
            .filter_map(|job| Known::of(&job).map(|known| (job, known)))
            .unzip();
        let archives = self.catalog.archives_of(&source.id).await?;
        let archives: HashMap<&str, &ArchiveRow> =
            archives.iter().map(|row| (row.backup.as_str(), row)).collect();
        let shown = self.job_views(jobs).await?.into_iter().zip(known);
        Ok(shown
            .filter_map(|(view, known)| {
                let backup = known.makes.as_deref().and_then(|id| backups.get(id).copied());
                let archive = backup.and_then(|row| archives.get(row.id.as_str()).copied());
                known.shown(view, backup, self.archive_view(archive))
            })
            .collect())
    }

    pub async fn app_job(&self, wanted: &str) -> Result<AppJob> {
        self.may(Permission::AppBackups, None).await?;
        let job = self.job_row(wanted).await?;
        self.may_job(Permission::See, &job).await?;
        self.reap().await?;
        self.app_job_of(self.job_row(&job.id).await?).await
    }

    async fn app_job_of(&self, job: JobRow) -> Result<AppJob> {
        let id = job.id.clone();
        let gone = || Problem::not_found(format!("there is no backup and no restore “{id}”"));
        let known = Known::of(&job).ok_or_else(gone)?;
        let row = match &known.makes {
            Some(id) => self.catalog.backup(id).await?,
            None => None,
        };
        let archive = match &row {
            Some(row) => self.catalog.archive(&row.id).await?,
            None => None,
        };
        let view = self.one_job(job).await?;
        let archive = self.archive_view(archive.as_ref());
        known.shown(view, row.as_ref(), archive).ok_or_else(gone)
    }

    /// Forgets a job that does not run, and with it the backup that it made. One that has not begun never begins.
    pub async fn delete_app_job(&self, wanted: &str) -> Result<()> {
        self.may(Permission::AppBackups, None).await?;
        let row = self.job_row(wanted).await?;
        self.may_job(Permission::Delete, &row).await?;
        if matches!(row.state.as_str(), "waiting" | "queued") {
            self.never_begin(&row).await?;
        }
        let found = self.app_job_of(self.job_row(&row.id).await?).await?;
        if !found.job.is_over() {
            return Err(
                Problem::new(Kind::Conflict, "Running jobs cannot be deleted.").hint("cancel it first")
            );
        }
        if let Some(backup) = &found.backup {
            if backup.locked {
                return Err(
                    Problem::new(Kind::Conflict, "the backup of this job is locked").hint("unlock it first")
                );
            }
            if let Some(row) = self.catalog.backup(&backup.id).await? {
                self.delete_rows(&[row]).await?;
            }
        }
        self.catalog.delete_job(&found.job.id).await?;
        self.audit("job.delete", &found.job.id, &found.job.kind).await
    }

    /// Closes a job that has not begun, in one step; one that begins at the same moment runs.
    async fn never_begin(&self, row: &JobRow) -> Result<()> {
        if self.catalog.close_job(&row.id, self.now_ms(), None).await? {
            self.place.discard_upload(&row.id)?;
            if row.kind == "restore" {
                self.house().tidy_after(row, false).await;
            }
        }
        Ok(())
    }
}

/// What the order of a job says.
struct Known {
    state: JobState,
    is_scheduled: bool,
    /// The id of the backup that it makes.
    makes: Option<String>,
    file_name: Option<String>,
}

impl Known {
    /// Only backups and restores are.
    fn of(job: &JobRow) -> Option<Known> {
        let known = Known {
            state: job.state.parse().ok()?,
            is_scheduled: false,
            makes: None,
            file_name: None,
        };
        match Order::of(job).ok()? {
            Order::Backup(order) => Some(Known {
                is_scheduled: order.reason == Reason::Scheduled,
                makes: Some(order.backup),
                ..known
            }),
            Order::Restore(_) => Some(known),
            Order::RestoreUpload(order) => Some(Known {
                file_name: order.file_name,
                ..known
            }),
            _ => None,
        }
    }

    /// `None`: the backup was made and is gone.
    fn shown(self, job: JobView, backup: Option<&BackupRow>, archive: Option<AppArchive>) -> Option<AppJob> {
        let backup = backup.filter(|row| row.state == "ok").map(BackupView::of);
        if self.makes.is_some() && self.state.is_success() && backup.is_none() {
            return None;
        }
        Some(AppJob {
            job,
            is_scheduled: self.is_scheduled,
            archive: archive.filter(|_| backup.is_some()),
            backup,
            file_name: self.file_name,
        })
    }
}
