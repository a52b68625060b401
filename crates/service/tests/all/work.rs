//! Jobs: turns, leases, processes that vanish, people who are told.

use std::fs;

use catalog::Catalog;
use catalog::jobs::Claim;
use model::{Cancel, Lapse, Progress, Reason, Schedule};
use serde_json::json;
use service::BackupRequest;

use crate::house::{House, run};

/// A process that claims the oldest job and is never heard of again.
pub(crate) async fn vanish_with_a_job(house: &House) -> String {
    let now = model::Clock::now_ms(&house.clock);
    let catalog = Catalog::open_file(&house.dir.path().join("data/catalog.db"), now)
        .await
        .unwrap();
    let claim = Claim {
        owner: "gone",
        node: "main",
        now_ms: now,
        until_ms: now + 60_000,
    };
    let job = catalog.claim_job(&claim, None).await.unwrap().unwrap();
    catalog.close().await;
    job.id
}

#[test]
fn a_job_whose_process_vanished_is_interrupted_and_never_runs_for_ever() {
    run(async {
        let house = House::new().await;
        house
            .service
            .ask_backup(&BackupRequest::manual("world"))
            .await
            .unwrap();
        let job = vanish_with_a_job(&house).await;
        assert_eq!(house.service.show_job(&job).await.unwrap().state, "running");
        house.pass(Lapse::minutes(2));
        assert_eq!(house.service.show_job(&job).await.unwrap().state, "interrupted");
        let log = house.service.job_log(&job, 0).await.unwrap();
        assert!(log.iter().any(|line| line.text.contains("interrupted")));
        house.back_up(Reason::Manual).await.unwrap();
    });
}

#[test]
fn a_scheduled_backup_that_was_interrupted_is_made_by_the_next_worker_but_not_for_ever() {
    run(async {
        let house = House::new().await;
        let daily = Schedule::every(Lapse::days(1));
        house.service.set_schedule("world", daily).await.unwrap();
        house.pass(Lapse::days(1));
        house.service.tick().await.unwrap();
        for _ in 0..2 {
            vanish_with_a_job(&house).await;
            house.pass(Lapse::minutes(2));
            house.service.list_jobs(1).await.unwrap();
        }
        let job = vanish_with_a_job(&house).await;
        house.pass(Lapse::minutes(2));
        assert_eq!(house.service.show_job(&job).await.unwrap().state, "interrupted");
    });
}

#[test]
fn two_jobs_of_one_source_take_turns() {
    run(async {
        let house = House::new().await;
        let first = house
            .service
            .ask_backup(&BackupRequest::manual("world"))
            .await
            .unwrap()
            .job;
        vanish_with_a_job(&house).await;
        let second = house
            .service
            .ask_backup(&BackupRequest::manual("world"))
            .await
            .unwrap()
            .job;
        assert_eq!(house.work().await, 0, "the first still has its lease");
        assert_eq!(house.service.show_job(&second).await.unwrap().state, "queued");
        house.pass(Lapse::minutes(2));
        assert_eq!(house.work().await, 1);
        assert_eq!(house.service.show_job(&first).await.unwrap().state, "interrupted");
        assert_eq!(house.service.show_job(&second).await.unwrap().state, "succeeded");
    });
}

#[test]
fn whoever_asked_sees_the_problem_of_the_worker() {
    run(async {
        let house = House::new().await;
        fs::rename(house.world(), house.dir.path().join("elsewhere")).unwrap();
        let failed = house.back_up(Reason::Manual).await.unwrap_err();
        let jobs = house.service.list_jobs(1).await.unwrap();
        let error = jobs[0].error.as_ref().unwrap();
        assert_eq!(
            (jobs[0].state.as_str(), error.message.as_str()),
            ("failed", failed.message())
        );
        assert_eq!(house.backups().await, []);
    });
}

async fn tell_me(house: &House, on: &[&str]) {
    let notify = json!([{"on": on, "to": {"by": "email", "address": "me@example.org"}}]);
    house
        .service
        .change_policy("world", &json!({ "notify": notify }))
        .await
        .unwrap();
}

#[test]
fn people_are_told_of_what_they_asked_for() {
    run(async {
        let house = House::new().await;
        tell_me(&house, &["success", "failure"]).await;
        house.back_up(Reason::Manual).await.unwrap();
        house.service.deliver_due().await.unwrap();
        fs::rename(house.world(), house.dir.path().join("elsewhere")).unwrap();
        house.back_up(Reason::Manual).await.unwrap_err();
        house.service.deliver_due().await.unwrap();
        let letters = house.letters();
        assert_eq!(letters.len(), 2);
        assert!(letters[0].contains("Subject: [Cairn] Done: backup of world"));
        assert!(letters[1].contains("Subject: [Cairn] Failed: backup of world"));
        assert!(letters[1].contains("me@example.org"));
    });
}

