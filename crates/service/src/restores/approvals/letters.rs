//! The letters about requests: the one that asks, and those that tell what became of it.
//!
//! Rules: the letter that asks is finished when it is sent, because who serves knows the address of the page, and because the secret lies
//! sealed in the catalog until then; a request that was answered meanwhile is not asked for any more. Who asked is told by letter; who has no
//! address, by the channels of the policy. Letters are plain text with short lines, so that a link is never torn.

use catalog::approvals::{ApprovalRow, Decision};
use catalog::jobs::JobRow;
use catalog::outbox::OutboxRow;
use catalog::people::PersonRow;
use catalog::sources::SourceRow;
use model::{ApprovalState, Channel, Counts, Event, Permission, Plan, Result, counted};

use super::{over, state_of};
use crate::Service;
use crate::notices::{Asks, Notice, Severity};

/// The setting that holds the address of the last server.
const ADDRESS: &str = "address";

fn place(letter: &str) -> String {
    format!("outbox/{letter}/link")
}

impl Service {
    /// What the owner reads. The way to answer is put in by [`Service::finished`].
    pub(super) async fn letter_that_asks(
        &self,
        approval: &ApprovalRow,
        source: &SourceRow,
        plan: &Plan,
        person: &PersonRow,
        secret: &str,
    ) -> Result<OutboxRow> {
        let backup = self.catalog.backup(&approval.backup).await?;
        let backup = backup.map_or_else(String::new, |backup| {
            format!("from the backup of {}", model::moment_text(backup.created))
        });
        let text = format!(
            "{} asks to restore {}\n{backup}.\n\n{}\n\nNothing is changed unless you approve it before\n{}.",
            approval.requester,
            source.name,
            in_words(&plan.draft.counts()),
            model::moment_text(approval.expires),
        );
        let notice = self.notice(Severity::Warning, "restore", &text)?;
        let id = notice.id.to_string();
        let notice = Notice {
            headline: Some("Approval wanted".to_owned()),
            job: Some(approval.job.clone()),
            backup: Some(approval.backup.clone()),
            asks: Some(Asks {
                approval: approval.id.clone(),
                sealed: self.sealer()?.seal(secret, &place(&id), &self.options.random)?,
            }),
            ..notice
        };
        self.outgoing(source, &by_letter(&person.email), notice)
    }

    /// A notice as it is sent: with the way to the answer, if it asks for one. `None`: the answer is there already.
    pub(crate) async fn finished(&self, notice: Notice) -> Result<Option<Notice>> {
        let Some(asks) = &notice.asks else {
            return Ok(Some(notice));
        };
        let row = self.catalog.approval(&asks.approval).await?;
        let open = match &row {
            Some(row) => state_of(row, self.now_ms())? == ApprovalState::Pending,
            None => false,
        };
        if !open {
            return Ok(None);
        }
        let command = format!("where Cairn runs:\n\ncairn approve {}", asks.approval);
        let what = "To see what it would do, and to approve or decline";
        let way = match self.address().await? {
            Some(url) => {
                let place = place(&notice.id.to_string());
                let secret = self.sealer()?.open(&asks.sealed, &place)?;
                let link = format!("{}/a/{}", url.trim_end_matches('/'), secret.as_str());
                format!("{what}:\n\n{link}\n\nThis link is yours alone, and is used once. Or, {command}")
            }
            None => format!("{what}, {command}"),
        };
        let text = format!(
            "{}\n\n{way}\n\nIf you know nothing of this, do nothing: the request expires, and\nnothing is changed.",
            notice.text
        );
        Ok(Some(Notice { text, ..notice }))
    }

    /// How the world reaches the server: as this process was told, or else as the last server was.
    async fn address(&self) -> Result<Option<String>> {
        match &self.options.url {
            Some(url) => Ok(Some(url.clone())),
            None => self.catalog.setting(ADDRESS).await,
        }
    }

    /// Remembers how the world reaches the server that is about to answer, for letters that other processes send.
    pub async fn remember_address(&self) -> Result<()> {
        self.may(Permission::Settings, None).await?;
        match &self.options.url {
            Some(url) => self.catalog.set_setting(ADDRESS, url).await,
            None => self.catalog.delete_setting(ADDRESS).await,
        }
    }

