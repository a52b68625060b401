//! The rules and how they walk over the backups, newest first.
//!
//! A *unit* cuts time into periods by the clock on the wall. A rule keeps a backup whose period differs
//! from that of the one it kept before, as long as it has counts left; the oldest of all is kept as well
//! then, so that a young history keeps its beginning.

use serde::{Deserialize, Serialize};

use super::{CalendarSpan, Held, Terms};
use crate::{Problem, Result};

/// How many: 0 = no such rule; `"all"` (or -1) in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "serde_json::Value", try_from = "serde_json::Value")]
pub struct Count(pub u32);

impl Count {
    pub const ALL: Count = Count(u32::MAX);

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl From<Count> for serde_json::Value {
    fn from(count: Count) -> Self {
        if count == Count::ALL {
            "all".into()
        } else {
            count.0.into()
        }
    }
}

impl TryFrom<serde_json::Value> for Count {
    type Error = Problem;
    fn try_from(value: serde_json::Value) -> Result<Self> {
        let number = value.as_i64().and_then(|n| u32::try_from(n).ok());
        match number {
            Some(n) => Ok(Count(n)),
            None if value == "all" || value == -1 => Ok(Count::ALL),
            None => Err(Problem::invalid(format!(
                "{value} is not a count: a number from 0, or \"all\""
            ))),
        }
    }
}

/// The keep rules of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    #[serde(skip_serializing_if = "Count::is_none")]
    pub last: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    pub hourly: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    pub daily: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    pub weekly: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    pub monthly: Count,
    #[serde(skip_serializing_if = "Count::is_none")]
    pub yearly: Count,
    #[serde(skip_serializing_if = "CalendarSpan::is_zero")]
    pub within: CalendarSpan,
    #[serde(skip_serializing_if = "CalendarSpan::is_zero")]
    pub within_hourly: CalendarSpan,
    #[serde(skip_serializing_if = "CalendarSpan::is_zero")]
    pub within_daily: CalendarSpan,
    #[serde(skip_serializing_if = "CalendarSpan::is_zero")]
    pub within_weekly: CalendarSpan,
    #[serde(skip_serializing_if = "CalendarSpan::is_zero")]
    pub within_monthly: CalendarSpan,
    #[serde(skip_serializing_if = "CalendarSpan::is_zero")]
    pub within_yearly: CalendarSpan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Each,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What two backups of one period have in common.
type Period = (i64, i64);

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Unit::Each => "last",
            Unit::Hour => "hourly",
            Unit::Day => "daily",
            Unit::Week => "weekly",
            Unit::Month => "monthly",
            Unit::Year => "yearly",
        }
    }

    fn period(self, held: &Held, place: usize, terms: &Terms<'_>) -> Period {
        let Some(wall) = terms.zone.wall(held.created).filter(|_| self != Unit::Each) else {
            return (i64::MAX, place as i64);
        };
        let year = i64::from(wall.year());
        let day = i64::from(wall.day_of_year());
        match self {
            Unit::Hour => (year, day * 24 + i64::from(wall.hour())),
            Unit::Day => (year, day),
            Unit::Week => {
                let week = wall.date().iso_week_date();
                (i64::from(week.year()), i64::from(week.week()))
            }
            Unit::Month => (year, i64::from(wall.month())),
            Unit::Each | Unit::Year => (year, 0),
        }
    }
}

/// A rule that keeps one per period, with what it has kept so far.
struct Walk {
    unit: Unit,
    most: Count,
    /// Only backups created after this.
    after: Option<i64>,
    /// `daily`, or `daily within 7d`
    words: String,
    kept: u32,
    /// The last place is taken by what is kept only because nothing older is good.
    has_oldest: bool,
    before: Option<Period>,
}

