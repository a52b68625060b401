//! Schedules as cron lines: five fields, minute to day of the week.
//!
//! Rules: seconds and years are refused (nobody backs up by the second, and a year that passes would end
//! the schedule in silence); a line that never comes true, such as 30 February, is refused when it is read.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::{Timestamp, Zoned};

use super::Zone;
use crate::{Problem, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronLine {
    text: String,
    cron: Box<Cron>,
}

impl CronLine {
    pub(crate) fn next(&self, zone: &Zone, after: i64) -> Option<i64> {
        // Runs are on whole minutes, and the search is by whole seconds.
        let second = after.div_euclid(1000);
        let from = Timestamp::from_second(second)
            .ok()?
            .to_zoned(zone.rules().clone());
        let found = match self.cron.find_next_occurrence(&from, false) {
            Ok(found) => found,
            // A gap of more than two hours (a country that changed sides of the date line) ends the
            // search; it goes on behind the gap.
            Err(_) => self.behind_the_gap(zone, &from)?,
        };
        Some(found.timestamp().as_millisecond()).filter(|run| *run > after)
    }

    fn behind_the_gap(&self, zone: &Zone, from: &Zoned) -> Option<Zoned> {
        let change = zone.rules().following(from.timestamp()).next()?;
        let behind = change.timestamp().to_zoned(zone.rules().clone());
        self.cron.find_next_occurrence(&behind, true).ok()
    }
}

impl fmt::Display for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for CronLine {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser
            .parse(&text)
            .map_err(|error| refused(&text, &error.to_string()))?;
        let line = CronLine {
            text,
            cron: Box::new(cron),
        };
        match line.next(&Zone::utc(), 0) {
            Some(_) => Ok(line),
            None => Err(refused(&line.text, "there is no such day")),
        }
    }
}

fn refused(text: &str, why: &str) -> Problem {
    Problem::invalid(format!("“{text}” is not a cron line: {why}"))
        .hint("five fields: minute hour day-of-month month day-of-week, such as “0 3 * * 1-5”")
}
