//! Restores: plan → safety backup → drift check → apply → verify; and undo.
//!
//! Rules: the plan is data with a hash, and the same is carried out that was shown; before anything is replaced, what is there is backed up and
//! that backup verified; what it could not hold is not touched (`safety`); a target that changed since the plan stops the restore; after it the target is compared with the backup, contents and
//! all. An interrupted restore is finished by [`Service::resume`] from its journal. Where the policy wants somebody's approval, the restore
//! waits for it (`approvals`).

mod aim;
mod approvals;
mod gates;
mod going_on;
mod perform;
mod safety;
mod stored;
mod undo;
mod unsaved;
mod uploaded;

use std::path::PathBuf;

use aim::{Aim, check_kind};
use catalog::plans::PlanRow;
use model::{
    Cancel, Counts, Draft, JobState, Kind, Mode, PLAN_LIFETIME_MS, Permission, Plan, PlanId, Problem,
    Progress, Result,
};
use serde::{Deserialize, Serialize};
use sources::{Directory, Source, Wanted};

pub use approvals::{Agreement, ApprovalSheet, ApprovalView};

use crate::Service;
use crate::backups::needs_a_folder;
use crate::instance::policy_of;
use crate::orders::{Order, RestoreOrder, Target};

/// The step of the journal that names the safety backup.
const SAFETY_STEP: &str = "service:safety";
/// The step that names the plan which took the place of the approved one while the target was held still.
const PLAN_STEP: &str = "service:plan";

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
    /// Leave alone what no safety backup can hold, and restore the rest.
    pub leave_unsaved: bool,
    /// What somebody typed to confirm it: see [`Service::word_to_type`].
    pub typed: Option<String>,
}

/// A restore that was carried out, or that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    pub job: String,
    pub state: String,
    pub plan: String,
    /// The backup that was made of an upload for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<String>,
    pub safety_backup: Option<String>,
    pub counts: Counts,
    pub verified: bool,
    pub seconds: f64,
    pub warnings: Vec<String>,
    /// The request that somebody has to agree to first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
}

impl Restored {
    /// Nothing is done yet.
    fn waiting(job: String, plan: &Plan, approval: String) -> Self {
        Restored {
            job,
            state: JobState::Waiting.word().to_owned(),
            plan: plan.id.clone(),
            safety_backup: None,
            counts: plan.draft.counts(),
            verified: false,
            seconds: 0.0,
            warnings: Vec::new(),
            approval: Some(approval),
            imported: None,
        }
    }

    /// The same with more warnings.
    fn warned(mut self, warnings: Vec<String>) -> Self {
        if !warnings.is_empty() {
            "warning".clone_into(&mut self.state);
            self.warnings.extend(warnings);
        }
        self
    }
}