impl Walk {
    /// What is not good is looked at and takes no place.
    fn keeps(&mut self, held: &Held, place: usize, is_oldest: bool, terms: &Terms<'_>) -> Option<String> {
        // The oldest good one keeps its place only until an older one is as good: that place is free for what is not.
        let kept = self.kept - u32::from(!held.good && self.has_oldest);
        if kept >= self.most.0 || self.after.is_some_and(|after| held.created <= after) {
            return None;
        }
        let period = self.unit.period(held, place, terms);
        let is_new = self.before != Some(period);
        if !is_new && !is_oldest {
            return None;
        }
        if !held.good {
            return Some(format!("takes no place ({})", self.words));
        }
        self.before = Some(period);
        self.kept += 1;
        self.has_oldest = !is_new;
        Some(self.why(is_new))
    }

    fn why(&self, is_new: bool) -> String {
        match self {
            _ if !is_new => format!("oldest {}", self.words),
            Walk { after: Some(_), .. } => self.words.clone(),
            Walk { most: Count::ALL, .. } => format!("{} {}", self.words, self.kept),
            Walk { most, .. } => format!("{} {} of {}", self.words, self.kept, most.0),
        }
    }
}

impl Retention {
    pub fn is_empty(&self) -> bool {
        *self == Retention::default()
    }

    /// Why each of these backups, newest first, is kept; nothing = it is not. Counted are the good ones.
    pub(crate) fn reasons(&self, backups: &[&Held], terms: &Terms<'_>) -> Vec<Vec<String>> {
        let newest = backups
            .iter()
            .filter(|held| held.good)
            .map(|held| held.created)
            .filter(|created| *created < terms.now_ms)
            .max();
        let mut walks = self.walks(newest, terms);
        let all_within = self.cutoff(self.within, newest, terms);
        let oldest_good = backups.iter().rposition(|held| held.good);
        let why = |(place, held): (usize, &&Held)| {
            let is_oldest = oldest_good.is_none_or(|oldest| place >= oldest);
            let within = all_within
                .filter(|after| held.created > *after)
                .map(|_| format!("within {}", self.within));
            let by_walks = walks
                .iter_mut()
                .filter_map(|walk| walk.keeps(held, place, is_oldest, terms));
            within.into_iter().chain(by_walks).collect()
        };
        backups.iter().enumerate().map(why).collect()
    }

    fn walks(&self, newest: Option<i64>, terms: &Terms<'_>) -> Vec<Walk> {
        let counts = [
            (Unit::Each, self.last),
            (Unit::Hour, self.hourly),
            (Unit::Day, self.daily),
            (Unit::Week, self.weekly),
            (Unit::Month, self.monthly),
            (Unit::Year, self.yearly),
        ];
        let spans = [
            (Unit::Hour, self.within_hourly),
            (Unit::Day, self.within_daily),
            (Unit::Week, self.within_weekly),
            (Unit::Month, self.within_monthly),
            (Unit::Year, self.within_yearly),
        ];
        let walk = |unit: Unit, most, after, words| Walk {
            unit,
            most,
            after,
            words,
            kept: 0,
            has_oldest: false,
            before: None,
        };
        let by_count = counts
            .into_iter()
            .map(|(unit, most)| walk(unit, most, None, unit.word().to_owned()));
        let by_span = spans.into_iter().filter_map(|(unit, span)| {
            let after = self.cutoff(span, newest, terms)?;
            Some(walk(
                unit,
                Count::ALL,
                Some(after),
                format!("{} within {span}", unit.word()),
            ))
        });
        by_count.chain(by_span).collect()
    }

    /// Where a span before the newest backup begins; when all backups lie in the future, before all.
    #[expect(clippy::unused_self, reason = "reads as a question to the rules")]
    fn cutoff(&self, span: CalendarSpan, newest: Option<i64>, terms: &Terms<'_>) -> Option<i64> {
        if span.is_zero() {
            return None;
        }
        Some(newest.map_or(i64::MIN, |newest| span.before(newest, terms.zone)))
    }
}
