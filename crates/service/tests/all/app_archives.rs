//! Archives of an app's backups, and jobs that are carried out again.

use std::fs;
use std::path::Path;

use catalog::Catalog;
use model::Cancel;
use service::{AppChanges, BackupRequest};

use crate::house::{House, run};

/// As if the process had left, or been killed, just before the job was over.
async fn carried_out_again(house: &House, job: &str) {
    let now = model::Clock::now_ms(&house.clock);
    let path = house.dir.path().join("data/catalog.db");
    let catalog = Catalog::open_file(&path, now).await.unwrap();
    assert!(catalog.requeue_job(job, "succeeded", now).await.unwrap());
    catalog.close().await;
    let worked = house.service.work_off(false, &Cancel::new()).await.unwrap();
    assert_eq!((worked.jobs, worked.failed), (1, 0));
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_backup_whose_job_is_carried_out_again_is_made_once_and_its_archive_is_put_once() {
    run(async {
        let house = House::new().await;
        let place = house.dir.path().join("archives");
        fs::create_dir(&place).unwrap();
        let changes = |place: &Path| AppChanges {
            place: Some(place.display().to_string()),
            ..AppChanges::default()
        };
        let asked = house
            .service
            .ask_backup(&BackupRequest::manual("world"))
            .await
            .unwrap();
        house.service.work_off(false, &Cancel::new()).await.unwrap();
        // It was killed before it could put the archive.
        let service = &house.service;
        service
            .change_app_settings(Some("world"), &changes(&place))
            .await
            .unwrap();
        for _ in 0..2 {
            carried_out_again(&house, &asked.job).await;
            assert_eq!(count(&place), 1);
            let backups = service.list_backups(Some("world"), 10).await.unwrap();
            assert_eq!(backups.len(), 1);
            assert_eq!(backups[0].id, asked.backup);
        }
    });
}
