//! The hooks of a policy, around backups and restores.
//!
//! Rules: a hook that fails before the work stops it, and nothing has been touched; hooks after it run whatever happened, and what goes
//! wrong with them is a warning of the job. They run in the process that carries the job out; when that is killed, `owed` tells who runs
//! those after a backup.

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
        if kind == JobKind::Backup && !undo.is_empty() {
            self.owe_hooks(job, source, &undo).await?;
        }
        let (id, source, cancel) = (job.id.clone(), source.name.clone(), cancel.clone());
        let done = self.blocking(move || {
            let programs = Programs::default();
            let cx = HookContext {
                job: &id,
                source: &source,
                event: kind.word(),
                state: "running",
                cancel: &cancel,
                programs: &programs,
                sql: None,
            };
            before(&first, &undo, &cx).map_err(|problem| problem.context("nothing was touched"))
        });
        let done = done.await;
        if done.is_err() {
            // Those after it have been run for the ones that were.
            self.have_run_hooks(&job.id).await;
        }
        done
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
        let (first, last) = lists(hooks.clone(), kind);
        if last.is_empty() {
            return Vec::new();
        }
        let is_owed = kind == JobKind::Backup && !first.is_empty();
        if is_owed && matches!(self.owns_hooks(&job.id).await, Ok(false)) {
            return vec![
                "the hooks after it were run by another process, which took this one for dead".to_owned(),
            ];
        }
        let warnings = self.run_after(&job.id, &source.name, last, kind, state).await;
        if is_owed {
            self.have_run_hooks(&job.id).await;
        }
        warnings
    }

    pub(crate) async fn run_after(
        &self,
        job: &str,
        source: &str,
        last: Vec<Hook>,
        kind: JobKind,
        state: &'static str,
    ) -> Vec<String> {
        let (id, source) = (job.to_owned(), source.to_owned());
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
            self.log(job, "warning", warning).await;
        }
        warnings
    }
}
