//! The registry: which verb carries each kind of job out, and who is told of what lower wings notice.
//!
//! A lower wing knows none of those above it. Where it has to hand something on, it calls a function of this file, and this file calls the
//! wing that it is for. A new kind of job is a variant of [`Order`] and one line in [`perform`].

use catalog::jobs::JobRow;
use catalog::sources::SourceRow;
use model::{Cancel, Event, JobState, Kind, Problem, Progress, Result};
use repository::Repository;
use serde_json::Value;

use crate::Service;
use crate::backups::BackupView;
use crate::jobs::{Watch, value};
use crate::notices::Notice;
use crate::orders::Order;
use crate::repositories::Remembered;

/// Carries a job out.
pub(crate) async fn perform(house: &Service, job: &JobRow, watch: &Watch) -> Result<Value> {
    let (progress, cancel) = (&watch.progress, &watch.cancel);
    match Order::of(job)? {
        Order::Backup(order) => value(house.perform_backup(job, &order, progress, cancel).await?),
        Order::Restore(order) => value(house.perform_restore(job, &order, progress, cancel).await?),
        Order::Verify { backup } => value(house.perform_verify(backup.as_deref(), progress, cancel).await?),
        Order::Prune { no_grace } => value(house.perform_prune(no_grace, progress, cancel).await?),
        Order::ImportUpload(order) => {
            value(house.perform_import_upload(job, &order, progress, cancel).await?)
        }
        Order::RestoreUpload(order) => value(
            house
                .perform_restore_upload(job, &order, progress, cancel)
                .await?,
        ),
        Order::Export { .. } | Order::Import { .. } | Order::Adopt { .. } => Err(Problem::new(
            Kind::Interrupted,
            "the process that was asked for this is gone",
        )
        .hint("ask for it again")),
    }
}

pub(crate) async fn job_starts(house: &Service, job: &JobRow) {
    house.tell_start(job).await;
}

pub(crate) async fn job_ended(house: &Service, job: &JobRow, state: JobState, outcome: &Result<Value>) {
    house.tell_end(job, state, outcome).await;
}

/// Whoever asked for something that somebody else had to approve.
pub(crate) async fn tell_requester(house: &Service, job: &JobRow, event: Event, text: &str) -> Result<()> {
    house.tell_requester_of_end(job, event, text).await
}

/// A notice as it goes out; nothing when it is no longer needed.
pub(crate) async fn finish_notice(house: &Service, notice: Notice) -> Result<Option<Notice>> {
    house.finished(notice).await
}

pub(crate) async fn deliver_notices(house: &Service) -> Result<()> {
    house.deliver_due().await.map(|_| ())
}

/// What ends by the clock alone, before jobs without a process are looked for.
pub(crate) async fn expire(house: &Service) -> Result<()> {
    house.expire_approvals().await
}

/// When a process begins to serve.
pub(crate) async fn begin_serving(house: &Service) -> Result<()> {
    house.sweep_uploads().await
}

/// Each second, by the one process that leads.
pub(crate) async fn tick(house: &Service) -> Result<()> {
    house.tick().await.map(|_| ())
}

pub(crate) async fn hourly(house: &Service) -> Result<()> {
    house.hourly().await
}

/// What is put beside a backup once it is made; a warning when that did not work.
pub(crate) async fn backup_is_made(
    house: &Service,
    source: &SourceRow,
    backup: &BackupView,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Option<String>> {
    house.put_archive(source, backup, progress, cancel).await
}

pub(crate) async fn backup_goes(house: &Service, backup: &str) -> Result<()> {
    house.remove_archive(backup).await
}

/// Is the repository where it should be?
pub(crate) async fn look_for_repository(house: &Service) -> Result<()> {
    house.look().await
}

/// The same with its identity.
pub(crate) async fn look_closely_for_repository(house: &Service) -> Result<()> {
    house.look_closely().await
}

pub(crate) async fn repository_is_gone(house: &Service, known: &Remembered, problem: &Problem) -> Result<()> {
    house.note_gone(known, problem).await
}

pub(crate) async fn repository_is_back(
    house: &Service,
    known: &Remembered,
    repository: &Repository,
) -> Result<()> {
    Box::pin(house.note_back(known, repository)).await
}
