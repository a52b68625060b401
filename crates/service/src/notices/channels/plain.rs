//! The simple forms: ntfy, and pings of healthchecks.
//!
//! Rules: for ntfy the topic is the last component of the address, and the notice goes as JSON to what is before it. A
//! healthcheck is pinged at its address on success, below it at `/start` and `/fail`; what is neither is only logged.

use model::{Problem, Result};
use outbound::Secret;
use outbound::http::{Call, Method, Url};
use serde_json::json;

use super::http::url;
use super::{Notice, Severity};

pub(super) fn ntfy(to: &str, token: Option<&Secret>, notice: &Notice) -> Result<Call> {
    let (url, topic) = topic(url(to)?)?;
    let (priority, tag) = match notice.severity {
        Severity::Failure => (5, "rotating_light"),
        Severity::Overdue | Severity::Anomaly => (4, "warning"),
        Severity::Warning => (3, "warning"),
        Severity::Start | Severity::Success | Severity::Test => (2, "white_check_mark"),
    };
    let mut message = json!({
        "topic": topic,
        "title": notice.subject(),
        "message": notice.body(),
        "priority": priority,
        "tags": [tag],
    });
    if let Some(link) = &notice.link {
        message["click"] = json!(link);
    }
    Ok(Call::json(Method::POST, url, token.cloned(), Some(&message)))
}

fn topic(mut url: Url) -> Result<(Url, String)> {
    let path = url.path().trim_end_matches('/').to_owned();
    let (before, topic) = path.rsplit_once('/').unwrap_or(("", ""));
    if topic.is_empty() {
        return Err(Problem::invalid("the address of ntfy names no topic")
            .hint("write it like https://ntfy.sh/my-topic"));
    }
    url.set_path(&format!("{before}/"));
    url.set_query(None);
    Ok((url, topic.to_owned()))
}

pub(super) fn healthcheck(to: &str, notice: &Notice) -> Result<Call> {
    let below = match notice.severity {
        Severity::Success | Severity::Warning | Severity::Test => "",
        Severity::Start => "/start",
        Severity::Failure | Severity::Overdue => "/fail",
        Severity::Anomaly => "/log",
    };
    let mut url = url(to)?;
    let path = format!("{}{below}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(Call {
        method: Method::POST,
        url,
        bearer: None,
        headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
        body: format!("{}\n{}", notice.subject(), notice.body()).into_bytes(),
    })
}
