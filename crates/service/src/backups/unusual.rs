//! Says when a new backup is much smaller or larger than those before it.
//!
//! Rule: a size is unusual when it is less than half or more than twice the median of the last ones.

use catalog::backups::BackupRow;
use catalog::sources::SourceRow;
use model::Result;

use crate::Service;
use crate::backups::standing::accept_hint;
use crate::notices::{Notice, Severity};

/// So many backups make a habit.
const HABIT: usize = 3;
const LOOKED_AT: i64 = 12;
/// Changes of small things are nobody's alarm.
const SMALL: i64 = 1 << 20;

impl Service {
    /// Says when a new backup is much smaller or larger than those before.
    pub(crate) async fn tell_unusual(&self, source: &SourceRow, new: &BackupRow) -> Result<()> {
        if !new.suspicion.is_empty() {
            let text = format!(
                "the backup is suspicious: {}; {}",
                new.suspicion,
                accept_hint(&new.id)
            );
            return self.tell_anomaly(source, new, &text).await;
        }
        let rows = self.catalog.list_backups(Some(&source.id), LOOKED_AT).await?;
        let like = |row: &&BackupRow| row.id != new.id && row.reason != "safety" && row.parts == new.parts;
        let mut sizes: Vec<i64> = rows.iter().filter(like).map(|row| row.bytes).collect();
        if sizes.len() < HABIT {
            return Ok(());
        }
        sizes.sort_unstable();
        let usual = sizes[sizes.len() / 2];
        let is_usual = new.bytes <= usual.saturating_mul(2) && new.bytes >= usual / 2;
        if is_usual || (new.bytes - usual).abs() < SMALL {
            return Ok(());
        }
        let text = format!(
            "the backup holds {} bytes; those before it hold about {usual}",
            new.bytes
        );
        self.tell_anomaly(source, new, &text).await
    }

    async fn tell_anomaly(&self, source: &SourceRow, new: &BackupRow, text: &str) -> Result<()> {
        let notice = Notice {
            backup: Some(new.id.clone()),
            ..self.notice(Severity::Anomaly, "backup", text)?
        };
        self.tell(source, notice).await
    }
}
