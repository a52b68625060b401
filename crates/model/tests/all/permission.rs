//! The whole table of who may do what, and what narrows it.

use model::{
    Denial, Entitlement, Kind, Permission, Question, Relation, Role, Scope, SourceId, Verdict, judge,
};

use crate::id::{At, Bytes};

/// Per permission and role: may he with relation none, granted, owner?
const TABLE: &str = "\
permission      administrator operator viewer owner
see             yyy           -yy      -yy    -yy
back-up         yyy           -yy      --y    --y
restore         yyy           -yy      --y    --y
drill           yyy           -yy      --y    --y
verify          yyy           -yy      --y    --y
cancel          yyy           -yy      --y    --y
rename          yyy           -yy      --y    --y
lock            yyy           -yy      --y    --y
unlock          yyy           --y      --y    --y
delete          yyy           --y      --y    --y
download        yyy           --y      --y    --y
import          yyy           ---      ---    ---
approve         yyy           --y      --y    --y
schedule        yyy           --y      --y    --y
edit-policy     yyy           ---      ---    ---
edit-source     yyy           ---      ---    ---
remove-source   yyy           ---      ---    ---
see-secrets     yyy           ---      ---    ---
create-source   yyy           ---      ---    ---
people          yyy           ---      ---    ---
tokens          yyy           ---      ---    ---
audit           yyy           ---      ---    ---
repository      yyy           ---      ---    ---
settings        yyy           ---      ---    ---
app-backups     yyy           ---      ---    ---
";

fn source(byte: u8) -> SourceId {
    SourceId::new(&At(1000), &Bytes(byte)).unwrap()
}

const ALL: &[Scope] = &[Scope::EVERYTHING];
const UNBOUND: Entitlement = Entitlement {
    sources: None,
    backups: None,
    retention_days: None,
    restores: true,
};

fn question(role: Role, permission: Permission, relation: Relation) -> Question<'static> {
    Question {
        role,
        permission,
        relation,
        source: Some(source(1)),
        scopes: ALL,
        entitlement: &UNBOUND,
        sources: 0,
    }
}

#[test]
fn the_whole_table() {
    let mut lines = vec!["permission      administrator operator viewer owner".to_owned()];
    for permission in Permission::ALL {
        let cell = |role: &Role| -> String {
            let may = |relation: &Relation| judge(&question(*role, *permission, *relation)).is_allowed();
            Relation::ALL
                .iter()
                .map(|relation| if may(relation) { 'y' } else { '-' })
                .collect()
        };
        let [admin, operator, viewer, owner] = [0, 1, 2, 3].map(|at| cell(&Role::ALL[at]));
        lines.push(format!(
            "{permission:<15} {admin:<13} {operator:<8} {viewer:<6} {owner}"
        ));
    }
    assert_eq!(lines.join("\n") + "\n", TABLE);
}

#[test]
fn a_source_that_is_not_his_does_not_exist_for_a_person() {
    let verdict = judge(&question(Role::Viewer, Permission::See, Relation::None));
    assert_eq!(verdict, Verdict::Deny(Denial::Unrelated));
    let problem = verdict.require(Role::Viewer, Permission::See).unwrap_err();
    assert_eq!(problem.kind(), Kind::NotFound);
    let verdict = judge(&question(Role::Viewer, Permission::Delete, Relation::Granted));
    assert_eq!(
        verdict
            .require(Role::Viewer, Permission::Delete)
            .unwrap_err()
            .kind(),
        Kind::Refused
    );
}

#[test]
fn every_denial_says_what_and_what_to_do() {
    for denial in [
        Denial::Role,
        Denial::Unrelated,
        Denial::Scope,
        Denial::PlanWithoutRestores,
        Denial::PlanFull,
    ] {
        let problem = denial.problem(Role::Operator, Permission::Restore);
        assert!(
            !problem.message().is_empty() && problem.hint_text().is_some(),
            "{denial:?}"
        );
    }
}

fn with_scopes(role: Role, permission: Permission, scopes: &[Scope]) -> Verdict {
    judge(&Question {
        scopes,
        ..question(role, permission, Relation::Granted)
    })
}

#[test]
fn a_token_narrows_what_its_person_may_and_never_widens_it() {
    let scope = |text: String| text.parse::<Scope>().unwrap();
    let here = [scope(format!("*@{}", source(1)))];
    let elsewhere = [scope(format!("*@{}", source(2)))];
    let backups = [scope("see".to_owned()), scope("back-up".to_owned())];
    let denied = Verdict::Deny(Denial::Scope);
    for (permission, scopes, expected) in [
        (Permission::BackUp, &here[..], Verdict::Allow),
        (Permission::BackUp, &elsewhere[..], denied),
        (Permission::BackUp, &backups[..], Verdict::Allow),
        (Permission::Restore, &backups[..], denied),
        (Permission::See, &[][..], denied),
        (Permission::Delete, &here[..], Verdict::Deny(Denial::Role)),
    ] {
        assert_eq!(
            with_scopes(Role::Operator, permission, scopes),
            expected,
            "{permission} {scopes:?}"
        );
    }
}

#[test]
fn a_token_for_one_source_does_nothing_to_the_house() {
    let here: Scope = format!("*@{}", source(1)).parse().unwrap();
    assert_eq!(
        with_scopes(Role::Administrator, Permission::People, &[here]),
        Verdict::Deny(Denial::Scope)
    );
    let house = "people".parse().unwrap();
    assert_eq!(
        with_scopes(Role::Administrator, Permission::People, &[house]),
        Verdict::Allow
    );
}

#[test]
fn scopes_read_back_and_wrong_ones_are_refused() {
    let id = source(1);
    for text in [
        "*".to_owned(),
        "restore".to_owned(),
        format!("*@{id}"),
        format!("back-up@{id}"),
    ] {
        assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
    }
    for text in ["", "everything", "restore@", "restore@world", "@"] {
        assert!(text.parse::<Scope>().is_err(), "{text}");
    }
}

#[test]
fn the_plan_of_an_account_binds_everybody() {
    let small = Entitlement {
        sources: Some(2),
        restores: false,
        ..UNBOUND
    };
    for role in Role::ALL {
        let restore = question(*role, Permission::Restore, Relation::Owner);
        let verdict = judge(&Question {
            entitlement: &small,
            ..restore
        });
        assert_eq!(verdict, Verdict::Deny(Denial::PlanWithoutRestores), "{role}");
    }
    let create = |sources| {
        let create = question(Role::Administrator, Permission::CreateSource, Relation::None);
        judge(&Question {
            entitlement: &small,
            sources,
            source: None,
            ..create
        })
    };
    assert_eq!(create(1), Verdict::Allow);
    assert_eq!(create(2), Verdict::Deny(Denial::PlanFull));
}

#[test]
fn an_entitlement_left_out_bounds_nothing() {
    assert_eq!(serde_json::from_str::<Entitlement>("{}").unwrap(), UNBOUND);
    assert!(serde_json::from_str::<Entitlement>(r#"{"sorces":1}"#).is_err());
}
