//! Does an approval let a restore begin, and what becomes of requests that nobody answers.
//!
//! Rules: the worker looks here before a restore touches anything, whoever queued it, and however: a source that wants an approval is not
//! restored by a job that has none. A yes is good for as long again as the request could have been answered; what has begun under it may be
//! finished at any time. What expires is over at that moment, also before anybody has noted it.

use catalog::approvals::{ApprovalRow, Decision};
use catalog::jobs::JobRow;
use model::{ApprovalState, Kind, Problem, Result};

use super::{over, state_of};
use crate::Service;
use crate::instance::policy_of;
use crate::orders::Target;

impl Service {
    /// The approval under which this job may begin; nothing when it needs none. `begun`: it has touched the target under it before.
    pub(crate) async fn granted(
        &self,
        job: &JobRow,
        target: &Target,
        begun: bool,
    ) -> Result<Option<ApprovalRow>> {
        let Some(row) = self.catalog.approval_of_job(&job.id).await? else {
            self.check_ungated(target, begun).await?;
            return Ok(None);
        };
        let now = self.now_ms();
        if !state_of(&row, now)?.is_granted() {
            return Err(over(&row, now));
        }
        let good_until = row.decided.unwrap_or(row.created) + (row.expires - row.created);
        if !begun && now >= good_until {
            let message = format!(
                "request {} was approved, but not carried out until {}; that is too long ago",
                row.id,
                model::moment_text(good_until)
            );
            return Err(Problem::new(Kind::Refused, message).hint("ask for the restore again"));
        }
        Ok(Some(row))
    }

    async fn check_ungated(&self, target: &Target, begun: bool) -> Result<()> {
        let Target::Source(id) = target else { return Ok(()) };
        let source = self.source_row(id).await?;
        if begun || policy_of(&source)?.gates.approval.is_none() {
            return Ok(());
        }
        let message = format!(
            "“{}” is restored only with its owner's approval, and nobody was asked for this restore",
            source.name
        );
        Err(Problem::new(Kind::Refused, message)
            .hint("the policy was changed since it was asked for: ask for the restore again"))
    }

    /// Ends requests whose time is up.
    pub(crate) async fn expire_approvals(&self) -> Result<()> {
        for row in self.catalog.due_approvals(self.now_ms()).await? {
            if let Err(problem) = self.house().expire(&row).await {
                tracing::warn!("request {}: {problem}", row.id);
            }
        }
        Ok(())
    }

    async fn expire(&self, row: &ApprovalRow) -> Result<()> {
        let decision = Decision {
            id: &row.id,
            state: ApprovalState::Expired.word(),
            at: self.now_ms(),
            by: None,
            via: None,
            reason: "",
            letters: &[],
        };
        let source = self.catalog.source(&row.source).await?;
        let letters = match &source {
            Some(source) => self.letters_after(row, source, &decision).await?,
            None => Vec::new(),
        };
        let decision = Decision {
            letters: &letters,
            ..decision
        };
        if !self
            .catalog
            .turn_down(decision, &over(row, self.now_ms()))
            .await?
        {
            // Answered, or noted by another process, just now.
            return Ok(());
        }
        let name = source.map_or_else(|| row.source.clone(), |source| source.name);
        let detail = format!("{} plan {}", row.id, row.hash);
        self.audit("approval.expire", &name, &detail).await?;
        self.log(&row.job, "info", "the request for an approval expired")
            .await;
        Ok(())
    }
}
