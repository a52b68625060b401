//! Shim until the real one is merged.

use model::Result;

use crate::{AuditRow, BackupView, JobView, Service};

#[derive(Clone, Debug, Default)]
pub struct BackupFilter {
    pub source: Option<String>,
    pub reason: Option<String>,
    pub state: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    pub source: Option<String>,
    pub state: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl Service {
    pub async fn backups_page(
        &self,
        filter: &BackupFilter,
        _: Option<&str>,
        limit: u32,
    ) -> Result<Page<BackupView>> {
        let items = self.list_backups(filter.source.as_deref(), limit).await?;
        Ok(Page { items, next: None })
    }
    pub async fn jobs_page(&self, _: &JobFilter, _: Option<&str>, limit: u32) -> Result<Page<JobView>> {
        let items = self.list_jobs(limit).await?;
        Ok(Page { items, next: None })
    }
    pub async fn audit_page(&self, _: Option<&str>, limit: u32) -> Result<Page<AuditRow>> {
        let items = self.list_audit(limit).await?;
        Ok(Page { items, next: None })
    }
}
