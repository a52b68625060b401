//! Damage: what a backup has lost, how it is marked for that, and who is told.
//!
//! Rules: wherever a loss is found, it is noted here. Being read back whole is what heals a backup, and nothing else.

use catalog::backups::BackupRow;
use model::{Cancel, Kind, Problem, Progress, Result};
use repository::Level;

use crate::Service;
use crate::notices::Severity;

/// What a backup has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Its snapshot is not there.
    Gone,
    /// Its snapshot cannot be read.
    Snapshot,
    /// Pieces of its content are damaged or missing.
    Pieces,
}

impl Loss {
    pub(crate) fn of_snapshot(problem: &Problem) -> Self {
        match problem.kind() {
            Kind::NotFound => Loss::Gone,
            _ => Loss::Snapshot,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Loss::Gone => "missing",
            Loss::Snapshot | Loss::Pieces => "damaged",
        }
    }
}

impl Service {
    pub(crate) async fn verify_snapshot(
        &self,
        snapshot: &str,
        level: Level,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let repository = self.opened().await?;
        let id = repository::Id::parse(snapshot)?;
        let (progress, cancel) = (progress.clone(), cancel.clone());
        let read = move || match repository.snapshot(&id) {
            Ok(snapshot) => repository.verify(&snapshot, level, &progress, &cancel).map(Ok),
            Err(problem) => Ok(Err(problem)),
        };
        let report = match self.blocking(read).await? {
            Err(problem) => {
                if matches!(problem.kind(), Kind::NotFound | Kind::Damaged) {
                    self.note_loss(snapshot, Loss::of_snapshot(&problem)).await?;
                }
                return Err(problem);
            }
            Ok(report) => report,
        };
        if !report.is_clean() {
            self.note_loss(snapshot, Loss::Pieces).await?;
        }
        match report.errors().next() {
            None => Ok(()),
            Some(error) => Err(
                Problem::damaged(format!("the backup cannot be restored whole: {error}"))
                    .hint("nothing was changed; `cairn verify --all` shows which backups are whole"),
            ),
        }
    }

    /// A loss that was found while something else was done.
    pub(crate) async fn note_loss(&self, snapshot: &str, loss: Loss) -> Result<()> {
        match self.catalog.backup_of_snapshot("main", snapshot).await? {
            Some(row) => self.mark_lost(&row, loss).await,
            None => Ok(()),
        }
    }

    /// Marks a backup that cannot be restored whole, and tells of it once.
    pub(crate) async fn mark_lost(&self, row: &BackupRow, loss: Loss) -> Result<()> {
        match loss {
            Loss::Pieces => self.catalog.set_backup_hurt(&row.id).await?,
            Loss::Snapshot | Loss::Gone => self.catalog.set_backup_state(&row.id, loss.word()).await?,
        }
        if row.state == loss.word() {
            return Ok(());
        }
        let rows = std::slice::from_ref(row);
        match loss {
            Loss::Gone => self.tell_of_gone(rows).await,
            Loss::Pieces | Loss::Snapshot => self.tell_of_damaged(rows).await,
        }
    }

    pub(crate) async fn tell_of_gone(&self, rows: &[BackupRow]) -> Result<()> {
        self.tell_of_rows(rows, "gone from the repository").await
    }

    pub(crate) async fn tell_of_damaged(&self, rows: &[BackupRow]) -> Result<()> {
        let damaged = "no more to be read in the repository (`cairn repository check` names the files)";
        self.tell_of_rows(rows, damaged).await
    }

    async fn tell_of_rows(&self, rows: &[BackupRow], what: &str) -> Result<()> {
        for source in self.catalog.list_sources().await? {
            let ids: Vec<&str> = rows
                .iter()
                .filter(|row| row.source == source.id)
                .map(|row| row.id.as_str())
                .collect();
            if ids.is_empty() {
                continue;
            }
            let text = format!(
                "{} {what}: {}",
                model::counted(ids.len() as u64, "backup is", "backups are"),
                ids.join(", ")
            );
            let notice = self.notice(Severity::Failure, "check of the repository", &text)?;
            self.tell(&source, notice).await?;
        }
        Ok(())
    }
}
