//! When something is done by itself: a form and a time zone.
//!
//! Forms: off · every so long from when it was enabled · hourly at a minute · daily, weekly or monthly at a
//! time of day (the 31st of a short month is its last day) · a cron line. *Run* here means a due moment.
//! Rules for the clock changes, by which no run is lost and none doubled:
//! - a time of day that is skipped runs once, later by what was skipped; one that comes twice runs the
//!   first time only; a whole day that is skipped has no run of its own beside the next day's;
//! - hourly keeps real hours: both passes of a repeated hour, no run in a skipped one; where the clock
//!   moves by less than an hour, still one run per hour of the clock face;
//! - a cron line follows the same idea as Vixie cron: fixed times like a time of day, wildcards by real time
//!   (a skipped fixed time runs at the first moment after the gap).
//!
//! Invariants: runs increase strictly and lie after `enabled`; whether a run is due follows from the marks
//! alone, so that any process may ask and each run is had once.

mod calendar;
mod cron;
mod form;
mod json;
mod text;

pub use cron::CronLine;
pub use form::{TimeOfDay, Weekday, Zone};

use crate::Lapse;

/// Without catch-up, a run found later than this after its time is let go.
pub const ON_TIME: Lapse = Lapse::minutes(5);

/// By how much the clocks of two machines may differ.
const SKEW: Lapse = Lapse::hours(1);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum When {
    #[default]
    Off,
    /// Counted from when it was enabled, whatever clock and calendar do.
    Every(Lapse),
    Hourly {
        minute: u8,
    },
    Daily {
        at: TimeOfDay,
    },
    Weekly {
        day: Weekday,
        at: TimeOfDay,
    },
    /// Day 1 to 31.
    Monthly {
        day: u8,
        at: TimeOfDay,
    },
    Cron(CronLine),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    pub when: When,
    pub zone: Zone,
}

/// What is remembered about a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// When it was switched on or last changed.
    pub enabled: i64,
    /// The last run that was started or let go: its due moment, not when it began.
    pub last: Option<i64>,
}

impl Schedule {
    pub fn off() -> Self {
        Self::default()
    }

    pub fn new(when: When, zone: Zone) -> Self {
        Schedule { when, zone }
    }

    pub fn every(lapse: Lapse) -> Self {
        Schedule::new(When::Every(lapse), Zone::utc())
    }

    pub fn daily(at: TimeOfDay, zone: Zone) -> Self {
        Schedule::new(When::Daily { at }, zone)
    }

    pub fn is_off(&self) -> bool {
        self.when == When::Off
    }

    /// The first run after a moment; `None` when there is none any more.
    pub fn next(&self, after_ms: i64, enabled_ms: i64) -> Option<i64> {
        let after = after_ms.max(enabled_ms);
        let zone = &self.zone;
        match &self.when {
            When::Off => None,
            When::Every(lapse) => next_multiple(enabled_ms, lapse.ms(), after),
            When::Hourly { minute } => calendar::next_hour(zone, *minute, after),
            When::Daily { at } => calendar::next_day(zone, *at, after, 4, |_| true),
            When::Weekly { day, at } => {
                calendar::next_day(zone, *at, after, 16, |date| Weekday::of(date) == *day)
            }
            When::Monthly { day, at } => calendar::next_day(zone, *at, after, 64, |date| {
                date.day() == (*day as i8).min(date.days_in_month())
            }),
            When::Cron(line) => line.next(zone, after),
        }
    }

    /// The next `n` runs, for people to see.
    pub fn next_n(&self, after_ms: i64, enabled_ms: i64, n: usize) -> Vec<i64> {
        std::iter::successors(self.next(after_ms, enabled_ms), |run| self.next(*run, enabled_ms))
            .take(n)
            .collect()
    }

    /// The last run in `(after, until]`.
    pub fn latest(&self, enabled_ms: i64, after_ms: i64, until_ms: i64) -> Option<i64> {
        let after = after_ms.max(enabled_ms);
        let windows = [Lapse::hours(1), Lapse::days(1), Lapse::days(32), Lapse::days(400)];
        let starts = windows
            .iter()
            .map(|window| until_ms.saturating_sub(window.ms()).max(after));
        // Looking back further and further keeps the steps few, however long nobody was there.
        starts
            .chain([after])
            .find_map(|start| self.last_step(enabled_ms, start, until_ms))
    }

    fn last_step(&self, enabled_ms: i64, after_ms: i64, until_ms: i64) -> Option<i64> {
        if let When::Every(lapse) = self.when {
            let last = last_multiple(enabled_ms, lapse.ms(), until_ms)?;
            return (last > after_ms).then_some(last);
        }
        std::iter::successors(self.next(after_ms, enabled_ms), |run| self.next(*run, enabled_ms))
            .take_while(|run| *run <= until_ms)
            .last()
    }

    /// The run that should be started now, if any. Of several that were missed it is the last: they are
    /// made up once. The caller stores it as `last` when it starts it.
    pub fn due(&self, marks: Marks, now_ms: i64, catch_up: bool) -> Option<i64> {
        let after = match marks.last {
            // The clock was wrong and has been put right: waiting for the mark would be for ever.
            Some(last) if last - now_ms > SKEW.ms() => now_ms - ON_TIME.ms(),
            Some(last) => last,
            None => marks.enabled,
        };
        let run = self.latest(marks.enabled, after, now_ms)?;
        (catch_up || now_ms - run <= ON_TIME.ms()).then_some(run)
    }
}

fn next_multiple(start: i64, step: i64, after: i64) -> Option<i64> {
    if step <= 0 {
        return None;
    }
    let passed = after.checked_sub(start)? / step;
    start.checked_add((passed + 1).checked_mul(step)?)
}

fn last_multiple(start: i64, step: i64, until: i64) -> Option<i64> {
    let passed = until.checked_sub(start)?.checked_div(step)?;
    (passed > 0).then(|| start + passed * step)
}