    /// What who asked is told of an answer, or of none.
    pub(super) async fn letters_after(
        &self,
        row: &ApprovalRow,
        source: &SourceRow,
        decision: &Decision<'_>,
    ) -> Result<Vec<OutboxRow>> {
        let by = decision.by.unwrap_or("nobody");
        let why = if decision.reason.is_empty() {
            String::new()
        } else {
            format!("\n{}", decision.reason)
        };
        let (headline, severity, text) = match decision.state.parse()? {
            ApprovalState::Approved => (
                "Approved",
                Severity::Success,
                format!("{by} approved the restore that you asked for; it is carried out now.{why}"),
            ),
            ApprovalState::Declined => (
                "Declined",
                Severity::Warning,
                format!("{by} declined the restore that you asked for; nothing was changed.{why}"),
            ),
            _ => (
                "Expired",
                Severity::Warning,
                "Nobody approved the restore that you asked for in time; nothing was changed.".to_owned(),
            ),
        };
        self.to_requester(row, source, headline, severity, &text).await
    }

    async fn to_requester(
        &self,
        row: &ApprovalRow,
        source: &SourceRow,
        headline: &str,
        severity: Severity,
        text: &str,
    ) -> Result<Vec<OutboxRow>> {
        let notice = Notice {
            headline: Some(headline.to_owned()),
            job: Some(row.job.clone()),
            backup: Some(row.backup.clone()),
            ..self.notice(severity, "restore", text)?
        };
        match self.address_of(row.person.as_deref()).await? {
            Some(email) => Ok(vec![self.outgoing(source, &by_letter(&email), notice)?]),
            None => self.outgoing_by_policy(source, &notice),
        }
    }

    async fn address_of(&self, person: Option<&str>) -> Result<Option<String>> {
        let Some(person) = person else { return Ok(None) };
        let row = self.catalog.person(person).await?;
        let row = row.filter(|row| row.disabled == 0 && !row.email.is_empty());
        Ok(row.map(|row| row.email))
    }

    pub(super) async fn tell_replaced(
        &self,
        old: &ApprovalRow,
        source: &SourceRow,
        newer: &ApprovalRow,
    ) -> Result<()> {
        let detail = format!("{} by {}", old.id, newer.id);
        self.audit("approval.replace", &source.name, &detail).await?;
        let told = over(old, self.now_ms());
        self.log(&old.job, "info", told.message()).await;
        let text = format!(
            "{} asked for another restore of {}, which takes the place of yours; nothing was changed.",
            newer.requester, source.name
        );
        for letter in self
            .to_requester(old, source, "Replaced", Severity::Warning, &text)
            .await?
        {
            self.catalog.add_outgoing(&letter).await?;
        }
        Ok(())
    }

    /// Who asked for a restore that was approved is told how it ended.
    pub(crate) async fn tell_requester_of_end(&self, job: &JobRow, event: Event, text: &str) -> Result<()> {
        let Some(row) = self.catalog.approval_of_job(&job.id).await? else {
            return Ok(());
        };
        let Some(source) = self.catalog.source(&row.source).await? else {
            return Ok(());
        };
        let Some(email) = self.address_of(row.person.as_deref()).await? else {
            // The channels of the policy have it.
            return Ok(());
        };
        let notice = Notice {
            job: Some(job.id.clone()),
            backup: Some(row.backup),
            ..self.notice(event.into(), "restore", text)?
        };
        let letter = self.outgoing(&source, &by_letter(&email), notice)?;
        self.catalog.add_outgoing(&letter).await
    }
}

fn by_letter(address: &str) -> Channel {
    Channel::Email {
        address: address.to_owned(),
    }
}

fn in_words(counts: &Counts) -> String {
    let things = |count: u64| counted(count, "thing", "things");
    format!(
        "Of what is there now, it would delete {} and overwrite {};\nit would create {}, and leave {} as they are.",
        things(counts.delete),
        counts.update,
        counts.create,
        counts.keep
    )
}
