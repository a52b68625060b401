//! Who guesses: many at once, from many places, with half of what is wanted; and who is right all the same.

use model::{Kind, Lapse, Role};
use service::{Credentials, LogIn, Service, totp};

use crate::house::{House, run};
use crate::people::{PASSWORD, add, door, from_base32, log_in, with_ann};

const WRONG: &str = "wrong horse";

async fn tried(
    service: &Service,
    from: &str,
    name: &str,
    password: &str,
    code: Option<&str>,
) -> Result<LogIn, Kind> {
    let typed = Credentials {
        name: name.to_owned(),
        password: password.to_owned(),
        code: code.map(str::to_owned),
    };
    let tried = door(service, from).log_in(&typed, "").await;
    tried.map_err(|problem| problem.kind())
}

async fn enter(house: &House, from: &str, password: &str) -> Result<(), Kind> {
    tried(&house.service, from, "ann", password, None)
        .await
        .map(|_| ())
}

/// Strangers use up what they have, each from a place of their own.
async fn hammer(house: &House) -> usize {
    let mut judged = 0;
    for place in 0..200 {
        judged += usize::from(
            enter(house, &format!("198.51.100.{place}"), WRONG).await == Err(Kind::Unauthenticated),
        );
    }
    judged
}

#[test]
fn of_a_hundred_wrong_passwords_at_once_five_are_judged() {
    run(async {
        let house = with_ann().await;
        let before = house.service.passwords_hashed();
        let all: Vec<_> = (0..100)
            .map(|_| {
                let service = house.service.clone();
                tokio::spawn(async move {
                    tried(&service, "192.0.2.7", "ann", WRONG, None)
                        .await
                        .unwrap_err()
                })
            })
            .collect();
        let mut refused = Vec::new();
        for one in all {
            refused.push(one.await.unwrap());
        }
        let count = |kind| refused.iter().filter(|found| **found == kind).count();
        assert_eq!((count(Kind::Unauthenticated), count(Kind::TooMany)), (5, 95));
        assert_eq!(house.service.passwords_hashed(), before + 5);
    });
}

#[test]
fn only_so_many_passwords_wait_to_be_judged_and_who_was_not_judged_is_not_counted() {
    run(async {
        let house = with_ann().await;
        let all: Vec<_> = (0..200)
            .map(|place| {
                let service = house.service.clone();
                let name = format!("name-{place}");
                tokio::spawn(async move {
                    tried(&service, &format!("198.51.100.{place}"), &name, WRONG, None).await
                })
            })
            .collect();
        let mut judged = 0;
        for one in all {
            let kind = one.await.unwrap().unwrap_err();
            assert!(matches!(kind, Kind::Unauthenticated | Kind::TooMany));
            judged += u64::from(kind == Kind::Unauthenticated);
        }
        assert_eq!(
            house.service.passwords_hashed(),
            judged + 1,
            "and Ann's, when it was set"
        );
        for _ in 0..4 {
            let kind = tried(&house.service, "198.51.100.199", "name-199", WRONG, None).await;
            assert_eq!(kind.unwrap_err(), Kind::Unauthenticated);
        }
    });
}

#[test]
fn a_right_password_without_a_code_clears_nothing() {
    run(async {
        let house = with_ann().await;
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let ann = house.service.acting(session.caller);
        let secret = from_base32(&ann.begin_totp(PASSWORD).await.unwrap().secret);
        let code = |away: i64| totp::code(&secret, model::Clock::now_ms(&house.clock) / 30_000 + away, 6);
        ann.confirm_totp(&code(0)).await.unwrap();
        let far = "198.51.100.1";
        let mut judged = 0;
        for _ in 0..50 {
            let half = tried(&house.service, far, "ann", PASSWORD, None).await;
            judged += u32::from(!matches!(half, Err(Kind::TooMany)));
            let wrong = tried(&house.service, far, "ann", PASSWORD, Some("000000")).await;
            judged += u32::from(!matches!(wrong, Err(Kind::TooMany)));
        }
        assert_eq!(judged, 5, "halves and wrong codes together");
        house.pass(Lapse::seconds(30));
        let done = tried(&house.service, far, "ann", PASSWORD, Some(&code(0))).await;
        assert!(matches!(done, Ok(LogIn::Done(_))), "{done:?}");
        for _ in 0..4 {
            let half = tried(&house.service, far, "ann", PASSWORD, None).await;
            assert!(
                matches!(half, Ok(LogIn::CodeWanted)),
                "a full success clears the way"
            );
        }
    });
}

