//! What runs by itself: once per due time, whoever looks and whenever nobody did.

use model::{Lapse, Reason, Schedule, Zone};
use serde_json::json;
use service::Service;

use crate::house::{House, run};

async fn every_day(house: &House) {
    let daily = Schedule::every(Lapse::days(1));
    house.service.set_schedule("world", daily).await.unwrap();
}

#[test]
fn l12_scheduled_runs_back_up_all_parts_in_the_background_and_survive_downtime() {
    run(async {
        let house = House::new().await;
        every_day(&house).await;
        assert_eq!(house.work().await, 0, "nothing is due yet");
        house.pass(Lapse::days(1));
        house.work().await;
        let backups = house.backups().await;
        assert_eq!(
            (backups[0].reason.as_str(), &backups[0].parts),
            ("scheduled", &vec!["world".to_owned()])
        );
        house.work().await;
        assert_eq!(house.backups().await.len(), 1, "once per due time");
        // Nobody runs for five days; then another process comes.
        house.pass(Lapse::days(5));
        let later = house.another().await;
        assert!(later.tick().await.unwrap() >= 1);
        house.work().await;
        assert_eq!(
            house.backups().await.len(),
            2,
            "five missed runs are made up once"
        );
        house.pass(Lapse::hours(23));
        house.work().await;
        assert_eq!(house.backups().await.len(), 2);
        house.pass(Lapse::hours(1));
        house.work().await;
        assert_eq!(house.backups().await.len(), 3, "and it goes on in its rhythm");
    });
}

#[test]
fn f02_the_schedule_is_daily_or_weekly_in_a_zone_and_the_oldest_goes() {
    run(async {
        let house = House::new().await;
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let daily = Schedule::read("daily at 03:00", &zone).unwrap();
        let view = house.service.set_schedule("world", daily).await.unwrap();
        assert_eq!(view.schedule, "daily at 03:00 Europe/Berlin");
        assert_eq!(view.next.len(), 5);
        let changes = json!({"retention": {"last": 3}});
        house.service.change_policy("world", &changes).await.unwrap();
        for _ in 0..6 {
            house.pass(Lapse::days(1));
            assert!(house.work().await >= 1);
        }
        let backups = house.backups().await;
        assert_eq!(backups.len(), 3, "the oldest went, one by one");
        assert!(
            backups.iter().all(|backup| backup.verified.is_some()),
            "make, verify, delete: in this order"
        );
        let weekly = Schedule::read("weekly on sunday at 04:00", &zone).unwrap();
        let view = house.service.set_schedule("world", weekly).await.unwrap();
        assert_eq!(view.schedule, "weekly on sunday at 04:00 Europe/Berlin");
        house
            .service
            .set_schedule("world", Schedule::off())
            .await
            .unwrap();
        house.pass(Lapse::days(30));
        house.service.tick().await.unwrap();
        assert_eq!(
            house.service.show_schedule("world").await.unwrap().next,
            Vec::<String>::new()
        );
    });
}

#[test]
fn f02_a_missed_run_is_made_up_at_the_next_start_or_let_go_as_the_policy_says() {
    run(async {
        let house = House::new().await;
        every_day(&house).await;
        house
            .service
            .change_policy("world", &json!({"catch_up": false}))
            .await
            .unwrap();
        house.pass(Lapse::hours(30));
        house.work().await;
        assert_eq!(house.backups().await.len(), 0, "six hours late is let go");
        house.pass(Lapse::hours(18));
        house.work().await;
        assert_eq!(house.backups().await.len(), 1, "the next one is on time");
        house
            .service
            .change_policy("world", &json!({"catch_up": null}))
            .await
            .unwrap();
        house.pass(Lapse::hours(30));
        house.work().await;
        assert_eq!(house.backups().await.len(), 2, "made up");
    });
}

#[test]
fn a_due_run_is_fired_once_however_many_processes_look_at_once() {
    run(async {
        let house = House::new().await;
        every_day(&house).await;
        house.pass(Lapse::days(1));
        let mut others: Vec<Service> = Vec::new();
        for _ in 0..4 {
            others.push(house.another().await);
        }
        let looks = others
            .into_iter()
            .map(|service| tokio::spawn(async move { service.tick().await.unwrap() }));
        let mut fired = 0;
        for look in looks.collect::<Vec<_>>() {
            fired += look.await.unwrap();
        }
        assert_eq!(fired, 1);
        let jobs = house.service.list_jobs(100).await.unwrap();
        assert_eq!(jobs.iter().filter(|job| job.kind == "backup").count(), 1);
    });
}

#[test]
fn a_clock_that_was_years_ahead_stops_no_schedule() {
    run(async {
        let house = House::new().await;
        every_day(&house).await;
        house.pass(Lapse::days(800));
        house.work().await;
        house.clock.set(testkit::FakeClock::START_MS);
        house.pass(Lapse::days(2));
        house.work().await;
        let before = house.backups().await.len();
        house.pass(Lapse::days(1));
        house.work().await;
        assert!(house.backups().await.len() > before, "the next day it runs");
    });
}

#[test]
fn while_the_last_run_goes_on_the_next_is_let_go() {
    run(async {
        let house = House::new().await;
        let often = Schedule::every(Lapse::minutes(10));
        house.service.set_schedule("world", often).await.unwrap();
        for _ in 0..3 {
            house.pass(Lapse::minutes(10));
            // Nobody carries anything out.
            house.service.tick().await.unwrap();
        }
        let jobs = house.service.list_jobs(100).await.unwrap();
        assert_eq!(jobs.len(), 1);
    });
}

#[test]
fn a_policy_that_cannot_be_read_changes_nothing() {
    run(async {
        let house = House::new().await;
        every_day(&house).await;
        let refused = house
            .service
            .change_policy("world", &json!({"retension": {"last": 3}}))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("retension"), "{refused}");
        let policy = house.service.policy("world").await.unwrap();
        assert_eq!(policy.schedule, Schedule::every(Lapse::days(1)));
        house.back_up(Reason::Manual).await.unwrap();
        house.back_up(Reason::Manual).await.unwrap();
        let fates = house
            .service
            .simulate("world", &json!({"retention": {"last": 1}}))
            .await
            .unwrap();
        let kept: Vec<bool> = fates.iter().map(|fate| fate.kept).collect();
        assert_eq!(kept, [true, false], "shown");
        house.back_up(Reason::Manual).await.unwrap();
        assert_eq!(house.backups().await.len(), 3, "and not done");
    });
}
