//! Lengths of time: exact ones, as people write them.
//!
//! A [`Lapse`] is a number of milliseconds, written `90s`, `15m`, `24h`, `7d`, `2w`, `1y` or combined,
//! largest first (`1h30m`). Here `m` is minutes, a day has 24 hours and a year 365 days; the calendar
//! lengths of retention, where `m` is months, are `CalendarSpan`s.
//! Rules: never negative; the printed form reads back as the same lapse.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Problem, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Lapse(i64);

/// Largest first; weeks and years are read but not printed, since `7d` and `365d` say more.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const WORDS: [(&str, i64); 4] = [
    ("day", 86_400_000),
    ("hour", 3_600_000),
    ("minute", 60_000),
    ("second", 1000),
];

impl Lapse {
    pub const fn millis(ms: i64) -> Self {
        Lapse(if ms < 0 { 0 } else { ms })
    }

    pub const fn seconds(n: i64) -> Self {
        Lapse::millis(n * 1000)
    }

    pub const fn minutes(n: i64) -> Self {
        Lapse::seconds(n * 60)
    }

    pub const fn hours(n: i64) -> Self {
        Lapse::minutes(n * 60)
    }

    pub const fn days(n: i64) -> Self {
        Lapse::hours(n * 24)
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }

    /// For people, the two largest units: `3 days 4 hours`, `1 minute`, `less than a second`.
    pub fn words(self) -> String {
        let mut rest = self.0;
        let mut words = Vec::new();
        for (name, size) in WORDS {
            let n = rest / size;
            rest %= size;
            if n > 0 {
                words.push(format!("{n} {name}{}", if n == 1 { "" } else { "s" }));
            } else if !words.is_empty() {
                break;
            }
        }
        words.truncate(2);
        if words.is_empty() {
            "less than a second".to_owned()
        } else {
            words.join(" ")
        }
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, size) in &UNITS[2..] {
            if rest >= *size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl FromStr for Lapse {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        match total(text.trim()) {
            Some(ms) => Ok(Lapse(ms)),
            None => Err(Problem::invalid(format!("“{text}” is not a length of time"))
                .hint("write it like 90s, 15m, 24h, 7d, 2w, 1y or 1h30m")),
        }
    }
}

fn total(text: &str) -> Option<i64> {
    let mut sum = 0_i64;
    let mut below = i64::MAX;
    for (number, unit) in pieces(text)? {
        let size = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        if size >= below {
            return None;
        }
        below = size;
        sum = sum.checked_add(number.checked_mul(size)?)?;
    }
    Some(sum)
}

/// `2y5m` → (2, `y`), (5, `m`); `None` when it is not numbers with units, or nothing.
pub(crate) fn pieces(text: &str) -> Option<Vec<(i64, &str)>> {
    let mut rest = text;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(end);
        found.push((number.parse().ok()?, unit));
        rest = next;
    }
    (!found.is_empty()).then_some(found)
}

impl From<Lapse> for String {
    fn from(lapse: Lapse) -> String {
        lapse.to_string()
    }
}

impl TryFrom<String> for Lapse {
    type Error = Problem;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}
