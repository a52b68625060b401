//! Uploads on their way: limits, quotas, and nothing of what is refused stays.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Cancel, Kind, Lapse, Progress, Reason, Result};
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
pub(crate) async fn archive(house: &House, format: &str, passphrase: Option<&str>) -> Vec<u8> {
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

pub(crate) async fn received(service: &Service, bytes: &[u8]) -> Result<Received> {
    let mut upload = service
        .begin_upload("world", Length::Exactly(bytes.len() as u64))
        .await?;
    for piece in bytes.chunks(10_000) {
        upload.write(piece).await?;
    }
    upload.finish().await
}

pub(crate) fn kind<T>(result: Result<T>) -> Kind {
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
