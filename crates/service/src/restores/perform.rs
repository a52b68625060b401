//! Carries a restore out, step by step; those that an earlier run of the same job has done are not done again.
//!
//! Order: its plan still counts, and what was approved is still so → something of what is wanted is whole → hooks and guard hold the target still → safety backup and drift, or, when an earlier run did those, what was changed since it was broken off → apply → compare → the target is let go, whatever
//! happened. A target that was stopped for it has changed by stopping (a game server saves its world): then the plan is computed anew, the safety
//! backup of the stopped target stands behind it, and the outcome says what was different.

use catalog::jobs::JobRow;
use model::{Cancel, Counts, Draft, Item, JobKind, Kind, Plan, Problem, Progress, Result};
use sources::{Context, Hold, Journal, Outcome, Request, Source, Wanted};

use super::unsaved::named;
use super::{PLAN_STEP, Restored, SAFETY_STEP};
use crate::Service;
use crate::backups::JournalOf;
use crate::instance::policy_of;
use crate::orders::{RestoreOrder, Target};

/// One restore under way.
pub(super) struct Run<'a> {
    pub(super) service: &'a Service,
    pub(super) job: &'a JobRow,
    pub(super) order: &'a RestoreOrder,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
}

impl Service {
    pub(crate) async fn perform_restore(
        &self,
        job: &JobRow,
        order: &RestoreOrder,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        let run = Run {
            service: self,
            job,
            order,
            progress,
            cancel,
        };
        run.all().await
    }
}