#[test]
fn an_overdue_backup_is_told_once_a_day() {
    run(async {
        let house = House::new().await;
        tell_me(&house, &["overdue"]).await;
        let daily = Schedule::every(Lapse::days(1));
        house.service.set_schedule("world", daily).await.unwrap();
        house.pass(Lapse::hours(25));
        house.service.hourly().await.unwrap();
        house.service.deliver_due().await.unwrap();
        assert_eq!(
            house.letters(),
            Vec::<String>::new(),
            "an hour late is not overdue"
        );
        for _ in 0..4 {
            house.pass(Lapse::hours(2));
            house.service.hourly().await.unwrap();
            house.service.deliver_due().await.unwrap();
        }
        assert_eq!(house.letters().len(), 1);
        assert!(house.letters()[0].contains("Overdue: backup of world"));
    });
}

#[test]
fn an_unusual_size_is_told() {
    run(async {
        let house = House::new().await;
        tell_me(&house, &["anomaly"]).await;
        fs::write(house.world().join("region/big"), vec![3; 4 << 20]).unwrap();
        for _ in 0..3 {
            house.back_up(Reason::Manual).await.unwrap();
        }
        fs::remove_file(house.world().join("region/big")).unwrap();
        house.back_up(Reason::Manual).await.unwrap();
        house.service.deliver_due().await.unwrap();
        assert_eq!(house.letters().len(), 1);
        assert!(house.letters()[0].contains("Unusual: backup of world"));
    });
}

#[test]
fn a_full_outbox_fails_no_job_and_the_notice_waits() {
    run(async {
        let house = House::new().await;
        tell_me(&house, &["success"]).await;
        let outbox = house.dir.path().join("data/outbox");
        fs::create_dir_all(&outbox).unwrap();
        for number in 0..1000 {
            fs::write(outbox.join(format!("{number:015}-x.eml")), b"x").unwrap();
        }
        house.back_up(Reason::Manual).await.unwrap();
        assert_eq!(house.service.deliver_due().await.unwrap(), 0);
        fs::remove_file(outbox.join("000000000000000-x.eml")).unwrap();
        assert_eq!(
            house.service.deliver_due().await.unwrap(),
            0,
            "not before its time"
        );
        house.pass(Lapse::minutes(5));
        assert_eq!(house.service.deliver_due().await.unwrap(), 1);
        assert_eq!(house.service.deliver_due().await.unwrap(), 0, "once");
    });
}

#[test]
fn catalog_and_repository_are_brought_in_step() {
    run(async {
        let house = House::new().await;
        let kept = house.back_up(Reason::Manual).await.unwrap().backup;
        let gone = house.back_up(Reason::Manual).await.unwrap().backup;
        let snapshots = house.dir.path().join("data/repository/snapshots");
        fs::remove_file(snapshots.join(&gone.snapshot)).unwrap();
        tell_me(&house, &["failure"]).await;
        house.service.hourly().await.unwrap();
        house.service.deliver_due().await.unwrap();
        let states: Vec<String> = house
            .backups()
            .await
            .into_iter()
            .map(|backup| backup.state)
            .collect();
        assert_eq!(states, ["missing", "ok"]);
        assert!(house.letters()[0].contains(&gone.id), "an alarm names it");
        // A catalog that lost a row finds it again.
        let now = model::Clock::now_ms(&house.clock);
        let catalog = Catalog::open_file(&house.dir.path().join("data/catalog.db"), now)
            .await
            .unwrap();
        catalog.delete_backup(&kept.id).await.unwrap();
        catalog.close().await;
        house.pass(Lapse::days(2));
        house.service.hourly().await.unwrap();
        assert!(
            house
                .backups()
                .await
                .iter()
                .any(|backup| backup.id == kept.id && backup.state == "ok")
        );
    });
}

#[test]
fn a_backup_that_is_deleted_while_it_is_restored_stops_the_restore_truthfully() {
    run(async {
        let house = House::new().await;
        let made = house.back_up(Reason::Manual).await.unwrap().backup;
        fs::write(house.world().join("level.dat"), b"level two").unwrap();
        let request = service::RestoreRequest {
            backup: made.id.clone(),
            parts: Vec::new(),
            paths: Vec::new(),
            to: None,
            mode: None,
            deep: false,
            without_safety: None,
            leave_unsaved: false,
            typed: Some("world".to_owned()),
        };
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let (plan, target) = house
            .service
            .plan_restore(&request, &progress, &cancel)
            .await
            .unwrap();
        let job = house.service.ask_restore(&request, &plan, &target).await.unwrap();
        house
            .service
            .delete_backups(std::slice::from_ref(&made.id))
            .await
            .unwrap();
        house.work().await;
        let ended = house.service.show_job(&job).await.unwrap();
        assert_eq!(ended.state, "failed");
        assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level two");
    });
}

#[test]
fn many_who_act_at_once_are_all_in_the_audit_log_and_none_fails_for_it() {
    run(async {
        let house = House::new().await;
        let acting: Vec<_> = (0..100)
            .map(|_| {
                let service = house.service.clone();
                tokio::spawn(async move { service.edit_source("world", None, &json!({})).await })
            })
            .collect();
        for done in acting {
            done.await.unwrap().unwrap();
        }
        let log = house.service.list_audit(1000).await.unwrap();
        assert_eq!(log.iter().filter(|row| row.what == "source.edit").count(), 100);
        house.service.check_audit().await.unwrap();
    });
}
