//! Who is told what: the end of each job, what is overdue, what is unusual.
//!
//! Rules: a notice is in the catalog before it is sent, and stays there until it arrived or was given up after about two days; sending
//! never stops or fails a job. A full outbox, a mail server that is away, a webhook that refuses: each is seen with the notice.

use catalog::jobs::JobRow;
use catalog::outbox::OutboxRow;
use catalog::sources::SourceRow;
use model::{Event, JobState, Kind, LetterId, Permission, Problem, Result};
use serde::Serialize;
use serde_json::Value;

use crate::instance::policy_of;
use crate::jobs::warnings;
use crate::notices::channels::{
    Channel, Clients, Delivered, Names, Notice, Outbox, Secret, Severity, deliver, next_retry, worth_retrying,
};
use crate::{Service, registry};

/// Longer than one attempt takes.
const ATTEMPT_MS: i64 = 120_000;
const AT_ONCE: i64 = 20;

/// What came of trying a channel out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    pub channel: String,
    pub arrived: bool,
    /// The folder in which it lies instead: no mail server is configured, and nobody has been told.
    pub outbox: Option<String>,
    pub problem: Option<String>,
    pub hint: Option<String>,
}

impl Service {
    fn clients(&self) -> Clients {
        Clients {
            clock: std::sync::Arc::clone(&self.options.clock),
            outbox: Outbox::new(self.place.outbox()),
            mail: self.options.mail.clone(),
            names: Names::default(),
        }
    }

    pub(crate) fn notice(&self, severity: Severity, what: &str, text: &str) -> Result<Notice> {
        Ok(Notice {
            id: LetterId::new(&self.options.clock, &self.options.random)?,
            severity,
            what: what.to_owned(),
            source: None,
            backup: None,
            job: None,
            when_ms: self.now_ms(),
            text: text.to_owned(),
            link: None,
            headline: None,
            asks: None,
        })
    }

    /// Only healthchecks want to know of a start.
    pub(crate) async fn tell_start(&self, job: &JobRow) {
        if job.kind != "backup" {
            return;
        }
        let told = self.tell_of(job, Severity::Start, "the backup began", None).await;
        if let Err(problem) = told {
            tracing::warn!("{problem}");
        }
    }

    pub(crate) async fn tell_end(&self, job: &JobRow, state: JobState, outcome: &Result<Value>) {
        let (event, text) = match (state, outcome) {
            (JobState::Succeeded, Ok(result)) => (Event::Success, summary(result)),
            (_, Ok(result)) => (
                Event::Warning,
                warnings(result).take(20).collect::<Vec<_>>().join("\n"),
            ),
            (JobState::Cancelled, Err(_)) => return,
            (_, Err(problem)) => {
                let hint = problem.hint_text().map(|hint| format!("\n{hint}"));
                (
                    Event::Failure,
                    format!("{}{}", problem.message(), hint.unwrap_or_default()),
                )
            }
        };
        let backup = outcome
            .as_ref()
            .ok()
            .and_then(|result| result.pointer("/backup/id").and_then(Value::as_str));
        let told = match self.tell_of(job, event.into(), &text, backup).await {
            Ok(()) => registry::tell_requester(self, job, event, &text).await,
            failed => failed,
        };
        if let Err(problem) = told {
            self.log(&job.id, "warning", &format!("nobody could be told: {problem}"))
                .await;
        }
    }

    async fn tell_of(
        &self,
        job: &JobRow,
        severity: Severity,
        text: &str,
        backup: Option<&str>,
    ) -> Result<()> {
        let Some(source) = &job.source else {
            return Ok(());
        };
        let Some(source) = self.catalog.source(source).await? else {
            return Ok(());
        };
        let notice = Notice {
            job: Some(job.id.clone()),
            backup: backup.map(str::to_owned),
            ..self.notice(severity, &job.kind, text)?
        };
        self.tell(&source, notice).await
    }

    /// Puts a notice on its way to everybody whom the policy names.
    pub(crate) async fn tell(&self, source: &SourceRow, notice: Notice) -> Result<()> {
        for row in self.outgoing_by_policy(source, &notice)? {
            self.catalog.add_outgoing(&row).await?;
        }
        Ok(())
    }

    /// One for each channel that wants it.
    pub(crate) fn outgoing_by_policy(&self, source: &SourceRow, notice: &Notice) -> Result<Vec<OutboxRow>> {
        let mut rows = Vec::new();
        for notify in &policy_of(source)?.notify {
            let is_ping = matches!(notify.to, model::Channel::Healthcheck { .. });
            // What somebody says to a request is no sign of life.
            if is_ping && notice.headline.is_some() {
                continue;
            }
            let wanted = match notice.severity {
                Severity::Start => is_ping,
                severity => {
                    is_ping
                        || Event::ALL
                            .iter()
                            .any(|event| Severity::from(*event) == severity && notify.wants(*event))
                }
            };
            if wanted {
                let notice = Notice {
                    id: LetterId::new(&self.options.clock, &self.options.random)?,
                    ..notice.clone()
                };
                rows.push(self.outgoing(source, &notify.to, notice)?);
            }
        }
        Ok(rows)
    }

