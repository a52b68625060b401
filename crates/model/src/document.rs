//! Reading JSON that a person wrote, with problems that name the key.
//!
//! Rules: a problem says in which document, at which key (`gates.approval.expires`), what is wrong; an
//! unknown key is answered with the nearest known one.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Problem, Result, nearest};

/// Reads a document; `what` is how the message calls it: `the policy`.
pub fn from_json<T: DeserializeOwned>(what: &str, value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." | "?" => String::new(),
            path => format!(", key “{path}”"),
        };
        let message = error.inner().to_string();
        let problem = Problem::invalid(format!("{what}{place}: {message}"));
        match question(&message) {
            Some(question) => problem.hint(question),
            None => problem,
        }
    })
}

/// From serde's “unknown field `a`, expected one of `b`, `c`”.
fn question(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let known: Vec<&str> = quoted.collect();
    Some(match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean “{near}”?"),
        None => format!("known are: {}", known.join(", ")),
    })
}
