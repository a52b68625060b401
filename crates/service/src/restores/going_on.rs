//! May a restore begin, or go on? And what becomes of one that never will.
//!
//! Nouns: a restore is *broken off* when its process was killed, told to leave, or cancelled midway; it is *closed* when it can never go on:
//! because somebody cancelled it for good, or because another restore of the same source has begun to change that source since
//! (`catalog::restores`). Rules: who goes on, by whatever way, comes by here. What has not begun lives as long as its plan, or its approval;
//! what was broken off goes on by itself only as soon as that, and by `resume` at any time, but in both cases only when everything that
//! it would still touch stands as its plan was made for, or as it left it itself. What a closed one left beside its target is removed where
//! that loses nothing.

use catalog::jobs::JobRow;
use model::{Cancel, Kind, PLAN_LIFETIME_MS, Permission, Plan, Problem, Progress, Result};
use repository::Level;
use sources::{Hold, Journal, Request};

use super::perform::Run;
use super::{PLAN_STEP, Restored, SAFETY_STEP};
use crate::Service;
use crate::backups::JournalOf;
use crate::jobs::{closed, is_resumable, undo_or_again};
use crate::orders::{Order, RestoreOrder};

/// So many things are named when somebody changed more.
const NAMED: usize = 5;

impl Service {
    /// Goes on with a restore that failed, was cancelled, or whose process went away.
    pub async fn resume(&self, job: Option<&str>, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        let job = self.ask_resume(job).await?;
        self.see_through(&job, progress, cancel).await
    }

    /// Puts such a restore back into the queue, without a name the newest one; the job's id.
    pub async fn ask_resume(&self, job: Option<&str>) -> Result<String> {
        // Nobody sets anything going.
        self.sight().await?;
        self.reap().await?;
        let found = match job {
            Some(wanted) => Some(self.job_row(wanted).await?),
            None => self.newest_resumable().await?,
        };
        let row = found.ok_or_else(|| {
            Problem::not_found("there is no interrupted restore")
                .hint("`cairn status` shows what is going on")
        })?;
        self.may(Permission::Restore, row.source.as_deref()).await?;
        if row.kind == "restore" && row.state == "queued" {
            return Ok(row.id);
        }
        if row.kind == "restore" && row.closed != 0 {
            return Err(closed(&row));
        }
        self.check_resumable(&row).await?;
        if row.state == "running" {
            return Err(Problem::new(Kind::Conflict, format!("job {} is running", row.id))
                .hint("if its process is gone, its lease ends within a minute; then try again"));
        }
        let now = self.now_ms();
        if !is_resumable(&row) || !self.catalog.requeue_job(&row.id, &row.state, now).await? {
            let row = self.job_row(&row.id).await?;
            return Err(Problem::new(
                Kind::Conflict,
                format!("job {} is {}: there is nothing to go on with", row.id, row.state),
            )
            .hint("`cairn status` shows what became of it"));
        }
        self.audit("resume", &row.id, "").await?;
        Ok(row.id)
    }

    /// Where every one is closed, the newest of those, which says why.
    async fn newest_resumable(&self) -> Result<Option<JobRow>> {
        match self.newest_restore(is_resumable).await? {
            Some(row) => Ok(Some(row)),
            None => {
                self.newest_restore(|row| row.closed != 0 && row.changed.is_some())
                    .await
            }
        }
    }

    /// May this job be queued again, as far as approvals and its plan go? What waits is not pushed, and what nobody granted does not begin.
    async fn check_resumable(&self, job: &JobRow) -> Result<()> {
        if let Ok(Order::Restore(order)) = Order::of(job) {
            let begun = self.has_begun(&job.id).await?;
            self.granted(job, &order.target, begun).await?;
        }
        match self.order_of(job).await? {
            Some(order) if is_resumable(job) => self.check_age(job, &order, self.now_ms()).await,
            _ => Ok(()),
        }
    }

    /// What a job restores; nothing before that is known.
    async fn order_of(&self, job: &JobRow) -> Result<Option<RestoreOrder>> {
        match Order::of(job)? {
            Order::Restore(order) => Ok(Some(order)),
            Order::RestoreUpload(_) => Ok(self.planned_before(job).await?.map(|planned| planned.order)),
            _ => Ok(None),
        }
    }

    /// Does its plan still count? `queued`: when it was put into the queue for the last time.
    pub(super) async fn check_age(&self, job: &JobRow, order: &RestoreOrder, queued: i64) -> Result<()> {
        let now = self.now_ms();
        let journal = JournalOf::load(&self.catalog, &job.id).await?;
        if journal.find(SAFETY_STEP).is_some() {
            if now < queued.saturating_add(PLAN_LIFETIME_MS) {
                return Ok(());
            }
            let message = format!(
                "restore {} was broken off, and has waited since {}; after so long it does not go on by itself",
                job.id,
                model::moment_text(queued)
            );
            return Err(Problem::new(Kind::Drifted, message).hint(way_out(job)));
        }
        // What was approved lives as long as its approval, and is compared with the target before anything is done.
        if self.catalog.approval_of_job(&job.id).await?.is_some() {
            return Ok(());
        }
        let plan = self.stored_plan(&journal, order).await?;
        if plan.is_some_and(|plan| !plan.is_expired(now)) {
            return Ok(());
        }
        let message = format!(
            "the plan of restore {} expired before it began; nothing was changed by it",
            job.id
        );
        Err(Problem::new(Kind::Drifted, message).hint("ask for the restore again: it is then planned anew"))
    }

