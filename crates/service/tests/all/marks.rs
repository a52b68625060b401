//! What is marked: backups that lack something or are suspiciously small, that are gone, and that are damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use model::{Cancel, Kind, Lapse, Progress, Reason};
use serde_json::json;
use service::{BackupFilter, BackupView, Level, VerifyDone};

use crate::house::{House, run};

/// Leaves a folder with nothing in it, as an unmounted disk does.
fn empty(house: &House) {
    fs::remove_dir_all(house.world()).unwrap();
    fs::create_dir(house.world()).unwrap();
}

async fn change(house: &House, policy: serde_json::Value) {
    house.service.change_policy("world", &policy).await.unwrap();
}

async fn states(house: &House) -> Vec<String> {
    house.backups().await.into_iter().map(|row| row.state).collect()
}

async fn ids(house: &House) -> Vec<String> {
    house.backups().await.into_iter().map(|row| row.id).collect()
}

#[test]
fn rotation_never_trades_a_good_backup_for_an_empty_one() {
    for policy in [
        json!({"retention": {"last": 2}}),
        json!({"limit": {"most": 2, "when_full": "rotate"}}),
        json!({"retention": {"last": 2}, "suspicious_below": "off"}),
    ] {
        run(async {
            let house = House::new().await;
            change(&house, policy.clone()).await;
            let mut good = Vec::new();
            for _ in 0..2 {
                good.push(house.back_up(Reason::Scheduled).await.unwrap().backup.id);
            }
            empty(&house);
            for _ in 0..3 {
                let done = house.back_up(Reason::Scheduled).await.unwrap();
                assert_eq!(
                    (done.state.as_str(), done.deleted.len()),
                    ("warning", 0),
                    "{done:?}"
                );
                assert_eq!((done.backup.state.as_str(), done.backup.files), ("suspicious", 0));
                let told = done.warnings.concat();
                assert!(
                    told.contains("holds nothing")
                        && told.contains(&format!("cairn accept {}", done.backup.id)),
                    "{told}"
                );
            }
            let all = ids(&house).await;
            assert!(good.iter().all(|id| all.contains(id)), "{policy}: {all:?}");
            // Accepted, it counts; the next one is measured by it and rotates.
            let accepted = house.service.accept_backup(&all[0]).await.unwrap();
            assert_eq!(accepted.state, "ok");
            assert!(accepted.accepted.is_some() && accepted.suspicion.is_some());
            assert_eq!(ids(&house).await.len(), 5, "accepting deletes nothing by itself");
            let next = house.back_up(Reason::Scheduled).await.unwrap();
            assert_eq!(next.backup.state, "ok");
            assert_eq!(ids(&house).await, [next.backup.id, all[0].clone()], "{policy}");
        });
    }
}

#[test]
fn what_is_far_smaller_is_told_of_and_found_by_its_state() {
    run(async {
        let house = House::new().await;
        let notify = json!([{"on": ["anomaly"], "to": {"by": "email", "address": "me@example.org"}}]);
        change(&house, json!({ "notify": notify })).await;
        house.back_up(Reason::Manual).await.unwrap();
        fs::write(house.world().join("region/r.0.0.mca"), b"little").unwrap();
        let small = house.back_up(Reason::Manual).await.unwrap().backup;
        assert_eq!(small.state, "suspicious");
        house.service.deliver_due().await.unwrap();
        let letters = house.letters().concat();
        assert!(letters.contains(&small.id), "{letters}");
        let page = async |state: &str| -> Vec<String> {
            let filter = BackupFilter {
                state: Some(state.to_owned()),
                ..BackupFilter::default()
            };
            let page = house.service.backups_page(&filter, None, 10).await.unwrap();
            page.items
                .into_iter()
                .map(|backup: BackupView| backup.id)
                .collect()
        };
        assert_eq!(page("suspicious").await, std::slice::from_ref(&small.id));
        assert_eq!(page("ok").await.len(), 1);
        assert_eq!(page("incomplete").await, Vec::<String>::new());
        let seen = house.service.check_source("world").await.unwrap();
        let told = &seen.obstacles[0];
        assert!(told.message.contains(&small.id) && !told.blocking, "{told:?}");
        // It is found like every other, also as the latest one.
        assert_eq!(house.service.show_backup("latest").await.unwrap().id, small.id);
        house.service.accept_backup(&small.id).await.unwrap();
        assert_eq!(page("suspicious").await, Vec::<String>::new());
        assert_eq!(house.service.check_source("world").await.unwrap().obstacles, []);
        let audit = house.service.list_audit(10).await.unwrap();
        assert!(
            audit
                .iter()
                .any(|row| row.what == "backup.accept" && row.detail == small.id)
        );
    });
}

#[test]
fn simulating_a_policy_says_what_takes_no_place() {
    run(async {
        let house = House::new().await;
        house.back_up(Reason::Manual).await.unwrap();
        empty(&house);
        house.back_up(Reason::Manual).await.unwrap();
        let last = json!({"retention": {"last": 1}});
        let fates = house.service.simulate("world", &last).await.unwrap();
        assert!(fates.iter().all(|fate| fate.kept), "{fates:?}");
        assert_eq!(fates[0].because, ["takes no place (last)"]);
    });
}

async fn verify_all(house: &House) -> VerifyDone {
    house
        .service
        .verify(None, &Progress::new(), &Cancel::new())
        .await
        .unwrap()
}

fn snapshot_file(house: &House, backup: &BackupView) -> PathBuf {
    house
        .dir
        .path()
        .join("data/repository/snapshots")
        .join(&backup.snapshot)
}

