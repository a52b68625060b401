//! Asking: a request with its job, and the letters to those who may answer.
//!
//! Rules: asked are the owners of the source; where nobody owns it, or only who asks and may not answer himself, the administrators. Who has
//! no e-mail address gets no letter, and can answer signed in. Everything is there at once or not at all.

use catalog::approvals::{ApprovalRow, Asking, LinkRow};
use catalog::outbox::OutboxRow;
use catalog::people::PersonRow;
use catalog::sources::SourceRow;
use model::{Approval, ApprovalId, ApprovalState, Kind, Plan, Problem, Relation, Result, Role};

use crate::Service;
use crate::orders::Order;
use crate::people::{hash, secret};

impl Service {
    /// Makes a restore wait for somebody's approval. The job's id.
    pub(crate) async fn ask_approval(
        &self,
        gate: &Approval,
        source: &SourceRow,
        order: &Order,
        plan: &Plan,
    ) -> Result<String> {
        let job = self.new_job(order, Some(&source.id), &source.node)?;
        let asked = self.approvers(&source.id, gate).await?;
        let names: Vec<&str> = asked.iter().map(|person| person.name.as_str()).collect();
        let now = self.now_ms();
        let approval = ApprovalRow {
            id: ApprovalId::new(&self.options.clock, &self.options.random)?.to_string(),
            source: source.id.clone(),
            job: job.id.clone(),
            plan: plan.id.clone(),
            hash: plan.hash.clone(),
            backup: plan.backup.clone(),
            person: self.caller.person_id().map(|id| id.to_string()),
            requester: self.caller.name().to_owned(),
            asked: serde_json::json!(names).to_string(),
            state: ApprovalState::Pending.word().to_owned(),
            created: now,
            expires: now.saturating_add(gate.expires.ms()),
            decided: None,
            decided_by: None,
            via: None,
            reason: String::new(),
        };
        let (links, letters) = self.links_and_letters(&approval, source, plan, &asked).await?;
        let asking = Asking {
            approval: &approval,
            job: &job,
            links: &links,
            letters: &letters,
        };
        self.name_job(&job.id).await?;
        let old = self.catalog.ask_approval(asking, &replaced_by(&approval)).await?;
        let detail = format!("{} plan {}", approval.id, plan.hash);
        self.audit("approval.ask", &source.name, &detail).await?;
        self.log(&job.id, "info", &waits_for(&names)).await;
        for row in old {
            self.tell_replaced(&row, source, &approval).await?;
        }
        Ok(job.id)
    }

    async fn links_and_letters(
        &self,
        approval: &ApprovalRow,
        source: &SourceRow,
        plan: &Plan,
        asked: &[PersonRow],
    ) -> Result<(Vec<LinkRow>, Vec<OutboxRow>)> {
        let (mut links, mut letters) = (Vec::new(), Vec::new());
        for person in asked.iter().filter(|person| !person.email.is_empty()) {
            let secret = secret(&self.options.random)?;
            letters.push(
                self.letter_that_asks(approval, source, plan, person, &secret)
                    .await?,
            );
            links.push(LinkRow {
                hash: hash(&secret),
                approval: approval.id.clone(),
                person: person.id.clone(),
                email: person.email.clone(),
            });
        }
        Ok((links, letters))
    }

    /// Those who own a source and can come in.
    pub(super) async fn owners(&self, source: &str) -> Result<Vec<PersonRow>> {
        let grants = self.catalog.list_grants(None).await?;
        let owns = |person: &PersonRow| {
            grants.iter().any(|grant| {
                grant.source == source
                    && grant.person == person.id
                    && grant.relation == Relation::Owner.word()
            })
        };
        let mut people = self.catalog.list_people().await?;
        people.retain(|person| person.disabled == 0 && owns(person));
        Ok(people)
    }

    async fn approvers(&self, source: &str, gate: &Approval) -> Result<Vec<PersonRow>> {
        let me = self.caller.person_id().map(|id| id.to_string());
        let is_me = |person: &PersonRow| Some(&person.id) == me.as_ref();
        let mut owners = self.owners(source).await?;
        owners.retain(|person| gate.own || !is_me(person));
        if !owners.is_empty() {
            return Ok(owners);
        }
        let mut people = self.catalog.list_people().await?;
        let may = |person: &PersonRow| person.disabled == 0 && person.role == Role::Administrator.word();
        people.retain(|person| may(person) && !is_me(person));
        Ok(people)
    }
}

fn replaced_by(newer: &ApprovalRow) -> Problem {
    let message = format!("a newer request for this source, {}, took its place", newer.id);
    Problem::new(Kind::Conflict, message)
        .hint("nothing was changed by it; wait for the answer to the newer one")
}

fn waits_for(names: &[&str]) -> String {
    if names.is_empty() {
        return "waits for an approval; there is nobody who could be asked by letter".to_owned();
    }
    format!("waits for the approval of {}", names.join(" or "))
}
