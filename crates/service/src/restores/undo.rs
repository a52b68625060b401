//! Taking a restore back: a restore of its safety backup, planned and safety-backed like every other.
//!
//! Rule: without a name it is the last restore that changed something, whole or broken off, and never silently the one before. Its plan, too,
//! is carried out as it was shown; when it begins, a restore that was broken off is closed.

use catalog::jobs::JobRow;
use model::{Cancel, Kind, Mode, Permission, Plan, Problem, Progress, Result};

use super::{RestoreRequest, SAFETY_STEP};
use crate::Service;
use crate::orders::Target;

/// So many jobs are looked at together.
const AT_ONCE: i64 = 100;

impl Service {
    /// The request that takes a restore back, and the plan for it.
    pub async fn plan_undo(
        &self,
        job: Option<&str>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(RestoreRequest, Plan, Target)> {
        self.plan_undo_leaving(job, false, progress, cancel).await
    }

    /// The same; `leave_unsaved`: what no safety backup can hold stays as it is.
    pub async fn plan_undo_leaving(
        &self,
        job: Option<&str>,
        leave_unsaved: bool,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(RestoreRequest, Plan, Target)> {
        self.reap().await?;
        let found = match job {
            Some(wanted) => Some(self.job_row(wanted).await?).filter(|row| row.kind == "restore"),
            None => self.last_restore().await?,
        };
        let row = found.ok_or_else(|| {
            Problem::not_found("there is no restore to undo").hint("`cairn jobs` lists them")
        })?;
        self.may(Permission::Restore, row.source.as_deref()).await?;
        if row.state == "running" {
            let message = format!("restore {} is under way", row.id);
            return Err(Problem::new(Kind::Conflict, message).hint(format!(
                "wait for its end, or stop it first: cairn cancel {}",
                row.id
            )));
        }
        let safety = self.safety_of(&row).await?;
        // What was backed up knows where it belongs, also when that is a folder without a source of its own.
        let before = self
            .backup_row(&safety)
            .await
            .map_err(|problem| problem.context(format!("the safety backup of restore {} is gone", row.id)))?;
        let request = RestoreRequest {
            backup: safety,
            parts: Vec::new(),
            paths: Vec::new(),
            to: Some(before.source),
            mode: Some(Mode::Replace),
            deep: false,
            without_safety: None,
            leave_unsaved,
            typed: None,
        };
        let (plan, target) = self.plan_restore(&request, progress, cancel).await?;
        Ok((request, plan, target))
    }

    /// The last one that changed something, when it was there already as this was asked for: of many who ask at once, none takes
    /// back what another one has just taken back.
    async fn last_restore(&self) -> Result<Option<JobRow>> {
        let eyes = self.eyes().await?;
        let mut before = (i64::MAX, String::new());
        loop {
            let rows = self.catalog.last_changed((before.0, &before.1), AT_ONCE).await?;
            match rows.last() {
                Some(row) => before = (row.changed.unwrap_or_default(), row.id.clone()),
                None => return Ok(None),
            }
            let is_told = |row: &JobRow| {
                let source = row.source.as_deref().unwrap_or_default();
                row.kind == "restore" && eyes.knows(source)
            };
            let Some(row) = rows.into_iter().find(is_told) else {
                continue;
            };
            let (changed, asked) = (row.changed.unwrap_or_default(), self.options.asked);
            if row.state != "running" && asked.is_some_and(|asked| changed > asked) {
                let message = format!("restore {} came in between, while this was asked for", row.id);
                return Err(Problem::new(Kind::Conflict, message)
                    .hint("look at what is there now; `cairn undo` once more takes that restore back"));
            }
            return Ok(Some(row));
        }
    }

    async fn safety_of(&self, row: &JobRow) -> Result<String> {
        let steps = self.catalog.steps(&row.id).await?;
        let safety = steps
            .iter()
            .find(|step| step.step == SAFETY_STEP)
            .and_then(|step| serde_json::from_str::<Option<String>>(&step.data).ok());
        if let Some(safety) = safety.flatten() {
            return Ok(safety);
        }
        if row.changed.is_none() {
            let message = format!("restore {} changed nothing: there is nothing to undo", row.id);
            return Err(Problem::not_found(message).hint("`cairn jobs` lists the others"));
        }
        let message = format!(
            "restore {} was made without a safety backup, and cannot be undone",
            row.id
        );
        Err(Problem::new(Kind::Refused, message).hint(
            "restore a backup that was made before it (`cairn list`), or undo an earlier restore by its id (`cairn jobs`)",
        ))
    }
}
