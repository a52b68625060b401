//! Approvals: what somebody else has to agree to before it is done.
//!
//! Nouns: a *request* is made by asking for a restore of a source whose policy wants the owner's approval; its job waits until somebody
//! *answers* it. Who is asked gets a letter with a *link*, whose secret is kept as a hash and sealed on its way. Rules: what is agreed to
//! is the plan with this hash and nothing else; a request is answered once, within its time; looking at one changes nothing; a newer one for
//! the same source takes its place. Request and job change in one transaction, and the worker looks once more before it begins.
//! A *sheet* is all that somebody needs to know who is asked.

mod answer;
mod ask;
mod granted;
mod letters;

use catalog::approvals::ApprovalRow;
use model::{
    ApprovalState, Candidate, Counts, Group, Kind, Permission, Plan, Problem, Result, Scope, resolve,
};
use serde::{Deserialize, Serialize};

pub use answer::Agreement;

use crate::Service;
use crate::instance::Caller;
use crate::orders::Order;
use crate::people::hash;

/// More are not looked through when a prefix is resolved.
const MOST: i64 = 10_000;
/// So many names are told of each group of a plan.
const EXAMPLES: usize = 20;

/// A request, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovalView {
    pub id: String,
    /// `pending`, `approved`, `declined`, `expired`, `replaced`, `used`, …
    #[schema(value_type = String)]
    pub state: ApprovalState,
    /// The name of the source that would be changed; its id when it is gone.
    pub source: String,
    pub source_id: String,
    /// The restore; it waits.
    pub job: String,
    pub plan: String,
    pub plan_hash: String,
    pub backup: String,
    pub backup_name: String,
    /// When the backup was made; nothing when it is gone.
    pub backup_created: Option<String>,
    /// Who asked for it.
    pub requester: String,
    /// Who was asked, by name.
    pub asked: Vec<String>,
    pub created: String,
    pub expires: String,
    pub decided: Option<String>,
    pub decided_by: Option<String>,
    /// By which door it was answered, or by `link`.
    pub via: Option<String>,
    /// Why it was declined, or approved for somebody else.
    pub reason: String,
    pub created_ms: i64,
    pub expires_ms: i64,
}

/// Everything that somebody should know before he answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalSheet {
    pub approval: ApprovalView,
    /// What is typed by who approves.
    pub name: String,
    pub mode: String,
    pub parts: Vec<String>,
    pub counts: Counts,
    /// What would be done to what, deletions first.
    pub groups: Vec<Group>,
    pub warnings: Vec<String>,
    pub bytes: u64,
    pub seconds_estimate: u64,
}

/// Open, or past its time although nobody has noted it yet?
pub(super) fn state_of(row: &ApprovalRow, now: i64) -> Result<ApprovalState> {
    match row.state.parse()? {
        ApprovalState::Pending if now >= row.expires => Ok(ApprovalState::Expired),
        state => Ok(state),
    }
}

/// Why a request cannot be answered any more, or does not let a restore begin.
pub(super) fn over(row: &ApprovalRow, now: i64) -> Problem {
    let state = state_of(row, now).unwrap_or(ApprovalState::Expired);
    let by = row.decided_by.as_deref().unwrap_or("somebody");
    let again = "nothing was changed by it; to go on, ask for the restore again";
    let at = model::moment_text(row.decided.unwrap_or(row.expires));
    let because = |reason: &str| {
        if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        }
    };
    let (kind, message, hint) = match state {
        ApprovalState::Pending => (
            Kind::AwaitingApproval,
            format!("nobody has approved request {} yet", row.id),
            "cairn approve shows who was asked",
        ),
        ApprovalState::Approved | ApprovalState::Used => (
            Kind::Conflict,
            format!("request {} was approved by {by} at {at} already", row.id),
            "it is used once; `cairn status` shows what became of the restore",
        ),
        ApprovalState::Declined => (
            Kind::Refused,
            format!("{by} declined request {} at {at}{}", row.id, because(&row.reason)),
            again,
        ),
        ApprovalState::Expired => (
            Kind::Refused,
            format!(
                "request {} expired at {}: nobody had approved it",
                row.id,
                model::moment_text(row.expires)
            ),
            again,
        ),
        ApprovalState::Replaced => (
            Kind::Conflict,
            format!(
                "a newer request for this source took the place of request {} at {at}",
                row.id
            ),
            "answer the newer one",
        ),
        ApprovalState::Withdrawn => (
            Kind::Conflict,
            format!("request {} was withdrawn at {at}", row.id),
            again,
        ),
    };
    Problem::new(kind, message).hint(hint)
}

fn no_such_link() -> Problem {
    Problem::not_found("this link is not valid, or no longer")
        .hint("ask whoever wants the approval to ask again; only the newest letter counts")
}

impl Service {
    /// The newest first; `open`: only those that can still be answered.
    pub async fn list_approvals(&self, open: bool, most: u32) -> Result<Vec<ApprovalView>> {
        let eyes = self.eyes().await?;
        self.reap().await?;
        let mut rows = if open {
            self.catalog.pending_approvals().await?
        } else {
            self.catalog.list_approvals(MOST).await?
        };
        rows.retain(|row| eyes.sees(&row.source));
        rows.truncate(most as usize);
        let mut views = Vec::new();
        for row in rows {
            views.push(self.approval_view(&row).await?);
        }
        Ok(views)
    }

    /// By its id, for those who may see the source.
    pub async fn show_approval(&self, wanted: &str) -> Result<ApprovalSheet> {
        let row = self.approval_row(wanted).await?;
        self.may(Permission::See, Some(&row.source)).await?;
        self.sheet(&row).await
    }

