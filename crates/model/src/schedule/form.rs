//! The pieces of a schedule's form: time zone, time of day, day of the week.
//!
//! A zone is an IANA name that the time zone database knows; the database is built in, and the machine's
//! is preferred where there is one. A time of day has minutes and no seconds.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::TimeZone;

use crate::words::closed_set;
use crate::{Problem, Result};

/// A named time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn utc() -> Self {
        Zone(TimeZone::UTC)
    }

    /// The machine's own, or UTC when it does not say.
    pub fn of_this_machine() -> Self {
        let zone = TimeZone::system();
        if zone.iana_name().is_some() {
            Zone(zone)
        } else {
            Zone::utc()
        }
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub(crate) fn rules(&self) -> &TimeZone {
        &self.0
    }

    /// The date and time that a clock on the wall shows; `None` outside of the years -9999 to 9999.
    pub fn wall(&self, ms: i64) -> Option<civil::DateTime> {
        let moment = jiff::Timestamp::from_millisecond(ms).ok()?;
        Some(self.0.to_datetime(moment))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Zone::utc()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Zone {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        match TimeZone::get(text) {
            Ok(zone) if zone.iana_name().is_some() => Ok(Zone(zone)),
            _ => Err(Problem::invalid(format!("“{text}” is not a time zone"))
                .hint("use a name such as UTC, Europe/Berlin or America/New_York")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

impl TimeOfDay {
    /// When nothing else is said: most people and their players are asleep.
    pub const NIGHT: TimeOfDay = TimeOfDay { hour: 3, minute: 0 };

    pub fn new(hour: u8, minute: u8) -> Result<Self> {
        if hour < 24 && minute < 60 {
            return Ok(TimeOfDay { hour, minute });
        }
        Err(Problem::invalid(format!("{hour}:{minute:02} is not a time of day")).hint(TIME_HINT))
    }

    pub(crate) fn on(self, date: civil::Date) -> civil::DateTime {
        date.at(self.hour as i8, self.minute as i8, 0, 0)
    }
}

const TIME_HINT: &str = "write it from 00:00 to 23:59";

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for TimeOfDay {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        let number = |digits: &str| match digits.len() {
            1 | 2 => digits.parse::<u8>().ok(),
            _ => None,
        };
        let pair = text
            .split_once(':')
            .and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
        match pair {
            Some((hour, minute)) => TimeOfDay::new(hour, minute),
            None => Err(Problem::invalid(format!("“{text}” is not a time of day")).hint(TIME_HINT)),
        }
    }
}

closed_set! {
    Weekday, "a day of the week" {
        Monday = "monday",
        Tuesday = "tuesday",
        Wednesday = "wednesday",
        Thursday = "thursday",
        Friday = "friday",
        Saturday = "saturday",
        Sunday = "sunday",
    }
}

impl Weekday {
    pub(crate) fn of(date: civil::Date) -> Self {
        Weekday::ALL[date.weekday().to_monday_zero_offset() as usize]
    }

    /// As people write it: any case, three letters or more.
    pub fn read(text: &str) -> Result<Self> {
        let lower = text.to_lowercase();
        let is_meant = |day: &&Weekday| lower.len() >= 3 && day.word().starts_with(&lower);
        match Weekday::ALL.iter().find(is_meant) {
            Some(day) => Ok(*day),
            None => lower.parse(),
        }
    }
}
