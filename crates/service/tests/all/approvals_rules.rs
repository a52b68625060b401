//! Approvals: who stands in for whom, what leads around them (nothing), and what is told to whom.

use std::fs;

use model::{ApprovalState, Cancel, Kind, Progress, Reason, Relation, Role};
use serde_json::json;
use service::{Caller, Via};

use crate::approvals::{Gated, agreement, ask, secret_to, with_address};
use crate::house::run;
use crate::people::door;
use crate::scene::restore_request;

#[test]
fn who_asked_does_not_approve_but_the_owner_by_his_letter() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let ann = gated.acting("ann").await;
        let asked = ask(&ann, &gated.backup).await.unwrap();
        let id = asked.approval.unwrap();
        let refused = ann.approve(&id, &agreement("I am sure")).await.unwrap_err();
        assert!(refused.message().contains("by the link"), "{refused}");
        let bob = gated
            .acting("bob")
            .await
            .approve(&id, &agreement(""))
            .await
            .unwrap_err();
        assert_eq!(bob.kind(), Kind::Refused, "an operator approves nothing");
        let served = with_address(&gated).await;
        served.deliver_due().await.unwrap();
        let secret = secret_to(&gated.house, "ann@example.org");
        let page = door(&served, "192.0.2.9");
        page.approve_by_link(&secret, &agreement("")).await.unwrap();

        let four_eyes = json!({"gates": {"approval": {"own": false}}});
        gated
            .house
            .service
            .change_policy("world", &four_eyes)
            .await
            .unwrap();
        gated.add("Chief", Role::Administrator, Relation::None).await;
        let again = ask(&ann, &gated.backup).await.unwrap().approval.unwrap();
        served.deliver_due().await.unwrap();
        let chief = secret_to(&gated.house, "chief@example.org");
        let silent = page.approve_by_link(&chief, &agreement("")).await.unwrap_err();
        assert!(
            silent.message().contains("says why"),
            "for an owner, with a reason: {silent}"
        );
        let refused = ann.approve(&again, &agreement("")).await.unwrap_err();
        assert!(
            refused.message().contains("cannot approve it himself"),
            "{refused}"
        );
        let done = page
            .approve_by_link(&chief, &agreement("she rang me up"))
            .await
            .unwrap();
        assert_eq!(done.reason, "she rang me up");
        let log = gated.house.service.list_audit(10).await.unwrap();
        let row = log.iter().find(|row| row.what == "approval.approve").unwrap();
        assert!(
            row.detail.contains("she rang me up") && row.detail.contains("192.0.2.9"),
            "{row:?}"
        );
    });
}

#[test]
fn an_administrator_approves_for_the_owner_with_a_reason_and_where_there_is_none_without() {
    run(async {
        let gated = Gated::new(json!({})).await;
        let local = &gated.house.service;
        let asked = ask(local, &gated.backup).await.unwrap().approval.unwrap();
        assert_eq!(
            local.show_approval(&asked).await.unwrap().approval.asked,
            Vec::<String>::new()
        );
        local.approve(&asked, &agreement("")).await.unwrap();
        gated.house.work().await;
        assert!(gated.is_restored());
        gated.grief();
        gated.add("Ann", Role::Owner, Relation::Owner).await;
        let asked = ask(local, &gated.backup).await.unwrap().approval.unwrap();
        assert!(local.approve(&asked, &agreement(" ")).await.is_err());
        local
            .approve(&asked, &agreement("Ann is on holiday"))
            .await
            .unwrap();
    });
}

#[test]
fn a_link_opens_nothing_for_who_owns_the_source_no_more() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        ask(&gated.acting("bob").await, &gated.backup).await.unwrap();
        let served = with_address(&gated).await;
        served.deliver_due().await.unwrap();
        let secret = secret_to(&gated.house, "ann@example.org");
        let page = door(&served, "192.0.2.9");
        gated.house.service.revoke_grant("ann", "world").await.unwrap();
        let shown = page.approval_of_link(&secret).await.unwrap_err();
        let made_up = page.approval_of_link("made-up").await.unwrap_err();
        assert_eq!(shown.message(), made_up.message());
        assert_eq!(
            page.approve_by_link(&secret, &agreement(""))
                .await
                .unwrap_err()
                .kind(),
            Kind::NotFound
        );
        for _ in 0..30 {
            let _ = page.approve_by_link("made-up", &agreement("")).await;
        }
        let guessing = page.approve_by_link("made-up", &agreement("")).await.unwrap_err();
        assert_eq!(guessing.kind(), Kind::TooMany);
    });
}

