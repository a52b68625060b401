//! Restores: plan → safety backup → drift check → apply → verify; and undo.
//!
//! Rules: the plan is data with a hash, and the same is carried out that was shown; before anything is replaced, what is there is backed up and
//! that backup verified; a target that changed since the plan stops the restore; after it the target is compared with the backup, contents and
//! all. An interrupted restore is finished by [`Service::resume`] from its journal.

use std::path::PathBuf;

use catalog::jobs::{Claim, Ending, JobRow, NewJob};
use catalog::plans::PlanRow;
use catalog::sources::SourceRow;
use model::{
    BackupId, Cancel, Counts, Draft, JobId, JobKind, Kind, Mode, PLAN_LIFETIME_MS, Plan, PlanId, Problem, Progress, Reason, Result,
};
use repository::Level;
use serde::{Deserialize, Serialize};
use sources::folder::Folder;
use sources::{Context, Journal, Request, Source, Wanted};

use crate::Service;
use crate::backup::Making;
use crate::joined::{JournalOf, TreeOf};

/// Longer than any piece of work without a sign of life.
const LEASE_MS: i64 = 60_000;

/// Where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A source, by id.
    Source(String),
    /// A folder, into which the backup is unpacked.
    Dir(PathBuf),
}

#[derive(Clone, Debug)]
pub struct RestoreRequest {
    pub backup: String,
    pub parts: Vec<String>,
    pub paths: Vec<PathBuf>,
    /// Name of a source or path of a folder; nothing: back in place.
    pub to: Option<String>,
    pub mode: Option<Mode>,
    pub deep: bool,
    /// Why it may start although no safety backup can be made.
    pub without_safety: Option<String>,
}

/// What is stored with the job, so that any process can go on with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    plan: String,
    snapshot: String,
    target: Target,
    wanted: Wanted,
    without_safety: Option<String>,
}

/// A restore that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Restored {
    pub job: String,
    pub state: String,
    pub plan: String,
    pub safety_backup: Option<String>,
    pub counts: Counts,
    pub verified: bool,
    pub seconds: f64,
    pub warnings: Vec<String>,
}

impl Service {
    /// Computes and stores a plan; nothing is changed.
    pub async fn plan_restore(&self, request: &RestoreRequest, progress: &Progress, cancel: &Cancel) -> Result<(Plan, Target)> {
        let backup = self.backup_row(&request.backup).await?;
        let target = self.target(request.to.as_deref(), &backup.source).await?;
        let mode = request.mode.unwrap_or(if matches!(target, Target::Dir(_)) { Mode::Merge } else { Mode::Replace });
        let wanted = Wanted { mode, parts: request.parts.clone(), paths: request.paths.clone(), deep: request.deep };
        let draft = self.draft(&target, &backup.snapshot, &wanted, progress, cancel).await?;
        let now = self.now_ms();
        let plan = Plan {
            id: PlanId::new(&self.options.clock, &self.options.random)?.to_string(),
            hash: draft.hash(&backup.id, &place(&target), mode, &request.parts),
            backup: backup.id,
            target: place(&target),
            parts: request.parts.clone(),
            paths: request.paths.iter().map(|path| path.display().to_string()).collect(),
            mode,
            created: now,
            expires: now + PLAN_LIFETIME_MS,
            draft,
        };
        let document = serde_json::to_string(&plan).map_err(|error| Problem::internal(format!("a plan cannot be written: {error}")))?;
        let row = PlanRow {
            id: plan.id.clone(),
            hash: plan.hash.clone(),
            target: plan.target.clone(),
            created: now,
            expires: plan.expires,
            document,
        };
        self.catalog.add_plan(&row).await?;
        Ok((plan, target))
    }

    async fn target(&self, to: Option<&str>, source: &str) -> Result<Target> {
        match to {
            None => Ok(Target::Source(self.source_row(source).await?.id)),
            Some(to) => match self.source_row(to).await {
                Ok(row) => Ok(Target::Source(row.id)),
                Err(problem) if problem.kind() == Kind::NotFound || to.contains(['/', '.']) => {
                    std::path::absolute(to).map(Target::Dir).map_err(|error| Problem::io(format!("cannot resolve {to}"), error))
                }
                Err(problem) => Err(problem),
            },
        }
    }

    async fn open_target(&self, target: &Target) -> Result<Box<dyn Source>> {
        match target {
            Target::Source(id) => self.open_source(&self.source_row(id).await?),
            Target::Dir(dir) => Ok(Box::new(Folder::unpacked(dir, &self.forbidden())?)),
        }
    }

