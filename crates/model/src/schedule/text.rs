//! Schedules as people write them: `daily at 03:00 Europe/Berlin`.
//!
//! ```text
//! off
//! every 24h                              or only: 24h
//! hourly [at :15] [ZONE]
//! daily [at 03:00] [ZONE]                nightly is another word for it
//! weekly [on monday] [at 03:00] [ZONE]
//! monthly [on 31 | on last] [at 03:00] [ZONE]
//! cron 0 3 * * 1-5 [ZONE]                or only the five fields
//! ```
//! What is left out is minute 0, 03:00, Monday, the first, and the zone that the caller gives.
//! Invariant: what is printed reads back as the same schedule, whatever the caller's zone.

use std::fmt;
use std::str::FromStr;

use super::{Schedule, TimeOfDay, Weekday, When, Zone};
use crate::{Lapse, Problem, Result};

/// Shorter is a slip: a backup needs its time too.
pub(crate) const SHORTEST: Lapse = Lapse::minutes(1);
pub(crate) const LAST_DAY: u8 = 31;

/// The words that are still to be read.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn is_next(&self, test: impl Fn(&str) -> bool) -> bool {
        self.0.first().is_some_and(|word| test(&word.to_lowercase()))
    }

    fn take(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            None
        } else {
            Some(self.0.remove(0))
        }
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.is_next(|next| next == word);
        if found {
            self.0.remove(0);
        }
        found
    }

    /// What follows the given word, or what is next when it looks right.
    fn after(&mut self, word: &str, looks_right: impl Fn(&str) -> bool) -> Option<&'a str> {
        if self.skip(word) || self.is_next(looks_right) {
            self.take()
        } else {
            None
        }
    }
}

impl Schedule {
    /// Reads a schedule; `zone` holds where the text names none.
    pub fn read(text: &str, zone: &Zone) -> Result<Self> {
        let mut words = Words(text.split_whitespace().collect());
        let when = read_when(text, &mut words)?;
        words.skip("in");
        let zone = match words.take() {
            Some(name) => name.parse()?,
            None => zone.clone(),
        };
        match words.take() {
            Some(word) => Err(not_a_schedule(text, &format!("“{word}” is too much"))),
            None if matches!(when, When::Off | When::Every(_)) => Ok(Schedule::new(when, Zone::utc())),
            None => Ok(Schedule::new(when, zone)),
        }
    }
}

fn read_when(text: &str, words: &mut Words<'_>) -> Result<When> {
    if words.is_next(looks_like_cron) {
        return read_cron(words);
    }
    let first = words.take().unwrap_or_default().to_lowercase();
    match first.as_str() {
        "off" | "never" => Ok(When::Off),
        "every" => every(words.take().unwrap_or_default()),
        "hourly" => Ok(When::Hourly {
            minute: read_minute(words)?,
        }),
        "daily" | "nightly" => Ok(When::Daily {
            at: read_time(words)?,
        }),
        "weekly" => {
            let day = words.after("on", |word| Weekday::read(word).is_ok());
            Ok(When::Weekly {
                day: day.map_or(Ok(Weekday::Monday), Weekday::read)?,
                at: read_time(words)?,
            })
        }
        "monthly" => {
            let day = words.after("on", |word| day_of_month(word).is_ok());
            Ok(When::Monthly {
                day: day.map_or(Ok(1), day_of_month)?,
                at: read_time(words)?,
            })
        }
        "cron" => read_cron(words),
        lapse if lapse.starts_with(|c: char| c.is_ascii_digit()) => every(lapse),
        _ => Err(not_a_schedule(text, "it begins with none of the known words")),
    }
}

pub(crate) fn every(text: &str) -> Result<When> {
    let lapse: Lapse = text.parse()?;
    if lapse < SHORTEST {
        return Err(
            Problem::invalid(format!("every {lapse} is too often")).hint(format!("at least {SHORTEST}"))
        );
    }
    Ok(When::Every(lapse))
}

pub(crate) fn minute_of_hour(text: &str) -> Result<u8> {
    match text.strip_prefix(':').unwrap_or(text).parse() {
        Ok(minute) if minute < 60 => Ok(minute),
        _ => Err(Problem::invalid(format!("“{text}” is not a minute of an hour")).hint("0 to 59")),
    }
}

pub(crate) fn day_of_month(text: &str) -> Result<u8> {
    match text.trim_end_matches(['.', 's', 't', 'n', 'd', 'r', 'h']).parse() {
        Ok(day) if (1..=LAST_DAY).contains(&day) => Ok(day),
        _ if text.eq_ignore_ascii_case("last") => Ok(LAST_DAY),
        _ => Err(Problem::invalid(format!("“{text}” is not a day of a month")).hint("1 to 31, or last")),
    }
}

fn read_minute(words: &mut Words<'_>) -> Result<u8> {
    words
        .after("at", |word| minute_of_hour(word).is_ok())
        .map_or(Ok(0), minute_of_hour)
}

fn read_time(words: &mut Words<'_>) -> Result<TimeOfDay> {
    words
        .after("at", |word| word.contains(':'))
        .map_or(Ok(TimeOfDay::NIGHT), str::parse)
}

fn read_cron(words: &mut Words<'_>) -> Result<When> {
    let fields: Vec<&str> = words.0.drain(..words.0.len().min(5)).collect();
    Ok(When::Cron(fields.join(" ").parse()?))
}

/// `0`, `*/5`, `1,15`, `@daily`; but not `24h`.
fn looks_like_cron(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c))
}

fn not_a_schedule(text: &str, why: &str) -> Problem {
    Problem::invalid(format!("“{text}” is not a schedule: {why}")).hint(
        "write it like: off, every 24h, hourly at :15, daily at 03:00, weekly on monday at 03:00, \
         monthly on last at 03:00, cron 0 3 * * *; a time zone may follow",
    )
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = &self.zone;
        match &self.when {
            When::Off => f.write_str("off"),
            When::Every(lapse) => write!(f, "every {lapse}"),
            When::Hourly { minute } => write!(f, "hourly at :{minute:02} {zone}"),
            When::Daily { at } => write!(f, "daily at {at} {zone}"),
            When::Weekly { day, at } => write!(f, "weekly on {day} at {at} {zone}"),
            When::Monthly { day: LAST_DAY, at } => write!(f, "monthly on last at {at} {zone}"),
            When::Monthly { day, at } => write!(f, "monthly on {day} at {at} {zone}"),
            When::Cron(line) => write!(f, "cron {line} {zone}"),
        }
    }
}

/// In UTC where no zone is named.
impl FromStr for Schedule {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        Schedule::read(text, &Zone::utc())
    }
}