    /// By the secret of a link. Nothing is changed by looking: programs that read letters open links, too.
    pub async fn approval_of_link(&self, secret: &str) -> Result<ApprovalSheet> {
        let (row, asked) = self.behind_link(secret).await?;
        if !asked.could(Permission::Approve, Some(&row.source)).await? {
            return Err(no_such_link());
        }
        asked.sheet(&row).await
    }

    /// The request, and the service as the person uses it to whom the link was sent. He is found by a hash of the secret: how long that
    /// takes tells nothing of the secret.
    async fn behind_link(&self, secret: &str) -> Result<(ApprovalRow, Service)> {
        let link = self.catalog.approval_link(&hash(secret.trim())).await?;
        let link = link.ok_or_else(no_such_link)?;
        let row = self.catalog.approval(&link.approval).await?;
        let row = row.ok_or_else(no_such_link)?;
        let person = self.catalog.person(&link.person).await?;
        let person = person.filter(|person| person.disabled == 0);
        let person = person.ok_or_else(no_such_link)?;
        let scope = Scope {
            permission: Some(Permission::Approve),
            source: Some(row.source.parse()?),
        };
        let caller = Caller::person(person.id.parse()?, &person.name, vec![scope], &self.caller);
        Ok((row, self.acting(caller)))
    }

    async fn approval_row(&self, wanted: &str) -> Result<ApprovalRow> {
        let eyes = self.eyes().await?;
        self.reap().await?;
        let rows = match self.catalog.approval(wanted).await? {
            Some(row) => vec![row],
            None => self.catalog.list_approvals(MOST).await?,
        };
        let (known, unknown): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| eyes.knows(&row.source));
        let found = pick(wanted, known);
        if let (Err(_), Ok(hidden)) = (&found, pick(wanted, unknown)) {
            self.note_refusal(Permission::See, &hidden.source).await;
        }
        found
    }

    async fn approval_view(&self, row: &ApprovalRow) -> Result<ApprovalView> {
        let source = self.catalog.source(&row.source).await?;
        let backup = self.catalog.backup(&row.backup).await?;
        let backup = backup.filter(|backup| backup.state == "ok");
        Ok(ApprovalView {
            state: state_of(row, self.now_ms())?,
            source: source.map_or_else(|| row.source.clone(), |source| source.name),
            backup_name: backup
                .as_ref()
                .map(|backup| backup.name.clone())
                .unwrap_or_default(),
            backup_created: backup.map(|backup| model::moment_text(backup.created)),
            asked: serde_json::from_str(&row.asked).unwrap_or_default(),
            created: model::moment_text(row.created),
            expires: model::moment_text(row.expires),
            decided: row.decided.map(model::moment_text),
            decided_by: row.decided_by.clone(),
            via: row.via.clone(),
            reason: row.reason.clone(),
            created_ms: row.created,
            expires_ms: row.expires,
            id: row.id.clone(),
            source_id: row.source.clone(),
            job: row.job.clone(),
            plan: row.plan.clone(),
            plan_hash: row.hash.clone(),
            backup: row.backup.clone(),
            requester: row.requester.clone(),
        })
    }

    async fn sheet(&self, row: &ApprovalRow) -> Result<ApprovalSheet> {
        let approval = self.approval_view(row).await?;
        let mut sheet = ApprovalSheet {
            name: approval.source.clone(),
            mode: String::new(),
            parts: Vec::new(),
            counts: Counts::default(),
            groups: Vec::new(),
            warnings: Vec::new(),
            bytes: 0,
            seconds_estimate: 0,
            approval,
        };
        // Plans of requests that are over are forgotten after a month.
        if let Some(plan) = self.plan_of_request(row).await? {
            sheet.mode = format!("{:?}", plan.mode).to_lowercase();
            sheet.counts = plan.draft.counts();
            sheet.groups = plan.draft.groups(EXAMPLES);
            sheet.parts = plan.parts;
            sheet.warnings = plan.draft.warnings;
            sheet.bytes = plan.draft.bytes;
            sheet.seconds_estimate = plan.draft.seconds_estimate;
        }
        sheet
            .warnings
            .extend(self.warnings_of(row, &sheet.approval).await?);
        Ok(sheet)
    }

    async fn plan_of_request(&self, row: &ApprovalRow) -> Result<Option<Plan>> {
        let Some(stored) = self.catalog.plan(&row.plan).await? else {
            return Ok(None);
        };
        let plan = serde_json::from_str(&stored.document)
            .map_err(|error| Problem::damaged("a stored plan cannot be read").caused_by(error))?;
        Ok(Some(plan))
    }

    /// What the plan does not say.
    async fn warnings_of(&self, row: &ApprovalRow, view: &ApprovalView) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        if view.backup_created.is_none() {
            warnings.push("the backup has been deleted since: this restore cannot begin any more".to_owned());
        }
        let job = self.catalog.job(&row.job).await?;
        if let Some(Order::Restore(order)) = job.as_ref().and_then(|job| Order::of(job).ok())
            && let Some(reason) = order.without_safety()
        {
            warnings.push(format!(
                "it begins even if no safety backup can be made, and then cannot be undone: {reason}"
            ));
        }
        Ok(warnings)
    }
}

fn pick(wanted: &str, mut rows: Vec<ApprovalRow>) -> Result<ApprovalRow> {
    let candidates: Vec<Candidate<'_>> = rows
        .iter()
        .map(|row| Candidate {
            id: &row.id,
            name: "",
        })
        .collect();
    let at = resolve("request", wanted, &candidates)
        .map_err(|problem| problem.hint("`cairn approve` lists those that are open"))?;
    Ok(rows.swap_remove(at))
}
