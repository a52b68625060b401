//! What tokens open, what an account's plan includes, and whom jobs and the audit log name.

use std::fs;

use model::{Cancel, Entitlement, Kind, Lapse, Progress, Reason, Relation, Role};
use serde_json::json;
use service::{BackupRequest, NewToken, PersonChanges};

use crate::house::run;
use crate::people::{PASSWORD, add, door, log_in, with_ann};
use crate::scene::{restore_request, token, with_token};

fn plan(of: serde_json::Value) -> PersonChanges {
    PersonChanges {
        plan: Some(serde_json::from_value::<Entitlement>(of).unwrap()),
        ..PersonChanges::default()
    }
}

#[test]
fn who_is_disabled_or_changed_is_so_at_once() {
    run(async {
        let house = with_ann().await;
        let made = house.service.create_token(&token("ann", &[])).await.unwrap();
        let ann = with_token(&house.service, &made.token).await;
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        ann.source("world").await.unwrap();
        house.service.revoke_grant("ann", "world").await.unwrap();
        assert_eq!(ann.source("world").await.unwrap_err().kind(), Kind::NotFound);
        let change = |role, disabled| PersonChanges {
            role,
            disabled,
            ..PersonChanges::default()
        };
        house
            .service
            .edit_person("ann", &change(Some(Role::Administrator), None))
            .await
            .unwrap();
        ann.list_people().await.unwrap();
        house
            .service
            .edit_person("ann", &change(Some(Role::Viewer), None))
            .await
            .unwrap_err();
        add(&house, "chief", Role::Administrator).await;
        house
            .service
            .edit_person("ann", &change(None, Some(true)))
            .await
            .unwrap();
        assert_eq!(
            ann.list_sources().await.unwrap_err().kind(),
            Kind::Unauthenticated
        );
        assert_eq!(
            ann.stats(&Progress::new(), &Cancel::new())
                .await
                .unwrap_err()
                .kind(),
            Kind::Unauthenticated
        );
        let door = door(&house.service, "192.0.2.7");
        assert!(door.authenticate_token(&made.token).await.is_err());
        house
            .service
            .edit_person("ann", &change(None, Some(false)))
            .await
            .unwrap();
        assert!(
            door.authenticate_session(&session.secret).await.is_err(),
            "signed out for good"
        );
        assert!(door.authenticate_token(&made.token).await.is_ok());
        house.service.remove_person("ann").await.unwrap();
        assert!(door.authenticate_token(&made.token).await.is_err());
    });
}

#[test]
fn a_token_does_what_its_scopes_say_until_it_expires_or_is_revoked() {
    run(async {
        let house = with_ann().await;
        let made = house
            .service
            .create_token(&NewToken {
                expires: Some(Lapse::days(30)),
                name: "panel".into(),
                ..token("ann", &["see@world", "back-up@world"])
            })
            .await
            .unwrap();
        assert_eq!((made.token.len(), &made.token[..6]), (49, "cairn_"));
        let id = house.service.source("world").await.unwrap().id;
        assert_eq!(made.scopes, [format!("see@{id}"), format!("back-up@{id}")]);
        let ann = with_token(&house.service, &made.token).await;
        ann.ask_backup(&BackupRequest::manual("world")).await.unwrap();
        assert_eq!(ann.purge("world").await.unwrap_err().kind(), Kind::Refused);
        // With less than everything nobody reaches for the account.
        assert_eq!(ann.list_sessions("ann").await.unwrap_err().kind(), Kind::Refused);
        assert_eq!(
            ann.create_token(&token("ann", &["*"])).await.unwrap_err().kind(),
            Kind::Refused
        );
        assert_eq!(ann.begin_totp(PASSWORD).await.unwrap_err().kind(), Kind::Refused);
        let view = house.service.list_tokens(Some("ann")).await.unwrap().remove(0);
        assert!(view.active && view.last_used.is_some() && view.expires == made.expires);
        let door = door(&house.service, "192.0.2.7");
        house.pass(Lapse::days(30));
        assert!(door.authenticate_token(&made.token).await.is_err());
        let other = house.service.create_token(&token("ann", &[])).await.unwrap();
        house.service.revoke_token(&other.id).await.unwrap();
        for wrong in [
            other.token.as_str(),
            "",
            "cairn_",
            "cairn_made-up",
            &other.token[6..],
        ] {
            let refused = door.authenticate_token(wrong).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Unauthenticated);
        }
    });
}