#[test]
fn the_secret_of_a_link_lies_nowhere_but_in_the_letter() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        ask(&gated.acting("bob").await, &gated.backup).await.unwrap();
        let catalog = |name: &str| fs::read(gated.house.dir.path().join(name)).unwrap_or_default();
        let before: Vec<u8> = ["data/catalog.db", "data/catalog.db-wal"]
            .into_iter()
            .flat_map(catalog)
            .collect();
        with_address(&gated).await.deliver_due().await.unwrap();
        let secret = secret_to(&gated.house, "ann@example.org");
        assert_eq!(secret.len(), 43);
        let holds = |text: &str| before.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("ann@example.org") && !holds(&secret));
        assert!(!format!("{:?}", gated.house.service.list_audit(100).await.unwrap()).contains(&secret));
    });
}

#[test]
fn without_an_address_of_the_server_the_letter_names_the_command() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let asked = ask(&gated.acting("bob").await, &gated.backup).await.unwrap();
        gated.house.service.deliver_due().await.unwrap();
        let letters = gated.house.letters();
        let command = format!("cairn approve {}", asked.approval.unwrap());
        assert!(letters[0].contains(&command), "{}", letters[0]);
        assert!(!letters[0].contains("/a/"));
    });
}

#[test]
fn who_has_no_address_is_told_by_the_channels_of_the_policy() {
    run(async {
        let gated = Gated::new(json!({})).await;
        let notify = json!({"notify": [
            {"to": {"by": "email", "address": "me@example.org"}},
            {"to": {"by": "healthcheck", "url": "https://hc.example.org/ping"}},
        ]});
        gated.house.service.change_policy("world", &notify).await.unwrap();
        let asked = ask(&gated.house.service, &gated.backup)
            .await
            .unwrap()
            .approval
            .unwrap();
        gated.house.service.decline(&asked, "no").await.unwrap();
        gated.house.service.deliver_due().await.unwrap();
        assert_eq!(
            gated.sent(),
            ["me@example.org Declined: restore of world"],
            "and nothing is pinged"
        );
    });
}

#[test]
fn a_restore_that_waits_is_cancelled_and_never_resumed() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let bob = gated.acting("bob").await;
        let asked = ask(&bob, &gated.backup).await.unwrap();
        assert!(!bob.is_restoring("world").await.unwrap(), "it waits");
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let waits = bob
            .resume(Some(&asked.job), &progress, &cancel)
            .await
            .unwrap_err();
        assert_eq!(waits.kind(), Kind::AwaitingApproval);
        assert_eq!(bob.cancel_job(&asked.job).await.unwrap().state, "cancelled");
        let id = asked.approval.unwrap();
        let shown = bob.show_approval(&id).await.unwrap();
        assert_eq!(shown.approval.state, ApprovalState::Withdrawn);
        let late = gated
            .acting("ann")
            .await
            .approve(&id, &agreement(""))
            .await
            .unwrap_err();
        assert!(late.message().contains("withdrawn"), "{late}");
        let resumed = bob
            .resume(Some(&asked.job), &progress, &cancel)
            .await
            .unwrap_err();
        assert_eq!(resumed.kind(), Kind::Conflict, "{resumed}");
        assert_eq!(gated.house.work().await, 0);
        assert!(!gated.is_restored());
    });
}

#[test]
fn a_gate_that_was_set_meanwhile_holds_for_what_is_queued() {
    run(async {
        let gated = Gated::new(json!(null)).await;
        let service = &gated.house.service;
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let request = restore_request(&gated.backup, None);
        let (plan, target) = service.plan_restore(&request, &progress, &cancel).await.unwrap();
        let job = service.ask_restore(&request, &plan, &target).await.unwrap();
        service
            .change_policy("world", &json!({"gates": {"approval": {}}}))
            .await
            .unwrap();
        gated.house.work().await;
        let ended = service.show_job(&job).await.unwrap();
        assert_eq!(
            (ended.state.as_str(), ended.error.unwrap().kind.as_str()),
            ("failed", "refused")
        );
        assert!(!gated.is_restored());
    });
}

#[test]
fn s03_an_account_whose_plan_has_no_restores_is_not_helped_by_an_approval() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let bob = gated.acting("bob").await;
        let asked = ask(&bob, &gated.backup).await.unwrap().approval.unwrap();
        let without = service::PersonChanges {
            plan: Some(serde_json::from_value(json!({"restores": false})).unwrap()),
            ..service::PersonChanges::default()
        };
        gated.house.service.edit_person("ann", &without).await.unwrap();
        let refused = gated
            .acting("ann")
            .await
            .approve(&asked, &agreement(""))
            .await
            .unwrap_err();
        assert!(
            refused.message().contains("does not include restores"),
            "{refused}"
        );
        let refused = ask(&bob, &gated.backup).await.unwrap_err();
        assert!(
            refused.message().contains("does not include restores"),
            "{refused}"
        );
    });
}

