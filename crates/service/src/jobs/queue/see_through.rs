//! Waits for a job's end; carries it out oneself when no worker of its node is alive.
//!
//! Rules: a wish to stop is handed on to whoever carries the job out. A job that waits for its turn says so. A worker that died takes its
//! lease with it: then the job is claimed here.

use std::time::Duration;

use catalog::jobs::JobRow;
use model::{Cancel, Kind, Problem, Progress, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::carry_out::{Watch, read};
use crate::Service;

const LOOK: Duration = Duration::from_millis(50);

impl Service {
    /// Waits until a job is over, and tells how it went.
    pub(crate) async fn see_through<T: DeserializeOwned>(
        &self,
        job: &str,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<T> {
        let result = self.outcome(job, false, progress, cancel).await?;
        read(result)
    }

    /// The same, also while the job waits for somebody.
    pub(crate) async fn wait_for<T: DeserializeOwned>(
        &self,
        job: &str,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<T> {
        let result = self.outcome(job, true, progress, cancel).await?;
        read(result)
    }

    async fn outcome(&self, id: &str, patient: bool, progress: &Progress, cancel: &Cancel) -> Result<Value> {
        let mut asked = false;
        loop {
            let job = self.catalog.job(id).await?;
            let job = job.ok_or_else(|| Problem::not_found(format!("job {id} is gone")))?;
            match job.state.as_str() {
                "queued" => {
                    if let Some(outcome) = self.take_on(&job, progress, cancel).await? {
                        return outcome;
                    }
                }
                "running" => mirror(&job, progress),
                "waiting" if patient => wait(progress, "waiting for an approval"),
                "waiting" => {
                    return Err(
                        Problem::new(Kind::AwaitingApproval, "the job waits for an approval")
                            .hint(format!("`cairn status {id}` shows it")),
                    );
                }
                _ => return ended(&job),
            }
            if cancel.is_cancelled() && !asked {
                asked = true;
                self.catalog.cancel_job(id, self.now_ms()).await?;
            }
            tokio::time::sleep(LOOK).await;
            self.reap().await?;
            self.house().settle_hooks().await?;
        }
    }

    /// Carries the job out here, unless a worker is there for it or something else has its turn.
    async fn take_on(
        &self,
        job: &JobRow,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Option<Result<Value>>> {
        let workers = worker_lease(&job.node, "");
        if self.catalog.live_leases(&workers, self.now_ms()).await? > 0 {
            wait(progress, "waiting for a worker");
            return Ok(None);
        }
        let Some(claimed) = self.claim(&job.node, Some(&job.id)).await? else {
            wait(progress, "waiting for another job of this source");
            return Ok(None);
        };
        let watch = Watch {
            progress: progress.clone(),
            cancel: cancel.clone(),
            ..Watch::default()
        };
        Ok(Some(self.carry_out(&claimed, &watch).await))
    }
}

/// The name of a worker's lease; without an owner, how the names of all workers of a node begin.
pub(super) fn worker_lease(node: &str, owner: &str) -> String {
    format!("worker:{node}:{owner}")
}

fn wait(progress: &Progress, why: &str) {
    if progress.seen().phase != why {
        progress.phase(why);
    }
}

fn mirror(job: &JobRow, progress: &Progress) {
    let seen = progress.seen();
    if seen.phase != job.phase {
        progress.phase(&job.phase);
    }
    progress.item(&job.item);
    let seen = progress.seen();
    let ahead = |now: i64, before: u64| u64::try_from(now).unwrap_or(0).saturating_sub(before);
    progress.expect(
        ahead(job.items_total, seen.items_total),
        ahead(job.bytes_total, seen.bytes_total),
    );
    progress.items(ahead(job.items_done, seen.items_done));
    progress.bytes(ahead(job.bytes_done, seen.bytes_done));
}

/// What became of a job that is over.
fn ended(job: &JobRow) -> Result<Value> {
    if let (Some(result), None) = (&job.result, &job.error_kind) {
        return serde_json::from_str(result)
            .map_err(|_| Problem::damaged(format!("the result of job {} is malformed", job.id)));
    }
    let kind = match job.state.as_str() {
        "cancelled" => Kind::Cancelled,
        "interrupted" => Kind::Interrupted,
        _ => Kind::of_word(job.error_kind.as_deref().unwrap_or_default()),
    };
    let message = job
        .error_message
        .clone()
        .unwrap_or_else(|| format!("job {} is {}", job.id, job.state));
    let problem = Problem::new(kind, message);
    Err(match &job.error_hint {
        Some(hint) => problem.hint(hint.clone()),
        None => problem,
    })
}
