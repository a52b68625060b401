//! Which run is due: each once, whoever asks how often, and a missed one made up once.

use model::{Lapse, Marks, ON_TIME, Schedule};
use proptest::prelude::*;

use crate::schedule::{any_moment, any_schedule, at, schedule};

/// Schedulers that look at the given moments; gives the runs that they started.
fn started(schedule: &Schedule, enabled: i64, looks: &[i64], catch_up: bool) -> Vec<i64> {
    let mut marks = Marks { enabled, last: None };
    let mut runs = Vec::new();
    for look in looks {
        if let Some(run) = schedule.due(marks, *look, catch_up) {
            marks.last = Some(run);
            runs.push(run);
        }
    }
    runs
}

proptest! {
    #[test]
    fn looking_often_starts_every_run_exactly_once(schedule in any_schedule(), enabled in any_moment(), catch_up: bool) {
        let expected = schedule.next_n(enabled, enabled, 6);
        let mut looks: Vec<i64> = expected.iter().flat_map(|run| [*run - 1, *run, *run, *run + 30_000]).collect();
        looks.sort_unstable();
        prop_assert_eq!(started(&schedule, enabled, &looks, catch_up), expected);
    }

    #[test]
    fn after_any_absence_at_most_one_run_is_made_up(schedule in any_schedule(), enabled in any_moment(), away in 0..40_000_000_000_i64) {
        let back = enabled + away;
        let runs = started(&schedule, enabled, &[back, back, back + 1], true);
        prop_assert!(runs.len() <= 2);
        prop_assert_eq!(runs.first().copied(), schedule.latest(enabled, enabled, back).or(runs.first().copied()));
        if let [first, second] = runs[..] {
            prop_assert!(second == back + 1 && first < second, "only a run that falls due meanwhile may follow");
        }
    }

    #[test]
    fn without_catch_up_only_what_is_on_time_runs(schedule in any_schedule(), enabled in any_moment(), away in 0..40_000_000_000_i64) {
        let back = enabled + away;
        for run in started(&schedule, enabled, &[back], false) {
            prop_assert!(back - run <= ON_TIME.ms());
        }
    }
}

#[test]
fn a_night_that_was_missed_is_made_up_once_and_the_next_night_is_kept() {
    let nightly = schedule("daily at 03:00");
    let enabled = at("2026-05-01T12:00:00Z");
    let looks = [
        "2026-05-05T09:00:00Z",
        "2026-05-05T09:01:00Z",
        "2026-05-06T02:59:00Z",
        "2026-05-06T03:00:10Z",
    ];
    let looks: Vec<i64> = looks.iter().map(|look| at(look)).collect();
    let expected = [at("2026-05-05T03:00:00Z"), at("2026-05-06T03:00:00Z")];
    assert_eq!(started(&nightly, enabled, &looks, true), expected);
    assert_eq!(started(&nightly, enabled, &looks, false), expected[1..]);
}

#[test]
fn nothing_is_due_before_the_first_run() {
    let daily = schedule("every 24h");
    let enabled = at("2026-05-01T12:00:00Z");
    let marks = Marks { enabled, last: None };
    assert_eq!(daily.due(marks, enabled, true), None);
    assert_eq!(daily.due(marks, enabled + Lapse::days(1).ms() - 1, true), None);
    assert_eq!(
        daily.due(marks, enabled + Lapse::days(1).ms(), true),
        Some(enabled + Lapse::days(1).ms())
    );
}

#[test]
fn a_mark_from_a_wrong_clock_does_not_stop_the_schedule_for_ever() {
    let nightly = schedule("daily at 03:00");
    let marks = Marks {
        enabled: at("2026-05-01T12:00:00Z"),
        last: Some(at("2099-01-01T03:00:00Z")),
    };
    assert_eq!(nightly.due(marks, at("2026-05-05T02:59:59Z"), true), None);
    assert_eq!(
        nightly.due(marks, at("2026-05-05T03:00:05Z"), true),
        Some(at("2026-05-05T03:00:00Z"))
    );
}

#[test]
fn a_scheduler_whose_clock_is_a_little_behind_starts_nothing_twice() {
    let every_minute = schedule("* * * * *");
    let last = at("2026-05-05T03:00:00Z");
    let marks = Marks {
        enabled: at("2026-05-01T12:00:00Z"),
        last: Some(last),
    };
    assert_eq!(every_minute.due(marks, last - 500, true), None);
}

#[test]
fn ten_years_of_absence_are_looked_through_at_once() {
    let marks = Marks {
        enabled: at("2010-01-01T00:00:00Z"),
        last: None,
    };
    let now = at("2026-05-05T03:00:30Z");
    for text in ["every 1m", "* * * * *", "hourly", "0 0 29 2 *"] {
        assert!(schedule(text).due(marks, now, true).is_some(), "{text}");
    }
}