    /// The plan that a restore carries out; nothing when it was forgotten.
    pub(super) async fn stored_plan(
        &self,
        journal: &JournalOf,
        order: &RestoreOrder,
    ) -> Result<Option<Plan>> {
        let step = journal.find(PLAN_STEP).and_then(|step| step.data.as_str());
        let row = self.catalog.plan(step.unwrap_or(&order.plan)).await?;
        let read = |row: catalog::plans::PlanRow| {
            serde_json::from_str(&row.document)
                .map_err(|error| Problem::damaged("a stored plan cannot be read").caused_by(error))
        };
        row.map(read).transpose()
    }

    /// Tidies up after restores of a source that will never go on; what stays, for people. Called only while no other job touches the source.
    pub(super) async fn tidy_after_closed(&self, source: &str) -> Vec<String> {
        let rows = match self.catalog.restores_left(source).await {
            Ok(rows) => rows,
            Err(problem) => return vec![problem.to_string()],
        };
        let mut left = Vec::new();
        for row in rows {
            left.extend(self.tidy_after(&row, true).await);
        }
        left
    }

    /// The same after one; `alone`: nobody else touches its source now, so that it may be let go.
    pub(crate) async fn tidy_after(&self, row: &JobRow, alone: bool) -> Vec<String> {
        let left = match self.try_to_tidy(row, alone).await {
            Ok(left) => left,
            Err(problem) => vec![format!("what restore {} left: {problem}", row.id)],
        };
        if left.is_empty()
            && let Err(problem) = self.catalog.note_tidied(&row.id).await
        {
            return vec![problem.to_string()];
        }
        for line in &left {
            self.log(&row.id, "warning", line).await;
        }
        left
    }

    async fn try_to_tidy(&self, row: &JobRow, alone: bool) -> Result<Vec<String>> {
        let Some(order) = self.order_of(row).await? else {
            return Ok(Vec::new());
        };
        let mut journal = JournalOf::load(&self.catalog, &row.id).await?;
        if journal.steps().is_empty() {
            return Ok(Vec::new());
        }
        let Some(plan) = self.stored_plan(&journal, &order).await? else {
            return Ok(vec![format!(
                "what restore {} may have left beside its target (.cairn-restore-{}…) stays: its plan is forgotten",
                row.id, row.id
            )]);
        };
        if row.node != self.options.node {
            return Ok(vec![format!(
                "restore {} may have left something on the node {}",
                row.id, row.node
            )]);
        }
        let is_safe = self.is_in_a_backup(&journal).await?;
        let held = Hold::of(&journal).filter(|_| !alone).map(|_| {
            "what was stopped for it is still stopped; the next restore or undo starts it again".to_owned()
        });
        let source = self.open_target(&order.target).await?;
        let cx = self.context(&row.id, &Progress::new(), &Cancel::new());
        let left = self.blocking(move || {
            if alone {
                source.release(&mut journal, &cx)?;
            }
            let request = Request {
                plan: &plan,
                wanted: &order.wanted,
            };
            source.tidy(&request, is_safe, &cx)
        });
        Ok(left.await?.into_iter().chain(held).collect())
    }

    /// Is all that the restore would touch in a safety backup of it that is whole, was verified, and is there?
    async fn is_in_a_backup(&self, journal: &JournalOf) -> Result<bool> {
        let safety = journal.find(SAFETY_STEP).and_then(|step| step.data.as_str());
        let Some(safety) = safety else { return Ok(false) };
        let row = self.catalog.backup(safety).await?;
        let is_whole = |row: &catalog::backups::BackupRow| {
            row.state == "ok" && row.verified.is_some() && matches!(row.warnings.as_str(), "" | "[]")
        };
        let Some(row) = row.filter(is_whole) else {
            return Ok(false);
        };
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let found = self.verify_snapshot(&row.snapshot, Level::Structure, &progress, &cancel);
        Ok(found.await.is_ok())
    }
}

fn way_out(job: &JobRow) -> String {
    let resume = format!("`cairn resume {}` goes on if nothing was changed since; ", job.id);
    format!("{resume}{}", undo_or_again(job))
}

impl Run<'_> {
    /// Ends a restore that may not go on; what it still holds is let go.
    pub(super) async fn let_go(&self) {
        let released = self
            .with_journal(|source, journal, cx| source.release(journal, cx))
            .await
            .and_then(|(_, released)| released);
        if let Err(problem) = released {
            self.service
                .log(&self.job.id, "error", &problem.to_string())
                .await;
        }
    }

    /// An earlier run of this job got as far as its safety backup. Does everything that is still to be touched stand as the plan was made
    /// for, or as that run left it?
    pub(super) async fn check_unchanged(&self, plan: &Plan, journal: JournalOf) -> Result<JournalOf> {
        self.progress.phase("comparing with what the earlier run left");
        let (service, order) = (self.service, self.order);
        let now = self.planned_now(&order.wanted).await?;
        let cx = service.context(&self.job.id, self.progress, self.cancel);
        let plan = plan.clone();
        let compared = service.aimed(
            &order.target,
            &order.snapshot,
            &order.wanted,
            cx,
            move |source, aim| {
                let request = Request {
                    plan: &plan,
                    wanted: &aim.wanted,
                };
                let changed = source.changed_since(&request, &now, &*aim.tree, &journal, &aim.cx)?;
                Ok((journal, changed))
            },
        );
        let (journal, changed) = compared.await?;
        if changed.is_empty() {
            return Ok(journal);
        }
        let named: Vec<&str> = changed.iter().take(NAMED).map(String::as_str).collect();
        let more = match changed.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "somebody has changed what this restore would still touch, since it was broken off: {}{more}; nothing more was restored",
            named.join(", ")
        );
        Err(Problem::new(Kind::Drifted, message).hint(undo_or_again(self.job)))
    }
}
