//! The forms of a schedule: reading, printing, and the order of their runs.

use model::{Lapse, Schedule, TimeOfDay, Weekday, When, Zone, moment_from, moment_text};
use proptest::prelude::*;

pub(crate) const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kolkata",
];

pub(crate) fn at(text: &str) -> i64 {
    moment_from(text).unwrap()
}

pub(crate) fn schedule(text: &str) -> Schedule {
    text.parse().unwrap()
}

fn any_time() -> impl Strategy<Value = TimeOfDay> {
    (0..24_u8, 0..60_u8).prop_map(|(hour, minute)| TimeOfDay::new(hour, minute).unwrap())
}

fn any_cron() -> impl Strategy<Value = When> {
    let lines = [
        "0 3 * * *",
        "*/15 * * * *",
        "30 2 * * 1-5",
        "0 0 L * *",
        "5 4 29 2 *",
        "0 */6 * * *",
        "30 2 31 * 5",
    ];
    proptest::sample::select(lines.to_vec()).prop_map(|line| When::Cron(line.parse().unwrap()))
}

pub(crate) fn any_schedule() -> impl Strategy<Value = Schedule> {
    let when = prop_oneof![
        (60_000..10_000_000_000_i64).prop_map(|ms| When::Every(Lapse::millis(ms))),
        (0..60_u8).prop_map(|minute| When::Hourly { minute }),
        any_time().prop_map(|at| When::Daily { at }),
        (0..7_usize, any_time()).prop_map(|(day, at)| When::Weekly {
            day: Weekday::ALL[day],
            at
        }),
        (1..=31_u8, any_time()).prop_map(|(day, at)| When::Monthly { day, at }),
        any_cron(),
    ];
    (when, proptest::sample::select(ZONES.to_vec())).prop_map(|(when, zone)| {
        let zone = if matches!(when, When::Every(_)) {
            Zone::utc()
        } else {
            zone.parse().unwrap()
        };
        Schedule::new(when, zone)
    })
}

