//! What retention promises for any backups and any rules.

use std::collections::BTreeSet;

use model::{BackupId, CalendarSpan, Count, Held, Lapse, Reason, Retention, Terms, Zone, safety_to_delete};
use proptest::prelude::*;

use crate::id::backup_id;
use crate::schedule::ZONES;

/// 2026-01-02T03:04:05Z
pub(crate) const NOW: i64 = 1_767_323_045_000;
pub(crate) const HOUR: i64 = 3_600_000;

pub(crate) fn held(number: u8, created: i64) -> Held {
    let id = backup_id(created.max(0), number);
    Held {
        id,
        created,
        reason: Reason::Scheduled,
        locked: false,
        verified: false,
        good: true,
        person: None,
    }
}

fn any_held() -> impl Strategy<Value = Held> {
    let created = prop_oneof![
        // Many in the same hours and days, some years old, a few in the future.
        6 => (0..400_i64, 0..4_i64).prop_map(|(hours, quarter)| NOW - hours * HOUR - quarter * HOUR / 4),
        2 => (0..1500_i64).prop_map(|days| NOW - days * 24 * HOUR),
        1 => (1..50_i64).prop_map(|hours| NOW + hours * HOUR),
    ];
    let reason = proptest::sample::select(Reason::ALL.to_vec());
    (
        created,
        any::<u8>(),
        reason,
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.3),
        proptest::bool::weighted(0.8),
    )
        .prop_map(|(created, number, reason, locked, verified, good)| Held {
            reason,
            locked,
            verified,
            good,
            ..held(number, created)
        })
}

pub(crate) fn any_backups() -> impl Strategy<Value = Vec<Held>> {
    proptest::collection::vec(any_held(), 0..40).prop_map(|mut backups| {
        let mut seen = BTreeSet::new();
        backups.retain(|backup| seen.insert(backup.id));
        backups
    })
}

fn any_count() -> impl Strategy<Value = Count> {
    prop_oneof![4 => Just(Count(0)), 4 => (1..12_u32).prop_map(Count), 1 => Just(Count::ALL)]
}

fn any_span() -> impl Strategy<Value = CalendarSpan> {
    let some = (0..2_u16, 0..4_u16, 0..20_u16, 0..30_u16);
    let some = some.prop_map(|(years, months, days, hours)| CalendarSpan {
        years,
        months,
        days,
        hours,
    });
    prop_oneof![2 => Just(CalendarSpan::default()), 1 => some]
}

pub(crate) fn any_retention() -> impl Strategy<Value = Retention> {
    (
        proptest::array::uniform6(any_count()),
        proptest::array::uniform6(any_span()),
    )
        .prop_map(|(counts, spans)| {
            let [last, hourly, daily, weekly, monthly, yearly] = counts;
            let [
                within,
                within_hourly,
                within_daily,
                within_weekly,
                within_monthly,
                within_yearly,
            ] = spans;
            Retention {
                last,
                hourly,
                daily,
                weekly,
                monthly,
                yearly,
                within,
                within_hourly,
                within_daily,
                within_weekly,
                within_monthly,
                within_yearly,
            }
        })
}

fn any_zone() -> impl Strategy<Value = Zone> {
    proptest::sample::select(ZONES.to_vec()).prop_map(|zone| zone.parse().unwrap())
}

fn terms(zone: &Zone) -> Terms<'_> {
    Terms {
        zone,
        now_ms: NOW,
        max_age: None,
    }
}

fn deleted(retention: &Retention, backups: &[Held], zone: &Zone) -> BTreeSet<BackupId> {
    retention.to_delete(backups, &terms(zone)).into_iter().collect()
}

fn without(backups: &[Held], gone: &BTreeSet<BackupId>) -> Vec<Held> {
    backups
        .iter()
        .filter(|held| !gone.contains(&held.id))
        .cloned()
        .collect()
}

fn eligible(backups: &[Held]) -> Vec<&Held> {
    backups.iter().filter(|held| held.is_deletable()).collect()
}

