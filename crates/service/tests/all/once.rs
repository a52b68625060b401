//! Keys of requests whose process went away before it could answer.

use model::{Kind, Lapse};
use service::{BackupRequest, Once, Service};

use crate::house::{House, run};

/// What is told to who sends a request again, of which nobody knows how it went.
async fn told(service: &Service, key: &str) -> model::Problem {
    let told = service.begin_once(key, "the request").await.unwrap_err();
    assert_eq!(told.kind(), Kind::Conflict, "{told}");
    assert!(told.hint_text().is_some());
    told
}

async fn is_on_its_way(service: &Service, key: &str) {
    let told = told(service, key).await;
    assert!(told.message().contains("still being carried out"), "{told}");
}

#[test]
fn a_key_is_held_while_the_request_is_carried_out_and_answers_when_it_is_done() {
    run(async {
        let house = House::new().await;
        let first = house.service.begin_once("k", "the request").await.unwrap();
        assert_eq!(first, Once::First);
        let other = house.another().await;
        is_on_its_way(&other, "k").await;
        house.service.end_once("k", Some((201, "done"))).await.unwrap();
        let (status, body) = (201, "done".to_owned());
        let answered = other.begin_once("k", "the request").await.unwrap();
        assert_eq!(answered, Once::Answered { status, body });
    });
}

#[test]
fn a_key_whose_claim_lapsed_is_free_when_nothing_was_queued_under_it() {
    run(async {
        let house = House::new().await;
        house.service.begin_once("k", "the request").await.unwrap();
        let other = house.another().await;
        house.pass(Lapse::seconds(29));
        told(&other, "k").await;
        house.pass(Lapse::seconds(2));
        let another = other.begin_once("k", "another request").await.unwrap_err();
        assert!(another.message().contains("another request"), "{another}");
        assert_eq!(other.begin_once("k", "the request").await.unwrap(), Once::First);
        // Whoever lost it says nothing more, and asks for nothing more.
        let caller = house.service.caller().clone().bearing("k");
        let late = house.service.acting(caller);
        let lost = late
            .ask_backup(&BackupRequest::manual("world"))
            .await
            .unwrap_err();
        assert_eq!(lost.kind(), Kind::Conflict, "{lost}");
        house.service.end_once("k", None).await.unwrap();
        told(&house.service, "k").await;
        other.end_once("k", Some((202, "by the other"))).await.unwrap();
        let body = "by the other".to_owned();
        let answered = house.service.begin_once("k", "the request").await.unwrap();
        assert_eq!(answered, Once::Answered { status: 202, body });
    });
}

#[test]
fn what_was_queued_under_a_key_is_named_and_not_done_again() {
    run(async {
        let house = House::new().await;
        house.service.begin_once("k", "the request").await.unwrap();
        let caller = house.service.caller().clone().bearing("k");
        let bearing = house.service.acting(caller);
        let asked = bearing.ask_backup(&BackupRequest::manual("world")).await.unwrap();
        let other = house.another().await;
        is_on_its_way(&other, "k").await;
        for _ in 0..3 {
            house.pass(Lapse::minutes(5));
            assert!(told(&other, "k").await.message().contains(&asked.job));
        }
        assert_eq!(house.work().await, 1);
        house.pass(Lapse::days(2));
        house.service.hourly().await.unwrap();
        assert_eq!(other.begin_once("k", "the request").await.unwrap(), Once::First);
    });
}
