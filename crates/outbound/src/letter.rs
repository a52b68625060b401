//! Letters: e-mails in plain text.
//!
//! Rules: sender, addressee and subject hold no line breaks, whoever wrote them. The id of a message follows from the
//! letter's id, so that a repetition is recognised as one; the date is the letter's, not the clock's. Every letter says
//! that a machine wrote it, so that no holiday reply comes back.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use model::{LetterId, Problem, Result};

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
    /// As it goes over the wire when no mail server sends it.
    pub fn formatted(&self) -> Result<Vec<u8>> {
        Ok(self.message(None)?.formatted())
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

/// Plain text goes as it is, so that long links are whole also for who reads the file; everything else is encoded.
fn body(text: &str) -> Body {
    let is_plain = text.is_ascii() && !text.contains(['\0', '\r']);
    if is_plain && text.lines().all(|line| line.len() <= LONGEST_LINE) {
        let lines = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit);
    }
    Body::new(text.to_owned())
}

/// A bare address: `person@example.org`.
pub fn is_mail_address(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok()
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