    async fn draft(&self, target: &Target, snapshot: &str, wanted: &Wanted, progress: &Progress, cancel: &Cancel) -> Result<Draft> {
        let (source, tree) = (self.open_target(target).await?, self.tree_of(snapshot).await?);
        let cx = self.context("", progress, cancel);
        let wanted = wanted.clone();
        self.blocking(move || source.plan(&TreeOf(tree), &wanted, &cx)).await
    }

    fn context(&self, job: &str, progress: &Progress, cancel: &Cancel) -> Context {
        Context { cancel: cancel.clone(), progress: progress.clone(), now_ms: self.now_ms(), job: job.to_owned(), scratch: PathBuf::new() }
    }

    /// Carries a plan out: exactly this one, or not at all.
    pub async fn restore(&self, request: &RestoreRequest, plan: &Plan, target: &Target, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        if plan.is_expired(self.now_ms()) {
            return Err(Problem::new(Kind::Drifted, "the plan has expired").hint("make a new one with --plan"));
        }
        let backup = self.backup_row(&plan.backup).await?;
        let order = Order {
            plan: plan.id.clone(),
            snapshot: backup.snapshot,
            target: target.clone(),
            wanted: Wanted { mode: plan.mode, parts: request.parts.clone(), paths: request.paths.clone(), deep: request.deep },
            without_safety: request.without_safety.clone(),
        };
        let job = JobId::new(&self.options.clock, &self.options.random)?;
        let request = serde_json::to_string(&order).map_err(|error| Problem::internal(format!("a job cannot be written: {error}")))?;
        self.catalog
            .add_job(&NewJob {
                id: job.to_string(),
                kind: JobKind::Restore.word().to_owned(),
                source: Some(place(target)),
                destructive: true,
                node: self.options.node.clone(),
                request,
                person: Some(self.options.who.clone()),
                created: self.now_ms(),
            })
            .await?;
        self.audit("restore", &place(target), &plan.hash).await?;
        self.carry_out(&job.to_string(), progress, cancel).await
    }

    /// Goes on with a restore that failed, was cancelled, or whose process went away.
    pub async fn resume(&self, job: Option<&str>, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        self.catalog.reap_jobs(self.now_ms()).await?;
        let jobs = self.catalog.list_jobs(None, 1000).await?;
        let is_open = |row: &&JobRow| row.kind == "restore" && matches!(row.state.as_str(), "interrupted" | "failed" | "cancelled");
        let found = match job {
            Some(wanted) => jobs.iter().find(|row| row.id.starts_with(wanted)),
            None => jobs.iter().find(is_open),
        };
        let row = found.ok_or_else(|| Problem::not_found("there is no interrupted restore").hint("`cairn status` shows what is going on"))?;
        if row.state == "running" {
            return Err(Problem::new(Kind::Conflict, format!("job {} is running", row.id))
                .hint("if its process is gone, its lease ends within a minute; then try again"));
        }
        if !is_open(&row) || !self.catalog.requeue_job(&row.id, &row.state).await? {
            return Err(Problem::new(Kind::Conflict, format!("job {} is {}: there is nothing to go on with", row.id, row.state)));
        }
        self.audit("resume", &row.id, "").await?;
        self.carry_out(&row.id, progress, cancel).await
    }

