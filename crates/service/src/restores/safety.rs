//! What makes a restore safe: the backup is whole, what is there is backed up, nothing changed since the plan, and the outcome is compared.
//!
//! Rule: what the safety backup does not hold is not touched. The plan names beforehand what no backup can hold; and after the safety backup was
//! made and verified, everything that the plan would delete or overwrite is looked up in it, in the version that the plan saw
//! ([`Run::check_saved`], which every restore passes). Something that is not there stops the restore before anything is touched, or is left
//! alone where that was asked for.

use std::collections::HashSet;
use std::path::PathBuf;

use catalog::sources::SourceRow;
use model::{Action, BackupId, Draft, Item, Kind, Lacks, Mode, Plan, Problem, Reason, Result, Unsaved};
use repository::Level;
use sources::Wanted;

use super::aim::insides;
use super::perform::Run;
use super::unsaved::{check_no_loss, named, not_saved};
use crate::Service;
use crate::backups::{Loss, Making, TreeOf, by_source};
use crate::orders::Target;

/// A safety backup that was made and verified.
pub(super) struct Safety {
    pub(super) id: String,
    snapshot: String,
    source: SourceRow,
    /// What it could not hold, and why.
    lacks: Lacks,
    /// What changed while it was read: it holds no version that there ever was.
    torn: Vec<PathBuf>,
}

impl Safety {
    fn why(&self, item: &Item) -> String {
        let path = format!("{}/{}", item.part, item.name);
        let why = self.lacks.paths().find(|lacked| lacked.path == path);
        why.map_or_else(
            || "it changed meanwhile, or cannot be read".to_owned(),
            |lacked| lacked.why.clone(),
        )
    }
}

impl Service {
    /// The hidden source that stands for a folder which was restored into.
    async fn dir_source(&self, target: &Target) -> Result<SourceRow> {
        let (name, Some(directory)) = (target.text(), target.directory()) else {
            return Err(Problem::internal("not a folder"));
        };
        let (kind, settings) = directory.as_source();
        if let Some(row) = self.catalog.source_named(&name).await? {
            let settings = settings.to_string();
            return Ok(SourceRow { settings, ..row });
        }
        self.insert_source(&name, kind, &settings, true).await
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
            let mut paths = insides(&wanted.paths)?;
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
        if reach.lost.is_some() {
            self.service.note_loss(&self.order.snapshot, Loss::Pieces).await?;
        }
        match reach.lost {
            Some(why) if !reach.is_something_whole => Err(Problem::damaged(format!(
                "nothing of what was asked for can be restored: {why}"
            ))
            .hint("nothing was changed; `cairn verify --all` shows which backups are whole")),
            _ => Ok(()),
        }
    }

