//! Jobs whose process vanished, and what it left lying about.
//!
//! Rules: a job whose lease ran out, or whose process on this machine is seen to be gone, is interrupted; people are told. A backup that
//! the schedule had asked for, and the import of an upload, are queued again, a few times at most, since nobody is there to do it by hand;
//! a restore waits for `resume`. The hooks after a backup are nobody's from then on, and are run soon (`owed`). Scratch folders of jobs that do not run are removed.

use model::{JobState, Kind, Problem, Reason, Result};

use crate::orders::Order;
use crate::{Service, registry};

/// So often a job may be claimed before nobody tries it again by itself.
const MOST_CLAIMS: i64 = 3;

impl Service {
    /// Marks what was interrupted, and what nobody approved in time.
    pub(crate) async fn reap(&self) -> Result<()> {
        registry::expire(self).await?;
        let mut ids = self.catalog.reap_jobs(self.now_ms()).await?;
        for dead in self.alive.dead()? {
            ids.extend(self.catalog.reap_jobs_of(dead.owner(), self.now_ms()).await?);
            self.catalog.release_leases_of(dead.owner()).await?;
            self.catalog.lapse_answers_of(dead.owner()).await?;
            self.catalog.leave_owed_hooks_of(dead.owner()).await?;
            dead.bury()?;
        }
        for id in ids {
            self.catalog.leave_owed_hooks(&id).await?;
            let Some(job) = self.catalog.job(&id).await? else {
                continue;
            };
            self.log(
                &id,
                "error",
                "interrupted: the process that carried it out is gone",
            )
            .await;
            let is_repeated = match Order::of(&job) {
                Ok(Order::Backup(order)) => order.reason == Reason::Scheduled,
                Ok(Order::ImportUpload(_)) => true,
                _ => false,
            };
            let now = self.now_ms();
            if is_repeated
                && job.fence < MOST_CLAIMS
                && self.catalog.requeue_job(&id, "interrupted", now).await?
            {
                self.log(&id, "info", "queued again").await;
                continue;
            }
            let problem = Problem::new(Kind::Interrupted, "the process that carried it out is gone");
            let problem = if job.kind == "restore" {
                problem.hint(format!("`cairn resume {id}` goes on with it"))
            } else {
                problem.hint("ask for it again")
            };
            registry::job_ended(self, &job, JobState::Interrupted, &Err(problem)).await;
        }
        Ok(())
    }

    /// Removes the temporary files of jobs that are over. Those of a job that is queued again may be its worker's at the next moment: who
    /// claims it removes them.
    pub(crate) async fn sweep_scratch(&self) -> Result<()> {
        for job in self.place.scratch_jobs()? {
            let row = self.catalog.job(&job).await?;
            if row.is_none_or(|row| !matches!(row.state.as_str(), "running" | "queued" | "waiting")) {
                self.place.discard_scratch(&job)?;
            }
        }
        Ok(())
    }
}
