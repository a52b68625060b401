//! Which backups stay: limits before a new one is made, retention and rotation after it.
//!
//! Order: make → verify → delete. Rules: nothing goes for a backup that is not good (`standing`), nor before what replaces it was read back
//! whole; deleting goes the way of `cairn delete`; a policy without rules deletes nothing. Safety backups follow their own rule. What somebody was asked to restore stays until they have answered.

use std::collections::BTreeSet;

use catalog::backups::BackupRow;
use catalog::sources::SourceRow;
use model::{
    BackupId, Cancel, Entitlement, Held, Kind, Lapse, Limit, Newcomer, Policy, Problem, Progress, Reason,
    Result, Terms, safety_to_delete,
};
use repository::Level;

use crate::Service;
use crate::backups::standing::reservation;
use crate::instance::policy_of;
use crate::sources::held;

/// What thinning out came to.
#[derive(Debug, Default)]
pub(crate) struct Thinned {
    /// The ids that went.
    pub(crate) deleted: Vec<String>,
    /// Why nothing went that should have.
    pub(crate) stopped: Option<Problem>,
}

impl Service {
    async fn backups_of(&self, source: &str) -> Result<Vec<BackupRow>> {
        let mut rows = self.catalog.list_backups(Some(source), i64::MAX).await?;
        rows.retain(|row| row.state == "ok");
        Ok(rows)
    }

    /// May another backup be made?
    pub(crate) async fn admit(
        &self,
        source: &SourceRow,
        policy: &Policy,
        reason: Reason,
        person: Option<&str>,
    ) -> Result<()> {
        let plan = self.plan_of(&source.id).await?;
        let Some(limit) = Limit::within(policy.limit, plan.backups) else {
            return Ok(());
        };
        let rows = self.backups_of(&source.id).await?;
        let held = rows.iter().map(held).collect::<Result<Vec<Held>>>()?;
        limit.admit(&held, Newcomer { reason, person })
    }

    /// After a new backup: verifies it and deletes what the policy lets go.
    pub(crate) async fn thin_out(
        &self,
        source: &SourceRow,
        policy: &Policy,
        new: &str,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Thinned> {
        let mut rows = self.backups_of(&source.id).await?;
        let new: BackupId = new.parse()?;
        // What would go if the new one were good? Without an answer there is nothing to verify for.
        let mut hoped = rows.iter().map(held).collect::<Result<Vec<Held>>>()?;
        for held in hoped.iter_mut().filter(|held| held.id == new) {
            held.verified = true;
            held.good = true;
        }
        let plan = self.plan_of(&source.id).await?;
        let asked_for = self.catalog.backups_asked_for().await?;
        let mut going = self.going(policy, &plan, &hoped, new);
        going.retain(|id| !asked_for.contains(id));
        let Some(at) = rows.iter().position(|row| row.id == new.to_string()) else {
            return Ok(Thinned::default());
        };
        if going.is_empty() {
            return Ok(Thinned::default());
        }
        if let Some(reservation) = reservation(&rows[at]) {
            return Ok(Thinned {
                stopped: Some(reservation),
                ..Thinned::default()
            });
        }
        progress.phase("verifying the new backup");
        self.verify_snapshot(&rows[at].snapshot, Level::Data, progress, cancel)
            .await
            .map_err(|problem| problem.context("the new backup is not whole, and nothing was deleted"))?;
        self.catalog
            .set_backup_verified(&rows[at].id, self.now_ms())
            .await?;
        rows.retain(|row| going.contains(&row.id));
        match self.delete_rows(&rows).await {
            // Another backup is damaged: the new one is good all the same, and nothing went.
            Err(problem) if problem.kind() == Kind::Damaged => Ok(Thinned {
                stopped: Some(problem),
                ..Thinned::default()
            }),
            other => other.map(|()| Thinned {
                deleted: rows.into_iter().map(|row| row.id).collect(),
                stopped: None,
            }),
        }
    }

    fn going(&self, policy: &Policy, plan: &Entitlement, held: &[Held], new: BackupId) -> BTreeSet<String> {
        let terms = Terms {
            zone: &policy.schedule.zone,
            now_ms: self.now_ms(),
            max_age: plan.retention_days.map(|days| Lapse::days(days.into())),
        };
        let retention = policy.retention.to_delete(held, &terms);
        let surplus =
            Limit::within(policy.limit, plan.backups).map_or(Vec::new(), |limit| limit.surplus(held, new));
        let all = retention.into_iter().chain(surplus);
        all.filter(|id| *id != new).map(|id| id.to_string()).collect()
    }

    /// Deletes the safety backups of a source that its policy lets go.
    pub(crate) async fn thin_out_safety(&self, source: &SourceRow) -> Result<usize> {
        let policy = policy_of(source)?;
        if policy.safety.is_none() {
            return Ok(0);
        }
        let mut rows = self.backups_of(&source.id).await?;
        let held = rows.iter().map(held).collect::<Result<Vec<Held>>>()?;
        let going = safety_to_delete(&held, policy.safety, self.now_ms());
        let asked_for = self.catalog.backups_asked_for().await?;
        rows.retain(|row| going.iter().any(|id| id.to_string() == row.id) && !asked_for.contains(&row.id));
        if !rows.is_empty() {
            self.delete_rows(&rows).await?;
        }
        Ok(rows.len())
    }
}
