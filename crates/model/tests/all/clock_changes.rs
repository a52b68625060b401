//! Every clock change of several zones over thirty years: no run lost, none doubled.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use model::{Schedule, TimeOfDay, When};

use crate::schedule::{ZONES, at, schedule};

const FIRST: &str = "2006-01-01T00:00:00Z";
const LAST: &str = "2036-01-01T00:00:00Z";

fn changes(zone: &TimeZone) -> Vec<Timestamp> {
    let first: Timestamp = FIRST.parse().unwrap();
    let last: Timestamp = LAST.parse().unwrap();
    zone.following(first)
        .map(|change| change.timestamp())
        .take_while(|moment| *moment < last)
        .collect()
}

fn wall(zone: &TimeZone, ms: i64) -> Zoned {
    Timestamp::from_millisecond(ms).unwrap().to_zoned(zone.clone())
}

/// The runs within two and a half days around a moment.
fn runs_around(schedule: &Schedule, moment: Timestamp) -> Vec<i64> {
    let from = (moment - 60.hours()).as_millisecond();
    let until = (moment + 60.hours()).as_millisecond();
    std::iter::successors(schedule.next(from, 0), |run| schedule.next(*run, 0))
        .take_while(|run| *run <= until)
        .collect()
}

/// The days that begin and end well within the span of `runs_around`.
fn whole_days(zone: &TimeZone, moment: Timestamp) -> Vec<jiff::civil::Date> {
    let start = moment.to_zoned(zone.clone()).date();
    let noon = |date: jiff::civil::Date| zone.to_ambiguous_zoned(date.at(12, 0, 0, 0)).offset();
    (-1..=1)
        .map(|n| start + n.days())
        .filter(|date| !matches!(noon(*date), AmbiguousOffset::Gap { .. }))
        .collect()
}

#[test]
fn the_zones_have_the_changes_that_these_tests_are_about() {
    let count = |zone: &str| changes(&TimeZone::get(zone).unwrap()).len();
    let counts: Vec<usize> = ZONES.iter().map(|zone| count(zone)).collect();
    assert_eq!(counts[0], 0, "UTC");
    assert!(
        counts[1] >= 60 && counts[2] >= 60 && counts[3] >= 60,
        "{counts:?}"
    );
    assert!(
        counts[4] >= 24 && counts[5] >= 40 && counts[6] >= 20,
        "{counts:?}"
    );
}

#[test]
fn daily_runs_once_on_every_day_that_there_is() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for change in changes(&zone) {
            for half_hour in 0..48_u8 {
                let time = TimeOfDay::new(half_hour / 2, half_hour % 2 * 30).unwrap();
                let daily = Schedule::daily(time, name.parse().unwrap());
                let runs = runs_around(&daily, change);
                for day in whole_days(&zone, change) {
                    let on_day = runs.iter().filter(|run| wall(&zone, **run).date() == day).count();
                    assert_eq!(on_day, 1, "{daily} on {day}, change at {change}");
                }
            }
        }
    }
}

#[test]
fn a_daily_run_is_at_its_time_or_moved_by_what_was_skipped() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for change in changes(&zone) {
            for hour in 0..24_i8 {
                let daily = schedule(&format!("daily at {hour:02}:30 {name}"));
                for run in runs_around(&daily, change) {
                    let shown = wall(&zone, run);
                    let meant = shown.date().at(hour, 30, 0, 0);
                    let moved = zone.to_ambiguous_zoned(meant);
                    let is_skipped = matches!(moved.offset(), AmbiguousOffset::Gap { .. });
                    let expected = moved.compatible().unwrap();
                    assert_eq!(
                        shown, expected,
                        "{daily}, change at {change}, skipped {is_skipped}"
                    );
                    assert!(is_skipped || shown.datetime() == meant);
                }
            }
        }
    }
}

