//! Restores that wait, are broken off or are asked for many times over: which of them begins, goes on or is taken back.

use std::fs;
use std::sync::Arc;

use catalog::Catalog;
use catalog::journal::StepRow;
use model::{Cancel, Clock, Kind, Lapse, Plan, Progress, Reason};
use service::{RestoreRequest, Target};
use tokio::task::JoinSet;

use crate::house::{House, run};
use crate::work::vanish_with_a_job;

fn latest() -> RestoreRequest {
    RestoreRequest {
        backup: "latest".to_owned(),
        parts: Vec::new(),
        paths: Vec::new(),
        to: None,
        mode: None,
        deep: false,
        without_safety: None,
        leave_unsaved: false,
        typed: Some("world".to_owned()),
    }
}

async fn planned(house: &House) -> (RestoreRequest, Plan, Target) {
    let planned = house
        .service
        .plan_restore(&latest(), &Progress::new(), &Cancel::new())
        .await;
    let (plan, target) = planned.unwrap();
    (latest(), plan, target)
}

/// A restore of a spoiled world, in the queue.
async fn asked(house: &House) -> String {
    house.back_up(Reason::Manual).await.unwrap();
    fs::write(house.world().join("level.dat"), b"griefed, and longer").unwrap();
    let (request, plan, target) = planned(house).await;
    house.service.ask_restore(&request, &plan, &target).await.unwrap()
}

fn level(house: &House) -> String {
    fs::read_to_string(house.world().join("level.dat")).unwrap()
}

async fn error(house: &House, job: &str) -> (String, String) {
    let view = house.service.show_job(job).await.unwrap();
    (view.state, view.error.map(|error| error.kind).unwrap_or_default())
}

#[test]
fn a_restore_that_waited_for_longer_than_its_plan_lives_does_not_begin() {
    run(async {
        let house = House::new().await;
        let job = asked(&house).await;
        house.pass(Lapse::hours(1));
        assert_eq!(house.work().await, 1);
        assert_eq!(error(&house, &job).await, ("failed".into(), "drifted".into()));
        let refused = house.service.ask_resume(Some(&job)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Drifted);
        assert!(refused.message().contains("expired"), "{refused}");
        assert_eq!(level(&house), "griefed, and longer");
        house.restore("latest").await.unwrap();
        assert_eq!(level(&house), "level one");
    });
}

#[test]
fn a_restore_that_was_broken_off_goes_on_by_itself_soon_or_by_resume_at_any_time() {
    for (waits, by_itself) in [(Lapse::minutes(59), true), (Lapse::hours(1), false)] {
        run(async {
            let house = House::new().await;
            let job = asked(&house).await;
            vanish_with_a_job(&house).await;
            // Its process was told to leave after the safety backup.
            let now = house.clock.now_ms();
            let path = house.dir.path().join("data/catalog.db");
            let catalog = Catalog::open_file(&path, now).await.unwrap();
            let step = StepRow {
                step: "service:safety".to_owned(),
                done: 1,
                data: "null".to_owned(),
            };
            catalog.record_steps(&job, 0, &[step]).await.unwrap();
            catalog.give_job_back(&job, 1, now).await.unwrap();
            catalog.close().await;
            house.pass(waits);
            house.work().await;
            if by_itself {
                assert_eq!(error(&house, &job).await.0, "succeeded");
            } else {
                assert_eq!(error(&house, &job).await, ("failed".into(), "drifted".into()));
                assert_eq!(level(&house), "griefed, and longer");
                house.pass(Lapse::days(1));
                let resumed = house
                    .service
                    .resume(Some(&job), &Progress::new(), &Cancel::new())
                    .await;
                assert!(resumed.unwrap().verified);
            }
            assert_eq!(level(&house), "level one");
        });
    }
}

#[test]
fn of_twenty_who_undo_at_once_one_goes_and_the_others_are_told() {
    run(async {
        let house = House::new().await;
        house.back_up(Reason::Manual).await.unwrap();
        fs::write(house.world().join("level.dat"), b"griefed, and longer").unwrap();
        house.restore("latest").await.unwrap();
        let mut all = Vec::new();
        for _ in 0..20 {
            let service = Arc::new(house.another().await);
            let (progress, cancel) = (Progress::new(), Cancel::new());
            let planned = service.plan_undo(None, &progress, &cancel).await.unwrap();
            all.push((service, planned));
        }
        let mut going = JoinSet::new();
        for (service, (request, plan, target)) in all {
            let request = RestoreRequest {
                typed: Some("world".to_owned()),
                ..request
            };
            going.spawn(async move {
                let (progress, cancel) = (Progress::new(), Cancel::new());
                let done = service.restore(&request, &plan, &target, &progress, &cancel);
                done.await.map_err(|problem| problem.kind())
            });
        }
        let mut went = 0;
        for ended in going.join_all().await {
            match ended {
                Ok(_) => went += 1,
                Err(kind) => assert_eq!(kind, Kind::Drifted),
            }
        }
        assert_eq!(went, 1);
        assert_eq!(level(&house), "griefed, and longer");
    });
}

#[test]
fn an_undo_does_not_take_back_what_began_after_it_was_asked_for() {
    run(async {
        let house = House::new().await;
        house.back_up(Reason::Manual).await.unwrap();
        let asked = house.another_asked_now().await;
        house.pass(Lapse::minutes(1));
        fs::write(house.world().join("level.dat"), b"griefed, and longer").unwrap();
        house.restore("latest").await.unwrap();
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let refused = asked.plan_undo(None, &progress, &cancel).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
        let asked = house.another_asked_now().await;
        asked.plan_undo(None, &progress, &cancel).await.unwrap();
    });
}

#[test]
fn an_undo_of_a_folder_without_a_source_closes_the_restore_that_was_broken_off() {
    run(async {
        let house = House::new().await;
        house.back_up(Reason::Manual).await.unwrap();
        let out = house.dir.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("mine"), b"x").unwrap();
        let request = RestoreRequest {
            to: Some(out.display().to_string()),
            ..latest()
        };
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let (plan, target) = house
            .service
            .plan_restore(&request, &progress, &cancel)
            .await
            .unwrap();
        let done = house
            .service
            .restore(&request, &plan, &target, &progress, &cancel);
        let first = done.await.unwrap().job;
        let (request, plan, target) = house.service.plan_undo(None, &progress, &cancel).await.unwrap();
        let done = house
            .service
            .restore(&request, &plan, &target, &progress, &cancel);
        let second = done.await.unwrap().job;
        let source = async |job: &str| house.service.show_job(job).await.unwrap().source_id;
        assert_eq!(
            source(&first).await,
            source(&second).await,
            "they know each other"
        );
    });
}
