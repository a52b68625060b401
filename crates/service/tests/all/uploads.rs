//! Uploads: nothing of what is refused stays, and what is taken becomes a backup, or a restore, by a job.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Cancel, Kind, Lapse, Problem, Progress, Reason, Result};
use serde_json::json;
use service::archive::Format;
use service::{ExportRequest, Length, Options, Received, Service, UploadRequest};

use crate::house::{House, run};

/// What lies in `uploads/`.
pub(crate) fn lying(house: &House) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(house.dir.path().join("data/uploads")) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// An archive of the world as it is.
async fn archive(house: &House, format: &str, passphrase: Option<&str>) -> Vec<u8> {
    let backup = house.back_up(Reason::Manual).await.unwrap().backup.id;
    let file = house.dir.path().join("archive");
    let request = ExportRequest {
        backup,
        format: format.parse::<Format>().unwrap(),
        passphrase: passphrase.map(str::to_owned),
    };
    let out = Box::new(fs::File::create(&file).unwrap());
    let (progress, cancel) = (Progress::new(), Cancel::new());
    house
        .service
        .export(request, out, &progress, &cancel)
        .await
        .unwrap();
    fs::read(file).unwrap()
}

async fn received(service: &Service, bytes: &[u8]) -> Result<Received> {
    let mut upload = service
        .begin_upload("world", Length::Exactly(bytes.len() as u64))
        .await?;
    for piece in bytes.chunks(10_000) {
        upload.write(piece).await?;
    }
    upload.finish().await
}

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

fn kind<T>(result: Result<T>) -> Kind {
    result.map(|_| ()).expect_err("it is refused").kind()
}

#[test]
fn an_upload_that_ends_early_or_holds_too_much_leaves_nothing() {
    run(async {
        let house = House::new().await;
        let gzip = [0x1f, 0x8b, 8, 0];
        let short = house.service.begin_upload("world", Length::Exactly(5)).await;
        let mut short = short.unwrap();
        short.write(&gzip).await.unwrap();
        assert_eq!(lying(&house).len(), 1);
        assert_eq!(kind(short.finish().await), Kind::Invalid);
        let mut long = house
            .service
            .begin_upload("world", Length::Exactly(3))
            .await
            .unwrap();
        assert_eq!(kind(long.write(&gzip).await), Kind::Invalid);
        drop(long);
        let empty = house
            .service
            .begin_upload("world", Length::Unknown)
            .await
            .unwrap();
        assert_eq!(kind(empty.finish().await), Kind::Invalid);
        let mut text = house
            .service
            .begin_upload("world", Length::Unknown)
            .await
            .unwrap();
        text.write(b"no archive at all").await.unwrap();
        assert_eq!(kind(text.finish().await), Kind::Invalid);
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
    });
}

#[test]
fn the_limit_holds_whether_or_not_the_length_is_known() {
    run(async {
        let house = House::new().await;
        let mut options = Options::new(house.dir.path().join("data"));
        options.clock = Arc::new(house.clock.clone());
        options.upload_limit = 1_000;
        let service = Service::open(options).await.unwrap();
        for length in [Length::Exactly(1_001), Length::AtLeast(1_001)] {
            assert_eq!(kind(service.begin_upload("world", length).await), Kind::TooLarge);
        }
        let mut upload = service.begin_upload("world", Length::Unknown).await.unwrap();
        upload.write(&[0; 1_000]).await.unwrap();
        let problem = upload.write(&[0]).await.unwrap_err();
        assert_eq!(
            (problem.kind(), problem.hint_text().is_some()),
            (Kind::TooLarge, true)
        );
        drop(upload);
        assert_eq!(lying(&house), Vec::<PathBuf>::new());
    });
}

#[test]
fn what_would_fill_the_disk_is_refused_before_its_first_byte() {
    run(async {
        let house = House::new().await;
        let mut options = Options::new(house.dir.path().join("data"));
        options.clock = Arc::new(house.clock.clone());
        options.upload_limit = u64::MAX;
        let service = Service::open(options).await.unwrap();
        let upload = service.begin_upload("world", Length::Exactly(1 << 60)).await;
        assert_eq!(kind(upload), Kind::NoSpace);
    });
}

#[test]
fn a_person_has_few_uploads_at_once_those_that_wait_for_their_job_counted() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "tar.gz", None).await;
        let waiting = received(&house.service, &bytes).await.unwrap();
        house
            .service
            .import_upload(waiting, UploadRequest::default())
            .await
            .unwrap();
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(
                house
                    .service
                    .begin_upload("world", Length::Unknown)
                    .await
                    .unwrap(),
            );
        }
        let fifth = house.service.begin_upload("world", Length::Unknown).await;
        assert_eq!(kind(fifth), Kind::TooMany);
        open.pop();
        open.push(
            house
                .service
                .begin_upload("world", Length::Unknown)
                .await
                .unwrap(),
        );
        house.work().await;
        house
            .service
            .begin_upload("world", Length::Unknown)
            .await
            .unwrap();
    });
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
        assert_eq!(next.work_off(true, &Cancel::new()).await.unwrap(), 1);
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

#[test]
fn what_a_dead_process_left_is_swept_and_what_is_wanted_stays() {
    run(async {
        let house = House::new().await;
        let bytes = archive(&house, "tar.gz", None).await;
        let left = house
            .service
            .begin_upload("world", Length::Unknown)
            .await
            .unwrap();
        let path = lying(&house).remove(0);
        drop(left);
        // As a process that was killed leaves it: there, and locked by nobody.
        fs::write(&path, &bytes).unwrap();
        fs::write(path.with_file_name("not-ours"), b"").unwrap();
        let mut living = house
            .service
            .begin_upload("world", Length::Unknown)
            .await
            .unwrap();
        living.write(&bytes).await.unwrap();
        let waiting = received(&house.service, &bytes).await.unwrap();
        let job = house
            .service
            .import_upload(waiting, UploadRequest::default())
            .await
            .unwrap();
        assert_eq!(lying(&house).len(), 4);
        house.service.hourly().await.unwrap();
        assert!(!path.exists());
        assert_eq!(lying(&house).len(), 3);
        house.pass(Lapse::hours(25));
        house.service.hourly().await.unwrap();
        assert_eq!(lying(&house).len(), 2, "a day is long enough");
        assert_eq!(kind(living.finish().await), Kind::TooSlow);
        house.service.cancel_job(&job).await.unwrap();
        assert_eq!(lying(&house), [path.with_file_name("not-ours")]);
    });
}
