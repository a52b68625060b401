//! Retention by example: each rule, its periods and its reasons.

use model::{
    CalendarSpan, Count, Held, Lapse, Reason, Retention, Terms, Zone, moment_from, safety_to_delete,
};

use crate::retention::{HOUR, NOW, held};

fn at(moments: &[&str]) -> Vec<Held> {
    moments
        .iter()
        .enumerate()
        .map(|(n, text)| held(n as u8, moment_from(text).unwrap()))
        .collect()
}

fn terms(zone: &Zone) -> Terms<'_> {
    Terms {
        zone,
        now_ms: NOW,
        max_age: None,
    }
}

/// One line per backup, newest first: `+` kept, `-` deleted, and why.
fn judged(retention: &Retention, backups: &[Held], zone: &Zone) -> Vec<String> {
    let line =
        |one: model::Judged| format!("{} {}", if one.kept { '+' } else { '-' }, one.because.join(", "));
    retention
        .judge(backups, &terms(zone))
        .into_iter()
        .map(line)
        .collect()
}

fn daily(n: u32) -> Retention {
    Retention {
        daily: Count(n),
        ..Retention::default()
    }
}

#[test]
fn daily_keeps_the_newest_of_each_day() {
    let backups = at(&[
        "2025-12-30T03:00:00Z",
        "2025-12-30T15:00:00Z",
        "2025-12-31T03:00:00Z",
        "2026-01-01T03:00:00Z",
        "2026-01-01T23:59:59Z",
    ]);
    let expected = [
        "+ daily 1 of 2",
        "- no rule keeps it",
        "+ daily 2 of 2",
        "- no rule keeps it",
        "- no rule keeps it",
    ];
    assert_eq!(judged(&daily(2), &backups, &Zone::utc()), expected);
}

#[test]
fn the_oldest_stays_while_there_are_counts_left() {
    let backups = at(&[
        "2026-01-01T03:00:00Z",
        "2026-01-01T04:00:00Z",
        "2026-01-01T05:00:00Z",
    ]);
    let expected = ["+ daily 1 of 7", "- no rule keeps it", "+ oldest daily"];
    assert_eq!(judged(&daily(7), &backups, &Zone::utc()), expected);
    assert_eq!(judged(&daily(1), &backups, &Zone::utc())[2], "- no rule keeps it");
}

#[test]
fn days_are_those_of_the_zone() {
    let backups = at(&["2026-01-01T22:30:00Z", "2026-01-01T23:30:00Z"]);
    let kept = |zone: &str| judged(&daily(9), &backups[..], &zone.parse().unwrap());
    assert_eq!(kept("Europe/Berlin"), ["+ daily 1 of 9", "+ daily 2 of 9"]);
    assert_eq!(kept("UTC"), ["+ daily 1 of 9", "+ oldest daily"]);
}

#[test]
fn weeks_are_iso_weeks_also_over_the_new_year() {
    let weekly = Retention {
        weekly: Count(2),
        ..Retention::default()
    };
    // Monday 29 December 2025 to Sunday 4 January 2026 is one week.
    let backups = at(&[
        "2025-12-21T03:00:00Z",
        "2025-12-28T03:00:00Z",
        "2025-12-29T03:00:00Z",
        "2026-01-01T03:00:00Z",
    ]);
    let expected = [
        "+ weekly 1 of 2",
        "- no rule keeps it",
        "+ weekly 2 of 2",
        "- no rule keeps it",
    ];
    assert_eq!(judged(&weekly, &backups, &Zone::utc()), expected);
}

#[test]
fn several_rules_keep_together_and_all_reasons_are_told() {
    let retention = Retention {
        last: Count(1),
        yearly: Count::ALL,
        monthly: Count(1),
        ..Retention::default()
    };
    let backups = at(&[
        "2024-05-01T03:00:00Z",
        "2025-05-01T03:00:00Z",
        "2025-06-01T03:00:00Z",
    ]);
    let expected = [
        "+ last 1 of 1, monthly 1 of 1, yearly 1",
        "- no rule keeps it",
        "+ yearly 2",
    ];
    assert_eq!(judged(&retention, &backups, &Zone::utc()), expected);
}

