//! The same rules over the same snapshots, judged by Cairn and by stock restic.
//!
//! A restic that is older than the rule “the oldest is kept while there are counts left” is recognised by
//! what it does; then backups that are kept for that reason alone are left out of the comparison.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use model::{CalendarSpan, Count, Held, Retention, Terms, Zone, moment_from};

use crate::retention::{NOW, held};

const ZONE: &str = "Europe/Berlin";
const SNAPSHOTS: u64 = 16;
const POLICIES: u64 = 10;

/// A fixed stream of numbers: the test is the same on every day.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn sometimes(&mut self, bound: u64) -> u16 {
        if self.below(3) == 0 {
            self.below(bound) as u16 + 1
        } else {
            0
        }
    }
}

/// Is restic there? Absence is said aloud, and is a failure where everything is expected to be there.
fn has_restic() -> bool {
    let found = Command::new("restic").arg("version").output().is_ok();
    if !found {
        println!("SKIPPED: restic is not installed; get it with `apt-get install restic`");
        assert_ne!(
            std::env::var("CAIRN_TEST_STRICT").as_deref(),
            Ok("1"),
            "restic is missing"
        );
    }
    found
}

fn restic(repository: &Path, arguments: &[String]) -> Output {
    let output = Command::new("restic")
        .args(arguments)
        .env("RESTIC_REPOSITORY", repository)
        .env("RESTIC_PASSWORD", "for this test only")
        .env("RESTIC_CACHE_DIR", repository.with_extension("cache"))
        .env("TZ", ZONE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn snapshot(repository: &Path, zone: &Zone, created: i64) {
    let wall = zone
        .wall(created)
        .unwrap()
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string();
    let mut arguments = words("backup --quiet --host h --time");
    arguments.push(wall);
    arguments.push(repository.with_file_name("world").display().to_string());
    restic(repository, &arguments);
}

/// The moments that restic would keep.
fn kept_by_restic(repository: &Path, rules: &[String]) -> BTreeSet<i64> {
    let mut arguments = words("forget --dry-run --json --group-by host");
    arguments.extend_from_slice(rules);
    let answer: serde_json::Value = serde_json::from_slice(&restic(repository, &arguments).stdout).unwrap();
    let kept = answer[0]["keep"].as_array().cloned().unwrap_or_default();
    kept.iter()
        .map(|snapshot| moment_from(snapshot["time"].as_str().unwrap()).unwrap())
        .collect()
}

fn any_rules(numbers: &mut Numbers) -> Retention {
    let mut count = |bound| Count(u32::from(numbers.sometimes(bound)));
    let (last, hourly, daily, weekly) = (count(4), count(6), count(8), count(6));
    let (monthly, yearly) = (count(6), count(3));
    let mut span = || CalendarSpan {
        years: numbers.sometimes(2),
        months: numbers.sometimes(4),
        days: numbers.sometimes(30),
        hours: numbers.sometimes(30),
    };
    Retention {
        // An empty policy is refused by restic.
        last: Count(last.0.max(1)),
        hourly,
        daily,
        weekly,
        monthly,
        yearly,
        within_daily: span(),
        within_weekly: span(),
        ..Retention::default()
    }
}

fn flags(rules: &Retention) -> Vec<String> {
    let counts = [
        ("last", rules.last),
        ("hourly", rules.hourly),
        ("daily", rules.daily),
        ("weekly", rules.weekly),
        ("monthly", rules.monthly),
        ("yearly", rules.yearly),
    ];
    let spans = [("daily", rules.within_daily), ("weekly", rules.within_weekly)];
    let by_count = counts
        .iter()
        .filter(|(_, n)| n.0 > 0)
        .map(|(word, n)| format!("--keep-{word}={}", n.0));
    let by_span = spans.iter().filter(|(_, span)| !span.is_zero());
    by_count
        .chain(by_span.map(|(word, span)| format!("--keep-within-{word}={span}")))
        .collect()
}

fn kept_by_cairn(rules: &Retention, backups: &[Held], zone: &Zone, keeps_oldest: bool) -> BTreeSet<i64> {
    let terms = Terms {
        zone,
        now_ms: NOW,
        max_age: None,
    };
    let stays = |one: &model::Judged| {
        one.kept && (keeps_oldest || !one.because.iter().all(|why| why.starts_with("oldest")))
    };
    let judged = rules.judge(backups, &terms);
    let kept: BTreeSet<_> = judged.iter().filter(|one| stays(one)).map(|one| one.id).collect();
    backups
        .iter()
        .filter(|held| kept.contains(&held.id))
        .map(|held| held.created)
        .collect()
}

/// Clustered moments over some years before now, in whole seconds.
fn moments(numbers: &mut Numbers) -> BTreeSet<i64> {
    let mut moments = BTreeSet::new();
    while (moments.len() as u64) < SNAPSHOTS {
        let days = [3, 40, 400, 1200][numbers.below(4) as usize];
        let seconds = numbers.below(days) * 86_400 + numbers.below(86_400) + 1;
        moments.insert(NOW - seconds as i64 * 1000);
    }
    // Two in one minute, of which only the rule about the oldest keeps the first.
    moments.insert(moments.first().unwrap() + 60_000);
    moments
}

#[test]
fn restic_keeps_the_same() {
    if !has_restic() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    std::fs::write(repository.with_file_name("world"), "a file").unwrap();
    let zone: Zone = ZONE.parse().unwrap();
    let mut numbers = Numbers(2026);
    restic(&repository, &words("init --quiet"));
    let moments = moments(&mut numbers);
    let backups: Vec<Held> = moments
        .iter()
        .enumerate()
        .map(|(n, created)| held(n as u8, *created))
        .collect();
    for created in &moments {
        snapshot(&repository, &zone, *created);
    }
    let keeps_oldest = kept_by_restic(&repository, &words("--keep-yearly=99")).contains(&backups[0].created);
    for _ in 0..POLICIES {
        let rules = any_rules(&mut numbers);
        let expected = kept_by_restic(&repository, &flags(&rules));
        assert_eq!(
            kept_by_cairn(&rules, &backups, &zone, keeps_oldest),
            expected,
            "{:?}",
            flags(&rules)
        );
    }
}
