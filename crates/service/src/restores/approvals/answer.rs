//! Answering: yes, with the exact name of what will be changed, or no.
//!
//! Order: may he answer at all → is the request still open → may *he* say yes to *this* one → does the account's plan include restores →
//! is the name right → request and job change together. Wrong names are counted, and from some number on have to wait. Every answer is in the
//! audit log, and every one that was refused.

use catalog::approvals::{ApprovalRow, Decision};
use catalog::sources::SourceRow;
use model::{Answerer, Approval, ApprovalState, Consent, Denial, Kind, Permission, Problem, Result, Role};
use serde::{Deserialize, Serialize};

use super::{ApprovalView, over, state_of};
use crate::Service;
use crate::access::Tried;
use crate::instance::{Who, policy_of};

/// Reasons are read by people.
const LONGEST_REASON: usize = 500;

/// What is typed by somebody who approves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The exact name of what will be changed.
    pub name: String,
    /// Why; wanted of who approves for the owner.
    #[serde(default)]
    pub reason: String,
}

/// How somebody came to the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Link,
    Id,
}

impl Service {
    /// Says yes to a request, by its id: its job is queued.
    pub async fn approve(&self, wanted: &str, agreement: &Agreement) -> Result<ApprovalView> {
        let row = self.approval_row(wanted).await?;
        self.agree(row, Way::Id, agreement).await
    }

    /// The same by the secret of a link, as the person to whom it was sent.
    pub async fn approve_by_link(&self, secret: &str, agreement: &Agreement) -> Result<ApprovalView> {
        let (row, asked) = self.behind_counted_link(secret).await?;
        asked.agree(row, Way::Link, agreement).await
    }

    /// Says no, by the request's id: its job is over.
    pub async fn decline(&self, wanted: &str, reason: &str) -> Result<ApprovalView> {
        let row = self.approval_row(wanted).await?;
        self.refuse(row, Way::Id, reason).await
    }

    /// The same by the secret of a link.
    pub async fn decline_by_link(&self, secret: &str, reason: &str) -> Result<ApprovalView> {
        let (row, asked) = self.behind_counted_link(secret).await?;
        asked.refuse(row, Way::Link, reason).await
    }

    /// Guessing is hopeless, and is counted all the same.
    async fn behind_counted_link(&self, secret: &str) -> Result<(ApprovalRow, Service)> {
        let attempt = self.reserve_from_afar().await?;
        let found = self.behind_link(secret).await?;
        self.give_back(attempt).await?;
        Ok(found)
    }

    async fn agree(&self, row: ApprovalRow, way: Way, agreement: &Agreement) -> Result<ApprovalView> {
        self.may(Permission::Approve, Some(&row.source)).await?;
        let source = self.catalog.source(&row.source).await?;
        let source = source.ok_or_else(|| Problem::not_found("the source of this request is gone"))?;
        let reason = trimmed(&agreement.reason)?;
        let judged = match self.judge(&row, &source, way, reason).await {
            Ok(()) => self.check_name(&row, &source, &agreement.name).await,
            refused => refused,
        };
        if let Err(problem) = judged {
            return Err(self.refused(&row, &source.name, problem).await);
        }
        let decision = self.decision(&row, ApprovalState::Approved, way, reason);
        let letters = self.letters_after(&row, &source, &decision).await?;
        let decision = Decision {
            letters: &letters,
            ..decision
        };
        if !self.catalog.approve(decision).await? {
            return Err(self.too_late(&row, &source.name).await?);
        }
        self.answered(&row, &source, &decision).await
    }

    async fn refuse(&self, row: ApprovalRow, way: Way, reason: &str) -> Result<ApprovalView> {
        self.may(Permission::Approve, Some(&row.source)).await?;
        let source = self.catalog.source(&row.source).await?;
        let source = source.ok_or_else(|| Problem::not_found("the source of this request is gone"))?;
        let reason = trimmed(reason)?;
        if state_of(&row, self.now_ms())? != ApprovalState::Pending {
            let problem = over(&row, self.now_ms());
            return Err(self.refused(&row, &source.name, problem).await);
        }
        let decision = self.decision(&row, ApprovalState::Declined, way, reason);
        let letters = self.letters_after(&row, &source, &decision).await?;
        let decision = Decision {
            letters: &letters,
            ..decision
        };
        let declined = ApprovalRow {
            state: decision.state.to_owned(),
            decided: Some(decision.at),
            decided_by: decision.by.map(str::to_owned),
            reason: reason.to_owned(),
            ..row.clone()
        };
        if !self
            .catalog
            .turn_down(decision, &over(&declined, decision.at))
            .await?
        {
            return Err(self.too_late(&row, &source.name).await?);
        }
        self.answered(&row, &source, &decision).await
    }

