//! The backups there are: list, show, name, lock, delete.

use catalog::backups::BackupRow;
use model::{Kind, Permission, Problem, Result};
use serde::{Deserialize, Serialize};

use crate::{Service, registry};

/// A backup, as doors show it; `moment` in RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupView {
    pub id: String,
    pub source: String,
    #[serde(default)]
    pub source_id: String,
    pub name: String,
    pub reason: String,
    pub created: String,
    pub snapshot: String,
    pub parts: Vec<String>,
    pub files: u64,
    pub bytes: u64,
    pub added_bytes: u64,
    pub seconds: f64,
    pub locked: bool,
    /// When every byte was last read back, in RFC 3339.
    pub verified: Option<String>,
    /// `missing`: its snapshot is gone; `damaged`: not all of it can be read; `incomplete`: it lacks something that could not be read;
    /// `suspicious`: it is far smaller than the last good one, and nobody has accepted it; else `ok`.
    pub state: String,
    pub warnings: Vec<String>,
    /// How many entries could not be read when it was made.
    #[serde(default)]
    pub lacks: u64,
    /// Why it is suspicious; nothing: it never was.
    #[serde(default)]
    pub suspicion: Option<String>,
    /// When somebody said that it is as it should be, in RFC 3339.
    #[serde(default)]
    pub accepted: Option<String>,
    #[serde(skip)]
    pub created_ms: i64,
}

impl BackupView {
    pub(crate) fn of(row: &BackupRow) -> Self {
        let list = |text: &str| serde_json::from_str(text).unwrap_or_default();
        BackupView {
            id: row.id.clone(),
            source: row.source_name.clone(),
            source_id: row.source.clone(),
            name: row.name.clone(),
            reason: row.reason.clone(),
            created: model::moment_text(row.created),
            snapshot: row.snapshot.clone(),
            parts: list(&row.parts),
            files: row.files as u64,
            bytes: row.bytes as u64,
            added_bytes: row.added_bytes as u64,
            seconds: row.seconds,
            locked: row.locked != 0,
            verified: row.verified.map(model::moment_text),
            state: row.standing().to_owned(),
            warnings: list(&row.warnings),
            lacks: row.lacks.unsigned_abs(),
            suspicion: Some(row.suspicion.clone()).filter(|why| !why.is_empty()),
            accepted: row.accepted.map(model::moment_text),
            created_ms: row.created,
        }
    }
}

impl Service {
    pub async fn show_backup(&self, wanted: &str) -> Result<BackupView> {
        let row = self.readable(wanted).await?;
        self.may(Permission::See, Some(&row.source)).await?;
        Ok(BackupView::of(&row))
    }

    pub async fn lock_backup(&self, wanted: &str, locked: bool) -> Result<BackupView> {
        let row = self.backup_row(wanted).await?;
        let permission = if locked {
            Permission::Lock
        } else {
            Permission::Unlock
        };
        self.may(permission, Some(&row.source)).await?;
        self.catalog.set_backup_locked(&row.id, locked).await?;
        self.audit(
            if locked { "backup.lock" } else { "backup.unlock" },
            &row.source_name,
            &row.id,
        )
        .await?;
        Ok(BackupView::of(&self.backup_row(&row.id).await?))
    }

    pub async fn rename_backup(&self, wanted: &str, name: &str) -> Result<BackupView> {
        let row = self.backup_row(wanted).await?;
        self.may(Permission::Rename, Some(&row.source)).await?;
        if name.len() > 191 || name.chars().any(char::is_control) {
            return Err(Problem::invalid(
                "a backup's name has at most 191 bytes and no control characters",
            ));
        }
        self.catalog.set_backup_name(&row.id, name).await?;
        self.audit("backup.rename", &row.source_name, &row.id).await?;
        Ok(BackupView::of(&self.backup_row(&row.id).await?))
    }

    /// Forgets the snapshot, then the row; the bytes go with the next prune.
    pub async fn delete_backups(&self, wanted: &[String]) -> Result<Vec<BackupView>> {
        let mut rows = Vec::new();
        for wanted in wanted {
            let row = self.backup_row(wanted).await?;
            self.may(Permission::Delete, Some(&row.source)).await?;
            if row.locked != 0 {
                return Err(
                    Problem::new(Kind::Refused, format!("backup {} is locked", row.id))
                        .hint("`cairn unlock` it first"),
                );
            }
            rows.push(row);
        }
        self.delete_rows(&rows).await?;
        Ok(rows.iter().map(BackupView::of).collect())
    }

    pub(crate) async fn delete_rows(&self, rows: &[BackupRow]) -> Result<()> {
        self.make_room()?;
        let repository = self.opened().await?;
        let ids = rows
            .iter()
            .map(|row| repository::Id::parse(&row.snapshot))
            .collect::<Result<Vec<_>>>()?;
        self.blocking(move || repository.forget(&ids)).await?;
        for row in rows {
            registry::backup_goes(self, &row.id).await?;
            self.catalog.delete_backup(&row.id).await?;
            self.audit("backup.delete", &row.source_name, &row.id).await?;
        }
        Ok(())
    }

    /// All unlocked backups of a source, safety backups excepted.
    pub async fn purge(&self, source: &str) -> Result<Vec<BackupView>> {
        let source = self.source_row(source).await?;
        self.may(Permission::Delete, Some(&source.id)).await?;
        let mut rows = self.catalog.list_backups(Some(&source.id), i64::MAX).await?;
        rows.retain(|row| row.locked == 0 && row.reason != "safety");
        self.delete_rows(&rows).await?;
        Ok(rows.iter().map(BackupView::of).collect())
    }
}