#[test]
fn verify_compares_the_catalog_with_the_repository_and_names_what_is_missing() {
    run(async {
        let house = House::new().await;
        let mut made = Vec::new();
        for number in 0..3 {
            fs::write(house.world().join("level.dat"), format!("level {number}")).unwrap();
            made.push(house.back_up(Reason::Manual).await.unwrap().backup);
        }
        assert_eq!(verify_all(&house).await.state, "succeeded");
        assert!(
            house
                .backups()
                .await
                .iter()
                .all(|backup| backup.verified.is_some())
        );
        let whole = fs::read(snapshot_file(&house, &made[1])).unwrap();
        fs::remove_file(snapshot_file(&house, &made[1])).unwrap();
        for _ in 0..2 {
            let done = verify_all(&house).await;
            assert_eq!((done.state.as_str(), done.checked), ("failed", 2));
            assert_eq!(done.affected.len(), 1);
            assert_eq!(
                (&done.affected[0].id, done.affected[0].state.as_str()),
                (&made[1].id, "missing")
            );
            assert!(done.problems.concat().contains(&made[1].id), "{done:?}");
        }
        let rows = house.backups().await;
        assert_eq!(states(&house).await, ["ok", "missing", "ok"]);
        assert!(rows[0].verified.is_some() && rows[1].verified.is_none());
        // It is back, and says nothing of having been read since.
        fs::write(snapshot_file(&house, &made[1]), whole).unwrap();
        assert_eq!(verify_all(&house).await.state, "succeeded");
        assert_eq!(states(&house).await, ["ok", "ok", "ok"]);
        for backup in &made {
            fs::remove_file(snapshot_file(&house, backup)).unwrap();
        }
        let done = verify_all(&house).await;
        assert_eq!(
            (done.state.as_str(), done.checked, done.affected.len()),
            ("failed", 0, 3)
        );
    });
}

/// The packs that there are.
fn packs(house: &House) -> Vec<PathBuf> {
    let data = house.dir.path().join("data/repository/data");
    let dirs = fs::read_dir(data).unwrap().map(|dir| dir.unwrap().path());
    dirs.flat_map(|dir| fs::read_dir(dir).unwrap().map(|pack| pack.unwrap().path()))
        .collect()
}

fn flip(path: &PathBuf) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    // The manifest may lie at either end.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}

/// Two backups, and the pack with the content that only the second one needs.
async fn two(house: &House) -> (BackupView, BackupView, PathBuf) {
    let first = house.back_up(Reason::Manual).await.unwrap().backup;
    let before = packs(house);
    let mut noise = vec![0; 400_000];
    model::Random::fill(&testkit::FakeRandom::seeded(1), &mut noise).unwrap();
    fs::write(house.world().join("noise"), noise).unwrap();
    let second = house.back_up(Reason::Manual).await.unwrap().backup;
    let mut new = packs(house);
    new.retain(|pack| !before.contains(pack));
    new.sort_by_key(|pack| fs::metadata(pack).unwrap().len());
    (first, second, new.pop().unwrap())
}

#[test]
fn damage_is_remembered_and_named_until_it_is_read_back_whole() {
    run(async {
        let house = House::new().await;
        let notify = json!([{"on": ["failure"], "to": {"by": "email", "address": "me@example.org"}}]);
        change(&house, json!({ "notify": notify })).await;
        let (first, second, pack) = two(&house).await;
        verify_all(&house).await;
        let whole = fs::read(&pack).unwrap();
        flip(&pack);
        let done = verify_all(&house).await;
        assert_eq!(done.state, "failed");
        let named: Vec<&str> = done.affected.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(named, [second.id.as_str()]);
        assert_eq!(states(&house).await, ["damaged", "ok"]);
        let rows = house.backups().await;
        assert!(rows[0].verified.is_none() && rows[1].verified.is_some());
        house.service.deliver_due().await.unwrap();
        assert_eq!(
            house.letters().concat().matches(&second.id).count(),
            1,
            "it is told of once"
        );
        // Its snapshot can be read, which makes it no better.
        house.pass(Lapse::days(2));
        house.service.hourly().await.unwrap();
        assert_eq!(states(&house).await, ["damaged", "ok"]);
        let checked = house
            .service
            .check(Level::Structure, &Progress::new(), &Cancel::new())
            .await
            .unwrap();
        assert!(!checked.is_clean());
        assert_eq!(checked.affected[0].id, second.id);
        assert!(checked.affected[0].to_string().contains("of world is damaged"));
        let refused = house.service.accept_backup(&second.id).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
        fs::write(&pack, whole).unwrap();
        let healed = house
            .service
            .verify(Some(&second.id), &Progress::new(), &Cancel::new())
            .await
            .unwrap();
        assert_eq!(healed.state, "succeeded");
        assert_eq!(states(&house).await, ["ok", "ok"]);
        assert_ne!(first.id, second.id);
    });
}

#[test]
fn damage_that_a_restore_comes_upon_is_remembered() {
    run(async {
        let house = House::new().await;
        let (_, second, pack) = two(&house).await;
        fs::remove_file(house.world().join("noise")).unwrap();
        flip(&pack);
        let done = house.restore(&second.id).await.unwrap();
        assert_eq!((done.state.as_str(), done.verified), ("warning", false));
        assert!(states(&house).await.contains(&"damaged".to_owned()));
        let verified = house
            .service
            .verify(Some(&second.id), &Progress::new(), &Cancel::new())
            .await
            .unwrap();
        assert_eq!((verified.state.as_str(), verified.affected.len()), ("failed", 1));
    });
}