#[test]
fn within_counts_from_the_newest_backup_and_not_from_now() {
    let within = Retention {
        within: CalendarSpan::days(7),
        ..Retention::default()
    };
    let backups = at(&[
        "2025-06-01T03:00:00Z",
        "2025-06-02T03:00:00Z",
        "2025-06-08T03:00:00Z",
    ]);
    let expected = ["+ within 7d", "+ within 7d", "- no rule keeps it"];
    assert_eq!(judged(&within, &backups, &Zone::utc()), expected);
}

#[test]
fn within_daily_keeps_one_a_day() {
    let span = "1m".parse().unwrap();
    let retention = Retention {
        within_daily: span,
        ..Retention::default()
    };
    let backups = at(&[
        "2025-01-01T03:00:00Z",
        "2025-12-31T03:00:00Z",
        "2025-12-31T04:00:00Z",
        "2026-01-01T03:00:00Z",
    ]);
    let expected = [
        "+ daily within 1m",
        "+ daily within 1m",
        "- no rule keeps it",
        "- no rule keeps it",
    ];
    assert_eq!(judged(&retention, &backups, &Zone::utc()), expected);
}

#[test]
fn locked_and_safety_backups_stay_and_take_no_place() {
    let mut backups = at(&[
        "2025-12-29T03:00:00Z",
        "2025-12-30T03:00:00Z",
        "2025-12-31T03:00:00Z",
        "2026-01-01T03:00:00Z",
    ]);
    backups[3].locked = true;
    backups[2].reason = Reason::Safety;
    let retention = Retention {
        last: Count(1),
        ..Retention::default()
    };
    let expected = [
        "+ locked",
        "+ safety backup",
        "+ last 1 of 1",
        "- no rule keeps it",
    ];
    assert_eq!(judged(&retention, &backups, &Zone::utc()), expected);
}

#[test]
fn the_last_verified_one_stays_although_it_counts() {
    let mut backups = at(&[
        "2025-12-30T03:00:00Z",
        "2025-12-31T03:00:00Z",
        "2026-01-01T03:00:00Z",
    ]);
    backups[0].verified = true;
    let retention = Retention {
        last: Count(1),
        ..Retention::default()
    };
    let expected = ["+ last 1 of 1", "- no rule keeps it", "+ last verified"];
    assert_eq!(judged(&retention, &backups, &Zone::utc()), expected);
}

#[test]
fn imported_backups_count_like_manual_ones() {
    let mut backups = at(&["2025-12-31T03:00:00Z", "2026-01-01T03:00:00Z"]);
    backups[0].reason = Reason::Manual;
    backups[1].reason = Reason::Imported;
    let retention = Retention {
        last: Count(1),
        ..Retention::default()
    };
    assert_eq!(
        judged(&retention, &backups, &Zone::utc()),
        ["+ last 1 of 1", "- no rule keeps it"]
    );
}

#[test]
fn the_greatest_age_of_a_plan_comes_on_top() {
    let zone = Zone::utc();
    let backups = at(&["2025-10-01T03:00:00Z", "2026-01-01T03:00:00Z"]);
    let terms = Terms {
        max_age: Some(Lapse::days(30)),
        ..terms(&zone)
    };
    let judged = Retention::default().judge(&backups, &terms);
    assert!(judged[0].kept && !judged[1].kept);
    assert_eq!(
        judged[1].because,
        ["older than the 30 days of the account's plan"]
    );
    assert!(
        Retention::default()
            .to_delete(
                &backups,
                &Terms {
                    max_age: None,
                    ..terms
                }
            )
            .is_empty()
    );
}

