//! Lengths of time, exact and by the calendar.

use model::{CalendarSpan, Lapse, Zone, moment_from, moment_text};
use proptest::prelude::*;

#[test]
fn lengths_are_read_as_people_write_them() {
    for (text, ms) in [
        ("90s", 90_000),
        ("15m", 900_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("1y", 31_536_000_000),
        ("1h30m", 5_400_000),
        ("250ms", 250),
        (" 0s ", 0),
    ] {
        assert_eq!(text.parse::<Lapse>().unwrap().ms(), ms, "{text}");
    }
}

#[test]
fn what_is_not_a_length_is_refused() {
    for text in [
        "",
        "5",
        "h",
        "5x",
        "1.5h",
        "-5m",
        "30m1h",
        "1h1h",
        "99999999999999999999d",
        "300000000y",
    ] {
        assert!(text.parse::<Lapse>().is_err(), "{text}");
    }
}

#[test]
fn people_are_told_the_two_largest_units() {
    for (lapse, words) in [
        (Lapse::millis(5), "less than a second"),
        (Lapse::seconds(1), "1 second"),
        (Lapse::seconds(3_723), "1 hour 2 minutes"),
        (Lapse::days(3), "3 days"),
        (Lapse::millis(86_400_000 + 5_000), "1 day"),
    ] {
        assert_eq!(lapse.words(), words);
    }
}

proptest! {
    #[test]
    fn a_printed_length_reads_back(ms in 0..i64::MAX / 2) {
        let lapse = Lapse::millis(ms);
        prop_assert_eq!(lapse.to_string().parse::<Lapse>().unwrap(), lapse);
    }

    #[test]
    fn a_printed_calendar_length_reads_back(years: u16, months: u16, days: u16, hours: u16) {
        let span = CalendarSpan { years, months, days, hours };
        prop_assert_eq!(span.to_string().parse::<CalendarSpan>().unwrap(), span);
    }

    #[test]
    fn no_calendar_length_before_any_moment_panics(years: u16, months: u16, days: u16, hours: u16, ms: i64) {
        let _ = CalendarSpan { years, months, days, hours }.before(ms, &Zone::utc());
    }

    #[test]
    fn text_never_panics(text in "[0-9a-z ]{0,12}") {
        let _ = text.parse::<Lapse>();
        let _ = text.parse::<CalendarSpan>();
    }
}

#[test]
fn calendar_lengths_go_by_the_calendar() {
    for (from, span, expected) in [
        ("2026-03-31T12:00:00Z", "1m", "2026-03-03T12:00:00.000Z"),
        ("2024-03-31T12:00:00Z", "1m", "2024-03-02T12:00:00.000Z"),
        ("2024-02-29T12:00:00Z", "1y", "2023-03-01T12:00:00.000Z"),
        ("2026-01-15T12:00:00Z", "2y5m7d3h", "2023-08-08T09:00:00.000Z"),
        ("2026-01-15T12:00:00Z", "2w", "2026-01-01T12:00:00.000Z"),
    ] {
        let span: CalendarSpan = span.parse().unwrap();
        assert_eq!(
            moment_text(span.before(moment_from(from).unwrap(), &Zone::utc())),
            expected,
            "{span}"
        );
    }
}

#[test]
fn a_day_before_a_clock_change_is_a_day_on_the_wall() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let noon_after_change = moment_from("2026-03-29T12:00:00+02:00").unwrap();
    let before = CalendarSpan::days(1).before(noon_after_change, &berlin);
    assert_eq!(before, moment_from("2026-03-28T12:00:00+01:00").unwrap());
}
