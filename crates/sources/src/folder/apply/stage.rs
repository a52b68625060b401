//! Writes everything that will come into the staging folder, before anything is moved.

use std::path::PathBuf;

use model::{Action, Kind, Problem, Result};
use serde_json::Value;

use super::super::plan::free_bytes;
use super::super::staging::Made;
use super::{MARGIN, Swap, io};
use crate::{Materialize, Unwritten};

impl Swap<'_> {
    /// Writes everything that will come, and gives back what could not be written whole.
    pub(super) fn stage(&self, time: &Value) -> Result<(Made, Vec<Unwritten>)> {
        self.cx.progress.phase("staging");
        if let Some(unfinished) = self.staging.open(None)? {
            unfinished.remove()?;
        }
        let entries: Vec<(PathBuf, PathBuf)> = self
            .steps
            .iter()
            .filter(|step| step.action != Action::Delete && !step.is_dir)
            .map(|step| {
                (
                    self.part.tree.join(&step.path),
                    PathBuf::from(step.number.to_string()),
                )
            })
            .collect();
        self.check_space(&entries)?;
        let made = self.staging.make(&self.part.root)?;
        match self.fill(&made, entries) {
            Ok(unwritten) => Ok((made, unwritten)),
            Err(problem) => {
                // The target is untouched; what was staged is worth nothing.
                let _ = self.clean_up(Some(&made), time);
                Err(problem)
            }
        }
    }

    fn fill(&self, made: &Made, entries: Vec<(PathBuf, PathBuf)>) -> Result<Vec<Unwritten>> {
        let into = made.way_in();
        let order = Materialize {
            into: into.clone(),
            entries,
        };
        let unwritten = self.tree.materialize(&order, self.cx).map_err(|problem| {
            // People know the folder by its path.
            let shown = self.staging.dir.join("new").display().to_string();
            renamed(problem, &into.display().to_string(), &shown)
        })?;
        self.make_durable(made).map(|()| unwritten)
    }

    fn check_space(&self, entries: &[(PathBuf, PathBuf)]) -> Result<()> {
        let mut needed = MARGIN;
        for (from, _) in entries {
            let size = self.tree.stat(from)?.map_or(0, |entry| entry.meta.size);
            needed = needed.saturating_add(size);
        }
        match free_bytes(&self.part.root) {
            Some(free) if free < needed => Err(Problem::new(
                Kind::NoSpace,
                format!(
                    "{} are needed beside {}, and {} are free",
                    model::Size(needed),
                    self.part.root.display(),
                    model::Size(free)
                ),
            )
            .hint("free some space, or restore less at a time with --path; nothing was changed")),
            _ => Ok(()),
        }
    }

    /// Only when something living will be moved away: what replaces it must survive a power cut.
    fn make_durable(&self, made: &Made) -> Result<()> {
        if self.steps.iter().all(|step| step.action == Action::Create) {
            return Ok(());
        }
        let dir = made.handle().map_err(io("cannot open", &self.staging.dir))?;
        rustix::fs::syncfs(&dir).map_err(|error| io("cannot write through", &self.staging.dir)(error.into()))
    }
}

fn renamed(problem: Problem, from: &str, to: &str) -> Problem {
    if !problem.message().contains(from) {
        return problem;
    }
    let told = Problem::new(problem.kind(), problem.message().replace(from, to));
    match problem.hint_text() {
        Some(hint) => told.hint(hint.replace(from, to)),
        None => told,
    }
}
