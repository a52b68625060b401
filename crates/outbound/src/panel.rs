//! A game server's power, through the client API that panels share.
//!
//! `GET …/resources` tells the state, `POST …/power` changes it. A panel may keep an answer for some seconds, so a state is asked for until it
//! is the one that is waited for.

use std::time::Duration;

use model::{Change, Kind, Lapse, Problem, Result, SecretPlace};
use serde_json::{Value, json};

use super::http::{Answer, Call, Method, Place, Url, address};
use super::patience::Patience;
use super::secret::Secret;

const GLANCE: Duration = Duration::from_millis(500);
/// A panel that has not answered by then is down.
const ANSWER: Lapse = Lapse::seconds(15);

/// What a panel calls a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Offline,
    Starting,
    Running,
    Stopping,
}

#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    pub url: &'a str,
    pub server: &'a str,
    pub secret: &'a SecretPlace,
}

impl Panel<'_> {
    /// Is it written in a way that can be asked?
    pub fn check(&self) -> Result<()> {
        self.endpoint("resources").map(|_| ())
    }

    fn endpoint(&self, what: &str) -> Result<Url> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.server.is_empty() || !self.server.chars().all(is_plain) {
            return Err(
                Problem::invalid(format!("“{}” is no id of a server in a panel", self.server))
                    .hint("it is the short id in the address of the server's page"),
            );
        }
        let base = address(self.url)?;
        address(&format!(
            "{}/api/client/servers/{}/{what}",
            base.as_str().trim_end_matches('/'),
            self.server
        ))
    }

    fn call(&self, method: Method, what: &str, body: Option<&Value>, patience: &Patience) -> Result<Answer> {
        let url = self.endpoint(what)?;
        let place = Place::of(&url);
        let secret = Secret::read(self.secret)?;
        let call = Call::json(method, url, Some(secret), body);
        let answer = call.send_anywhere(&patience.at_most(ANSWER))?;
        match answer.status {
            200..300 => Ok(answer),
            status => Err(self.refused(&place, status)),
        }
    }

    fn refused(&self, place: &Place, status: u16) -> Problem {
        let hint = match status {
            401 | 403 => "check the token, and that its owner may see and control the server",
            404 => "check the id of the server and the address of the panel",
            409 => "the server is suspended, installing or moving; wait until it is not",
            429 => "too many requests; try again in a minute",
            _ => "look at the panel's own log",
        };
        Problem::new(
            Kind::Unavailable,
            format!(
                "the panel at {place} answered {status} about the server {}",
                self.server
            ),
        )
        .hint(hint)
    }

    pub fn power(&self, patience: &Patience) -> Result<Power> {
        let answer = self.call(Method::GET, "resources", None, patience)?;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match told.pointer("/attributes/current_state").and_then(Value::as_str) {
            Some("offline") => Ok(Power::Offline),
            Some("starting") => Ok(Power::Starting),
            Some("running") => Ok(Power::Running),
            Some("stopping") => Ok(Power::Stopping),
            _ => Err(Problem::new(
                Kind::Unavailable,
                format!(
                    "the panel does not say in what state the server {} is",
                    self.server
                ),
            )
            .hint("is this the address of the panel itself?")),
        }
    }

    /// Sends the signal and waits for the state that it leads to.
    pub fn change(&self, change: Change, patience: &Patience) -> Result<()> {
        let body = json!({ "signal": change.word() });
        self.call(Method::POST, "power", Some(&body), patience)?;
        let wanted = match change {
            Change::Stop => Power::Offline,
            Change::Start | Change::Restart => Power::Running,
        };
        let what = format!("the {change} of the server {}", self.server);
        while self.power(patience)? != wanted {
            patience.pause(GLANCE, &what)?;
        }
        Ok(())
    }
}
