//! The stories of people: names, tokens, sessions, attempts, grants.

use catalog::Catalog;
use catalog::attempts::{Bound, Counted};
use catalog::grants::GrantRow;
use catalog::people::PersonRow;
use catalog::sessions::SessionRow;
use catalog::sources::SourceRow;
use catalog::tokens::TokenRow;
use model::Kind;

pub(crate) fn person(id: &str, name: &str) -> PersonRow {
    PersonRow {
        id: id.into(),
        name: name.into(),
        folded: name.to_lowercase(),
        role: "viewer".into(),
        password: None,
        totp: None,
        totp_pending: None,
        totp_step: None,
        email: String::new(),
        disabled: 0,
        entitlement: "{}".into(),
        created: 5,
        last_seen: None,
    }
}

pub(crate) async fn people(catalog: &Catalog) {
    catalog.add_person(&person("p2", "Zoë")).await.unwrap();
    catalog.add_person(&person("p1", "Ann")).await.unwrap();
    let again = catalog.add_person(&person("p3", "ANN")).await.unwrap_err();
    assert_eq!(again.kind(), Kind::Conflict);
    let names: Vec<String> = catalog
        .list_people()
        .await
        .unwrap()
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["Ann", "Zoë"]);
    let changed = PersonRow {
        role: "operator".into(),
        email: "ann@example.org".into(),
        disabled: 1,
        entitlement: r#"{"sources":1}"#.into(),
        ..person("p1", "Anna")
    };
    catalog.update_person(&changed).await.unwrap();
    catalog.set_password("p1", Some("$argon2id$")).await.unwrap();
    catalog
        .set_totp("p1", None, Some("v1:pending"), None)
        .await
        .unwrap();
    catalog
        .set_totp("p1", Some("v1:sealed"), None, None)
        .await
        .unwrap();
    assert!(catalog.use_totp_step("p1", 7).await.unwrap());
    assert!(
        !catalog.use_totp_step("p1", 7).await.unwrap(),
        "a step is used once"
    );
    assert!(!catalog.use_totp_step("p1", 6).await.unwrap());
    catalog.person_seen("p1", 99).await.unwrap();
    let now = PersonRow {
        password: Some("$argon2id$".into()),
        totp: Some("v1:sealed".into()),
        totp_step: Some(7),
        last_seen: Some(99),
        ..changed
    };
    assert_eq!(catalog.person_named("anna").await.unwrap(), Some(now.clone()));
    assert_eq!(catalog.person("p1").await.unwrap(), Some(now));
    assert_eq!(catalog.person_named("ann").await.unwrap(), None);
}

pub(crate) async fn the_first_person_comes_in_by_a_setting_that_is_used_once(catalog: &Catalog) {
    catalog.set_setting("set-up", "right").await.unwrap();
    let first = person("p4", "First");
    assert!(!catalog.add_person_by(&first, "set-up", "wrong").await.unwrap());
    assert!(catalog.add_person_by(&first, "set-up", "right").await.unwrap());
    assert!(
        !catalog
            .add_person_by(&person("p5", "Second"), "set-up", "right")
            .await
            .unwrap()
    );
    assert_eq!(catalog.setting("set-up").await.unwrap(), None);
    catalog.set_setting("set-up", "again").await.unwrap();
    assert!(catalog.add_person_by(&first, "set-up", "again").await.is_err());
    assert!(
        catalog.setting("set-up").await.unwrap().is_some(),
        "all or nothing"
    );
    catalog.delete_setting("set-up").await.unwrap();
    catalog.delete_person("p4").await.unwrap();
}