#[test]
fn nobody_makes_a_token_that_does_more_than_what_he_came_in_with() {
    run(async {
        let house = with_ann().await;
        add(&house, "chief", Role::Administrator).await;
        let narrow = house
            .service
            .create_token(&token("chief", &["tokens", "see"]))
            .await
            .unwrap();
        let chief = with_token(&house.service, &narrow.token).await;
        assert_eq!(
            chief
                .create_token(&token("ann", &["*"]))
                .await
                .unwrap_err()
                .kind(),
            Kind::Refused
        );
        assert_eq!(
            chief
                .create_token(&token("ann", &["see@world"]))
                .await
                .unwrap()
                .scopes
                .len(),
            1
        );
        assert_eq!(
            chief.create_token(&token("ann", &[])).await.unwrap().scopes,
            ["tokens", "see"]
        );
        assert!(
            chief
                .create_token(&token("ann", &["people@world"]))
                .await
                .is_err()
        );
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let ann = house.service.acting(session.caller);
        let own = ann
            .create_token(&NewToken {
                person: None,
                ..token("", &[])
            })
            .await
            .unwrap();
        assert_eq!(ann.list_tokens(Some("Ann")).await.unwrap().len(), 3);
        ann.revoke_token(&own.id).await.unwrap();
        assert_eq!(
            ann.revoke_token(&narrow.id).await.unwrap_err().kind(),
            Kind::Refused
        );
    });
}

#[test]
fn the_plan_of_an_account_bounds_sources_backups_age_and_restores() {
    run(async {
        let house = with_ann().await;
        house
            .service
            .edit_person("ann", &plan(json!({"sources": 1, "backups": 2})))
            .await
            .unwrap();
        let more = house.dir.path().join("more");
        fs::create_dir(&more).unwrap();
        let settings = json!({ "paths": [more] });
        house
            .service
            .add_source("more", "folder", &settings)
            .await
            .unwrap();
        let full = house
            .service
            .grant("ann", "more", Relation::Owner)
            .await
            .unwrap_err();
        assert_eq!(full.kind(), Kind::Refused);
        house
            .service
            .grant("ann", "more", Relation::Granted)
            .await
            .unwrap();
        house
            .service
            .grant("ann", "world", Relation::Owner)
            .await
            .unwrap();
        // Two backups, whoever asks for the third.
        house.back_up(Reason::Manual).await.unwrap();
        let kept = house.back_up(Reason::Manual).await.unwrap().backup.id;
        assert_eq!(
            house.back_up(Reason::Manual).await.unwrap_err().kind(),
            Kind::Refused
        );
        house
            .service
            .edit_person("ann", &plan(json!({"retention_days": 7, "restores": false})))
            .await
            .unwrap();
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let ann = house.service.acting(session.caller);
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let asked = restore_request(&kept, None);
        let refused = ann.plan_restore(&asked, &progress, &cancel).await.unwrap_err();
        assert!(
            refused.message().contains("does not include restores"),
            "{refused}"
        );
        house.pass(Lapse::days(8));
        house.back_up(Reason::Scheduled).await.unwrap();
        assert_eq!(house.reasons().await, ["scheduled"], "older than seven days");
    });
}

#[test]
fn who_makes_a_source_owns_it_and_his_plan_has_room_for_so_many() {
    run(async {
        let house = with_ann().await;
        add(&house, "chief", Role::Administrator).await;
        house
            .service
            .edit_person("chief", &plan(json!({"sources": 1})))
            .await
            .unwrap();
        let session = log_in(&house, "chief", PASSWORD).await.unwrap();
        let chief = house.service.acting(session.caller);
        let paths = |name: &str| {
            let path = house.dir.path().join(name);
            fs::create_dir_all(&path).unwrap();
            json!({ "paths": [path] })
        };
        chief
            .add_source("first", "folder", &paths("first"))
            .await
            .unwrap();
        let full = chief
            .add_source("second", "folder", &paths("second"))
            .await
            .unwrap_err();
        assert!(full.message().contains("no room"), "{full}");
        chief.remove_source("first").await.unwrap();
        chief
            .add_source("second", "folder", &paths("second"))
            .await
            .unwrap();
    });
}

#[test]
fn jobs_manifests_and_the_audit_log_name_who_asked() {
    run(async {
        let house = with_ann().await;
        let session = log_in(&house, "ann", PASSWORD).await.unwrap();
        let ann = house.service.acting(session.caller);
        let job = ann.ask_backup(&BackupRequest::manual("world")).await.unwrap();
        house.work().await;
        let view = house.service.show_job(&job.job).await.unwrap();
        assert_eq!(view.person.as_deref(), Some("Ann"));
        let log = house.service.list_audit(100).await.unwrap();
        let made = log.iter().find(|row| row.what == "backup").unwrap();
        assert_eq!(made.who, "Ann", "though another one carried it out");
        let manifest = house.dir.path().join("manifest");
        let out = fs::File::create(&manifest).unwrap();
        let backup = &view.result.unwrap()["backup"]["id"];
        ann.cat(backup.as_str().unwrap(), "manifest.json".as_ref(), out)
            .await
            .unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
        assert_eq!(manifest["by"]["name"], "Ann");
        house.service.check_audit().await.unwrap();
    });
}

#[test]
fn a_token_is_another_one_each_time_and_does_not_print_itself() {
    run(async {
        let house = with_ann().await;
        let one = house.service.create_token(&token("ann", &[])).await.unwrap();
        let two = house.service.create_token(&token("ann", &[])).await.unwrap();
        assert_ne!(one.token, two.token);
        assert!(!format!("{one:?}").contains(&one.token));
    });
}
