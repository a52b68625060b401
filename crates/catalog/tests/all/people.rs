//! The stories of people: names, tokens, sessions, attempts, grants.

use catalog::Catalog;
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
    let count = async |now| catalog.count_attempt("name:ann", now, now - 100).await.unwrap();
    assert_eq!((count(10).await, count(11).await), (Some(1), Some(2)));
    catalog.lock_attempts("name:ann", 50).await.unwrap();
    catalog.lock_attempts("name:ann", 40).await.unwrap();
    assert_eq!(catalog.locked_until("name:ann").await.unwrap(), 50);
    assert_eq!(count(49).await, None, "nothing is counted while a lock holds");
    assert_eq!(count(50).await, Some(3));
    catalog.uncount_attempt("name:ann").await.unwrap();
    assert_eq!(count(51).await, Some(3));
    assert_eq!(count(151).await, Some(1), "long ago is forgotten");
    catalog.forget_attempts("name:ann").await.unwrap();
    assert_eq!(count(152).await, Some(1));
    catalog.forget_old_attempts(152).await.unwrap();
    assert_eq!(catalog.locked_until("name:ann").await.unwrap(), 0);
    let all = (0..20).map(|_| {
        let catalog = catalog.clone();
        tokio::spawn(async move { catalog.count_attempt("at once", 1, 0).await.unwrap() })
    });
    let mut counted = Vec::new();
    for one in all.collect::<Vec<_>>() {
        counted.push(one.await.unwrap().unwrap());
    }
    counted.sort_unstable();
    assert_eq!(counted, (1..=20).collect::<Vec<i64>>());
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
