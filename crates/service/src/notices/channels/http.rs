//! A notification as one HTTP call.
//!
//! Rules: it goes to the open internet, or to a network that its channel allows by name; it is given ten seconds. What the other side
//! refuses for good is told apart from what may be different later.

use std::time::Duration;

use model::{Kind, Problem, Result};
use outbound::Net;
use outbound::http::{Answer, Call, Names, Place, Reach, Unanswered, Url};

const WHOLE: Duration = Duration::from_secs(10);
const MOST_BODY: usize = 256 * 1024;

pub(super) fn url(text: &str) -> Result<Url> {
    // The text is not repeated: its path may be the secret.
    let wrong = |why: &str| {
        Problem::invalid(format!("the address to call {why}"))
            .hint("write it like https://example.org/path, without user and password")
    };
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if !url.has_host() {
        return Err(wrong("names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or a password"));
    }
    Ok(url)
}

pub(super) async fn send(call: Call, allow: &[Net], names: &Names) -> Result<()> {
    if call.body.len() > MOST_BODY {
        return Err(Problem::new(
            Kind::TooLarge,
            "the notification is too long to be sent",
        ));
    }
    let place = Place::of(&call.url).with_port();
    match tokio::time::timeout(WHOLE, call.send(Reach::Open { allow, names })).await {
        Ok(Ok(answer)) => judge(&place, &answer),
        Ok(Err(Unanswered::Refused(problem))) => Err(problem),
        Ok(Err(Unanswered::Failed(why, error))) => {
            let problem = unavailable(&place, &why);
            Err(match error {
                Some(error) => problem.caused_by(error),
                None => problem,
            })
        }
        Err(_) => Err(unavailable(&place, "no answer within ten seconds")),
    }
}

fn judge(place: &str, answer: &Answer) -> Result<()> {
    let code = answer.status;
    let kind = match code {
        200..=299 => return Ok(()),
        300..=399 => {
            let message = format!("{place} sends the notification elsewhere ({code}), which is not followed");
            return Err(Problem::new(Kind::Refused, message).hint("configure the address that it leads to"));
        }
        401 | 403 => Kind::Refused,
        404 | 410 => Kind::NotFound,
        408 | 425 | 429 => Kind::TooMany,
        500..=599 => Kind::Unavailable,
        _ => Kind::Invalid,
    };
    let hint = match kind {
        Kind::Refused => "check the secret of the channel",
        Kind::NotFound => "check the address of the channel",
        Kind::TooMany | Kind::Unavailable => "it is tried again later",
        _ => "the receiver does not understand the notification; is it of the right kind?",
    };
    let message = format!("{place} answers the notification with {code}");
    Err(Problem::new(kind, message).hint(hint))
}

fn unavailable(place: &str, why: &str) -> Problem {
    let message = format!("{place} does not take the notification: {why}");
    Problem::new(Kind::Unavailable, message).hint("check the address; it is tried again later")
}
