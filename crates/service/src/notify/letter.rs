//! Letters: e-mails in plain text.
//!
//! Rules: sender, addressee and subject hold no line breaks, whoever wrote them. The id of a message follows from the
//! letter's id, so that a repetition is recognised as one; the date is the letter's, not the clock's. Every letter says
//! that a machine wrote it, so that no holiday reply comes back.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use model::{LetterId, Problem, Result, moment_text};

use super::Notice;

/// Who writes when no mail server is configured.
const NOBODY: &str = "Cairn <cairn@localhost>";
/// Bytes; mail servers take 998.
const LONGEST_LINE: usize = 900;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub id: LetterId,
    /// `person@example.org` or `Name <person@example.org>`.
    pub to: String,
    pub subject: String,
    pub text: String,
    pub when_ms: i64,
}

impl Letter {
    pub fn about(notice: &Notice, to: &str) -> Self {
        Letter {
            id: notice.id,
            to: to.to_owned(),
            subject: format!("[Cairn] {}", notice.subject()),
            text: text(notice),
            when_ms: notice.when_ms,
        }
    }

    pub(super) fn message(&self, from: Option<&str>) -> Result<Message> {
        let from = mailbox("the sender", from.unwrap_or(NOBODY))?;
        let domain = from.email.domain().to_owned();
        let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.when_ms).unwrap_or(0));
        Message::builder()
            .from(from)
            .to(mailbox("the addressee", &self.to)?)
            .subject(one_line(&self.subject))
            .date(date)
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(body(&self.text))
            .map_err(|error| Problem::invalid("the letter cannot be written").caused_by(error))
    }
}

fn text(notice: &Notice) -> String {
    let when = moment_text(notice.when_ms);
    let fields = [
        ("Source", notice.source.as_deref()),
        ("Backup", notice.backup.as_deref()),
        ("Job", notice.job.as_deref()),
        ("When", Some(when.as_str())),
    ];
    let mut lines = vec![notice.body(), String::new()];
    let told = fields
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}: {value}")));
    lines.extend(told);
    if let Some(link) = &notice.link {
        lines.extend([String::new(), link.clone()]);
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Plain text goes as it is, so that long links are whole also for who reads the file; everything else is encoded.
fn body(text: &str) -> Body {
    let is_plain = text.is_ascii() && !text.contains(['\0', '\r']);
    if is_plain && text.lines().all(|line| line.len() <= LONGEST_LINE) {
        let lines = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit);
    }
    Body::new(text.to_owned())
}

fn mailbox(who: &str, text: &str) -> Result<Mailbox> {
    one_line(text).parse().map_err(|error| {
        Problem::invalid(format!("“{}” is no e-mail address for {who}", one_line(text)))
            .hint("write it like person@example.org or Name <person@example.org>")
            .caused_by(error)
    })
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