    /// A notice about a source, as it lies in the catalog until it is sent.
    pub(crate) fn outgoing(
        &self,
        source: &SourceRow,
        to: &model::Channel,
        notice: Notice,
    ) -> Result<OutboxRow> {
        let text = |value: serde_json::Result<String>| {
            value.map_err(|error| Problem::internal(format!("a notice cannot be written: {error}")))
        };
        let notice = Notice {
            source: Some(source.name.clone()),
            ..notice
        };
        Ok(OutboxRow {
            id: notice.id.to_string(),
            source: Some(source.id.clone()),
            channel: text(serde_json::to_string(to))?,
            notice: text(serde_json::to_string(&notice))?,
            attempts: 0,
            next: Some(self.now_ms()),
            problem: String::new(),
            created: self.now_ms(),
        })
    }

    /// Delivers what is due, unless somebody serves and does it.
    pub async fn deliver_alone(&self) -> Result<usize> {
        if self.is_served().await? {
            return Ok(0);
        }
        self.deliver_due().await
    }

    /// Tries to deliver what is due; how many arrived.
    pub async fn deliver_due(&self) -> Result<usize> {
        let now = self.now_ms();
        let mut arrived = 0;
        for row in self.catalog.due_outgoing(now, AT_ONCE).await? {
            if !self.catalog.take_outgoing(&row, now + ATTEMPT_MS).await? {
                continue;
            }
            match self.deliver(&row).await {
                Ok(()) => {
                    self.catalog.delete_outgoing(&row.id).await?;
                    arrived += 1;
                }
                Err(problem) => {
                    let attempt = u32::try_from(row.attempts + 1).unwrap_or(u32::MAX);
                    let next = worth_retrying(&problem)
                        .then(|| next_retry(attempt, self.now_ms()))
                        .flatten();
                    tracing::warn!("a notice did not arrive: {problem}");
                    self.catalog
                        .put_off_outgoing(&row.id, next, problem.message())
                        .await?;
                }
            }
        }
        Ok(arrived)
    }

    async fn deliver(&self, row: &OutboxRow) -> Result<()> {
        let malformed = |error: serde_json::Error| {
            Problem::damaged("a notice in the catalog is malformed").caused_by(error)
        };
        let channel: model::Channel = serde_json::from_str(&row.channel).map_err(malformed)?;
        let notice: Notice = serde_json::from_str(&row.notice).map_err(malformed)?;
        match registry::finish_notice(self, notice).await? {
            Some(notice) => {
                let done = deliver(&self.channel(&channel)?, &notice, &self.clients()).await;
                done.map(|_| ())
            }
            // The answer is there already.
            None => Ok(()),
        }
    }

    fn channel(&self, channel: &model::Channel) -> Result<Channel> {
        Channel::of_policy(channel, &self.options.allow, &Secret::read)?.ok_or_else(|| {
            Problem::new(Kind::Unavailable, "nothing delivers to Discord here")
                .hint("use a webhook, or serve with the role bot")
        })
    }

    /// Sends a test to every channel of a source, the way everything else goes.
    pub async fn try_channels(&self, wanted: &str) -> Result<Vec<Tried>> {
        let source = self.source_row(wanted).await?;
        self.may(Permission::EditPolicy, Some(&source.id)).await?;
        let mut tried = Vec::new();
        for notify in policy_of(&source)?.notify {
            let notice = Notice {
                source: Some(source.name.clone()),
                ..Notice::test(
                    LetterId::new(&self.options.clock, &self.options.random)?,
                    self.now_ms(),
                )
            };
            let outcome = match self.channel(&notify.to) {
                Ok(channel) => deliver(&channel, &notice, &self.clients()).await,
                Err(problem) => Err(problem),
            };
            tried.push(Tried {
                channel: describe(&notify.to),
                arrived: matches!(outcome, Ok(Delivered::Arrived)),
                outbox: matches!(outcome, Ok(Delivered::InOutbox))
                    .then(|| self.place.outbox().display().to_string()),
                problem: outcome.as_ref().err().map(|problem| problem.message().to_owned()),
                hint: outcome
                    .as_ref()
                    .err()
                    .and_then(|problem| problem.hint_text().map(str::to_owned)),
            });
        }
        self.audit("notify.test", &source.name, "").await?;
        Ok(tried)
    }
}

/// What was done, in a line.
fn summary(result: &Value) -> String {
    let number = |path: &str| result.pointer(path).and_then(Value::as_u64);
    let (files, bytes) = (number("/backup/files"), number("/backup/bytes"));
    let seconds = result.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
    match (files, bytes) {
        (Some(files), Some(bytes)) => {
            let files = model::counted(files, "file", "files");
            format!("{files}, {} in {seconds:.1} s", model::Size(bytes))
        }
        _ => format!("done in {seconds:.1} s"),
    }
}

/// A channel in words, without what may be a secret.
fn describe(channel: &model::Channel) -> String {
    let host = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
    };
    match channel {
        model::Channel::Email { address } => format!("e-mail to {address}"),
        model::Channel::Webhook { url, .. } => format!("webhook at {}", host(url)),
        model::Channel::Ntfy { url, .. } => format!("ntfy at {}", host(url)),
        model::Channel::Healthcheck { url } => format!("healthcheck at {}", host(url)),
        model::Channel::Discord { channel } => format!("Discord channel {channel}"),
    }
}
