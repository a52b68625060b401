//! Where time comes from, and how a moment is written.
//!
//! A moment is a number of milliseconds since 1970 UTC (`i64`, called `…_ms`); as text it is RFC 3339 in
//! UTC with milliseconds: `2026-01-02T03:04:05.678Z`.
//! Rules: nobody but [`SystemClock`] asks the machine for the time; everything else is handed a [`Clock`]
//! or a moment, so that a test can be at any time it likes.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::{Problem, Result};

pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        }
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now_ms(&self) -> i64 {
        (**self).now_ms()
    }
}

/// `2026-01-02T03:04:05.678Z`; a moment that no calendar has is clamped to the first or last it has.
pub fn moment_text(ms: i64) -> String {
    let edge = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(edge))
}

/// Reads RFC 3339, with any offset and any fraction (cut to milliseconds).
pub fn moment_from(text: &str) -> Result<i64> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Ok(moment.as_millisecond()),
        Err(error) => Err(
            Problem::invalid(format!("“{text}” is not a moment in time: {error}"))
                .hint("write it like 2026-01-02T03:04:05Z or 2026-01-02T03:04:05+02:00"),
        ),
    }
}

/// For `#[serde(with = "…")]`: a moment that people read in a file.
pub(crate) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(crate) fn serialize<S: Serializer>(ms: &i64, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&super::moment_text(*ms))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        super::moment_from(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
