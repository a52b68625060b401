//! The backups there are, page by page.

use catalog::backup_pages::Which;
use catalog::backups::{BackupRow, STANDINGS};
use catalog::paging::After;
use model::{Problem, Reason, Result};

use crate::Service;
use crate::access::{List, Page, check_limit, merge, word};
use crate::backups::view::BackupView;

/// Which backups are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupFilter {
    /// Name or id of a source.
    pub source: Option<String>,
    /// A word of `model::Reason`.
    pub reason: Option<String>,
    /// A word of `catalog::backups::STANDINGS`.
    pub state: Option<String>,
}

impl Service {
    /// The newest backups, of one source or of all.
    pub async fn list_backups(&self, source: Option<&str>, most: u32) -> Result<Vec<BackupView>> {
        let filter = BackupFilter {
            source: source.map(str::to_owned),
            ..BackupFilter::default()
        };
        let rows = self
            .backups_after(&filter, &After::nothing(), i64::from(most))
            .await?;
        Ok(rows.iter().map(BackupView::of).collect())
    }

    /// A page of the backups that somebody sees, the newest first.
    pub async fn backups_page(
        &self,
        filter: &BackupFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<BackupView>> {
        check_limit(limit)?;
        let after = List::Backups.read(cursor)?;
        let rows = self.backups_after(filter, &after, i64::from(limit) + 1).await?;
        let page = List::Backups.page(rows, limit, BackupRow::place);
        Ok(page.map(|row| BackupView::of(&row)))
    }

    pub(crate) async fn backups_after(
        &self,
        filter: &BackupFilter,
        after: &After,
        most: i64,
    ) -> Result<Vec<BackupRow>> {
        if let Some(state) = filter.state.as_deref()
            && !STANDINGS.contains(&state)
        {
            return Err(Problem::invalid(format!("“{state}” is not a state of a backup"))
                .hint(format!("use one of: {}", STANDINGS.join(", "))));
        }
        let within = match self.one_source(filter.source.as_deref()).await? {
            Some(one) => vec![one],
            None => self.reach().await?.sources,
        };
        let which = Which {
            reason: word(filter.reason.as_deref(), Reason::word)?,
            state: filter.state.clone(),
            ..Which::default()
        };
        let mut rows = Vec::new();
        for within in &within {
            rows.extend(self.catalog.page_of_backups(within, &which, after, most).await?);
        }
        Ok(merge(rows, within.len(), most, BackupRow::place))
    }
}