impl Run<'_> {
    async fn all(&self) -> Result<Restored> {
        let mut done = self.begun().await?;
        if let Some(source) = &self.job.source {
            // It has the source for itself now, and those that it has superseded will not come back.
            done.warnings.extend(self.service.tidy_after_closed(source).await);
        }
        Ok(done)
    }

    async fn begun(&self) -> Result<Restored> {
        let queued = self.job.queued.unwrap_or(self.job.created);
        if let Err(problem) = self.service.check_age(self.job, self.order, queued).await {
            self.let_go().await;
            return Err(problem);
        }
        self.begin_under_approval().await?;
        self.progress.phase("looking at the backup");
        self.check_reach().await?;
        let Target::Source(id) = &self.order.target else {
            return self.held().await;
        };
        let source = self.service.source_row(id).await?;
        let hooks = policy_of(&source)?.hooks;
        self.service
            .hooks_before(self.job, &source, &hooks, JobKind::Restore, self.cancel)
            .await?;
        let done = self.held().await;
        let state = if done.is_ok() { "succeeded" } else { "failed" };
        let warnings = self
            .service
            .hooks_after(self.job, &source, &hooks, JobKind::Restore, state)
            .await;
        done.map(|done| done.warned(warnings))
    }

    /// What somebody agreed to is begun only while the target is as they were shown it: before anything is stopped for it, too.
    async fn begin_under_approval(&self) -> Result<()> {
        let service = self.service;
        let begun = service.has_begun(&self.job.id).await?;
        let Some(approval) = service.granted(self.job, &self.order.target, begun).await? else {
            return Ok(());
        };
        if begun {
            return Ok(());
        }
        service.catalog.use_approval(&self.job.id).await?;
        let detail = format!("{} by request {}", approval.hash, approval.id);
        service.audit("restore", &approval.source, &detail).await?;
        self.progress.phase("comparing with what was approved");
        let journal = JournalOf::load(&service.catalog, &self.job.id).await?;
        let plan = self.stored_plan(&journal).await?;
        if plan.hash != approval.hash {
            return Err(Problem::damaged(
                "the plan of this restore is not the one that was approved",
            ));
        }
        match self.check_drift(&plan, false).await {
            Err(problem) if problem.kind() == Kind::Drifted => Err(Problem::new(
                Kind::Drifted,
                "the target changed since somebody was asked to approve its restore; nothing was restored",
            )
            .hint("look at the new plan with --plan, and ask again")),
            other => other.map(|_| ()),
        }
    }

    /// Holds the target still, restores it, and lets it go whatever happened.
    async fn held(&self) -> Result<Restored> {
        let (journal, held) = self
            .with_journal(|source, journal, cx| source.hold(journal, cx))
            .await?;
        let done = match held {
            Ok(()) => self.still(journal).await,
            Err(problem) => Err(problem),
        };
        let (_, released) = self
            .with_journal(|source, journal, cx| source.release(journal, cx))
            .await?;
        match (done, released) {
            (Ok(done), Err(problem)) => Ok(done.warned(vec![problem.to_string()])),
            (Err(problem), Err(more)) => {
                self.service.log(&self.job.id, "error", &more.to_string()).await;
                Err(problem)
            }
            (done, Ok(())) => done,
        }
    }

    /// Something that the target does with the journal, which outlives a failure of it.
    pub(super) async fn with_journal(
        &self,
        work: impl FnOnce(&dyn Source, &mut dyn Journal, &Context) -> Result<()> + Send + 'static,
    ) -> Result<(JournalOf, Result<()>)> {
        let mut journal = JournalOf::load(&self.service.catalog, &self.job.id).await?;
        let source = self.service.open_target(&self.order.target).await?;
        let cx = self.service.context(&self.job.id, self.progress, self.cancel);
        self.service
            .blocking(move || {
                let done = work(&*source, &mut journal, &cx);
                Ok((journal, done))
            })
            .await
    }

    /// What is done while the target is held still.
    async fn still(&self, journal: JournalOf) -> Result<Restored> {
        let plan = self.stored_plan(&journal).await?;
        let (journal, plan, safety) = self.made_safe(journal, plan).await?;
        let outcome = self.apply(&plan, journal).await?;
        let left = self.left_over().await?;
        Ok(report(&self.job.id, plan, safety, outcome, &left))
    }

    async fn stored_plan(&self, journal: &JournalOf) -> Result<Plan> {
        let plan = self.service.stored_plan(journal, self.order).await?;
        plan.ok_or_else(|| {
            Problem::damaged(format!("the plan of job {} is gone", self.job.id))
                .hint("plans are forgotten after a month; `cairn undo` and a new `cairn restore` still work")
        })
    }

    /// What would be planned at this moment.
    pub(super) async fn planned_now(&self, wanted: &Wanted) -> Result<Draft> {
        let order = self.order;
        let planning = self
            .service
            .draft(&order.target, &order.snapshot, wanted, self.progress, self.cancel);
        planning.await
    }

    async fn record(
        &self,
        mut journal: JournalOf,
        key: &'static str,
        data: serde_json::Value,
    ) -> Result<JournalOf> {
        let recorded = move || journal.record(key, true, data).map(|()| journal);
        self.service.blocking(recorded).await
    }

    /// The safety backup and the look for drift, done now or by an earlier run.
    async fn made_safe(
        &self,
        mut journal: JournalOf,
        mut plan: Plan,
    ) -> Result<(JournalOf, Plan, Option<String>)> {
        if let Some(step) = journal.find(SAFETY_STEP).filter(|step| step.done) {
            let safety = step.data.as_str().map(str::to_owned);
            let journal = self.check_unchanged(&plan, journal).await?;
            return Ok((journal, plan, safety));
        }
        let mut safety = self.safety_backup(&plan).await?;
        if let Some(changed) = self.check_drift(&plan, Hold::of(&journal).is_some()).await? {
            journal = self
                .record(journal, PLAN_STEP, serde_json::json!(changed.id))
                .await?;
            plan = changed;
            // Nothing was to be changed before it was stopped.
            if safety.is_none() && self.order.without_safety.is_none() {
                safety = self.safety_backup(&plan).await?;
            }
        }
        if let Some(kept) = self.check_saved(&plan, safety.as_ref()).await? {
            journal = self
                .record(journal, PLAN_STEP, serde_json::json!(kept.id))
                .await?;
            plan = kept;
        }
        let safety = safety.map(|safety| safety.id);
        let journal = self
            .record(journal, SAFETY_STEP, serde_json::json!(safety))
            .await?;
        Ok((journal, plan, safety))
    }

    async fn apply(&self, plan: &Plan, journal: JournalOf) -> Result<Outcome> {
        let mut journal = journal.of_running(self.job, &self.service.options.clock);
        let cx = self.service.context(&self.job.id, self.progress, self.cancel);
        let (plan, order) = (plan.clone(), self.order);
        self.progress.phase("restoring");
        self.service
            .aimed(
                &order.target,
                &order.snapshot,
                &order.wanted,
                cx,
                move |source, aim| {
                    let request = Request {
                        plan: &plan,
                        wanted: &aim.wanted,
                    };
                    source.apply(&request, &*aim.tree, &mut journal, &aim.cx)
                },
            )
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
    let differs = |item: &Item| format!("{}: not as in the backup ({})", item.name, item.detail);
    warnings.extend(left.items.iter().take(20).map(differs));
    if plan.draft.leaves_unsaved && !plan.draft.unsaved.is_empty() {
        let names = named(&plan.draft.unsaved);
        warnings.push(format!(
            "left alone, since no safety backup could hold it: {names}"
        ));
    }
    let unmet = |text: &String| format!("not as in the backup: {text}");
    warnings.extend(left.unmet.iter().take(20).map(unmet));
    warnings.extend(left.damaged.iter().cloned());
    let differs = [&left.unmet, &left.damaged].iter().any(|texts| !texts.is_empty());
    let verified = left.items.is_empty() && left.unsaved.is_empty() && !differs;
    let state = if verified && warnings.is_empty() {
        "succeeded"
    } else {
        "warning"
    };
    // What was skipped is not counted as done.
    let done = if outcome.skipped.is_empty() {
        plan.draft.counts()
    } else {
        outcome.applied
    };
    let counts = Counts {
        keep: plan.draft.keep,
        ..done
    };
    Restored {
        job: job.to_owned(),
        state: state.to_owned(),
        plan: plan.id,
        imported: None,
        safety_backup,
        counts,
        verified,
        seconds: 0.0,
        warnings,
        approval: None,
    }
}
