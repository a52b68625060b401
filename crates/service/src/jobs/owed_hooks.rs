//! Hooks after a backup whose process was killed: whoever finds it gone brings the world back into its normal state.
//!
//! Nouns: from the moment at which the hooks before a backup begin, those after it are *owed*, with their text as it was then, by the process
//! that carries the job out; they are *settled* when they have been run.
//! Rules: they are owed before the first hook runs, durably. Nobody but their owner runs them; a process that is gone owns nothing, and
//! whoever takes them over owns them. So they are run once, or, when that one is killed while it runs them, once more. They run on the node
//! of their job and nowhere else, and before the next backup of that source begins. A restore owes nothing: it is half done, and its hooks
//! run when it is resumed.

use std::time::Duration;

use catalog::jobs::JobRow;
use catalog::owed_hooks::OwedRow;
use catalog::sources::SourceRow;
use model::{Cancel, Hook, JobKind, Problem, Result};

use crate::Service;
use crate::instance::die_if_asked;

/// So long a backup waits for another process that is running hooks of its source.
const PATIENCE_MS: i64 = 600_000;
const LOOK: Duration = Duration::from_millis(50);

impl Service {
    pub(crate) async fn owe_hooks(&self, job: &JobRow, source: &SourceRow, hooks: &[Hook]) -> Result<()> {
        let hooks = serde_json::to_string(hooks)
            .map_err(|error| Problem::internal(format!("hooks cannot be written: {error}")))?;
        let row = OwedRow {
            job: job.id.clone(),
            source: source.id.clone(),
            source_name: source.name.clone(),
            node: job.node.clone(),
            hooks,
            owner: self.owner().to_owned(),
        };
        self.catalog.owe_hooks(&row).await
    }

    /// Are the hooks after this job still this process's to run? Not when it was taken for dead.
    pub(crate) async fn owns_hooks(&self, job: &str) -> Result<bool> {
        self.catalog
            .take_owed_hooks(job, self.owner(), self.owner())
            .await
    }

    pub(crate) async fn have_run_hooks(&self, job: &str) {
        if let Err(problem) = self.catalog.settle_owed_hooks(job, self.owner()).await {
            self.log(
                job,
                "warning",
                &format!("its hooks may be run once more: {problem}"),
            )
            .await;
        }
    }

    /// Runs what killed processes owe on this node.
    pub(crate) async fn settle_hooks(&self) -> Result<()> {
        for row in self.catalog.owed_hooks(&self.options.node).await? {
            if row.owner.is_empty() {
                self.settle(&row).await?;
            }
        }
        Ok(())
    }

    /// Nothing is owed to this source any more. Whoever takes too long is taken for gone.
    pub(crate) async fn wait_for_owed_hooks(&self, source: &str, cancel: &Cancel) -> Result<()> {
        let patient_until = self.now_ms() + PATIENCE_MS;
        loop {
            let owed = self.catalog.owed_hooks(&self.options.node).await?;
            let owed: Vec<OwedRow> = owed.into_iter().filter(|row| row.source == source).collect();
            if owed.is_empty() {
                return Ok(());
            }
            for row in owed.iter().filter(|row| row.owner.is_empty()) {
                self.settle(row).await?;
            }
            if self.now_ms() >= patient_until {
                for row in &owed {
                    self.catalog.leave_owed_hooks(&row.job).await?;
                }
            }
            cancel.check()?;
            tokio::time::sleep(LOOK).await;
            self.reap().await?;
        }
    }

    /// For a command beside which nobody serves: what it finds left by others is put right before it ends.
    pub async fn settle_alone(&self) -> Result<()> {
        let is_owed = !self.catalog.owed_hooks(&self.options.node).await?.is_empty();
        if !is_owed || self.is_served().await? {
            return Ok(());
        }
        let house = self.house();
        house.reap().await?;
        house.settle_hooks().await
    }

    async fn settle(&self, row: &OwedRow) -> Result<()> {
        self.alive.show(self.owner())?;
        if !self.catalog.take_owed_hooks(&row.job, "", self.owner()).await? {
            return Ok(());
        }
        die_if_asked("taken-over");
        self.log(
            &row.job,
            "info",
            "the hooks after it are run in the place of the process that is gone",
        )
        .await;
        match serde_json::from_str::<Vec<Hook>>(&row.hooks) {
            Ok(hooks) => {
                self.run_after(&row.job, &row.source_name, hooks, JobKind::Backup, "interrupted")
                    .await;
            }
            // Written by another version. Whoever looks after the source has to know it; no backup waits for it.
            Err(error) => {
                let text = format!("its hooks cannot be read, run them by hand: {error}");
                self.log(&row.job, "error", &text).await;
            }
        }
        self.have_run_hooks(&row.job).await;
        Ok(())
    }
}
