//! What stays: limits, locks, retention, safety backups.

use std::fs;

use model::{Cancel, Kind, Lapse, Preset, Progress, Reason, Zone};
use serde_json::json;

use crate::house::{House, run};

#[test]
fn p03_a_locked_backup_is_not_deleted_and_a_limit_refuses_the_next_one() {
    run(async {
        let house = House::new().await;
        house
            .service
            .use_preset("world", Preset::Panel(2), &Zone::utc())
            .await
            .unwrap();
        let first = house.back_up(Reason::Manual).await.unwrap().backup.id;
        house.back_up(Reason::Manual).await.unwrap();
        let refused = house.back_up(Reason::Manual).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Refused);
        assert!(refused.hint_text().is_some());
        assert_eq!(house.backups().await.len(), 2, "nothing was made, nothing went");
        house.service.lock_backup(&first, true).await.unwrap();
        let locked = house
            .service
            .delete_backups(std::slice::from_ref(&first))
            .await
            .unwrap_err();
        assert_eq!(locked.kind(), Kind::Refused);
        // The schedule rotates, and never over a locked one.
        let third = house.back_up(Reason::Scheduled).await.unwrap();
        assert_eq!(third.deleted.len(), 1);
        let ids: Vec<String> = house
            .backups()
            .await
            .into_iter()
            .map(|backup| backup.id)
            .collect();
        assert_eq!(ids, [third.backup.id.clone(), first.clone()]);
        house.service.lock_backup(&third.backup.id, true).await.unwrap();
        let stuck = house.back_up(Reason::Scheduled).await.unwrap_err();
        assert_eq!(stuck.kind(), Kind::Refused, "{stuck}");
        assert_eq!(house.service.purge("world").await.unwrap(), []);
        house.service.lock_backup(&first, false).await.unwrap();
        house.service.delete_backups(&[first]).await.unwrap();
        assert_eq!(house.backups().await.len(), 1);
    });
}

#[test]
fn f03_manual_and_scheduled_ones_count_and_safety_ones_neither_count_nor_go() {
    run(async {
        let house = House::new().await;
        house
            .service
            .change_policy("world", &json!({"retention": {"last": 2}}))
            .await
            .unwrap();
        let first = house.back_up(Reason::Manual).await.unwrap().backup.id;
        fs::write(house.world().join("level.dat"), b"level two").unwrap();
        house.restore(&first).await.unwrap();
        house.pass(Lapse::minutes(1));
        fs::write(house.world().join("level.dat"), b"level three").unwrap();
        house.restore(&first).await.unwrap();
        house.pass(Lapse::minutes(1));
        for _ in 0..4 {
            house.back_up(Reason::Scheduled).await.unwrap();
        }
        assert_eq!(
            house.reasons().await,
            ["scheduled", "scheduled", "safety", "safety"]
        );
        // With a rule of their own, older ones go in the end; the newest stays.
        house
            .service
            .change_policy("world", &json!({"safety": "60d"}))
            .await
            .unwrap();
        house.pass(Lapse::days(59));
        house.service.hourly().await.unwrap();
        assert_eq!(house.backups().await.len(), 4);
        house.pass(Lapse::days(400));
        house.service.hourly().await.unwrap();
        assert_eq!(
            house.reasons().await,
            ["scheduled", "scheduled", "safety"],
            "the undo of the newest restore stays"
        );
    });
}

#[test]
fn nothing_goes_when_the_new_backup_does_not_verify() {
    run(async {
        let house = House::new().await;
        house.back_up(Reason::Manual).await.unwrap();
        house
            .service
            .change_policy("world", &json!({"limit": {"most": 1, "when_full": "rotate"}}))
            .await
            .unwrap();
        // Every pack is damaged on the disk; the next backup builds on them.
        let packs = house.dir.path().join("data/repository/data");
        for dir in fs::read_dir(packs).unwrap() {
            for pack in fs::read_dir(dir.unwrap().path()).unwrap() {
                let path = pack.unwrap().path();
                let mut bytes = fs::read(&path).unwrap();
                for byte in &mut bytes {
                    *byte ^= 0xff;
                }
                let mut mode = fs::metadata(&path).unwrap().permissions();
                std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
                fs::set_permissions(&path, mode).unwrap();
                fs::write(&path, bytes).unwrap();
            }
        }
        let failed = house.back_up(Reason::Manual).await.unwrap_err();
        assert_eq!(failed.kind(), Kind::Damaged, "{failed}");
        assert!(failed.to_string().contains("nothing was deleted"), "{failed}");
        assert_eq!(house.backups().await.len(), 2);
    });
}

#[test]
fn d05_deleting_a_backup_removes_its_data_and_its_record() {
    run(async {
        let house = House::new().await;
        let mut noise = vec![0; 400_000];
        model::Random::fill(&testkit::FakeRandom::seeded(1), &mut noise).unwrap();
        fs::write(house.world().join("noise"), noise).unwrap();
        let done = house.back_up(Reason::Manual).await.unwrap();
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let before = house.service.stats(&progress, &cancel).await.unwrap();
        house.service.delete_backups(&[done.backup.id]).await.unwrap();
        assert_eq!(house.backups().await, []);
        house.service.prune(true, &progress, &cancel).await.unwrap();
        let after = house.service.stats(&progress, &cancel).await.unwrap();
        assert!(before.stored_bytes > 100_000);
        assert_eq!((after.snapshots, after.stored_bytes), (0, 0));
    });
}

#[test]
fn d05_a_running_job_is_cancelled_and_leaves_no_backup() {
    run(async {
        let house = House::new().await;
        // A file that takes long to read, and little room.
        let file = fs::File::create(house.world().join("huge")).unwrap();
        file.set_len(1 << 42).unwrap();
        let job = house
            .service
            .ask_backup(&service::BackupRequest::manual("world"))
            .await
            .unwrap()
            .job;
        let canceller = house.another().await;
        let asked = job.clone();
        let cancel = tokio::spawn(async move {
            while canceller.show_job(&asked).await.unwrap().state != "running" {
                tokio::task::yield_now().await;
            }
            canceller.cancel_job(&asked).await.unwrap();
        });
        house.work().await;
        cancel.await.unwrap();
        let ended = house.service.show_job(&job).await.unwrap();
        assert_eq!(ended.state, "cancelled");
        assert_eq!(house.backups().await, []);
        fs::remove_file(house.world().join("huge")).unwrap();
        house.back_up(Reason::Manual).await.unwrap();
    });
}