pub(crate) async fn tokens(catalog: &Catalog) {
    let row = TokenRow {
        id: "t1".into(),
        person: "p1".into(),
        name: "panel".into(),
        hash: "h1".into(),
        scopes: r#"["*"]"#.into(),
        created: 1,
        expires: Some(100),
        last_used: None,
        revoked: None,
    };
    catalog.add_token(&row).await.unwrap();
    let twice = TokenRow {
        id: "t2".into(),
        ..row.clone()
    };
    assert_eq!(
        catalog.add_token(&twice).await.unwrap_err().kind(),
        Kind::Conflict
    );
    catalog.token_used("t1", 50).await.unwrap();
    assert!(catalog.revoke_token("t1", 60).await.unwrap());
    assert!(!catalog.revoke_token("t1", 70).await.unwrap());
    let now = TokenRow {
        last_used: Some(50),
        revoked: Some(60),
        ..row
    };
    assert_eq!(catalog.token_of_hash("h1").await.unwrap(), Some(now.clone()));
    assert_eq!(catalog.list_tokens().await.unwrap(), [now]);
    assert_eq!(catalog.token_of_hash("h2").await.unwrap(), None);
}

pub(crate) async fn sessions(catalog: &Catalog) {
    let row = |id: &str, seen| SessionRow {
        id: id.into(),
        person: "p1".into(),
        hash: format!("hash of {id}"),
        created: 1,
        expires: 1_000,
        seen,
        agent: "a browser".into(),
        address: "192.0.2.1".into(),
    };
    for (id, seen) in [("x1", 10), ("x2", 20), ("x3", 30)] {
        catalog.add_session(&row(id, seen)).await.unwrap();
    }
    catalog.session_seen("x1", 40, "192.0.2.2").await.unwrap();
    let moved = SessionRow {
        address: "192.0.2.2".into(),
        ..row("x1", 40)
    };
    assert_eq!(
        catalog.session_of_hash("hash of x1").await.unwrap(),
        Some(moved.clone())
    );
    assert_eq!(catalog.delete_sessions_over(500, 20).await.unwrap(), 1);
    assert!(!catalog.delete_session("x3", "p2").await.unwrap());
    assert_eq!(catalog.delete_other_sessions("p1", "x1").await.unwrap(), 1);
    assert_eq!(catalog.list_sessions("p1").await.unwrap(), [moved]);
    assert!(catalog.delete_session("x1", "p1").await.unwrap());
    catalog.add_session(&row("x4", 10)).await.unwrap();
    assert_eq!(catalog.delete_sessions_over(1_000, 0).await.unwrap(), 1);
}

pub(crate) async fn attempts(catalog: &Catalog) {
    let bound = Bound {
        free: 3,
        first_ms: 40,
        longest_ms: 100,
        forget_ms: 1_000,
    };
    let reserve = async |now| catalog.reserve_attempt("name:ann", now, bound).await.unwrap();
    let counted = |failures, until| Some(Counted { failures, until });
    assert_eq!(
        (reserve(10).await, reserve(10).await),
        (counted(1, 0), counted(2, 0))
    );
    assert_eq!(reserve(10).await, counted(3, 50), "the lock comes with the count");
    assert_eq!(catalog.locked_until("name:ann").await.unwrap(), 50);
    assert_eq!(reserve(49).await, None, "nothing is counted while a lock holds");
    catalog.give_attempts_back("name:ann", 0, 1).await.unwrap();
    assert_eq!(reserve(49).await, None, "an attempt lifts no lock of another one");
    catalog.give_attempts_back("name:ann", 50, 1).await.unwrap();
    assert_eq!(reserve(49).await, counted(2, 0), "but its own");
    assert_eq!(reserve(50).await, counted(3, 90));
    assert_eq!(reserve(90).await, counted(4, 170), "twice as long");
    assert_eq!(reserve(170).await, counted(5, 270), "up to the bound");
    for more in 0..40 {
        let now = 270 + more * 100;
        assert_eq!(reserve(now).await, counted(6 + more, now + 100));
    }
    assert_eq!(reserve(9_000).await, counted(1, 0), "long ago is forgotten");
    reserve(9_000).await;
    assert_eq!(catalog.forget_attempts("name:ann").await.unwrap(), 2);
    assert_eq!(catalog.forget_attempts("name:ann").await.unwrap(), 0);
    for key in ["name:ann\none", "name:ann\ntwo", "name:anna\none"] {
        catalog.reserve_attempt(key, 9_000, bound).await.unwrap();
    }
    catalog.forget_attempts_under("name:ann\n").await.unwrap();
    for (key, left) in [("name:ann\none", 0), ("name:ann\ntwo", 0), ("name:anna\none", 1)] {
        assert_eq!(catalog.forget_attempts(key).await.unwrap(), left, "{key:?}");
    }
    assert_eq!(reserve(9_000).await, counted(1, 0));
    catalog.forget_old_attempts(9_000).await.unwrap();
    assert_eq!(catalog.forget_attempts("name:ann").await.unwrap(), 0);
    let all = (0..20).map(|_| {
        let catalog = catalog.clone();
        tokio::spawn(async move { catalog.reserve_attempt("at once", 1, bound).await.unwrap() })
    });
    let mut passed = 0;
    for one in all.collect::<Vec<_>>() {
        passed += i64::from(one.await.unwrap().is_some());
    }
    assert_eq!(passed, 3, "of twenty at once as many as of twenty in a row");
}

