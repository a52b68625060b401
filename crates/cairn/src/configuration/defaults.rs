//! Values that hold when nobody sets others, and how plain ones are read.

use std::path::{Path, PathBuf};

use model::{Problem, Result};

use super::Environment;

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
