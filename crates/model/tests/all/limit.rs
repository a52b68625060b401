//! Limits: who gets another backup, and what goes for it.

use model::{Held, Kind, Limit, Newcomer, Per, Reason, WhenFull};
use proptest::prelude::*;

use crate::retention::{NOW, any_backups, held};

const MANUAL: Newcomer<'static> = Newcomer {
    reason: Reason::Manual,
    person: None,
};
const SCHEDULED: Newcomer<'static> = Newcomer {
    reason: Reason::Scheduled,
    person: None,
};

fn limit(most: u32, when_full: WhenFull) -> Limit {
    Limit::new(most, Per::Source, when_full)
}

fn some(n: u8) -> Vec<Held> {
    (0..n).map(|at| held(at, NOW - 1000 + i64::from(at))).collect()
}

#[test]
fn at_the_limit_one_rotates_or_is_refused() {
    let two = some(2);
    assert!(limit(3, WhenFull::Refuse).admit(&two, MANUAL).is_ok());
    assert!(limit(2, WhenFull::Rotate).admit(&two, MANUAL).is_ok());
    let problem = limit(2, WhenFull::Refuse).admit(&two, MANUAL).unwrap_err();
    assert_eq!(problem.kind(), Kind::Refused);
    assert!(problem.message().contains("limit of 2 backups") && problem.hint_text().is_some());
}

#[test]
fn a_schedule_may_rotate_where_a_person_is_refused() {
    let two = some(2);
    let limit = limit(2, WhenFull::RotateScheduled);
    assert!(limit.admit(&two, MANUAL).is_err());
    assert!(limit.admit(&two, SCHEDULED).is_ok());
}

#[test]
fn when_all_are_locked_or_none_is_allowed_nothing_rotates() {
    let mut two = some(2);
    for held in &mut two {
        held.locked = true;
    }
    let problem = limit(2, WhenFull::Rotate).admit(&two, MANUAL).unwrap_err();
    assert!(problem.message().contains("locked"), "{problem}");
    assert!(limit(0, WhenFull::Rotate).admit(&[], MANUAL).is_err());
}

#[test]
fn a_safety_backup_is_always_admitted_and_never_counted() {
    let safety = Newcomer {
        reason: Reason::Safety,
        person: None,
    };
    assert!(limit(1, WhenFull::Refuse).admit(&some(5), safety).is_ok());
    let mut one = some(1);
    one[0].reason = Reason::Safety;
    assert!(limit(1, WhenFull::Refuse).admit(&one, MANUAL).is_ok());
}

#[test]
fn the_oldest_unlocked_one_goes_once_the_new_one_is_verified() {
    let mut three = some(3);
    three[0].locked = true;
    let limit = limit(2, WhenFull::Rotate);
    assert!(
        limit.surplus(&three, three[2].id).is_empty(),
        "the new one is not verified"
    );
    three[2].verified = true;
    assert_eq!(limit.surplus(&three, three[2].id), [three[1].id]);
}

#[test]
fn what_is_not_good_lets_nothing_go_and_takes_no_place_but_is_counted_when_one_is_refused() {
    let mut five = some(5);
    for at in [1, 3] {
        five[at].good = false;
    }
    for held in &mut five {
        held.verified = true;
    }
    let two = limit(2, WhenFull::Rotate);
    let ids = |held: &[Held]| held.iter().map(|held| held.id).collect::<Vec<_>>();
    assert_eq!(
        two.surplus(&five[..4], five[3].id),
        [],
        "the newest one is not good"
    );
    assert_eq!(two.surplus(&five[..3], five[2].id), [], "two good ones stay");
    assert_eq!(
        two.surplus(&five, five[4].id),
        ids(&five[..2]),
        "two good ones are newer than both"
    );
    assert!(limit(4, WhenFull::Refuse).admit(&five[..4], MANUAL).is_err());
}

#[test]
fn per_person_each_has_his_own() {
    let mut three = some(3);
    three[0].person = Some("anna".to_owned());
    three[1].person = Some("ben".to_owned());
    three[2] = Held {
        person: Some("anna".to_owned()),
        verified: true,
        ..three[2].clone()
    };
    let limit = Limit::new(1, Per::Person, WhenFull::Rotate);
    assert_eq!(limit.surplus(&three, three[2].id), [three[0].id]);
    let carl = Newcomer {
        reason: Reason::Manual,
        person: Some("carl"),
    };
    assert!(
        Limit::new(1, Per::Person, WhenFull::Refuse)
            .admit(&three, carl)
            .is_ok()
    );
}

#[test]
fn a_plan_of_the_account_makes_a_limit_stricter_but_never_looser() {
    let three = Some(limit(3, WhenFull::Rotate));
    assert_eq!(Limit::within(three, Some(2)), Some(limit(2, WhenFull::Rotate)));
    assert_eq!(Limit::within(three, Some(9)), three);
    assert_eq!(Limit::within(None, Some(9)), Some(limit(9, WhenFull::Refuse)));
    assert_eq!(Limit::within(None, None), None);
}

proptest! {
    #[test]
    fn what_goes_is_unprotected_and_no_more_than_needed(mut backups in any_backups(), most in 1..6_u32) {
        let new = Held { verified: true, ..held(200, NOW + 1) };
        backups.push(new.clone());
        let limit = limit(most, WhenFull::Rotate);
        let gone = limit.surplus(&backups, new.id);
        let counted = backups.iter().filter(|held| held.reason.is_ordinary()).count();
        prop_assert!(gone.len() <= counted.saturating_sub(most as usize));
        for id in &gone {
            let held = backups.iter().find(|held| held.id == *id).unwrap();
            prop_assert!(held.is_deletable() && *id != new.id);
        }
        let left: Vec<Held> = backups.iter().filter(|held| !gone.contains(&held.id)).cloned().collect();
        prop_assert!(limit.surplus(&left, new.id).is_empty());
    }
}
