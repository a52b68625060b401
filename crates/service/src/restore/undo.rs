//! Taking a restore back: a restore of its safety backup, planned and safety-backed like every other.

use model::{Cancel, Mode, Permission, Plan, Problem, Progress, Result};

use super::{RestoreRequest, SAFETY_STEP, Target};
use crate::Service;

impl Service {
    /// The request that takes a restore back, and the plan for it.
    pub async fn plan_undo(
        &self,
        job: Option<&str>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(RestoreRequest, Plan, Target)> {
        let found = match job {
            Some(wanted) => Some(self.job_row(wanted).await?).filter(|row| row.kind == "restore"),
            None => self.newest_restore(|row| row.result.is_some()).await?,
        };
        let row = found.ok_or_else(|| {
            Problem::not_found("there is no restore to undo").hint("`cairn jobs` lists them")
        })?;
        self.may(Permission::Restore, row.source.as_deref()).await?;
        let steps = self.catalog.steps(&row.id).await?;
        let safety = steps
            .iter()
            .find(|step| step.step == SAFETY_STEP)
            .and_then(|step| serde_json::from_str::<Option<String>>(&step.data).ok());
        let Some(safety) = safety.flatten() else {
            return Err(Problem::not_found(format!(
                "restore {} has no safety backup: it changed nothing, or was made without one",
                row.id
            )));
        };
        // What was backed up knows where it belongs, also when that is a folder without a source of its own.
        let before = self.backup_row(&safety).await?;
        let request = RestoreRequest {
            backup: safety,
            parts: Vec::new(),
            paths: Vec::new(),
            to: Some(before.source),
            mode: Some(Mode::Replace),
            deep: false,
            without_safety: None,
            typed: None,
        };
        let (plan, target) = self.plan_restore(&request, progress, cancel).await?;
        Ok((request, plan, target))
    }
}