    /// What would be replaced or deleted is backed up first, and that backup verified.
    pub(super) async fn safety_backup(&self, plan: &Plan) -> Result<Option<Safety>> {
        if plan.draft.is_empty() {
            return Ok(None);
        }
        self.progress.phase("safety backup");
        match (self.make_safety().await, &self.order.without_safety) {
            (Ok(safety), _) => Ok(Some(safety)),
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

    async fn make_safety(&self) -> Result<Safety> {
        let service = self.service;
        let (source, parts) = match &self.order.target {
            Target::Source(id) => {
                let order = self.order;
                let parts = service.parts_there(&order.target, &order.snapshot, &order.wanted);
                (service.source_row(id).await?, parts.await?)
            }
            Target::Dir(_) => (service.dir_source(&self.order.target).await?, Vec::new()),
        };
        let capture = by_source(service.open_source(&source)?, parts);
        let making = Making {
            id: BackupId::new(&service.options.clock, &service.options.random)?,
            job: self.job.id.parse()?,
            source: source.clone(),
            name: Some("before the restore".to_owned()),
            reason: Reason::Safety,
            undoes: Some(self.job.id.parse()?),
            lock: false,
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
        Ok(Safety {
            id: made.backup.id,
            snapshot: made.backup.snapshot,
            source,
            lacks: made.lacks,
            torn: made.torn,
        })
    }

    /// Is everything that the plan would delete or overwrite in the safety backup, in the version that the plan saw? If not, the restore
    /// ends here, or the answer is a plan that leaves those things alone. Without a safety backup only what was forced goes on.
    pub(super) async fn check_saved(&self, plan: &Plan, safety: Option<&Safety>) -> Result<Option<Plan>> {
        if self.order.without_safety.is_none() {
            check_no_loss(&plan.draft)?;
        }
        if !plan.draft.items.iter().any(Item::touches) {
            return Ok(None);
        }
        let unsaved = match safety {
            Some(safety) => self.unsaved(plan, safety).await?,
            None if self.order.without_safety.is_some() => return Ok(None),
            None => {
                let lost = |item: &Item| (item.touches(), "there is no safety backup".to_owned());
                plan.draft.items.iter().map(lost).collect()
            }
        };
        let lost: Vec<Unsaved> = plan
            .draft
            .items
            .iter()
            .zip(&unsaved)
            .filter(|(_, (is_unsaved, _))| *is_unsaved)
            .map(|(item, (_, why))| Unsaved {
                part: item.part.clone(),
                name: item.name.clone(),
                why: why.clone(),
            })
            .collect();
        if lost.is_empty() {
            return Ok(None);
        }
        if let Some(reason) = &self.order.without_safety {
            let detail = format!("{reason} (in no copy: {})", named(&lost));
            self.service
                .audit("restore.without-safety", &self.job.id, &detail)
                .await?;
            return Ok(None);
        }
        if !self.order.wanted.leave_unsaved {
            return Err(not_saved(&lost));
        }
        let mut draft = plan.draft.clone();
        let mut is_unsaved = unsaved.into_iter().map(|(is_unsaved, _)| is_unsaved);
        draft.items.retain(|_| !is_unsaved.next().unwrap_or(true));
        draft.keep += lost.len() as u64;
        draft.warnings.push(format!(
            "not in the safety backup, and left alone: {}",
            named(&lost)
        ));
        draft.unsaved.extend(lost);
        let hash = draft.hash(&plan.backup, &plan.target, plan.mode, &plan.parts);
        let changed = Plan { hash, ..plan.clone() };
        self.instead(changed, draft).await.map(Some)
    }

    /// A plan that takes the place of the one that was agreed to.
    async fn instead(&self, plan: Plan, draft: Draft) -> Result<Plan> {
        let plan = self.service.store_plan(plan, draft).await?;
        self.service.catalog.use_plan(&plan.id).await?;
        Ok(plan)
    }

    /// For each item of the plan: is what it would touch missing in the safety backup, and why?
    async fn unsaved(&self, plan: &Plan, safety: &Safety) -> Result<Vec<(bool, String)>> {
        self.progress.phase("looking it up in the safety backup");
        let source = self.service.open_source(&safety.source)?;
        let tree = TreeOf(self.service.tree_of(&safety.snapshot).await?);
        let (items, torn, cancel) = (
            plan.draft.items.clone(),
            safety.torn.iter().cloned().collect::<HashSet<_>>(),
            self.cancel.clone(),
        );
        let missing = self
            .service
            .blocking(move || {
                let is_missing = |item: &Item| {
                    cancel.check()?;
                    if !item.touches() {
                        return Ok(false);
                    }
                    let found = source.find_saved(item, &tree)?;
                    Ok(found.is_none_or(|path| torn.contains(&path)))
                };
                items.iter().map(is_missing).collect::<Result<Vec<bool>>>()
            })
            .await?;
        let told = plan.draft.items.iter().zip(missing);
        Ok(told
            .map(|(item, missing)| (missing, if missing { safety.why(item) } else { String::new() }))
            .collect())
    }

    /// The plan is computed once more, after the safety backup: is the target still what it was made for? `stopped`: it had to be stopped
    /// for the restore, and may have changed by that; then the answer may be a plan that takes the place of the approved one.
    pub(super) async fn check_drift(&self, plan: &Plan, stopped: bool) -> Result<Option<Plan>> {
        let draft = self.planned_now(&self.order.wanted).await?;
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
            return self.instead(changed, draft).await.map(Some);
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
        self.planned_now(&wanted).await
    }
}