/// Within 2000 to 2037.
pub(crate) fn any_moment() -> impl Strategy<Value = i64> {
    946_684_800_000..2_145_916_800_000_i64
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(schedule in any_schedule()) {
        let other: Zone = "Asia/Tokyo".parse().unwrap();
        prop_assert_eq!(Schedule::read(&schedule.to_string(), &other).unwrap(), schedule);
    }

    #[test]
    fn json_reads_back(schedule in any_schedule()) {
        let json = serde_json::to_string(&schedule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
    }

    #[test]
    fn runs_increase_strictly_and_none_is_stepped_over(schedule in any_schedule(), from in any_moment(), cut in 0.0..1.0_f64) {
        let runs = schedule.next_n(from, from, 8);
        prop_assert_eq!(runs.len(), 8);
        let mut before = from;
        for run in runs {
            prop_assert!(run > before);
            let between = before + ((run - before) as f64 * cut) as i64;
            prop_assert_eq!(schedule.next(between.min(run - 1), from), Some(run), "asked at {}", moment_text(between));
            before = run;
        }
    }

    #[test]
    fn the_latest_run_is_the_last_one_that_next_gives(schedule in any_schedule(), from in any_moment(), length in 0..5_000_000_000_i64) {
        let until = from + length;
        let runs = std::iter::successors(schedule.next(from, from), |run| schedule.next(*run, from));
        let expected = runs.take_while(|run| *run <= until).last();
        prop_assert_eq!(schedule.latest(from, from, until), expected);
    }

    #[test]
    fn calendar_runs_are_on_whole_minutes(schedule in any_schedule(), from in any_moment()) {
        prop_assume!(!matches!(schedule.when, When::Every(_)));
        prop_assert_eq!(schedule.next(from, from).unwrap() % 60_000, 0);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[a-z0-9:*/ ,-]{0,40}") {
        let _ = text.parse::<Schedule>();
    }
}

#[test]
fn people_may_write_it_in_many_ways() {
    for (written, printed) in [
        ("off", "off"),
        ("Never", "off"),
        ("every 24h", "every 1d"),
        ("7d", "every 7d"),
        ("hourly", "hourly at :00 UTC"),
        ("hourly at :15", "hourly at :15 UTC"),
        ("hourly 15 Europe/Berlin", "hourly at :15 Europe/Berlin"),
        ("nightly", "daily at 03:00 UTC"),
        ("daily at 3:05 europe/berlin", "daily at 03:05 Europe/Berlin"),
        ("daily in America/New_York", "daily at 03:00 America/New_York"),
        ("weekly", "weekly on monday at 03:00 UTC"),
        ("weekly on Sun at 23:59", "weekly on sunday at 23:59 UTC"),
        ("weekly friday", "weekly on friday at 03:00 UTC"),
        ("monthly", "monthly on 1 at 03:00 UTC"),
        ("monthly on 31 at 00:00", "monthly on last at 00:00 UTC"),
        ("monthly on the", ""),
        ("monthly on 2nd", "monthly on 2 at 03:00 UTC"),
        ("0 3 * * 1-5", "cron 0 3 * * 1-5 UTC"),
        ("cron 0 3 * * mon Europe/Berlin", "cron 0 3 * * mon Europe/Berlin"),
        ("", ""),
        ("often", ""),
        ("every 5s", ""),
        ("every -1h", ""),
        ("daily at 24:00", ""),
        ("daily at 03:00 Mars/Base", ""),
        ("daily at 03:00 UTC please", ""),
        ("hourly at 60", ""),
        ("monthly on 32", ""),
        ("weekly on someday", ""),
        ("0 3 * *", ""),
        ("0 0 30 2 *", ""),
        ("cron * * * * * *", ""),
    ] {
        let read = written.parse::<Schedule>().map(|schedule| schedule.to_string());
        assert_eq!(read.as_deref().unwrap_or(""), printed, "{written}: {read:?}");
    }
}

#[test]
fn json_is_an_object_and_a_text_is_understood_too() {
    let json = serde_json::json!({"when": "weekly", "day": "friday", "at": "04:30", "zone": "Europe/Berlin"});
    assert_eq!(
        serde_json::to_value(schedule("weekly on friday at 04:30 Europe/Berlin")).unwrap(),
        json
    );
    let from_text: Schedule = serde_json::from_str(r#""daily at 03:00 Europe/Berlin""#).unwrap();
    assert_eq!(from_text, schedule("daily at 03:00 Europe/Berlin"));
    let last: Schedule = serde_json::from_str(r#"{"when":"monthly","day":"last"}"#).unwrap();
    assert_eq!(last, schedule("monthly on 31"));
}

#[test]
fn wrong_json_is_refused_by_the_name_of_the_key() {
    for (json, named) in [
        (r#"{"when":"dayly"}"#, "did you mean “daily”"),
        (r#"{"when":"daily","minute":5}"#, "“minute” does not belong"),
        (r#"{"when":"every"}"#, "needs the key “every”"),
        (r#"{"when":"daily","att":"03:00"}"#, "unknown field `att`"),
        (r#"{"when":"hourly","minute":61}"#, "not a minute"),
        (r"5", "invalid type"),
    ] {
        let error = serde_json::from_str::<Schedule>(json).unwrap_err().to_string();
        assert!(error.contains(named), "{json}: {error}");
    }
}

#[test]
fn every_counts_from_when_it_was_enabled() {
    let enabled = at("2026-03-28T10:17:03.500Z");
    let runs = schedule("every 24h").next_n(enabled, enabled, 3);
    let texts: Vec<String> = runs.iter().map(|run| moment_text(*run)).collect();
    assert_eq!(
        texts,
        [
            "2026-03-29T10:17:03.500Z",
            "2026-03-30T10:17:03.500Z",
            "2026-03-31T10:17:03.500Z"
        ]
    );
}

#[test]
fn the_thirty_first_of_a_short_month_is_its_last_day() {
    let from = at("2027-12-31T12:00:00Z");
    let runs = schedule("monthly on 31 at 00:00").next_n(from, from, 14);
    let days: Vec<String> = runs
        .iter()
        .map(|run| moment_text(*run)[5..10].to_owned())
        .collect();
    let expected = "01-31 02-29 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31 01-31 02-28";
    assert_eq!(days.join(" "), expected);
}

#[test]
fn a_schedule_that_is_off_never_runs() {
    assert_eq!(Schedule::off().next(0, 0), None);
    assert_eq!(Schedule::off().latest(0, 0, i64::MAX), None);
}

#[test]
fn the_ends_of_time_are_survived() {
    for text in ["every 1h", "hourly", "daily", "weekly", "monthly", "0 3 * * *"] {
        for ms in [i64::MIN, i64::MIN + 1, 0, 253_402_207_200_000, i64::MAX] {
            let _ = schedule(text).next(ms, ms);
            let _ = schedule(text).latest(ms, ms, ms);
        }
    }
}