#[test]
fn a_backup_that_somebody_was_asked_to_restore_is_not_rotated_away() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let keep_one = json!({"retention": {"last": 1}});
        gated
            .house
            .service
            .change_policy("world", &keep_one)
            .await
            .unwrap();
        let asked = ask(&gated.acting("bob").await, &gated.backup).await.unwrap();
        gated.house.back_up(Reason::Manual).await.unwrap();
        assert_eq!(gated.house.reasons().await.len(), 2);
        gated
            .acting("ann")
            .await
            .decline(&asked.approval.unwrap(), "")
            .await
            .unwrap();
        gated.house.back_up(Reason::Manual).await.unwrap();
        assert_eq!(gated.house.reasons().await.len(), 1);
    });
}

#[test]
fn an_undo_waits_for_an_approval_like_every_restore() {
    run(async {
        let gated = Gated::new(json!({})).await;
        let service = &gated.house.service;
        let first = ask(service, &gated.backup).await.unwrap();
        service
            .approve(&first.approval.unwrap(), &agreement(""))
            .await
            .unwrap();
        gated.house.work().await;
        assert!(gated.is_restored());
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let (request, plan, target) = service.plan_undo(None, &progress, &cancel).await.unwrap();
        let unconfirmed = service
            .restore(&request, &plan, &target, &progress, &cancel)
            .await
            .unwrap_err();
        assert_eq!(unconfirmed.kind(), Kind::Refused, "the name is typed, too");
        let request = service::RestoreRequest {
            typed: service.word_to_type(&plan, &target).await.unwrap(),
            ..request
        };
        let undo = service
            .restore(&request, &plan, &target, &progress, &cancel)
            .await
            .unwrap();
        assert_eq!(undo.state, "waiting");
        service
            .approve(&undo.approval.unwrap(), &agreement(""))
            .await
            .unwrap();
        gated.house.work().await;
        assert!(!gated.is_restored());
    });
}

#[test]
fn the_name_is_typed_for_what_destroys_unless_the_policy_says_otherwise() {
    run(async {
        let gated = Gated::new(json!(null)).await;
        let service = &gated.house.service;
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let mut request = restore_request(&gated.backup, None);
        let (plan, target) = service.plan_restore(&request, &progress, &cancel).await.unwrap();
        assert_eq!(
            service.word_to_type(&plan, &target).await.unwrap().as_deref(),
            Some("world")
        );
        for typed in [None, Some("World"), Some("")] {
            request.typed = typed.map(str::to_owned);
            let refused = service.ask_restore(&request, &plan, &target).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Refused, "{typed:?}");
        }
        request.typed = None;
        let open = json!({"gates": {"typed": false}});
        service.change_policy("world", &open).await.unwrap();
        assert_eq!(service.word_to_type(&plan, &target).await.unwrap(), None);
        service
            .restore(&request, &plan, &target, &progress, &cancel)
            .await
            .unwrap();
        assert!(gated.is_restored());
        service
            .change_policy("world", &json!({"gates": null}))
            .await
            .unwrap();
        let harmless = model::Plan {
            draft: model::Draft::default(),
            ..plan
        };
        assert_eq!(service.word_to_type(&harmless, &target).await.unwrap(), None);
    });
}

#[test]
fn nobody_without_a_link_sees_or_answers_anything() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let asked = ask(&gated.acting("bob").await, &gated.backup)
            .await
            .unwrap()
            .approval
            .unwrap();
        gated.add("Eve", Role::Operator, Relation::None).await;
        let eve = gated.acting("eve").await;
        assert_eq!(
            eve.show_approval(&asked).await.unwrap_err().kind(),
            Kind::NotFound
        );
        assert_eq!(
            eve.approve(&asked, &agreement("")).await.unwrap_err().kind(),
            Kind::NotFound
        );
        assert_eq!(eve.list_approvals(false, 10).await.unwrap(), []);
        let nobody = gated.house.service.acting(Caller::nobody(Via::Web, "192.0.2.9"));
        assert_eq!(
            nobody.list_approvals(false, 10).await.unwrap_err().kind(),
            Kind::Unauthenticated
        );
        assert_eq!(
            nobody.decline(&asked, "").await.unwrap_err().kind(),
            Kind::Unauthenticated
        );
    });
}
