//! A notice: what happened to what, when, how bad it is.
//!
//! Rules: pure data; its JSON is what webhooks receive, so no field changes its name. The id stays the same through
//! all attempts, so that a receiver can tell a repetition. Texts have a limit: nobody reads more in a notification.

use model::{LetterId, moment_text};
use outbound::Letter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Bytes of the text that travel.
const MOST_TEXT: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Work began; only healthchecks want to know.
    Start,
    Success,
    Warning,
    Failure,
    Overdue,
    Anomaly,
    /// Somebody tries the channel out.
    Test,
}

impl Severity {
    /// For people, at the beginning of a subject.
    pub fn headline(self) -> &'static str {
        match self {
            Severity::Start => "Started",
            Severity::Success => "Done",
            Severity::Warning => "Done with warnings",
            Severity::Failure => "Failed",
            Severity::Overdue => "Overdue",
            Severity::Anomaly => "Unusual",
            Severity::Test => "Test",
        }
    }
}

impl From<model::Event> for Severity {
    fn from(event: model::Event) -> Self {
        match event {
            model::Event::Success => Severity::Success,
            model::Event::Warning => Severity::Warning,
            model::Event::Failure => Severity::Failure,
            model::Event::Overdue => Severity::Overdue,
            model::Event::Anomaly => Severity::Anomaly,
        }
    }
}

/// Its own form is how the catalog keeps it; [`Notice::to_json`] is what goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: LetterId,
    pub severity: Severity,
    /// In a few words: `backup`, `restore`, `drill`.
    pub what: String,
    /// The name of the source.
    pub source: Option<String>,
    pub backup: Option<String>,
    pub job: Option<String>,
    pub when_ms: i64,
    pub text: String,
    pub link: Option<String>,
    /// Stands at the beginning of the subject instead of the severity's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// It asks for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Asks>,
}

/// The answer that a letter asks for; where to give it is put in when the letter is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// The request's id.
    pub approval: String,
    /// The secret of the link, sealed: the catalog holds no secret that opens anything.
    pub sealed: String,
}

impl Notice {
    /// What the button *Test* sends.
    pub fn test(id: LetterId, when_ms: i64) -> Self {
        Notice {
            id,
            severity: Severity::Test,
            what: "notification".to_owned(),
            source: None,
            backup: None,
            job: None,
            when_ms,
            text: "This is a test: notifications of Cairn arrive here.".to_owned(),
            link: None,
            headline: None,
            asks: None,
        }
    }

    /// `Failed: backup of game`
    pub fn subject(&self) -> String {
        let headline = self.headline.as_deref().unwrap_or(self.severity.headline());
        match &self.source {
            Some(source) => format!("{headline}: {} of {source}", self.what),
            None => format!("{headline}: {}", self.what),
        }
    }

    /// The text, cut when it is too long.
    pub fn body(&self) -> String {
        if self.text.len() <= MOST_TEXT {
            return self.text.clone();
        }
        let end = (0..=MOST_TEXT)
            .rev()
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or(0);
        format!("{}…", &self.text[..end])
    }

    /// The notice as an e-mail.
    pub fn letter(&self, to: &str) -> Letter {
        Letter {
            id: self.id,
            to: to.to_owned(),
            subject: format!("[Cairn] {}", self.subject()),
            text: self.letter_text(),
            when_ms: self.when_ms,
        }
    }

    fn letter_text(&self) -> String {
        let when = moment_text(self.when_ms);
        let fields = [
            ("Source", self.source.as_deref()),
            ("Backup", self.backup.as_deref()),
            ("Job", self.job.as_deref()),
            ("When", Some(when.as_str())),
        ];
        let mut lines = vec![self.body(), String::new()];
        let known = fields
            .iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name}: {value}")));
        lines.extend(known);
        if let Some(link) = &self.link {
            lines.extend([String::new(), link.clone()]);
        }
        lines.push(String::new());
        lines.join("\n")
    }

    pub fn to_json(&self) -> Value {
        json!({
            "version": 1,
            "id": self.id,
            "severity": self.severity,
            "what": self.what,
            "source": self.source,
            "backup": self.backup,
            "job": self.job,
            "when": moment_text(self.when_ms),
            "text": self.body(),
            "link": self.link,
        })
    }
}
