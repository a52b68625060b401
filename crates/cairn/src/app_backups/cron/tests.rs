//! Schedules as they are sent, shown and run.

use axum::body::Bytes;

use super::*;

fn settings(schedule: &str, words: Option<Value>) -> AppSettings {
    AppSettings {
        enabled: true,
        schedule: schedule.parse().expect("a schedule"),
        words,
        retention: 0,
        place: String::new(),
        paths: Vec::new(),
        include_recordings: true,
    }
}

/// The schedule, and how it is shown afterwards.
fn set_in(before: &AppSettings, sent: &str) -> Result<(Schedule, Value), Refusal> {
    let fields = Fields::read(&Bytes::copy_from_slice(sent.as_bytes()))?;
    let parts = Parts::of(before).changed(&fields)?;
    let schedule = parts.schedule(&fields)?;
    let after = AppSettings {
        schedule: schedule.clone(),
        words: Some(parts.shown()),
        ..before.clone()
    };
    Ok((schedule, Parts::of(&after).shown()))
}

fn set(before: &str, sent: &str) -> Result<(Schedule, Value), Refusal> {
    set_in(&settings(before, None), sent)
}

#[test]
fn a_schedule_that_is_sent_means_what_cron_would_mean() {
    for (sent, expected) in [
        (r#"{"preset":"hourly","minute":"5"}"#, "hourly at :05 UTC"),
        (
            r#"{"preset":"hourly","minute":"5","hour":"*/6"}"#,
            "cron 5 */6 * * * UTC",
        ),
        (
            r#"{"preset":"hourly","minute":0,"hour":"8-20"}"#,
            "cron 0 8-20 * * * UTC",
        ),
        (
            r#"{"preset":"daily","minute":15,"hour":"4","month":"*"}"#,
            "daily at 04:15 UTC",
        ),
        (
            r#"{"preset":"weekly","day_of_week":"1"}"#,
            "weekly on monday at 03:15 UTC",
        ),
        (
            r#"{"preset":"weekly","day_of_week":"7"}"#,
            "weekly on sunday at 03:15 UTC",
        ),
        (r#"{"preset":"weekly"}"#, "weekly on sunday at 03:15 UTC"),
        (
            r#"{"preset":"weekly","day_of_week":"mon,wed,fri"}"#,
            "cron 15 3 * * mon,wed,fri UTC",
        ),
        (r#"{"preset":"monthly"}"#, "cron 15 3 1 * * UTC"),
        (
            r#"{"preset":"monthly","day_of_month":"31"}"#,
            "cron 15 3 31 * * UTC",
        ),
        (
            r#"{"preset":"custom","day_of_month":"1-5","timezone":"Europe/Berlin"}"#,
            "cron 15 3 1-5 * * Europe/Berlin",
        ),
        (r#"{"hour":"*/6"}"#, "cron 15 */6 * * * UTC"),
        ("{}", "daily at 03:15 UTC"),
    ] {
        let (schedule, _) = set("daily at 03:15", sent).expect(sent);
        assert_eq!(schedule.to_string(), expected, "{sent}");
    }
    let (schedule, _) = set("every 36h", r#"{"month":"2"}"#).expect("a month alone");
    assert_eq!(schedule.to_string(), "cron 0 3 * 2 * UTC", "and not every minute");
}

#[test]
fn what_is_sent_is_shown_again_as_it_was_sent() {
    for (preset, line) in [
        ("hourly", ["0", "*/6", "*", "*", "*"]),
        ("hourly", ["30", "*", "*", "*", "*"]),
        ("daily", ["05", "04", "*", "*", "*"]),
        ("weekly", ["15", "3", "*", "*", "mon,wed,fri"]),
        ("weekly", ["15", "3", "*", "*", "1,3,5"]),
        ("weekly", ["15", "3", "*", "*", "Sun"]),
        ("monthly", ["0", "3", "1,15", "*", "*"]),
        ("custom", ["*/15", "1-5", "1", "jan-jun", "*"]),
        ("custom", ["15", "3", "*", "*", "*"]),
    ] {
        let [minute, hour, day_of_month, month, day_of_week] = line;
        let sent = json!({"preset": preset, "minute": minute, "hour": hour, "day_of_month": day_of_month,
            "month": month, "day_of_week": day_of_week, "timezone": "Europe/Berlin"});
        let (schedule, shown) = set("daily at 01:01", &sent.to_string()).expect(preset);
        assert_eq!(shown, sent);
        let (again, _) = set("weekly on monday at 07:07", &shown.to_string()).expect(preset);
        assert_eq!(schedule, again);
    }
}

#[test]
fn a_part_that_is_longer_than_any_schedule_needs_is_refused() {
    let every_minute: Vec<String> = (0..60).map(|minute| minute.to_string()).collect();
    let sent = json!({"minute": every_minute.join(",")}).to_string();
    assert!(set("daily at 03:15", &sent).is_ok());
    for part in ["*".repeat(60_000), "1,".repeat(30_000)] {
        let sent = json!({ "minute": part }).to_string();
        let refusal = set("daily at 03:15", &sent).expect_err("far too long");
        assert!(
            format!("{refusal:?}").contains("at most 200 bytes"),
            "{refusal:?}"
        );
    }
}

#[test]
fn words_that_mean_something_else_by_now_are_not_shown() {
    let (_, words) = set("daily at 01:01", r#"{"preset":"hourly","hour":"*/6"}"#).expect("words");
    let changed_elsewhere = settings("weekly on saturday at 23:05", Some(words));
    let shown = Parts::of(&changed_elsewhere).shown();
    assert_eq!(
        (&shown["preset"], &shown["day_of_week"]),
        (&json!("weekly"), &json!("6"))
    );
    let broken = settings("daily at 01:01", Some(json!({"preset": 7})));
    assert_eq!(Parts::of(&broken).shown()["preset"], "daily");
}

#[test]
fn a_schedule_made_elsewhere_reads_back_as_the_same_or_is_not_said_at_all() {
    for text in [
        "hourly at :59",
        "daily at 00:00",
        "weekly on saturday at 23:05",
        "cron 1 2 3 4 *",
    ] {
        let shown = Parts::of(&settings(text, None)).shown();
        let (again, _) = set("daily at 01:01", &shown.to_string()).expect(text);
        assert_eq!(again, text.parse().expect("a schedule"));
    }
    for text in ["every 36h", "monthly on 30 at 03:00", "monthly on 29 at 03:00"] {
        let shown = Parts::of(&settings(text, None)).shown();
        assert_eq!(
            (&shown["preset"], &shown["hour"]),
            (&json!("custom"), &json!("")),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_understood_is_refused_and_named() {
    for (sent, name) in [
        (r#"{"hour":"25"}"#, "hour: "),
        (r#"{"minute":"x"}"#, "minute: "),
        (r#"{"preset":"custom","month":"13"}"#, "month: "),
        (
            r#"{"preset":"custom","day_of_month":"30","month":"2"}"#,
            "day_of_month: ",
        ),
        (r#"{"preset":"custom","day_of_week":"1 2"}"#, "day_of_week: "),
        (r#"{"preset":"weekly","day_of_week":"9"}"#, "day_of_week: "),
        (r#"{"timezone":"Mars/Base"}"#, "timezone: "),
        (r#"{"preset":"yearly"}"#, "preset: "),
        // Parts that contradict the preset are not passed over.
        (r#"{"preset":"hourly","minute":"5","hour":"7"}"#, "hour: "),
        (r#"{"preset":"daily","hour":"4","month":"2"}"#, "month: "),
        (r#"{"preset":"daily","hour":"*"}"#, "hour: "),
        (r#"{"preset":"daily","day_of_week":"mon"}"#, "day_of_week: "),
        (r#"{"preset":"weekly","day_of_week":"*"}"#, "day_of_week: "),
        (r#"{"preset":"weekly","day_of_month":"1"}"#, "day_of_month: "),
        (
            r#"{"preset":"custom","day_of_month":"*/2","day_of_week":"1"}"#,
            "day_of_month: ",
        ),
        (r#"{"hour":"1/5"}"#, "hour: "),
        (r#"{"hour":"*/0"}"#, "hour: "),
    ] {
        let refusal = set("daily at 03:15", sent).expect_err(sent);
        assert!(
            format!("{refusal:?}").contains(&format!("\"{name}")),
            "{sent}: {refusal:?}"
        );
    }
}

/// The runs that a line has in the 170 days from 2026-05-01 on, counted day by day; the moments are those of a clock that is `start` on the
/// first midnight. That day is a Friday.
fn counted(line: [&str; 5], start: i64) -> Vec<i64> {
    const MINUTE: i64 = 60_000;
    let (minutes, hours) = (numbers(line[0], 0, 59), numbers(line[1], 0, 23));
    let (days, months) = (numbers(line[2], 1, 31), numbers(line[3], 1, 12));
    let weekdays = numbers(line[4], 0, 6);
    let is_picked = |day: u32, weekday: u32| {
        let (by_date, by_weekday) = (days.contains(&day), weekdays.contains(&weekday));
        match (line[2], line[4]) {
            (_, "*") => by_date,
            ("*", _) => by_weekday,
            _ => by_date || by_weekday,
        }
    };
    let lengths = [31_u32, 30, 31, 31, 30, 31];
    let dates = (5..=10_u32)
        .zip(lengths)
        .flat_map(|(month, length)| (1..=length).map(move |day| (month, day)));
    let mut runs = Vec::new();
    for ((month, day), at) in dates.take(170).zip(0_u32..) {
        if months.contains(&month) && is_picked(day, (at + 5) % 7) {
            let all = hours
                .iter()
                .flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute));
            runs.extend(all.map(|minute| start + i64::from(at * 1440 + minute) * MINUTE));
        }
    }
    runs
}

/// The numbers that a cron part stands for, by the book and without the library.
fn numbers(part: &str, least: u32, most: u32) -> Vec<u32> {
    let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let number = |text: &str| match names.iter().position(|name| *name == text) {
        Some(at) => u32::try_from(at).expect("a small number"),
        None => text.parse().expect("a number"),
    };
    let one = |item: &str| {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from), number(to)),
            None if range == "*" => (least, most),
            None => (number(range), number(range)),
        };
        (from..=to)
            .step_by(step.parse().expect("a step"))
            .collect::<Vec<u32>>()
    };
    part.split(',').flat_map(one).collect()
}

#[test]
fn the_next_runs_are_those_that_cron_would_have_in_the_time_zone() {
    // 2026-05-01 00:00 in Berlin, which is two hours ahead of UTC until the end of October.
    let (start, ahead) = (1_777_586_400_000_i64, 2 * 3_600_000_i64);
    for (preset, line) in [
        ("hourly", ["0", "*/6", "*", "*", "*"]),
        ("hourly", ["30", "8-20/3", "*", "*", "*"]),
        ("daily", ["15", "3", "*", "*", "*"]),
        ("weekly", ["15", "3", "*", "*", "mon,wed,fri"]),
        ("weekly", ["0", "0,12", "*", "*", "1-5"]),
        ("monthly", ["0", "4", "1", "*", "*"]),
        ("monthly", ["0", "4", "31", "*", "*"]),
        ("custom", ["*/20", "2", "1,15", "*", "*"]),
        // Both days are named: either of them is enough.
        ("custom", ["0", "5", "13", "*", "fri"]),
        ("custom", ["0", "5", "*", "6-8/2", "sun"]),
    ] {
        let [minute, hour, day_of_month, month, day_of_week] = line;
        let sent = json!({"preset": preset, "minute": minute, "hour": hour, "day_of_month": day_of_month,
            "month": month, "day_of_week": day_of_week, "timezone": "Europe/Berlin"});
        let (schedule, _) = set("daily at 01:01", &sent.to_string()).expect(preset);
        let expected = counted(line, start);
        assert!(expected.len() >= 3, "{line:?}");
        let runs = schedule.next_n(start - 1, start - ahead, expected.len());
        assert_eq!(runs, expected, "{preset} {line:?}");
    }
}
