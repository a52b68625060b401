//! What was uploaded becomes a backup, or a restore, by a job.

use std::fs;
use std::path::PathBuf;

use model::{Cancel, Kind, Lapse, Problem, Progress, Result};
use serde_json::json;
use service::RestoreRequest;
use service::UploadRequest;

use crate::house::{House, run};
use crate::uploads::{archive, kind, lying, received};
use crate::work::vanish_with_a_job;

async fn restore(house: &House, bytes: &[u8]) -> Result<String> {
    let received = received(&house.service, bytes).await?;
    house
        .service
        .restore_upload(received, UploadRequest::default())
        .await
}

/// The reasons of all backups; those of one moment have no order.
async fn reasons(house: &House) -> Vec<String> {
    let mut reasons = house.reasons().await;
    reasons.sort();
    reasons
}

#[test]
fn an_upload_becomes_a_backup_also_when_another_process_takes_it() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "tar.gz", None).await;
        let upload = received(&house.service, &bytes).await.unwrap();
        let request = UploadRequest {
            name: Some("from elsewhere".to_owned()),
            ..UploadRequest::default()
        };
        let job = house.service.import_upload(upload, request).await.unwrap();
        house.service.close().await;
        let next = house.another().await;
        assert_eq!(next.work_off(true, &Cancel::new()).await.unwrap().jobs, 1);
        assert_eq!(next.show_job(&job).await.unwrap().state, "succeeded");
        let newest = next.list_backups(Some("world"), 1).await.unwrap().remove(0);
        assert_eq!(
            (newest.reason.as_str(), newest.name.as_str()),
            ("imported", "from elsewhere")
        );
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
    });
}

#[test]
fn d04_an_upload_is_restored_in_one_step_with_a_safety_backup_and_can_be_undone() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "tar.gz", None).await;
        fs::write(house.world().join("level.dat"), b"level two").unwrap();
        fs::write(house.world().join("new"), b"x").unwrap();
        let job = restore(&house, &bytes).await.unwrap();
        assert!(house.service.is_restoring("world").await.unwrap());
        house.work().await;
        let done = house.service.show_job(&job).await.unwrap();
        assert_eq!(done.state, "succeeded", "{:?}", done.error);
        assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level one");
        assert!(!house.world().join("new").exists());
        assert_eq!(reasons(&house).await, ["imported", "manual", "safety"]);
        let backups = house.backups().await;
        let imported = backups.iter().find(|backup| backup.reason == "imported").unwrap();
        assert_eq!(done.result.unwrap()["imported"], json!(imported.id));
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let (request, plan, target) = house
            .service
            .plan_undo(Some(&job), &progress, &cancel)
            .await
            .unwrap();
        let request = RestoreRequest {
            typed: house.service.word_to_type(&plan, &target).await.unwrap(),
            ..request
        };
        let undo = house
            .service
            .restore(&request, &plan, &target, &progress, &cancel);
        undo.await.unwrap();
        assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level two");
    });
}

#[test]
fn an_archive_that_is_not_good_as_a_whole_is_refused_and_removed_and_nothing_is_touched() {
    run(async {
        let house = House::new().await;
        let mut bytes = archive(&house, "tar.gz", None).await;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        let job = restore(&house, &bytes).await.unwrap();
        house.work().await;
        let failed = house.service.show_job(&job).await.unwrap();
        assert_eq!(
            (failed.state.as_str(), failed.error.unwrap().kind.as_str()),
            ("failed", "invalid")
        );
        assert_eq!(house.reasons().await, ["manual"]);
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
        assert_eq!(
            kind(
                house
                    .service
                    .resume(Some(&job), &Progress::new(), &Cancel::new())
                    .await
            ),
            Kind::NotFound,
            "it must be uploaded again"
        );
    });
}

#[test]
fn a_restore_of_an_upload_goes_on_without_importing_again() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "tar.gz", None).await;
        fs::write(house.world().join("level.dat"), b"level two").unwrap();
        let job = restore(&house, &bytes).await.unwrap();
        let gate = |gate: serde_json::Value| json!({"gates": {"stopped": gate}});
        house
            .service
            .change_policy("world", &gate(json!(true)))
            .await
            .unwrap();
        house.work().await;
        let failed = house.service.show_job(&job).await.unwrap();
        assert_eq!(
            failed.error.unwrap().kind,
            "refused",
            "the same gates as any restore"
        );
        assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level two");
        assert_eq!(
            kind(restore(&house, &bytes).await),
            Kind::Refused,
            "at once, by now"
        );
        house
            .service
            .change_policy("world", &gate(json!(false)))
            .await
            .unwrap();
        let resumed = house
            .service
            .resume(Some(&job), &Progress::new(), &Cancel::new())
            .await;
        assert_eq!(resumed.unwrap().state, "succeeded");
        assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level one");
        assert_eq!(reasons(&house).await, ["imported", "manual", "safety"]);
    });
}

#[test]
fn a_worker_that_dies_over_an_upload_leaves_it_to_the_next_one() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "tar.gz", None).await;
        fs::write(house.world().join("level.dat"), b"level two").unwrap();
        let upload = received(&house.service, &bytes).await.unwrap();
        let import = house.service.import_upload(upload, UploadRequest::default());
        let import = import.await.unwrap();
        let job = restore(&house, &bytes).await.unwrap();
        vanish_with_a_job(&house).await;
        vanish_with_a_job(&house).await;
        house.pass(Lapse::minutes(2));
        house.work().await;
        assert_eq!(house.service.show_job(&import).await.unwrap().state, "succeeded");
        let stopped = house.service.show_job(&job).await.unwrap();
        assert_eq!(
            stopped.state, "interrupted",
            "what touches the living waits for a person"
        );
        assert_eq!(lying(&house).len(), 1, "and its file with it");
        let resumed = house
            .service
            .resume(Some(&job), &Progress::new(), &Cancel::new())
            .await;
        assert_eq!(resumed.unwrap().state, "succeeded");
        assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level one");
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
    });
}

#[test]
fn a_passphrase_waits_sealed_and_a_wrong_one_is_the_callers_mistake() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "zip", Some("correct horse")).await;
        for (passphrase, state, error) in [
            ("correct horse", "succeeded", None),
            ("wrong horse", "failed", Some("wrong-password")),
        ] {
            let upload = received(&house.service, &bytes).await.unwrap();
            let request = UploadRequest {
                passphrase: Some(passphrase.to_owned()),
                ..UploadRequest::default()
            };
            assert!(!format!("{request:?}").contains("horse"));
            let job = house.service.import_upload(upload, request).await.unwrap();
            let catalog = fs::read(house.dir.path().join("data/catalog.db-wal")).unwrap();
            let is_there = catalog.windows(5).any(|five| five == b"horse");
            assert!(!is_there, "the passphrase lies open in the catalog");
            house.work().await;
            let done = house.service.show_job(&job).await.unwrap();
            assert_eq!(done.state, state);
            assert_eq!(done.error.map(|error| error.kind).as_deref(), error);
        }
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
        assert_eq!(Problem::new(Kind::WrongPassword, "").kind().http_status(), 422);
    });
}
