//! The jobs there are: list, cancel.

use catalog::jobs::JobRow;
use model::{Kind, Problem, Result};

use crate::Service;

impl Service {
    /// The newest jobs.
    pub async fn list_jobs(&self, most: u32) -> Result<Vec<JobRow>> {
        self.catalog.reap_jobs(self.now_ms()).await?;
        self.catalog.list_jobs(None, i64::from(most)).await
    }

    /// Asks a job to stop.
    pub async fn cancel_job(&self, job: &str) -> Result<JobRow> {
        let jobs = self.list_jobs(1000).await?;
        let candidates: Vec<model::Candidate<'_>> = jobs
            .iter()
            .map(|row| model::Candidate {
                id: &row.id,
                name: "",
            })
            .collect();
        let row = &jobs[model::resolve("job", job, &candidates)?];
        if !self.catalog.cancel_job(&row.id, self.now_ms()).await? {
            return Err(Problem::new(
                Kind::Conflict,
                format!("job {} is {} already", row.id, row.state),
            ));
        }
        self.audit("cancel", &row.id, "").await?;
        Ok(row.clone())
    }
}