    fn decision<'a>(
        &'a self,
        row: &'a ApprovalRow,
        state: ApprovalState,
        way: Way,
        reason: &'a str,
    ) -> Decision<'a> {
        Decision {
            id: &row.id,
            state: state.word(),
            at: self.now_ms(),
            by: Some(self.caller.name()),
            via: Some(match way {
                Way::Link => "link",
                Way::Id => self.caller.via().word(),
            }),
            reason,
            letters: &[],
        }
    }

    /// May he say yes to this one, now?
    async fn judge(&self, row: &ApprovalRow, source: &SourceRow, way: Way, reason: &str) -> Result<()> {
        if state_of(row, self.now_ms())? != ApprovalState::Pending {
            return Err(over(row, self.now_ms()));
        }
        let owners = self.owners(&source.id).await?;
        let me = self.caller.person_id().map(|id| id.to_string());
        let is_owner = owners.iter().any(|owner| Some(&owner.id) == me.as_ref());
        let from_machine = self.caller.who == Who::Local;
        let consent = Consent {
            by: match way {
                Way::Link if is_owner => Answerer::OwnerByLink,
                Way::Id if is_owner => Answerer::Owner,
                _ if from_machine => Answerer::Machine,
                _ => Answerer::Administrator,
            },
            asked_it: row.person == me,
            has_owner: !owners.is_empty(),
            own: policy_of(source)?
                .gates
                .approval
                .unwrap_or_else(Approval::default)
                .own,
            reason,
        };
        consent.judge()?;
        if !self.plan_of(&source.id).await?.restores {
            return Err(Denial::PlanWithoutRestores.problem(Role::Owner, Permission::Restore));
        }
        Ok(())
    }

    async fn check_name(&self, row: &ApprovalRow, source: &SourceRow, typed: &str) -> Result<()> {
        let attempt = self.reserve_attempt(&[Tried::approval(&row.id)]).await?;
        if typed.trim() != source.name {
            return Err(
                Problem::new(Kind::Refused, "this is not the name of what would be changed")
                    .hint("type it exactly, with capital letters and blanks, as the request shows it"),
            );
        }
        self.succeeded(attempt).await
    }

    /// The problem, once it is written down.
    async fn refused(&self, row: &ApprovalRow, source: &str, problem: Problem) -> Problem {
        let detail = format!("{} plan {}: {}", row.id, row.hash, problem.message());
        if let Err(trouble) = self.audit("refused: approve", source, &detail).await {
            tracing::error!(
                "{} (refused: approve) is not in the audit log: {trouble}",
                self.caller.name()
            );
        }
        problem
    }

    /// Somebody else was quicker, or the time is up just now.
    async fn too_late(&self, row: &ApprovalRow, source: &str) -> Result<Problem> {
        let now = self.catalog.approval(&row.id).await?;
        let problem = over(now.as_ref().unwrap_or(row), self.now_ms());
        Ok(self.refused(row, source, problem).await)
    }

    async fn answered(
        &self,
        row: &ApprovalRow,
        source: &SourceRow,
        decision: &Decision<'_>,
    ) -> Result<ApprovalView> {
        let what = if decision.state == ApprovalState::Approved.word() {
            "approval.approve"
        } else {
            "approval.decline"
        };
        let why = if decision.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", decision.reason)
        };
        let by = decision
            .via
            .filter(|via| *via == "link")
            .map_or("", |_| " by link");
        let detail = format!("{} plan {}{by}{why}", row.id, row.hash);
        self.audit(what, &source.name, &detail).await?;
        let said = format!("{} by {}{why}", decision.state, self.caller.name());
        self.log(&row.job, "info", &said).await;
        let now = self.catalog.approval(&row.id).await?;
        self.approval_view(now.as_ref().unwrap_or(row)).await
    }
}

fn trimmed(reason: &str) -> Result<&str> {
    let reason = reason.trim();
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Problem::invalid(format!(
            "a reason has at most {LONGEST_REASON} characters, and no control characters"
        )));
    }
    Ok(reason)
}