#[test]
fn a_safety_backup_stays_thirty_days_beyond_the_next_one() {
    let day = 24 * HOUR;
    let mut backups = vec![
        held(1, NOW - 100 * day),
        held(2, NOW - 20 * day),
        held(3, NOW - 10 * day),
    ];
    for held in &mut backups {
        held.reason = Reason::Safety;
    }
    let gone = |now: i64| safety_to_delete(&backups, Some(Lapse::days(7)), now).len();
    assert_eq!(gone(NOW), 0, "the next one is 20 days old");
    assert_eq!(gone(NOW + 11 * day), 1);
    assert_eq!(gone(NOW + 1000 * day), 2, "the newest stays");
}

/// Good ones and such that are not, the oldest first; what stays of them.
fn stay(retention: &Retention, backups: &str) -> String {
    let held: Vec<Held> = backups
        .bytes()
        .enumerate()
        .map(|(at, sign)| Held {
            good: sign == b'g',
            ..held(at as u8, NOW - 100 * HOUR + at as i64 * HOUR)
        })
        .collect();
    let gone = retention.to_delete(&held, &terms(&Zone::utc()));
    let sign = |(held, sign): (&Held, char)| if gone.contains(&held.id) { '-' } else { sign };
    held.iter().zip(backups.chars()).map(sign).collect()
}

#[test]
fn a_backup_that_is_not_good_takes_nobodys_place_and_goes_after_the_good_ones() {
    let two = Retention {
        last: Count(2),
        ..Retention::default()
    };
    for (backups, stays) in [
        ("gg", "gg"),
        ("ggb", "ggb"),
        ("ggbbbbb", "ggbbbbb"),
        ("bbb", "bbb"),
        ("gbbbg", "gbbbg"),
        ("ggbbg", "-gbbg"),
        ("gbbgg", "---gg"),
        ("bgbgb", "-gbgb"),
        ("bg", "bg"),
    ] {
        assert_eq!(stay(&two, backups), stays, "{backups}");
    }
    assert_eq!(
        stay(&Retention::default(), "bgbgbg"),
        "bgbgbg",
        "there is no rule"
    );
}

#[test]
fn the_last_good_backup_outlives_the_greatest_age_of_a_plan() {
    let zone = Zone::utc();
    let mut backups = at(&["2025-10-01T03:00:00Z", "2026-01-01T03:00:00Z"]);
    backups[1].good = false;
    let terms = Terms {
        max_age: Some(Lapse::days(30)),
        ..terms(&zone)
    };
    let judged = Retention::default().judge(&backups, &terms);
    assert!(judged[0].kept && judged[1].kept);
    assert_eq!(judged[1].because, ["last good"]);
}

#[test]
fn the_last_good_safety_backup_is_not_followed_by_one_that_is_not() {
    let day = 24 * HOUR;
    let mut backups = vec![held(1, NOW - 100 * day), held(2, NOW - 90 * day)];
    for held in &mut backups {
        held.reason = Reason::Safety;
    }
    let gone = |backups: &[Held]| safety_to_delete(backups, Some(Lapse::days(7)), NOW).len();
    assert_eq!(gone(&backups), 1);
    backups[1].good = false;
    assert_eq!(gone(&backups), 0);
}

#[test]
fn counts_are_numbers_or_all() {
    let read = |json: &str| serde_json::from_str::<Retention>(json);
    assert_eq!(read(r#"{"last":"all"}"#).unwrap().last, Count::ALL);
    assert_eq!(read(r#"{"last":-1}"#).unwrap().last, Count::ALL);
    assert_eq!(serde_json::to_string(&daily(7)).unwrap(), r#"{"daily":7}"#);
    for wrong in [
        r#"{"last":-2}"#,
        r#"{"last":"many"}"#,
        r#"{"last":1.5}"#,
        r#"{"lst":5}"#,
        r#"{"within":"7x"}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
