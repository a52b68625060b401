//! The jobs there are, page by page.

use catalog::job_pages;
use catalog::jobs::JobRow;
use catalog::paging::After;
use model::{JobKind, JobState, Result};

use crate::Service;
use crate::access::{List, Page, check_limit, merge, word};
use crate::jobs::view::JobView;

/// Which jobs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Name or id of a source.
    pub source: Option<String>,
    /// A word of `model::JobKind`.
    pub kind: Option<String>,
    /// A word of `model::JobState`.
    pub state: Option<String>,
}

impl Service {
    /// The newest jobs.
    pub async fn list_jobs(&self, most: u32) -> Result<Vec<JobView>> {
        let filter = JobFilter::default();
        let rows = self
            .jobs_after(&filter, &After::nothing(), i64::from(most))
            .await?;
        self.job_views(rows).await
    }

    /// A page of the jobs that somebody sees, the newest first.
    pub async fn jobs_page(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<JobView>> {
        check_limit(limit)?;
        let after = List::Jobs.read(cursor)?;
        let rows = self.jobs_after(filter, &after, i64::from(limit) + 1).await?;
        let (page, now) = (List::Jobs.page(rows, limit, JobRow::place), self.now_ms());
        Ok(page.map(|row| JobView::of(row, now)))
    }

    pub(crate) async fn jobs_after(
        &self,
        filter: &JobFilter,
        after: &After,
        most: i64,
    ) -> Result<Vec<JobRow>> {
        let within = match self.one_source(filter.source.as_deref()).await? {
            Some(one) => vec![one],
            None => self.reach().await?.of_jobs(),
        };
        self.reap().await?;
        let which = job_pages::Which {
            kind: word(filter.kind.as_deref(), JobKind::word)?,
            state: word(filter.state.as_deref(), JobState::word)?,
        };
        let mut rows = Vec::new();
        for within in &within {
            rows.extend(self.catalog.page_of_jobs(within, &which, after, most).await?);
        }
        Ok(merge(rows, within.len(), most, JobRow::place))
    }
}