pub(crate) async fn places(catalog: &Catalog) {
    let known = async |folded, place| catalog.is_known_place(folded, place, 50).await.unwrap();
    catalog.know_place("p1", "192.0.2.7", 50).await.unwrap();
    let folded = catalog.person("p1").await.unwrap().unwrap().folded;
    let folded = folded.as_str();
    assert!(!known(folded, "192.0.2.7").await, "too long ago");
    catalog.know_place("p1", "192.0.2.7", 60).await.unwrap();
    assert!(known(folded, "192.0.2.7").await);
    assert!(!known(folded, "192.0.2.8").await && !known("nobody", "192.0.2.7").await);
    catalog.forget_old_places(60).await.unwrap();
    assert!(!known(folded, "192.0.2.7").await);
}

pub(crate) async fn grants(catalog: &Catalog) {
    let row = |person: &str, source: &str, relation: &str| GrantRow {
        person: person.into(),
        source: source.into(),
        relation: relation.into(),
        created: 1,
    };
    let source = SourceRow {
        id: "s9".into(),
        name: "nine".into(),
        kind: "folder".into(),
        settings: "{}".into(),
        policy: "{}".into(),
        node: "main".into(),
        created: 5,
        hidden: 0,
    };
    catalog.add_source(&source).await.unwrap();
    catalog.put_grant(&row("p1", "s9", "granted")).await.unwrap();
    assert_eq!(catalog.count_owned("p1").await.unwrap(), 0);
    for grant in [
        row("p1", "s9", "owner"),
        row("p1", "gone", "owner"),
        row("p2", "s9", "granted"),
    ] {
        catalog.put_grant(&grant).await.unwrap();
    }
    assert_eq!(catalog.count_owned("p1").await.unwrap(), 1, "only what there is");
    assert_eq!(catalog.plans_of_owners("s9").await.unwrap(), [r#"{"sources":1}"#]);
    assert_eq!(
        catalog.grant("p2", "s9").await.unwrap(),
        Some(row("p2", "s9", "granted"))
    );
    assert_eq!(catalog.list_grants(Some("p1")).await.unwrap().len(), 2);
    assert!(catalog.delete_grant("p1", "gone").await.unwrap());
    assert!(!catalog.delete_grant("p1", "gone").await.unwrap());
    catalog.delete_source("s9").await.unwrap();
    // Who is removed leaves nothing behind that opens anything.
    catalog.delete_person("p1").await.unwrap();
    assert_eq!(catalog.list_tokens().await.unwrap(), []);
    assert_eq!(
        catalog.list_grants(None).await.unwrap(),
        [row("p2", "s9", "granted")]
    );
}
