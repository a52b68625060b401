//! What makes a restore safe: the backup is whole, what is there is backed up, nothing changed since the plan, and the outcome is compared.

use catalog::sources::SourceRow;
use model::{BackupId, Cancel, Draft, Kind, Mode, Plan, Problem, Progress, Reason, Result};
use repository::Level;
use sources::Wanted;

use super::{Order, Target, place};
use crate::Service;
use crate::backup::Making;

impl Service {
    pub(super) async fn verify_snapshot(
        &self,
        snapshot: &str,
        level: Level,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let repository = self.repository().await?;
        let id = repository::Id::parse(snapshot)?;
        let (progress, cancel) = (progress.clone(), cancel.clone());
        let report = self
            .blocking(move || repository.verify(&repository.snapshot(&id)?, level, &progress, &cancel))
            .await?;
        match report.errors().next() {
            None => Ok(()),
            Some(error) => Err(
                Problem::damaged(format!("the backup cannot be restored whole: {error}"))
                    .hint("nothing was changed; `cairn verify --all` shows which backups are whole"),
            ),
        }
    }

    /// What would be replaced or deleted is backed up first, and that backup verified.
    pub(super) async fn safety_backup(
        &self,
        job: &str,
        order: &Order,
        plan: &Plan,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Option<String>> {
        if plan.draft.is_empty() {
            return Ok(None);
        }
        progress.phase("safety backup");
        let made = self.make_safety(job, order, progress, cancel).await;
        match (made, &order.without_safety) {
            (Ok(id), _) => Ok(Some(id)),
            (Err(problem), Some(reason)) if problem.kind() != Kind::Cancelled => {
                self.audit("restore.without-safety", job, reason).await?;
                Ok(None)
            }
            (Err(problem), _) => {
                let hint = problem
                    .hint_text()
                    .unwrap_or("nothing was changed; --without-safety REASON restores without one")
                    .to_owned();
                Err(problem.context("no safety backup could be made").hint(hint))
            }
        }
    }

    pub(super) async fn make_safety(
        &self,
        job: &str,
        order: &Order,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<String> {
        let source = match &order.target {
            Target::Source(id) => self.source_row(id).await?,
            Target::Dir(_) => self.dir_source(&order.target).await?,
        };
        let opened = self.open_source(&source)?;
        let making = Making {
            id: BackupId::new(&self.options.clock, &self.options.random)?,
            job: job.parse()?,
            source,
            parts: if matches!(order.target, Target::Dir(_)) {
                Vec::new()
            } else {
                order.wanted.parts.clone()
            },
            name: Some("before the restore".to_owned()),
            reason: Reason::Safety,
            undoes: Some(job.parse()?),
            progress: progress.clone(),
            cancel: cancel.clone(),
        };
        let made = self.make(making, opened).await?;
        self.verify_snapshot(&made.backup.snapshot, Level::Data, progress, cancel)
            .await?;
        self.catalog
            .set_backup_verified(&made.backup.id, self.now_ms())
            .await?;
        Ok(made.backup.id)
    }

    /// The hidden source that stands for a folder which was restored into.
    pub(super) async fn dir_source(&self, target: &Target) -> Result<SourceRow> {
        let (name, Target::Dir(dir)) = (place(target), target) else {
            return Err(Problem::internal("not a folder"));
        };
        if let Some(row) = self
            .catalog
            .list_sources()
            .await?
            .into_iter()
            .find(|row| row.name == name)
        {
            return Ok(row);
        }
        self.insert_source(&name, "folder", &serde_json::json!({ "paths": [dir] }), true)
            .await
    }

    /// The plan is computed once more, after the safety backup: is the target still what it was made for?
    pub(super) async fn check_drift(
        &self,
        order: &Order,
        plan: &Plan,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let draft = self
            .draft(&order.target, &order.snapshot, &order.wanted, progress, cancel)
            .await?;
        if draft.hash(&plan.backup, &plan.target, plan.mode, &plan.parts) == plan.hash {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Drifted,
            "the target changed since the plan was made; nothing was restored",
        )
        .hint("look at the new plan with --plan, and stop what is writing there"))
    }

    /// What is still not as in the backup, contents compared.
    pub(super) async fn left_over(
        &self,
        order: &Order,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Draft> {
        progress.phase("comparing");
        let mode = if order.wanted.mode == Mode::Rebuild {
            Mode::Replace
        } else {
            order.wanted.mode
        };
        let wanted = Wanted {
            deep: true,
            mode,
            ..order.wanted.clone()
        };
        self.draft(&order.target, &order.snapshot, &wanted, progress, cancel)
            .await
    }
}