proptest! {
    #[test]
    fn judging_what_is_left_deletes_nothing_more(retention in any_retention(), backups in any_backups(), zone in any_zone()) {
        let left = without(&backups, &deleted(&retention, &backups, &zone));
        prop_assert_eq!(deleted(&retention, &left, &zone), BTreeSet::new());
    }

    #[test]
    fn protected_backups_are_never_deleted(retention in any_retention(), backups in any_backups(), zone in any_zone(), days in 0..400_i64) {
        let strict = Terms { max_age: Some(Lapse::days(days)), ..terms(&zone) };
        let verified = |held: &&Held| held.verified && held.reason.is_ordinary();
        let last_verified = backups.iter().filter(verified).max_by_key(|held| (held.created, held.id)).map(|held| held.id);
        for terms in [terms(&zone), strict] {
            for id in retention.to_delete(&backups, &terms) {
                let gone = backups.iter().find(|held| held.id == id).unwrap();
                prop_assert!(!gone.locked && gone.reason != Reason::Safety && Some(id) != last_verified);
            }
        }
    }

    #[test]
    fn the_order_of_the_backups_does_not_matter(retention in any_retention(), backups in any_backups(), zone in any_zone(), turn in 0..40_usize) {
        let mut turned = backups.clone();
        turned.reverse();
        let by = turn % turned.len().max(1);
        turned.rotate_left(by);
        prop_assert_eq!(retention.judge(&backups, &terms(&zone)), retention.judge(&turned, &terms(&zone)));
    }

    #[test]
    fn an_empty_policy_deletes_nothing(backups in any_backups(), zone in any_zone()) {
        prop_assert!(deleted(&Retention::default(), &backups, &zone).is_empty());
    }

    #[test]
    fn keep_last_keeps_exactly_that_many(n in 1..30_u32, mut backups in any_backups(), zone in any_zone()) {
        for held in &mut backups {
            held.verified = false;
            held.good = true;
        }
        let retention = Retention { last: Count(n), ..Retention::default() };
        let eligible = eligible(&backups);
        let kept = eligible.len() - deleted(&retention, &backups, &zone).len();
        prop_assert_eq!(kept, eligible.len().min(n as usize));
        let newest_gone = backups.iter().filter(|held| deleted(&retention, &backups, &zone).contains(&held.id)).map(|held| held.created).max();
        let older_kept = eligible.iter().filter(|held| Some(held.created) < newest_gone && !deleted(&retention, &backups, &zone).contains(&held.id)).count();
        prop_assert_eq!(older_kept, 0, "nothing older than what goes stays");
    }

    #[test]
    fn a_larger_count_keeps_no_less(retention in any_retention(), n in 1..12_u32, more in 1..5_u32, field in 0..6_usize, backups in any_backups(), zone in any_zone()) {
        let with_count = |n| {
            let mut changed = retention.clone();
            let counts = [&mut changed.last, &mut changed.hourly, &mut changed.daily, &mut changed.weekly, &mut changed.monthly, &mut changed.yearly];
            *counts.into_iter().nth(field).unwrap() = Count(n);
            changed
        };
        let (smaller, larger) = (with_count(n), with_count(n + more));
        prop_assert!(deleted(&larger, &backups, &zone).is_subset(&deleted(&smaller, &backups, &zone)));
    }

    #[test]
    fn every_backup_is_judged_once_newest_first_with_a_reason(retention in any_retention(), backups in any_backups(), zone in any_zone()) {
        let judged = retention.judge(&backups, &terms(&zone));
        let mut expected: Vec<(i64, BackupId)> = backups.iter().map(|held| (held.created, held.id)).collect();
        expected.sort_unstable();
        expected.reverse();
        let ids: Vec<BackupId> = expected.into_iter().map(|(_, id)| id).collect();
        prop_assert_eq!(judged.iter().map(|one| one.id).collect::<Vec<_>>(), ids);
        prop_assert!(judged.iter().all(|one| !one.because.is_empty()));
    }

    #[test]
    fn with_any_rule_the_newest_backup_stays(retention in any_retention(), mut backups in any_backups(), zone in any_zone()) {
        backups.retain(|held| held.created < NOW);
        let newest = eligible(&backups).into_iter().max_by_key(|held| (held.created, held.id));
        if let Some(newest) = newest {
            prop_assert!(!deleted(&retention, &backups, &zone).contains(&newest.id));
        }
    }

    #[test]
    fn rules_only_add_up(last in 1..12_u32, daily in 1..12_u32, backups in any_backups(), zone in any_zone()) {
        let only_last = Retention { last: Count(last), ..Retention::default() };
        let only_daily = Retention { daily: Count(daily), ..Retention::default() };
        let both = Retention { daily: Count(daily), ..only_last.clone() };
        let expected: BTreeSet<BackupId> =
            deleted(&only_last, &backups, &zone).intersection(&deleted(&only_daily, &backups, &zone)).copied().collect();
        prop_assert_eq!(deleted(&both, &backups, &zone), expected);
    }

    #[test]
    fn what_becomes_of_good_backups_is_the_same_without_those_that_are_not(retention in any_retention(), backups in any_backups(), zone in any_zone(), days in 0..400_i64) {
        let good: Vec<Held> = backups.iter().filter(|held| held.good).cloned().collect();
        let strict = Terms { max_age: Some(Lapse::days(days)), ..terms(&zone) };
        for terms in [terms(&zone), strict] {
            let with: Vec<BackupId> = retention.to_delete(&backups, &terms).into_iter().filter(|id| good.iter().any(|held| held.id == *id)).collect();
            prop_assert_eq!(with, retention.to_delete(&good, &terms));
        }
    }

    #[test]
    fn the_last_good_backup_never_goes(retention in any_retention(), backups in any_backups(), zone in any_zone(), days in 0..400_i64) {
        let strict = Terms { max_age: Some(Lapse::days(days)), ..terms(&zone) };
        let good = backups.iter().filter(|held| held.good && held.reason.is_ordinary());
        let last = good.max_by_key(|held| (held.created, held.id)).map(|held| held.id);
        for terms in [terms(&zone), strict] {
            prop_assert!(retention.to_delete(&backups, &terms).into_iter().all(|id| Some(id) != last));
        }
    }

    #[test]
    fn a_backup_that_is_not_good_goes_when_a_good_one_in_its_stead_would(retention in any_retention(), mut backups in any_backups(), at in 0..40_usize, zone in any_zone()) {
        // The newest is good, so that neither is protected as the last one.
        backups.push(held(200, NOW - 1));
        backups.retain(|held| held.created < NOW);
        let one = backups[at % backups.len()].id;
        backups.retain(|held| held.good || held.id == one);
        for held in &mut backups {
            held.verified = false;
        }
        let newest = backups.iter().max_by_key(|held| (held.created, held.id)).map(|held| held.id);
        let is_gone = |is_good: bool| {
            let changed: Vec<Held> = backups.iter().map(|held| Held { good: is_good || held.id != one, ..held.clone() }).collect();
            deleted(&retention, &changed, &zone).contains(&one)
        };
        if newest != Some(one) {
            prop_assert_eq!(is_gone(false), is_gone(true));
        }
    }

    #[test]
    fn json_reads_back(retention in any_retention()) {
        let json = serde_json::to_string(&retention).unwrap();
        prop_assert_eq!(serde_json::from_str::<Retention>(&json).unwrap(), retention);
    }

    #[test]
    fn the_newest_safety_backup_and_locked_ones_stay(backups in any_backups(), days in 0..100_i64) {
        let gone = safety_to_delete(&backups, Some(Lapse::days(days)), NOW + 400 * 24 * HOUR);
        let safety = backups.iter().filter(|held| held.reason == Reason::Safety);
        let newest = safety.max_by_key(|held| (held.created, held.id)).map(|held| held.id);
        for id in gone {
            let held = backups.iter().find(|held| held.id == id).unwrap();
            prop_assert!(held.reason == Reason::Safety && !held.locked && Some(id) != newest);
        }
        prop_assert!(safety_to_delete(&backups, None, i64::MAX).is_empty());
    }
}
