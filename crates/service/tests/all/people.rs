//! Who comes in, with what, for how long; and what an account's plan includes.

use std::fs;

use model::{Kind, Lapse, Relation, Result, Role};
use service::{Caller, Credentials, LogIn, NewPerson, NewSession, PersonChanges, Service, Via, totp};

use crate::house::{House, run};
use crate::scene::person;

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn door(service: &Service, address: &str) -> Service {
    service.acting(Caller::nobody(Via::Web, address))
}

fn typed(name: &str, password: &str, code: Option<&str>) -> Credentials {
    Credentials {
        name: name.to_owned(),
        password: password.to_owned(),
        code: code.map(str::to_owned),
    }
}

pub(crate) async fn log_in(house: &House, name: &str, password: &str) -> Result<NewSession> {
    let door = door(&house.service, "192.0.2.7");
    match door.log_in(&typed(name, password, None), "a browser").await? {
        LogIn::Done(session) => Ok(session),
        LogIn::CodeWanted => panic!("no code is wanted"),
    }
}

pub(crate) async fn add(house: &House, name: &str, role: Role) {
    let new = NewPerson {
        password: Some(PASSWORD.to_owned()),
        ..person(name, role)
    };
    house.service.add_person(&new).await.unwrap();
}

pub(crate) async fn with_ann() -> House {
    let house = House::new().await;
    add(&house, "Ann", Role::Viewer).await;
    house
        .service
        .grant("ann", "world", Relation::Owner)
        .await
        .unwrap();
    house
}

