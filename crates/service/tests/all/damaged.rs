//! A backup whose snapshot's file is damaged: the others are made, found and restored as before, and this one is named.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use model::{Cancel, Kind, Lapse, Progress, Reason};
use serde_json::json;

use crate::house::{House, run};

const WAYS: [&str; 2] = ["flipped", "cut"];

/// Damages the file of a snapshot; what it held.
fn damage(house: &House, snapshot: &str, way: &str) -> Vec<u8> {
    let path = house.dir.path().join("data/repository/snapshots").join(snapshot);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    if way == "cut" {
        bytes.truncate(20);
    } else {
        bytes[50] ^= 4;
    }
    fs::write(&path, bytes).unwrap();
    whole
}

async fn states(house: &House) -> Vec<String> {
    house.backups().await.into_iter().map(|row| row.state).collect()
}

#[test]
fn the_others_are_restored_and_added_to_and_an_alarm_names_the_damaged_one() {
    for way in WAYS {
        run(async {
            let house = House::new().await;
            let notify = json!([{"on": ["failure"], "to": {"by": "email", "address": "me@example.org"}}]);
            let change = json!({ "notify": notify });
            house.service.change_policy("world", &change).await.unwrap();
            let first = house.back_up(Reason::Manual).await.unwrap().backup;
            fs::write(house.world().join("level.dat"), b"level two").unwrap();
            let second = house.back_up(Reason::Manual).await.unwrap().backup;
            let whole = damage(&house, &second.snapshot, way);
            // Before anybody has looked.
            let verified = house
                .service
                .verify(Some(&second.id), &Progress::new(), &Cancel::new())
                .await
                .unwrap();
            assert_eq!(verified.state, "failed");
            assert!(
                verified.problems[0].contains(&second.snapshot[..8]),
                "{verified:?}"
            );
            house.back_up(Reason::Manual).await.unwrap();
            house.service.hourly().await.unwrap();
            assert_eq!(states(&house).await, ["ok", "damaged", "ok"], "{way}");
            house.service.deliver_due().await.unwrap();
            assert!(house.letters().concat().contains(&second.id), "{way}");
            house.restore(&first.id).await.unwrap();
            assert_eq!(fs::read(house.world().join("level.dat")).unwrap(), b"level one");
            let told = house.restore(&second.id).await.unwrap_err();
            assert_eq!(told.kind(), Kind::Damaged, "{told}");
            assert!(told.hint_text().unwrap().contains(&second.snapshot), "{told:?}");
            let found = house.service.find("level", None, &Cancel::new()).await.unwrap();
            assert!(!found.is_empty() && found.iter().all(|file| file.backup != second.id));
            // A copy of the file brings it back.
            let path = house
                .dir
                .path()
                .join("data/repository/snapshots")
                .join(&second.snapshot);
            fs::write(path, whole).unwrap();
            house.pass(Lapse::days(2));
            house.service.hourly().await.unwrap();
            assert!(states(&house).await.iter().all(|state| state == "ok"), "{way}");
        });
    }
}

#[test]
fn nothing_is_deleted_for_a_new_backup_and_that_is_said() {
    run(async {
        let house = House::new().await;
        let change = json!({"retention": {"last": 2}});
        house.service.change_policy("world", &change).await.unwrap();
        let first = house.back_up(Reason::Manual).await.unwrap().backup;
        let second = house.back_up(Reason::Manual).await.unwrap().backup;
        damage(&house, &second.snapshot, "flipped");
        let third = house.back_up(Reason::Manual).await.unwrap();
        assert_eq!((third.state.as_str(), third.deleted.len()), ("warning", 0));
        assert!(third.warnings[0].contains(&second.snapshot[..8]), "{third:?}");
        assert_eq!(house.backups().await.len(), 3);
        let refused = house.service.delete_backups(&[first.id]).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Damaged, "{refused}");
        let prune = house.service.prune(true, &Progress::new(), &Cancel::new()).await;
        assert_eq!(prune.unwrap_err().kind(), Kind::Damaged);
        // Given up by name, it is in nobody's way.
        house.service.delete_backups(&[second.id]).await.unwrap();
        let fourth = house.back_up(Reason::Manual).await.unwrap();
        assert_eq!((fourth.state.as_str(), fourth.deleted.len()), ("succeeded", 1));
        let done = house.service.prune(true, &Progress::new(), &Cancel::new()).await;
        assert_eq!(done.unwrap().state, "succeeded");
    });
}
