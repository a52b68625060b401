//! What makes a restore safe: the backup is whole, what is there is backed up, nothing changed since the plan, and the outcome is compared.

use std::path::PathBuf;

use catalog::sources::SourceRow;
use model::{Action, BackupId, Cancel, Draft, Kind, Mode, Plan, Problem, Progress, Reason, Result};
use repository::Level;
use sources::Wanted;

use super::perform::Run;
use super::{Target, place};
use crate::Service;
use crate::backup::{Making, by_source};

impl Service {
    pub(crate) async fn verify_snapshot(
        &self,
        snapshot: &str,
        level: Level,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let repository = self.opened().await?;
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

    /// The hidden source that stands for a folder which was restored into.
    async fn dir_source(&self, target: &Target) -> Result<SourceRow> {
        let (name, Target::Dir(dir)) = (place(target), target) else {
            return Err(Problem::internal("not a folder"));
        };
        if let Some(row) = self.catalog.source_named(&name).await? {
            return Ok(row);
        }
        self.insert_source(&name, "folder", &serde_json::json!({ "paths": [dir] }), true)
            .await
    }
}

impl Run<'_> {
    /// Is there anything to restore? Asked before anything is stopped or changed. What is damaged of it stops only what needs it,
    /// and is named when it comes to it.
    pub(super) async fn check_reach(&self) -> Result<()> {
        let repository = self.service.opened().await?;
        let id = repository::Id::parse(&self.order.snapshot)?;
        let (wanted, progress, cancel) = (
            self.order.wanted.clone(),
            self.progress.clone(),
            self.cancel.clone(),
        );
        let look = move || {
            let snapshot = repository.snapshot(&id)?;
            let mut paths = wanted.paths;
            if paths.is_empty() {
                let tree = repository.tree(&snapshot)?;
                // A folder that is backed up as a whole is not named in its tree.
                let parts = wanted.parts.iter().map(PathBuf::from);
                paths = parts
                    .filter(|part| !matches!(tree.stat(part), Ok(None)))
                    .collect();
            }
            repository.reach(&snapshot, &paths, &progress, &cancel)
        };
        let reach = self.service.blocking(look).await?;
        match reach.lost {
            Some(why) if !reach.is_something_whole => Err(Problem::damaged(format!(
                "nothing of what was asked for can be restored: {why}"
            ))
            .hint("nothing was changed; `cairn verify --all` shows which backups are whole")),
            _ => Ok(()),
        }
    }

    /// What would be replaced or deleted is backed up first, and that backup verified.
    pub(super) async fn safety_backup(&self, plan: &Plan) -> Result<Option<String>> {
        if plan.draft.is_empty() {
            return Ok(None);
        }
        self.progress.phase("safety backup");
        match (self.make_safety().await, &self.order.without_safety) {
            (Ok(id), _) => Ok(Some(id)),
            (Err(problem), Some(reason)) if problem.kind() != Kind::Cancelled => {
                self.service
                    .audit("restore.without-safety", &self.job.id, reason)
                    .await?;
                Ok(None)
            }
            (Err(problem), _) if problem.kind() == Kind::Cancelled => Err(problem),
            // A repository that cannot be written can still be restored from, where there is nothing to be saved.
            (Err(problem), None) if self.only_creates_in_a_folder(plan) => {
                let told = format!("no safety backup, and none is needed: nothing is there yet; {problem}");
                self.service.log(&self.job.id, "info", &told).await;
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

    /// A folder that is no source, in which nothing that is there is touched.
    fn only_creates_in_a_folder(&self, plan: &Plan) -> bool {
        let mut items = plan.draft.items.iter();
        matches!(self.order.target, Target::Dir(_)) && items.all(|item| item.action == Action::Create)
    }

    async fn make_safety(&self) -> Result<String> {
        let service = self.service;
        let (source, parts) = match &self.order.target {
            Target::Source(id) => (service.source_row(id).await?, self.order.wanted.parts.clone()),
            Target::Dir(_) => (service.dir_source(&self.order.target).await?, Vec::new()),
        };
        let capture = by_source(service.open_source(&source)?, parts);
        let making = Making {
            id: BackupId::new(&service.options.clock, &service.options.random)?,
            job: self.job.id.parse()?,
            source,
            name: Some("before the restore".to_owned()),
            reason: Reason::Safety,
            undoes: Some(self.job.id.parse()?),
            who: self.job.person.clone().unwrap_or_default(),
            progress: self.progress.clone(),
            cancel: self.cancel.clone(),
        };
        let made = service.make(making, capture).await?;
        service
            .verify_snapshot(&made.backup.snapshot, Level::Data, self.progress, self.cancel)
            .await?;
        service
            .catalog
            .set_backup_verified(&made.backup.id, service.now_ms())
            .await?;
        Ok(made.backup.id)
    }

    /// The plan is computed once more, after the safety backup: is the target still what it was made for? `stopped`: it had to be stopped
    /// for the restore, and may have changed by that; then the answer may be a plan that takes the place of the approved one.
    pub(super) async fn check_drift(&self, plan: &Plan, stopped: bool) -> Result<Option<Plan>> {
        let order = self.order;
        let draft = self
            .service
            .draft(
                &order.target,
                &order.snapshot,
                &order.wanted,
                self.progress,
                self.cancel,
            )
            .await?;
        let hash = draft.hash(&plan.backup, &plan.target, plan.mode, &plan.parts);
        if hash == plan.hash {
            return Ok(None);
        }
        if stopped {
            self.service
                .log(
                    &self.job.id,
                    "warning",
                    "stopping the target changed it since the plan was shown; the plan was computed anew",
                )
                .await;
            let changed = Plan { hash, ..plan.clone() };
            return self.service.store_plan(changed, draft).await.map(Some);
        }
        Err(Problem::new(
            Kind::Drifted,
            "the target changed since the plan was made; nothing was restored",
        )
        .hint("look at the new plan with --plan, and stop what is writing there"))
    }

    /// What is still not as in the backup, contents compared.
    pub(super) async fn left_over(&self) -> Result<Draft> {
        self.progress.phase("comparing");
        let order = self.order;
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
        self.service
            .draft(
                &order.target,
                &order.snapshot,
                &wanted,
                self.progress,
                self.cancel,
            )
            .await
    }
}
