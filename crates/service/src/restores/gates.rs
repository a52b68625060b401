//! What must hold before a restore starts, by the policy of what it would change.
//!
//! Gates: somebody typed the name of what would be changed; the owner approved it (`approvals`); the server is stopped, or can be told to be.
//! That the account's plan includes restores is asked by the judge. A folder that is no source has no policy, and no gates.

use catalog::sources::SourceRow;
use model::{Cancel, Kind, Permission, Plan, Problem, Progress, Result};
use sources::{Hold, Journal};

use super::{RestoreRequest, Restored, SAFETY_STEP};
use crate::Service;
use crate::backups::JournalOf;
use crate::instance::policy_of;
use crate::orders::{RestoreOrder, Target};

impl Service {
    /// What has to be typed before this plan is carried out; nothing when it destroys nothing, or the policy does not want it.
    pub async fn word_to_type(&self, plan: &Plan, target: &Target) -> Result<Option<String>> {
        let Target::Source(id) = target else {
            return Ok(None);
        };
        let row = self.source_row(id).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        typed_word(&row, plan)
    }

    /// What the policy demands beyond a person's word; the source that the gates are of.
    pub(super) async fn check_gates(
        &self,
        request: &RestoreRequest,
        plan: &Plan,
        target: &Target,
    ) -> Result<Option<SourceRow>> {
        let Target::Source(id) = target else {
            return Ok(None);
        };
        let row = self.source_row(id).await?;
        if let Some(word) = typed_word(&row, plan)?
            && request.typed.as_deref().map(str::trim) != Some(&word)
        {
            let message = format!("the name of what would be changed, “{word}”, was not typed");
            return Err(Problem::new(Kind::Refused, message)
                .hint("this restore deletes or overwrites something: type the name exactly, or give --yes"));
        }
        self.check_standstill(&row).await?;
        Ok(Some(row))
    }

    /// Is the server stopped, or can it be told to, where the policy wants that?
    pub(super) async fn check_standstill(&self, row: &SourceRow) -> Result<()> {
        let gates = policy_of(row)?.gates;
        if gates.stopped && !self.open_source(row)?.is_guarded() {
            let message = format!(
                "“{}” is restored only while its server is stopped, and nothing can tell whether it is",
                row.name
            );
            return Err(Problem::new(Kind::Refused, message)
                .hint("give the source a guard: cairn source edit --help; or take the gate away: cairn policy set … gates.stopped=false"));
        }
        // What has to wait for somebody begins later, and the server may run until then.
        if gates.approval.is_none() && row.node == self.options.node {
            let source = self.open_source(row)?;
            let cx = self.context("", &Progress::new(), &Cancel::new());
            self.blocking(move || source.check_hold(&cx)).await?;
        }
        Ok(())
    }

    /// Does the job hold its target still at this moment, or has it gone on from there?
    pub(super) async fn has_begun(&self, job: &str) -> Result<bool> {
        let journal = JournalOf::load(&self.catalog, job).await?;
        Ok(Hold::of(&journal).is_some() || journal.find(SAFETY_STEP).is_some())
    }

    /// Follows a restore to its end, also while it waits for somebody, and carries it out here when nobody else does.
    pub async fn follow_restore(&self, job: &str, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        let row = self.job_row(job).await?;
        self.may(Permission::Restore, row.source.as_deref()).await?;
        if row.kind != "restore" {
            return Err(Problem::invalid(format!(
                "job {} is a {} and no restore",
                row.id, row.kind
            )));
        }
        self.wait_for(&row.id, progress, cancel).await
    }
}

/// The folder that stands for a place without a source has no gates.
fn typed_word(row: &SourceRow, plan: &Plan) -> Result<Option<String>> {
    let wanted = row.hidden == 0 && plan.draft.is_destructive() && policy_of(row)?.gates.typed;
    Ok(wanted.then(|| row.name.clone()))
}

impl RestoreOrder {
    pub(crate) fn without_safety(&self) -> Option<&str> {
        self.without_safety.as_deref()
    }
}
