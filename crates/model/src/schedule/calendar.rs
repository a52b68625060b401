//! From clock faces to moments: the calendar forms of a schedule.
//!
//! A *face* is what a clock on the wall shows: date and time, no zone. A zone maps a face to no moment
//! (skipped), one, or two (repeated); the rules for that are told in the head of `schedule`.
//! Method: the faces near the given moment are listed, mapped, and the first moment after it is taken; so
//! the order of moments decides and not the order of faces.

use jiff::civil::{Date, DateTime};
use jiff::tz::AmbiguousOffset;
use jiff::{Span, Timestamp};

use super::{TimeOfDay, Zone};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The moment of a face: a skipped one is moved on by what was skipped, of a repeated one the first.
pub(crate) fn moment(zone: &Zone, face: DateTime) -> Option<i64> {
    zone.rules()
        .to_ambiguous_timestamp(face)
        .compatible()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// The first run after a moment, on days that a rule picks out, at a time of day. `days` is how far the
/// next such day can be away.
pub(crate) fn next_day(
    zone: &Zone,
    at: TimeOfDay,
    after: i64,
    days: usize,
    is_picked: impl Fn(Date) -> bool,
) -> Option<i64> {
    let today = zone.wall(after)?.date();
    // A time moved on by a clock change may belong to the day before.
    let first = today.yesterday().unwrap_or(today);
    first
        .series(Span::new().days(1))
        .take(days)
        .filter(|date| is_picked(*date))
        .filter_map(|date| moment(zone, at.on(date)))
        .find(|run| *run > after)
}

/// The first run after a moment, at a minute of every hour.
pub(crate) fn next_hour(zone: &Zone, minute: u8, after: i64) -> Option<i64> {
    // Every run lies less than two hours after the one before, and its hour is on the wall near it.
    let looks = (0..=12).map(|step| after.saturating_add(step * 15 * MINUTE_MS));
    looks
        .filter_map(|look| zone.wall(look))
        .filter_map(|face| {
            face.with()
                .minute(minute as i8)
                .second(0)
                .subsec_nanosecond(0)
                .build()
                .ok()
        })
        .flat_map(|face| moments_of_hour(zone, face))
        .flatten()
        .filter(|run| *run > after)
        .min()
}

/// The moments of a face for an hourly run: both of a repeated one when a real hour lies between them.
fn moments_of_hour(zone: &Zone, face: DateTime) -> [Option<i64>; 2] {
    let first = moment(zone, face);
    let ambiguous = zone.rules().to_ambiguous_timestamp(face);
    if !matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. }) {
        return [first, None];
    }
    let second = ambiguous.later().ok().map(Timestamp::as_millisecond);
    let is_an_hour_later = first.zip(second).is_some_and(|(a, b)| b - a >= HOUR_MS);
    [first, second.filter(|_| is_an_hour_later)]
}
