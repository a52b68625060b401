//! Carries a restore out under a lease, step by step, and ends its job truthfully.

use catalog::jobs::{Claim, Ending};
use model::{Cancel, Counts, Draft, Kind, Plan, Problem, Progress, Result};
use repository::Level;
use sources::{Journal, Outcome, Request};

use super::{LEASE_MS, Order, Restored, SAFETY_STEP};
use crate::Service;
use crate::joined::{JournalOf, TreeOf};

impl Service {
    pub(super) async fn carry_out(
        &self,
        job: &str,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        let owner = format!("{}-{}", self.options.node, std::process::id());
        let now = self.now_ms();
        let claim = Claim {
            owner: &owner,
            node: &self.options.node,
            now_ms: now,
            until_ms: now + LEASE_MS,
        };
        let claimed = self.catalog.claim_job(&claim, Some(job)).await?.ok_or_else(|| {
            Problem::new(Kind::Locked, "another restore of the same target is running")
                .hint("wait until it has ended; `cairn status` shows it")
        })?;
        let order: Order = serde_json::from_str(&claimed.request)
            .map_err(|error| Problem::damaged(format!("job {job} cannot be read")).caused_by(error))?;
        let outcome = {
            let work = self.steps(job, &order, progress, cancel);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    outcome = &mut work => break outcome,
                    () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {
                        let until = self.now_ms() + LEASE_MS;
                        if self.catalog.beat(job, claimed.fence, until, &progress.seen()).await.unwrap_or(true) {
                            cancel.cancel();
                        }
                    }
                }
            }
        };
        self.end(job, claimed.fence, outcome, now).await
    }

    async fn end(&self, job: &str, fence: i64, outcome: Result<Restored>, start: i64) -> Result<Restored> {
        let (state, result, problem) = match &outcome {
            Ok(done) => (done.state.as_str(), serde_json::to_string(done).ok(), None),
            Err(problem) if problem.kind() == Kind::Cancelled => ("cancelled", None, Some(problem)),
            Err(problem) => ("failed", None, Some(problem)),
        };
        self.catalog
            .end_job(
                job,
                fence,
                &Ending {
                    state,
                    result,
                    problem,
                },
                self.now_ms(),
            )
            .await?;
        outcome.map(|done| Restored {
            seconds: (self.now_ms() - start) as f64 / 1000.0,
            ..done
        })
    }

    /// The steps of a restore; those that an earlier run has done are not done again.
    async fn steps(
        &self,
        job: &str,
        order: &Order,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        let plan = self.stored_plan(job, &order.plan).await?;
        progress.phase("verifying the backup");
        self.verify_snapshot(&order.snapshot, Level::Structure, progress, cancel)
            .await?;
        let journal = JournalOf::load(&self.catalog, job).await?;
        let (journal, safety) = self
            .made_safe(job, order, &plan, journal, progress, cancel)
            .await?;
        let outcome = self.apply(job, order, &plan, journal, progress, cancel).await?;
        let left = self.left_over(order, progress, cancel).await?;
        Ok(report(job, plan, safety, outcome, &left))
    }

    async fn stored_plan(&self, job: &str, id: &str) -> Result<Plan> {
        let row = self.catalog.plan(id).await?;
        let row = row.ok_or_else(|| Problem::damaged(format!("the plan of job {job} is gone")))?;
        serde_json::from_str(&row.document)
            .map_err(|error| Problem::damaged("a stored plan cannot be read").caused_by(error))
    }

    /// The safety backup, made now or by an earlier run of the same job; then the target is not looked at for drift again.
    async fn made_safe(
        &self,
        job: &str,
        order: &Order,
        plan: &Plan,
        mut journal: JournalOf,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(JournalOf, Option<String>)> {
        if let Some(step) = journal.find(SAFETY_STEP).filter(|step| step.done) {
            let safety = step.data.as_str().map(str::to_owned);
            return Ok((journal, safety));
        }
        let safety = self.safety_backup(job, order, plan, progress, cancel).await?;
        self.check_drift(order, plan, progress, cancel).await?;
        let data = serde_json::json!(safety);
        let recorded = self.blocking(move || journal.record(SAFETY_STEP, true, data).map(|()| journal));
        Ok((recorded.await?, safety))
    }

    async fn apply(
        &self,
        job: &str,
        order: &Order,
        plan: &Plan,
        mut journal: JournalOf,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Outcome> {
        let source = self.open_target(&order.target).await?;
        let tree = self.tree_of(&order.snapshot).await?;
        let cx = self.context(job, progress, cancel);
        let (plan, wanted) = (plan.clone(), order.wanted.clone());
        self.blocking(move || {
            let hold = source.hold(&cx)?;
            let request = Request {
                plan: &plan,
                wanted: &wanted,
            };
            let outcome = source.apply(&request, &TreeOf(tree), &mut journal, &cx);
            source.release(&hold, &cx)?;
            outcome
        })
        .await
    }
}

fn report(job: &str, plan: Plan, safety_backup: Option<String>, outcome: Outcome, left: &Draft) -> Restored {
    let mut warnings = outcome.warnings;
    warnings.extend(
        outcome
            .skipped
            .iter()
            .map(|skipped| format!("{}: {}", skipped.name, skipped.why)),
    );
    let differs = |item: &model::Item| format!("{}: not as in the backup ({})", item.name, item.detail);
    warnings.extend(left.items.iter().take(20).map(differs));
    let verified = left.items.is_empty();
    let state = if verified && warnings.is_empty() {
        "succeeded"
    } else {
        "warning"
    };
    let counts = Counts {
        keep: plan.draft.keep,
        ..plan.draft.counts()
    };
    Restored {
        job: job.to_owned(),
        state: state.to_owned(),
        plan: plan.id,
        safety_backup,
        counts,
        verified,
        seconds: 0.0,
        warnings,
    }
}
