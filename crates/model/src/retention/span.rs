//! Calendar lengths for retention: `2y5m7d3h` is two years, five months, seven days and three hours.
//!
//! Here `m` is months. Subtracted from a moment, years, months and days go by the calendar on the wall and
//! hours by real time; a day that the month does not have runs over into the next month (one month before
//! 31 March is 3 March, or 2 March in a leap year), as restic has it.

use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::lapse::pieces;
use crate::{Problem, Result, Zone};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CalendarSpan {
    pub years: u16,
    pub months: u16,
    pub days: u16,
    pub hours: u16,
}

impl CalendarSpan {
    pub const fn days(days: u16) -> Self {
        CalendarSpan {
            years: 0,
            months: 0,
            days,
            hours: 0,
        }
    }

    pub fn is_zero(&self) -> bool {
        *self == CalendarSpan::default()
    }

    /// The moment that lies this long before another one.
    pub fn before(self, ms: i64, zone: &Zone) -> i64 {
        let moved = zone.wall(ms).and_then(|face| self.face_before(face));
        let whole = moved.and_then(|face| zone.rules().to_ambiguous_timestamp(face).compatible().ok());
        // Before the first year that there is, everything is within.
        whole.map_or(i64::MIN, |moment| {
            moment.as_millisecond() - i64::from(self.hours) * 3_600_000
        })
    }

    fn face_before(self, face: DateTime) -> Option<DateTime> {
        let first_of_month = face.with().day(1).build().ok()?;
        let months = Span::new()
            .try_years(self.years)
            .ok()?
            .try_months(self.months)
            .ok()?;
        let days = Span::new().days(i32::from(face.day()) - 1 - i32::from(self.days));
        first_of_month.checked_sub(months).ok()?.checked_add(days).ok()
    }
}

impl fmt::Display for CalendarSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0d");
        }
        for (number, unit) in [
            (self.years, "y"),
            (self.months, "m"),
            (self.days, "d"),
            (self.hours, "h"),
        ] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for CalendarSpan {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        read(text.trim()).ok_or_else(|| {
            Problem::invalid(format!("“{text}” is not a calendar length"))
                .hint("write it like 30d, 6m, 1y or 2y5m7d3h; m is months, w is weeks")
        })
    }
}

fn read(text: &str) -> Option<CalendarSpan> {
    let mut span = CalendarSpan::default();
    for (number, unit) in pieces(text)? {
        let number = u16::try_from(number).ok()?;
        let (field, number) = match unit {
            "y" => (&mut span.years, number),
            "m" => (&mut span.months, number),
            "w" => (&mut span.days, number.checked_mul(7)?),
            "d" => (&mut span.days, number),
            "h" => (&mut span.hours, number),
            _ => return None,
        };
        *field = field.checked_add(number)?;
    }
    Some(span)
}

impl From<CalendarSpan> for String {
    fn from(span: CalendarSpan) -> String {
        span.to_string()
    }
}

impl TryFrom<String> for CalendarSpan {
    type Error = Problem;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}
