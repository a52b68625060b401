//! Can this source be backed up: what parts there are, what is in the way, and how its newest backup turned out.

use model::{Permission, Result};
use sources::{Context, Inspection};

use crate::Service;

impl Service {
    /// What parts there are and what is in the way.
    pub async fn check_source(&self, wanted: &str) -> Result<Inspection> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        let source = self.open_source(&row)?;
        let mut seen = self.blocking(move || source.inspect(&Context::default())).await?;
        seen.obstacles
            .extend(self.last_backup_that_is_not_good(&row.id).await?);
        Ok(seen)
    }
}
