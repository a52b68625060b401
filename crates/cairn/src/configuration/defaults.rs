//! What holds where nothing was said, and how single values are read.
//!
//! Paths become absolute, so that a process that goes elsewhere still means the same place.

use std::path::{Path, PathBuf};

use model::{Lapse, Problem, Result};

use super::Environment;

/// How the world reaches a server, without a slash at the end.
pub(crate) fn address(text: &str) -> Result<String> {
    let text = text.trim_end_matches('/');
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', '@', ' '])) {
        return Ok(text.to_owned());
    }
    Err(
        Problem::invalid(format!("“{text}” is not the address of a server"))
            .hint("write it like https://backup.example.org/cairn"),
    )
}

pub(super) fn parse_workers(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(n @ 1..=64) => Ok(n),
        _ => Err(Problem::invalid(format!("“{text}” is not a number of workers")).hint("1 to 64")),
    }
}

/// Requests a minute, as game-server panels allow.
pub(super) const USUAL_RATE: u32 = 720;

pub(super) fn parse_rate(text: &str) -> Result<u32> {
    text.parse().map_err(|_| {
        Problem::invalid(format!("“{text}” is not a number of requests a minute")).hint("720; 0 for no limit")
    })
}

pub(super) fn usual_lock_wait() -> Lapse {
    Lapse::millis(i64::try_from(service::USUAL_LOCK_WAIT.as_millis()).unwrap_or(i64::MAX))
}

pub(super) fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

pub(super) fn default_zone() -> String {
    jiff::tz::TimeZone::system()
        .iana_name()
        .unwrap_or("UTC")
        .to_owned()
}

pub(super) fn default_data(environment: &Environment) -> PathBuf {
    match (environment.get("XDG_DATA_HOME"), environment.get("HOME")) {
        (Some(base), _) if Path::new(base).is_absolute() => Path::new(base).join("cairn"),
        (_, Some(home)) => Path::new(home).join(".local/share/cairn"),
        _ => PathBuf::from("/var/lib/cairn"),
    }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Problem::io(format!("cannot resolve {}", path.display()), error))
}