/// Does the catalog hold this text?
fn is_kept(house: &House, text: &str) -> bool {
    let files = ["data/catalog.db", "data/catalog.db-wal"].map(|name| house.dir.path().join(name));
    let bytes: Vec<u8> = files
        .iter()
        .flat_map(|path| fs::read(path).unwrap_or_default())
        .collect();
    assert!(
        bytes.windows(5).any(|window| window == b"world"),
        "the right files"
    );
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_name_nobody_has_costs_the_same_work_as_a_wrong_password() {
    run(async {
        let house = with_ann().await;
        house
            .service
            .add_person(&person("tokens-only", Role::Viewer))
            .await
            .unwrap();
        add(&house, "gone", Role::Viewer).await;
        let off = PersonChanges {
            disabled: Some(true),
            ..PersonChanges::default()
        };
        house.service.edit_person("gone", &off).await.unwrap();
        let mut said = Vec::new();
        for (name, password) in [
            ("ann", "wrong horse"),
            ("nobody-of-this-name", PASSWORD),
            ("tokens-only", PASSWORD),
            ("gone", PASSWORD),
            ("ann", &"x".repeat(5_000)),
        ] {
            let before = house.service.passwords_hashed();
            let refused = log_in(&house, name, password).await.unwrap_err();
            assert_eq!(house.service.passwords_hashed(), before + 1, "{name}");
            said.push((
                refused.kind(),
                refused.to_string(),
                refused.hint_text().map(str::to_owned),
            ));
        }
        assert_eq!(said[0].0, Kind::Unauthenticated);
        assert!(said.iter().all(|one| *one == said[0]), "and is told the same");
        assert_eq!(
            log_in(&house, "ANN", PASSWORD).await.unwrap().caller.name(),
            "Ann"
        );
    });
}

#[test]
fn wrong_attempts_close_the_door_for_ever_longer_and_for_that_name_only() {
    run(async {
        let house = with_ann().await;
        add(&house, "bob", Role::Viewer).await;
        let try_it =
            async |name: &str, password: &str| log_in(&house, name, password).await.map_err(|p| p.kind());
        for _ in 0..5 {
            assert_eq!(
                try_it("ann", "wrong horse").await.unwrap_err(),
                Kind::Unauthenticated
            );
        }
        let hashed = house.service.passwords_hashed();
        assert_eq!(try_it("ann", PASSWORD).await.unwrap_err(), Kind::TooMany);
        assert_eq!(house.service.passwords_hashed(), hashed, "nothing is judged");
        try_it("bob", PASSWORD).await.unwrap();
        house.pass(Lapse::seconds(30));
        assert_eq!(
            try_it("ann", "wrong horse").await.unwrap_err(),
            Kind::Unauthenticated
        );
        house.pass(Lapse::seconds(59));
        let refused = log_in(&house, "ann", PASSWORD).await.unwrap_err();
        assert_eq!(refused.hint_text(), Some("wait 1 second, then try again"));
        house.pass(Lapse::seconds(1));
        try_it("ann", PASSWORD).await.unwrap();
        assert_eq!(
            try_it("ann", "wrong horse").await.unwrap_err(),
            Kind::Unauthenticated
        );
        try_it("ann", PASSWORD).await.unwrap();
        let log = house.service.list_audit(100).await.unwrap();
        let refused = log.iter().find(|row| row.what == "login.refused").unwrap();
        assert_eq!(
            (refused.target.as_str(), refused.detail.as_str()),
            ("Ann", "by web from 192.0.2.7")
        );
    });
}

#[test]
fn an_address_that_tries_many_names_is_shut_out_whatever_it_tries() {
    run(async {
        let house = with_ann().await;
        let from = async |address: &str, name: &str, password: &str| {
            let typed = typed(name, password, None);
            door(&house.service, address)
                .log_in(&typed, "")
                .await
                .map_err(|p| p.kind())
        };
        for number in 0..20 {
            let address = format!("2001:db8:1:2::{number}");
            let refused = from(&address, &format!("name-{number}"), "wrong horse").await;
            assert_eq!(refused.unwrap_err(), Kind::Unauthenticated);
        }
        assert_eq!(
            from("2001:db8:1:2::ffff", "ann", PASSWORD).await.unwrap_err(),
            Kind::TooMany
        );
        from("2001:db8:1:3::1", "ann", PASSWORD).await.unwrap();
    });
}

#[test]
fn a_session_ends_when_it_is_idle_old_or_revoked() {
    run(async {
        let house = with_ann().await;
        let door = door(&house.service, "192.0.2.7");
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let lives = async |secret: &str| door.authenticate_session(secret).await.is_ok();
        for _ in 0..6 {
            house.pass(Lapse::days(13));
            assert!(lives(&session.secret).await);
        }
        house.pass(Lapse::days(12));
        assert!(!lives(&session.secret).await, "90 days, used or not");
        let idle = log_in(&house, "ann", PASSWORD).await.unwrap();
        house.pass(Lapse::days(14));
        assert!(!lives(&idle.secret).await);
        let one = log_in(&house, "ann", PASSWORD).await.unwrap();
        house.pass(Lapse::minutes(1));
        let two = log_in(&house, "ann", PASSWORD).await.unwrap();
        let ann = house.service.acting(one.caller.clone());
        let listed = ann.list_sessions("ann").await.unwrap();
        assert_eq!(
            listed.iter().map(|view| view.current).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(
            (listed[0].agent.as_str(), listed[0].address.as_str()),
            ("a browser", "192.0.2.7")
        );
        ann.end_sessions("ann", Some(&two.id)).await.unwrap();
        assert!(!lives(&two.secret).await);
        ann.log_out().await.unwrap();
        assert!(!lives(&one.secret).await);
        assert!(!lives("").await && !lives("made up").await);
        assert!(!is_kept(&house, &one.secret) && !is_kept(&house, PASSWORD));
    });
}

#[test]
fn a_new_password_signs_everybody_else_out() {
    run(async {
        let house = with_ann().await;
        let door = door(&house.service, "192.0.2.7");
        let (here, there) = (
            log_in(&house, "ann", PASSWORD).await.unwrap(),
            log_in(&house, "ann", PASSWORD).await.unwrap(),
        );
        let ann = house.service.acting(here.caller);
        assert_eq!(
            ann.change_password("wrong horse", "battery staple")
                .await
                .unwrap_err()
                .kind(),
            Kind::Refused
        );
        assert_eq!(
            ann.change_password(PASSWORD, "short").await.unwrap_err().kind(),
            Kind::Invalid
        );
        ann.change_password(PASSWORD, "battery staple").await.unwrap();
        assert!(door.authenticate_session(&here.secret).await.is_ok());
        assert!(door.authenticate_session(&there.secret).await.is_err());
        log_in(&house, "ann", PASSWORD).await.unwrap_err();
        house.service.set_password("ann", PASSWORD).await.unwrap();
        assert!(door.authenticate_session(&here.secret).await.is_err());
        log_in(&house, "ann", PASSWORD).await.unwrap();
    });
}

#[test]
fn there_is_always_an_administrator_who_can_come_in() {
    run(async {
        let house = with_ann().await;
        add(&house, "chief", Role::Administrator).await;
        let kinds = [
            house.service.remove_person("chief").await.unwrap_err().kind(),
            house
                .service
                .edit_person(
                    "chief",
                    &PersonChanges {
                        disabled: Some(true),
                        ..PersonChanges::default()
                    },
                )
                .await
                .unwrap_err()
                .kind(),
        ];
        assert_eq!(kinds, [Kind::Conflict; 2]);
        for name in ["", " ann", "cli", "Cairn", "nobody", "a/b", "CHIEF"] {
            assert!(
                house
                    .service
                    .add_person(&person(name, Role::Viewer))
                    .await
                    .is_err(),
                "{name}"
            );
        }
    });
}

#[test]
fn the_first_administrator_comes_in_by_a_token_that_is_used_once() {
    run(async {
        let house = with_ann().await;
        let door = door(&house.service, "192.0.2.7");
        assert!(door.needs_set_up().await.unwrap());
        let older = house.service.first_set_up_token().await.unwrap().unwrap();
        assert_eq!(
            house.service.first_set_up_token().await.unwrap(),
            None,
            "printed once"
        );
        let token = house.service.set_up_token().await.unwrap();
        let set_up = async |token: &str, name: &str| {
            door.set_up(token, name, PASSWORD, "").await.map_err(|p| p.kind())
        };
        assert_eq!(set_up(&older, "chief").await.unwrap_err(), Kind::Unauthenticated);
        assert_eq!(set_up(&token, "ann").await.unwrap_err(), Kind::Conflict);
        let session = set_up(&token, "chief").await.unwrap();
        house.service.acting(session.caller).list_people().await.unwrap();
        assert_eq!(set_up(&token, "another").await.unwrap_err(), Kind::Conflict);
        assert!(!door.needs_set_up().await.unwrap());
        assert_eq!(
            house.service.set_up_token().await.unwrap_err().kind(),
            Kind::Conflict
        );
    });
}

#[test]
fn a_code_of_the_authenticator_is_taken_once() {
    run(async {
        let house = with_ann().await;
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let ann = house.service.acting(session.caller);
        ann.begin_totp("wrong horse").await.unwrap_err();
        let shown = ann.begin_totp(PASSWORD).await.unwrap();
        assert!(
            shown.url.starts_with("otpauth://totp/Cairn:Ann?secret="),
            "{}",
            shown.url
        );
        let secret = from_base32(&shown.secret);
        let code = |away: i64| totp::code(&secret, model::Clock::now_ms(&house.clock) / 30_000 + away, 6);
        log_in(&house, "ann", PASSWORD).await.unwrap();
        assert_eq!(
            ann.confirm_totp("000000").await.unwrap_err().kind(),
            Kind::Invalid
        );
        ann.confirm_totp(&code(0)).await.unwrap();
        let door = door(&house.service, "192.0.2.7");
        let enter = async |code: Option<&str>| door.log_in(&typed("ann", PASSWORD, code), "").await;
        assert!(matches!(enter(None).await.unwrap(), LogIn::CodeWanted));
        assert!(enter(Some(&code(0))).await.is_err(), "it was used to confirm");
        assert!(matches!(enter(Some(&code(1))).await.unwrap(), LogIn::Done(_)));
        assert!(enter(Some(&code(1))).await.is_err());
        house.pass(Lapse::minutes(1));
        assert!(enter(Some(&code(-2))).await.is_err());
        assert!(matches!(enter(Some(&code(0))).await.unwrap(), LogIn::Done(_)));
        assert!(!is_kept(&house, &hex::encode(&secret)) && !is_kept(&house, &shown.secret));
        house.service.reset_totp("ann").await.unwrap();
        log_in(&house, "ann", PASSWORD).await.unwrap();
    });
}

pub(crate) fn from_base32(text: &str) -> Vec<u8> {
    let digit = |c: char| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap();
    let bits: String = text.chars().map(|c| format!("{:05b}", digit(c))).collect();
    let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
    bits.as_bytes().chunks_exact(8).map(byte).collect()
}