#[test]
fn hourly_keeps_real_hours() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for change in changes(&zone) {
            for minute in [0, 15, 30, 45, 59] {
                let hourly = Schedule::new(When::Hourly { minute }, name.parse().unwrap());
                let runs = runs_around(&hourly, change);
                for pair in runs.windows(2) {
                    let minutes = (pair[1] - pair[0]) / 60_000;
                    let allowed: &[i64] = if name.ends_with("Lord_Howe") {
                        &[30, 60, 90]
                    } else {
                        &[60]
                    };
                    assert!(
                        allowed.contains(&minutes),
                        "{hourly}: {minutes} minutes, change at {change}"
                    );
                }
                assert!(
                    (119..=121).contains(&runs.len()),
                    "{hourly}: {} runs in 120 hours",
                    runs.len()
                );
            }
        }
    }
}

#[test]
fn where_the_clock_moves_by_half_an_hour_each_hour_of_its_face_has_one_run() {
    let zone = TimeZone::get("Australia/Lord_Howe").unwrap();
    for change in changes(&zone) {
        for minute in [0, 10, 29, 30, 45] {
            let hourly = schedule(&format!("hourly at {minute} Australia/Lord_Howe"));
            let runs = runs_around(&hourly, change);
            let faces: Vec<(i8, i8)> = runs
                .iter()
                .map(|run| wall(&zone, *run))
                .map(|z| (z.day(), z.hour()))
                .collect();
            let mut once = faces.clone();
            once.dedup();
            assert_eq!(faces, once, "{hourly}, change at {change}");
        }
    }
}

fn texts(schedule: &Schedule, from: &str, n: usize) -> Vec<String> {
    let zone = TimeZone::get(schedule.zone.name()).unwrap();
    let shown = |run: &i64| wall(&zone, *run).strftime("%d %H:%M%:z").to_string();
    schedule.next_n(at(from), 0, n).iter().map(shown).collect()
}

#[test]
fn half_past_two_in_spring_and_autumn() {
    let daily = schedule("daily at 02:30 Europe/Berlin");
    let spring = ["28 02:30+01:00", "29 03:30+02:00", "30 02:30+02:00"];
    assert_eq!(texts(&daily, "2026-03-27T12:00:00Z", 3), spring);
    let autumn = ["24 02:30+02:00", "25 02:30+02:00", "26 02:30+01:00"];
    assert_eq!(texts(&daily, "2026-10-23T12:00:00Z", 3), autumn);
}

#[test]
fn the_day_that_samoa_skipped_has_no_run_of_its_own() {
    let expected = ["29 03:00-10:00", "31 03:00+14:00", "01 03:00+14:00"];
    assert_eq!(
        texts(
            &schedule("daily at 03:00 Pacific/Apia"),
            "2011-12-28T20:00:00Z",
            3
        ),
        expected
    );
    // Its Friday did not exist; the weekly backup is made on the day after.
    let weekly = ["23 03:00-10:00", "31 03:00+14:00", "06 03:00+14:00"];
    assert_eq!(
        texts(
            &schedule("weekly on friday at 03:00 Pacific/Apia"),
            "2011-12-20T20:00:00Z",
            3
        ),
        weekly
    );
    let cron = ["29 03:00-10:00", "31 03:00+14:00", "01 03:00+14:00"];
    assert_eq!(
        texts(
            &schedule("cron 0 3 * * * Pacific/Apia"),
            "2011-12-28T20:00:00Z",
            3
        ),
        cron
    );
}

#[test]
fn a_cron_line_with_fixed_times_runs_once_a_day() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for change in changes(&zone) {
            for time in ["30 2", "0 0", "30 0", "15 1", "0 3", "45 23"] {
                let line = schedule(&format!("cron {time} * * * {name}"));
                let runs = runs_around(&line, change);
                for day in whole_days(&zone, change) {
                    let on_day = runs.iter().filter(|run| wall(&zone, **run).date() == day).count();
                    // The last quarter of a skipped day is made up at midnight, beside the next day's own run.
                    let most = if name == "Pacific/Apia" && change.to_string().starts_with("2011-12-30") {
                        2
                    } else {
                        1
                    };
                    assert!(
                        (1..=most).contains(&on_day),
                        "{line}: {on_day} on {day}, change at {change}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_cron_line_with_wildcards_goes_by_real_time() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for change in changes(&zone) {
            let line = schedule(&format!("cron */30 * * * * {name}"));
            for pair in runs_around(&line, change).windows(2) {
                assert_eq!(pair[1] - pair[0], 30 * 60_000, "{line}, change at {change}");
            }
        }
    }
}