impl Service {
    /// Computes and stores a plan; nothing is changed.
    pub async fn plan_restore(
        &self,
        request: &RestoreRequest,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(Plan, Target)> {
        let backup = self.readable(&request.backup).await?;
        self.may(Permission::See, Some(&backup.source)).await?;
        let is_foreign = backup.source.is_empty();
        if is_foreign && request.to.is_none() {
            return Err(needs_a_folder(&backup));
        }
        let target = self.target(request.to.as_deref(), &backup.source).await?;
        if is_foreign && matches!(target, Target::Source(_)) {
            return Err(needs_a_folder(&backup));
        }
        self.may_restore(&backup.source, &target).await?;
        if let Target::Source(id) = &target {
            let row = self.source_row(id).await?;
            check_kind(&backup.kind, &row.kind, &row.name)?;
        }
        let mode = request.mode.unwrap_or(if matches!(target, Target::Dir(_)) {
            Mode::Merge
        } else {
            Mode::Replace
        });
        let wanted = Wanted {
            mode,
            parts: request.parts.clone(),
            paths: request.paths.clone(),
            deep: request.deep,
            leave_unsaved: request.leave_unsaved,
        };
        let mut draft = self
            .draft(&target, &backup.snapshot, &wanted, progress, cancel)
            .await?;
        if request.without_safety.is_some() {
            unsaved::warn_of_loss(&mut draft);
        }
        let now = self.now_ms();
        let plan = Plan {
            id: String::new(),
            hash: draft.hash(&backup.id, &target.text(), mode, &request.parts),
            backup: backup.id,
            target: target.text(),
            parts: request.parts.clone(),
            paths: request
                .paths
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            mode,
            deep: request.deep,
            created: now,
            expires: now + PLAN_LIFETIME_MS,
            draft: Draft::default(),
        };
        Ok((self.store_plan(plan, draft).await?, target))
    }

    /// Gives a plan an id and remembers it.
    async fn store_plan(&self, plan: Plan, draft: Draft) -> Result<Plan> {
        let id = PlanId::new(&self.options.clock, &self.options.random)?.to_string();
        let plan = Plan { id, draft, ..plan };
        let document = serde_json::to_string(&plan)
            .map_err(|error| Problem::internal(format!("a plan cannot be written: {error}")))?;
        let row = PlanRow {
            id: plan.id.clone(),
            hash: plan.hash.clone(),
            target: plan.target.clone(),
            created: plan.created,
            expires: plan.expires,
            document,
        };
        self.catalog.add_plan(&row).await?;
        Ok(plan)
    }

    async fn target(&self, to: Option<&str>, source: &str) -> Result<Target> {
        match to {
            None => Ok(Target::Source(self.source_row(source).await?.id)),
            Some(to) => match self.source_row(to).await {
                Ok(row) => Ok(Target::Source(row.id)),
                // Who may not name places of this machine can only have meant a source, unless it is no name of one.
                Err(problem) if !to.contains('/') && !self.could(Permission::Settings, None).await? => {
                    Err(problem)
                }
                Err(problem) if problem.kind() == Kind::NotFound || to.contains(['/', '.']) => {
                    std::path::absolute(to)
                        .map(Target::Dir)
                        .map_err(|error| Problem::io(format!("cannot resolve {to}"), error))
                }
                Err(problem) => Err(problem),
            },
        }
    }

    async fn open_target(&self, target: &Target) -> Result<Box<dyn Source>> {
        match target {
            Target::Source(id) => self.open_source(&self.source_row(id).await?),
            Target::Dir(dir) => Directory(dir.clone()).open(&self.env()),
        }
    }

    async fn draft(
        &self,
        target: &Target,
        snapshot: &str,
        wanted: &Wanted,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Draft> {
        let cx = self.context("", progress, cancel);
        let plan = |source: &dyn Source, aim: Aim| source.plan(&*aim.tree, &aim.wanted, &aim.cx);
        self.aimed(target, snapshot, wanted, cx, plan).await
    }

    /// Carries a plan out: exactly this one, or not at all. What has to be approved first waits.
    pub async fn restore(
        &self,
        request: &RestoreRequest,
        plan: &Plan,
        target: &Target,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Restored> {
        let job = self.ask_restore(request, plan, target).await?;
        match self.catalog.approval_of_job(&job).await? {
            Some(row) => Ok(Restored::waiting(job, plan, row.id)),
            None => self.see_through(&job, progress, cancel).await,
        }
    }

    /// Queues a restore of exactly this plan, or lets it wait for an approval; the job's id.
    pub async fn ask_restore(
        &self,
        request: &RestoreRequest,
        plan: &Plan,
        target: &Target,
    ) -> Result<String> {
        let backup = self.readable(&plan.backup).await?;
        self.may_restore(&backup.source, target).await?;
        if plan.is_expired(self.now_ms()) {
            return Err(
                Problem::new(Kind::Drifted, "the plan has expired").hint("make a new one with --plan")
            );
        }
        if request.without_safety.is_none() {
            unsaved::check_no_loss(&plan.draft)?;
        }
        let gated = self.check_gates(request, plan, target).await?;
        self.catalog.use_plan(&plan.id).await?;
        let order = Order::Restore(RestoreOrder {
            plan: plan.id.clone(),
            snapshot: backup.snapshot,
            target: target.clone(),
            wanted: Wanted {
                mode: plan.mode,
                parts: request.parts.clone(),
                paths: request.paths.clone(),
                deep: request.deep,
                leave_unsaved: plan.draft.leaves_unsaved,
            },
            without_safety: request.without_safety.clone(),
        });
        let node = match &gated {
            Some(source) => {
                if let Some(gate) = policy_of(source)?.gates.approval {
                    return self.ask_approval(&gate, source, &order, plan).await;
                }
                &source.node
            }
            None => &self.options.node,
        };
        let job = self.ask(&order, Some(&self.key_of(target).await?), node).await?;
        self.audit("restore", &target.text(), &plan.hash).await?;
        Ok(job)
    }

    /// By what jobs of one target know each other: a folder without a source of its own has one name, however it is meant.
    async fn key_of(&self, target: &Target) -> Result<String> {
        match target {
            Target::Source(id) => {
                let row = self.source_row(id).await?;
                Ok(if row.hidden == 0 { row.id } else { row.name })
            }
            Target::Dir(_) => Ok(target.text()),
        }
    }

    /// Back into its own source: a restore. Elsewhere it leaves its source, which is a download; a folder is a place of the machine.
    async fn may_restore(&self, source: &str, target: &Target) -> Result<()> {
        match target {
            Target::Source(id) if id == source => self.may(Permission::Restore, Some(id)).await,
            Target::Source(id) => {
                self.may(Permission::Download, Some(source)).await?;
                self.may(Permission::Restore, Some(id)).await
            }
            Target::Dir(_) => {
                self.may(Permission::Download, Some(source)).await?;
                self.may(Permission::Settings, None).await
            }
        }
    }
}
