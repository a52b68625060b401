//! Who may answer a request: a table.

use model::Answerer::{self, Administrator, Machine, Owner, OwnerByLink};
use model::{ApprovalState, Consent, Kind};

/// Letters: a asked it, h has an owner, r has a reason, p policy lets owners approve their own.
fn consent(by: Answerer, letters: &str) -> Consent<'static> {
    let has = |letter| letters.contains(letter);
    Consent {
        by,
        asked_it: has('a'),
        has_owner: has('h'),
        own: has('p'),
        reason: if has('r') { "he is away" } else { " " },
    }
}

fn the_table_holds(table: &[(Answerer, &str, bool)]) {
    for (by, letters, allowed) in table {
        let judged = consent(*by, letters).judge();
        assert_eq!(judged.is_ok(), *allowed, "{by:?} {letters}");
        if let Err(problem) = judged {
            assert_eq!(problem.kind(), Kind::Refused);
            assert!(problem.hint_text().is_some());
        }
    }
}

#[test]
fn an_owner_approves_and_his_own_request_only_by_the_link_where_the_policy_lets_him() {
    the_table_holds(&[
        (Owner, "h", true),
        (OwnerByLink, "h", true),
        (Owner, "hap", false),
        (OwnerByLink, "hap", true),
        (OwnerByLink, "ha", false),
        (Owner, "ha", false),
        (Owner, "har", false),
    ]);
}

#[test]
fn an_administrator_stands_in_for_an_owner_with_a_reason_and_never_for_himself() {
    the_table_holds(&[
        (Administrator, "", true),
        (Administrator, "h", false),
        (Administrator, "hr", true),
        (Administrator, "a", false),
        (Administrator, "hap", false),
        (Administrator, "harp", false),
        (Machine, "a", true),
        (Machine, "ah", false),
        (Machine, "ahr", true),
    ]);
}

#[test]
fn only_a_yes_lets_a_restore_begin() {
    let granted = ApprovalState::ALL.iter().filter(|state| state.is_granted());
    assert_eq!(
        granted.map(|state| state.word()).collect::<Vec<_>>(),
        ["approved", "used"]
    );
}