#[test]
fn a_success_under_one_name_lifts_no_lock_of_another_name_or_of_the_place() {
    run(async {
        let house = with_ann().await;
        add(&house, "mallory", Role::Viewer).await;
        let mut judged = 0;
        for number in 0..60 {
            let own = tried(&house.service, "198.51.100.1", "mallory", PASSWORD, None).await;
            assert!(matches!(own, Ok(_) | Err(Kind::TooMany)));
            let name = format!("name-{}", number / 4);
            let wrong = tried(&house.service, "198.51.100.1", &name, WRONG, None).await;
            judged += u32::from(wrong.unwrap_err() == Kind::Unauthenticated);
        }
        assert_eq!(judged, 20);
    });
}

#[test]
fn strangers_from_many_places_have_one_budget_and_do_not_shut_the_person_out_of_known_places() {
    run(async {
        let house = with_ann().await;
        enter(&house, "192.0.2.7", PASSWORD).await.unwrap();
        assert_eq!(hammer(&house).await, 50);
        assert_eq!(
            enter(&house, "203.0.113.9", PASSWORD).await,
            Err(Kind::TooMany),
            "a new place"
        );
        for _ in 0..10 {
            enter(&house, "192.0.2.7", PASSWORD).await.unwrap();
        }
        let mut judged = 0;
        for _ in 0..24 * 12 {
            house.pass(Lapse::minutes(5));
            let kind = enter(&house, "203.0.113.10", WRONG).await;
            judged += u32::from(kind == Err(Kind::Unauthenticated));
            let another = format!("203.0.113.{}", 11 + judged);
            judged += u32::from(enter(&house, &another, WRONG).await == Err(Kind::Unauthenticated));
        }
        assert!((90..=105).contains(&judged), "{judged} guesses in a day");
        enter(&house, "192.0.2.7", PASSWORD).await.unwrap();
    });
}

#[test]
fn who_is_signed_in_elsewhere_by_then_or_got_a_new_password_is_no_stranger_there() {
    run(async {
        let house = with_ann().await;
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        hammer(&house).await;
        assert_eq!(enter(&house, "203.0.113.9", PASSWORD).await, Err(Kind::TooMany));
        let moved = door(&house.service, "203.0.113.9");
        moved.authenticate_session(&session.secret).await.unwrap();
        enter(&house, "203.0.113.9", PASSWORD).await.unwrap();
        assert_eq!(enter(&house, "203.0.113.8", PASSWORD).await, Err(Kind::TooMany));
        house.service.set_password("ann", PASSWORD).await.unwrap();
        enter(&house, "203.0.113.8", PASSWORD).await.unwrap();
    });
}

#[test]
fn an_old_password_and_a_set_up_token_are_guessed_as_rarely() {
    run(async {
        let house = with_ann().await;
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let all: Vec<_> = (0..40)
            .map(|_| {
                let ann = house.service.acting(session.caller.clone());
                tokio::spawn(async move {
                    ann.change_password(WRONG, "battery staple")
                        .await
                        .unwrap_err()
                        .kind()
                })
            })
            .collect();
        let mut judged = 0;
        for one in all {
            judged += u32::from(one.await.unwrap() == Kind::Refused);
        }
        assert_eq!(judged, 5);
        let mut judged = 0;
        for _ in 0..40 {
            let set_up = door(&house.service, "198.51.100.1")
                .set_up("guessed", "chief", PASSWORD, "")
                .await;
            judged += u32::from(set_up.unwrap_err().kind() == Kind::Unauthenticated);
        }
        assert_eq!(judged, 20);
        let token = house.service.set_up_token().await.unwrap();
        let elsewhere = door(&house.service, "198.51.100.2");
        elsewhere.set_up(&token, "chief", PASSWORD, "").await.unwrap();
    });
}