    async fn carry_out(&self, job: &str, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        let owner = format!("{}-{}", self.options.node, std::process::id());
        let now = self.now_ms();
        let claim = Claim { owner: &owner, node: &self.options.node, now_ms: now, until_ms: now + LEASE_MS };
        let claimed = self.catalog.claim_job(&claim, Some(job)).await?.ok_or_else(|| {
            Problem::new(Kind::Locked, "another restore of the same target is running").hint("wait until it has ended; `cairn status` shows it")
        })?;
        let order: Order = serde_json::from_str(&claimed.request)
            .map_err(|error| Problem::damaged(format!("job {job} cannot be read")).caused_by(error))?;
        let outcome = {
            let work = self.steps(job, &order, progress, cancel);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    outcome = &mut work => break outcome,
                    () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {
                        let until = self.now_ms() + LEASE_MS;
                        if self.catalog.beat(job, claimed.fence, until, &progress.seen()).await.unwrap_or(true) {
                            cancel.cancel();
                        }
                    }
                }
            }
        };
        self.end(job, claimed.fence, outcome, now).await
    }

    async fn end(&self, job: &str, fence: i64, outcome: Result<Restored>, start: i64) -> Result<Restored> {
        let (state, result, problem) = match &outcome {
            Ok(done) => (done.state.as_str(), serde_json::to_string(done).ok(), None),
            Err(problem) if problem.kind() == Kind::Cancelled => ("cancelled", None, Some(problem)),
            Err(problem) => ("failed", None, Some(problem)),
        };
        self.catalog.end_job(job, fence, &Ending { state, result, problem }, self.now_ms()).await?;
        outcome.map(|done| Restored { seconds: (self.now_ms() - start) as f64 / 1000.0, ..done })
    }

    /// The steps of a restore; those that an earlier run has done are not done again.
    async fn steps(&self, job: &str, order: &Order, progress: &Progress, cancel: &Cancel) -> Result<Restored> {
        let row = self.catalog.plan(&order.plan).await?.ok_or_else(|| Problem::damaged(format!("the plan of job {job} is gone")))?;
        let plan: Plan = serde_json::from_str(&row.document).map_err(|error| Problem::damaged("a stored plan cannot be read").caused_by(error))?;
        let mut journal = JournalOf::load(&self.catalog, job).await?;
        let done = |journal: &JournalOf, key: &str| journal.find(key).filter(|step| step.done).map(|step| step.data.clone());
        progress.phase("verifying the backup");
        self.verify_snapshot(&order.snapshot, Level::Structure, progress, cancel).await?;
        let safety = match done(&journal, "service:safety") {
            Some(data) => data.as_str().map(str::to_owned),
            None => {
                let safety = self.safety_backup(job, order, &plan, progress, cancel).await?;
                self.check_drift(order, &plan, progress, cancel).await?;
                let data = serde_json::json!(safety);
                journal = self.blocking(move || journal.record("service:safety", true, data).map(|()| journal)).await?;
                safety
            }
        };
        let (source, tree) = (self.open_target(&order.target).await?, self.tree_of(&order.snapshot).await?);
        let cx = self.context(job, progress, cancel);
        let (applied, wanted) = (plan.clone(), order.wanted.clone());
        let outcome = self
            .blocking(move || {
                let hold = source.hold(&cx)?;
                let request = Request { plan: &applied, wanted: &wanted };
                let outcome = source.apply(&request, &TreeOf(tree), &mut journal, &cx);
                source.release(&hold, &cx)?;
                outcome
            })
            .await?;
        let left = self.left_over(order, progress, cancel).await?;
        let mut warnings = outcome.warnings;
        warnings.extend(outcome.skipped.iter().map(|skipped| format!("{}: {}", skipped.name, skipped.why)));
        warnings.extend(left.items.iter().take(20).map(|item| format!("{}: not as in the backup ({})", item.name, item.detail)));
        let verified = left.items.is_empty();
        let state = if verified && warnings.is_empty() { "succeeded" } else { "warning" };
        let counts = Counts { keep: plan.draft.keep, ..plan.draft.counts() };
        Ok(Restored { job: job.to_owned(), state: state.to_owned(), plan: plan.id, safety_backup: safety, counts, verified, seconds: 0.0, warnings })
    }

    async fn verify_snapshot(&self, snapshot: &str, level: Level, progress: &Progress, cancel: &Cancel) -> Result<()> {
        let repository = self.repository().await?;
        let id = repository::Id::parse(snapshot)?;
        let (progress, cancel) = (progress.clone(), cancel.clone());
        let report = self.blocking(move || repository.verify(&repository.snapshot(&id)?, level, &progress, &cancel)).await?;
        match report.errors().next() {
            None => Ok(()),
            Some(error) => Err(Problem::damaged(format!("the backup cannot be restored whole: {error}"))
                .hint("nothing was changed; `cairn verify --all` shows which backups are whole")),
        }
    }

    /// What would be replaced or deleted is backed up first, and that backup verified.
    async fn safety_backup(&self, job: &str, order: &Order, plan: &Plan, progress: &Progress, cancel: &Cancel) -> Result<Option<String>> {
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
                let hint = problem.hint_text().unwrap_or("nothing was changed; --without-safety REASON restores without one").to_owned();
                Err(problem.context("no safety backup could be made").hint(hint))
            }
        }
    }

    async fn make_safety(&self, job: &str, order: &Order, progress: &Progress, cancel: &Cancel) -> Result<String> {
        let source = match &order.target {
            Target::Source(id) => self.source_row(id).await?,
            Target::Dir(dir) => {
                // An empty folder is what an undo comes back to.
                std::fs::create_dir_all(dir).map_err(|error| Problem::io(format!("cannot make {}", dir.display()), error))?;
                self.dir_source(&order.target).await?
            }
        };
        let opened = self.open_source(&source)?;
        let making = Making {
            id: BackupId::new(&self.options.clock, &self.options.random)?,
            job: job.parse()?,
            source,
            parts: if matches!(order.target, Target::Dir(_)) { Vec::new() } else { order.wanted.parts.clone() },
            name: Some("before the restore".to_owned()),
            reason: Reason::Safety,
            undoes: Some(job.parse()?),
            progress: progress.clone(),
            cancel: cancel.clone(),
        };
        let made = self.make(making, opened).await?;
        self.verify_snapshot(&made.backup.snapshot, Level::Data, progress, cancel).await?;
        self.catalog.set_backup_verified(&made.backup.id, self.now_ms()).await?;
        Ok(made.backup.id)
    }

    /// The hidden source that stands for a folder which was restored into.
    async fn dir_source(&self, target: &Target) -> Result<SourceRow> {
        let (name, Target::Dir(dir)) = (place(target), target) else { return Err(Problem::internal("not a folder")) };
        if let Some(row) = self.catalog.list_sources().await?.into_iter().find(|row| row.name == name) {
            return Ok(row);
        }
        self.insert_source(&name, "folder", &serde_json::json!({ "paths": [dir] }), true).await
    }

    /// The plan is computed once more, after the safety backup: is the target still what it was made for?
    async fn check_drift(&self, order: &Order, plan: &Plan, progress: &Progress, cancel: &Cancel) -> Result<()> {
        let draft = self.draft(&order.target, &order.snapshot, &order.wanted, progress, cancel).await?;
        if draft.hash(&plan.backup, &plan.target, plan.mode, &plan.parts) == plan.hash {
            return Ok(());
        }
        Err(Problem::new(Kind::Drifted, "the target changed since the plan was made; nothing was restored")
            .hint("look at the new plan with --plan, and stop what is writing there"))
    }

    /// What is still not as in the backup, contents compared.
    async fn left_over(&self, order: &Order, progress: &Progress, cancel: &Cancel) -> Result<Draft> {
        progress.phase("comparing");
        let mode = if order.wanted.mode == Mode::Rebuild { Mode::Replace } else { order.wanted.mode };
        let wanted = Wanted { deep: true, mode, ..order.wanted.clone() };
        self.draft(&order.target, &order.snapshot, &wanted, progress, cancel).await
    }

    /// The request that takes a restore back, and the plan for it.
    pub async fn plan_undo(&self, job: Option<&str>, progress: &Progress, cancel: &Cancel) -> Result<(RestoreRequest, Plan, Target)> {
        let jobs = self.catalog.list_jobs(None, 1000).await?;
        let restores = jobs.iter().filter(|row| row.kind == "restore");
        let found = restores.filter(|row| job.is_none_or(|wanted| row.id.starts_with(wanted))).find(|row| row.result.is_some() || job.is_some());
        let row = found.ok_or_else(|| Problem::not_found("there is no restore to undo").hint("`cairn jobs` lists them"))?;
        let order: Order = serde_json::from_str(&row.request).map_err(|_| Problem::damaged(format!("job {} cannot be read", row.id)))?;
        let steps = self.catalog.steps(&row.id).await?;
        let safety = steps.iter().find(|step| step.step == "service:safety").and_then(|step| serde_json::from_str::<Option<String>>(&step.data).ok());
        let Some(safety) = safety.flatten() else {
            return Err(Problem::not_found(format!("restore {} has no safety backup: it changed nothing, or was made without one", row.id)));
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
        };
        let (plan, target) = self.plan_restore(&request, progress, cancel).await?;
        Ok((request, plan, target))
    }

    /// The newest jobs.
    pub async fn list_jobs(&self, most: u32) -> Result<Vec<JobRow>> {
        self.catalog.reap_jobs(self.now_ms()).await?;
        self.catalog.list_jobs(None, i64::from(most)).await
    }

    /// Asks a job to stop.
    pub async fn cancel_job(&self, job: &str) -> Result<JobRow> {
        let jobs = self.list_jobs(1000).await?;
        let candidates: Vec<model::Candidate<'_>> = jobs.iter().map(|row| model::Candidate { id: &row.id, name: "" }).collect();
        let row = &jobs[model::resolve("job", job, &candidates)?];
        if !self.catalog.cancel_job(&row.id, self.now_ms()).await? {
            return Err(Problem::new(Kind::Conflict, format!("job {} is {} already", row.id, row.state)));
        }
        self.audit("cancel", &row.id, "").await?;
        Ok(row.clone())
    }
}

fn place(target: &Target) -> String {
    match target {
        Target::Source(id) => id.clone(),
        Target::Dir(dir) => format!("dir:{}", dir.display()),
    }
}
