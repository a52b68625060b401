//! Plans that were shown: look at one again, and carry out exactly that one.

use std::path::PathBuf;

use model::{Kind, Permission, Plan, Problem, Result};

use super::RestoreRequest;
use crate::Service;
use crate::orders::Target;

impl Service {
    /// A plan that was shown, as it is stored; its target.
    pub async fn show_plan(&self, wanted: &str) -> Result<(Plan, Target)> {
        let unknown = || {
            Problem::not_found(format!("there is no plan {wanted}"))
                .hint("plans are forgotten a while after they expire; make a new one")
        };
        let row = self.catalog.plan(wanted).await?.ok_or_else(unknown)?;
        let plan: Plan = serde_json::from_str(&row.document)
            .map_err(|error| Problem::damaged(format!("plan {wanted} cannot be read")).caused_by(error))?;
        // What he may not see does not exist for him.
        let backup = match self.readable(&plan.backup).await {
            Err(problem) if problem.kind() == Kind::NotFound => return Err(unknown()),
            other => other?,
        };
        self.may(Permission::See, Some(&backup.source)).await?;
        let target = Target::of_text(&plan.target);
        Ok((plan, target))
    }

    /// Queues the restore of a stored plan, when its hash is the one that was shown; the job's id. `typed` is what somebody typed to confirm
    /// it: see [`Service::word_to_type`].
    pub async fn run_plan(&self, wanted: &str, hash: &str, typed: Option<String>) -> Result<String> {
        let (plan, target) = self.show_plan(wanted).await?;
        if plan.hash != hash {
            let message = format!("plan {} has another hash than the one that was approved", plan.id);
            return Err(Problem::new(Kind::Drifted, message).hint("look at the plan again and send its hash"));
        }
        let request = RestoreRequest {
            backup: plan.backup.clone(),
            parts: plan.parts.clone(),
            paths: plan.paths.iter().map(PathBuf::from).collect(),
            to: None,
            mode: Some(plan.mode),
            deep: plan.deep,
            without_safety: None,
            leave_unsaved: plan.draft.leaves_unsaved,
            typed,
        };
        self.ask_restore(&request, &plan, &target).await
    }
}
