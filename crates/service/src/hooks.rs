//! The hooks of a policy, around backups and restores.
//!
//! Rules: a hook that fails before the work stops it, and nothing has been touched; hooks after it run whatever happened, and what goes
//! wrong with them is a warning of the job. They run in the process that carries the job out.

use catalog::jobs::JobRow;
use catalog::sources::SourceRow;
use model::{Cancel, Hook, Hooks, JobKind, Problem, Result};
use sources::hooks::{HookContext, Programs, after, before};

use crate::Service;

/// The lists before and after work of this kind.
fn lists(hooks: Hooks, kind: JobKind) -> (Vec<Hook>, Vec<Hook>) {
    match kind {
        JobKind::Restore => (hooks.before_restore, hooks.after_restore),
        _ => (hooks.before_backup, hooks.after_backup),
    }
}

impl Service {
    pub(crate) async fn hooks_before(
        &self,
        job: &JobRow,
        source: &SourceRow,
        hooks: &Hooks,
        kind: JobKind,
        cancel: &Cancel,
    ) -> Result<()> {
        let (first, undo) = lists(hooks.clone(), kind);
        if first.is_empty() {
            return Ok(());
        }
        let (job, source, cancel) = (job.id.clone(), source.name.clone(), cancel.clone());
        self.blocking(move || {
            let programs = Programs::default();
            let cx = HookContext {
                job: &job,
                source: &source,
                event: kind.word(),
                state: "running",
                cancel: &cancel,
                programs: &programs,
                sql: None,
            };
            before(&first, &undo, &cx).map_err(|problem| problem.context("nothing was touched"))
        })
        .await
    }

    /// What went wrong, for the job's warnings.
    pub(crate) async fn hooks_after(
        &self,
        job: &JobRow,
        source: &SourceRow,
        hooks: &Hooks,
        kind: JobKind,
        state: &'static str,
    ) -> Vec<String> {
        let (_, last) = lists(hooks.clone(), kind);
        if last.is_empty() {
            return Vec::new();
        }
        let (id, source) = (job.id.clone(), source.name.clone());
        let done = self.blocking(move || {
            let (programs, cancel) = (Programs::default(), Cancel::new());
            let cx = HookContext {
                job: &id,
                source: &source,
                event: kind.word(),
                state,
                cancel: &cancel,
                programs: &programs,
                sql: None,
            };
            Ok(after(&last, &cx))
        });
        let problems = done.await.unwrap_or_else(|problem| vec![problem]);
        let warnings: Vec<String> = problems.iter().map(Problem::to_string).collect();
        for warning in &warnings {
            self.log(&job.id, "warning", warning).await;
        }
        warnings
    }
}
