//! A house in which there is one of everything, and twelve persons: each role in each relation to the source `world`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Cancel, Entitlement, Plan, Progress, Reason, Relation, Role};
use serde_json::json;
use service::archive::Format;
use service::{
    BackupRequest, Caller, ExportRequest, NewPerson, NewToken, Options, RestoreRequest, Service, Target, Via,
};
use tempfile::TempDir;

use crate::house::House;

pub(crate) struct Scene {
    pub(crate) house: House,
    /// The tokens of the twelve persons.
    pub(crate) tokens: HashMap<(Role, Relation), String>,
    pub(crate) world: String,
    pub(crate) backup: String,
    pub(crate) archive: PathBuf,
    pub(crate) plan: Plan,
    pub(crate) target: Target,
    pub(crate) restored: String,
    pub(crate) queued: String,
    /// The backup that it will make.
    pub(crate) asked: String,
    pub(crate) stopped: String,
    /// A request that is open.
    pub(crate) request: String,
    /// A token of `bob`, who is another person.
    pub(crate) bobs_token: String,
}

/// A copy of the scene in which something may be done.
pub(crate) struct Copy {
    _dir: TempDir,
    pub(crate) service: Service,
    pub(crate) root: PathBuf,
}

pub(crate) fn restore_request(backup: &str, to: Option<&str>) -> RestoreRequest {
    RestoreRequest {
        backup: backup.to_owned(),
        parts: Vec::new(),
        paths: Vec::new(),
        to: to.map(str::to_owned),
        mode: None,
        deep: false,
        without_safety: None,
        leave_unsaved: false,
        typed: Some("world".to_owned()),
    }
}

pub(crate) fn person(name: &str, role: Role) -> NewPerson {
    NewPerson {
        name: name.to_owned(),
        role,
        password: None,
        email: None,
        plan: Entitlement::default(),
    }
}

pub(crate) fn token(person: &str, scopes: &[&str]) -> NewToken {
    NewToken {
        person: Some(person.to_owned()),
        name: String::new(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires: None,
    }
}

/// The instance, used by whoever has this token.
pub(crate) async fn with_token(service: &Service, token: &str) -> Service {
    let door = service.acting(Caller::nobody(Via::Api, "192.0.2.7"));
    let caller = door.authenticate_token(token).await.unwrap();
    door.acting(caller)
}

async fn add_people(service: &Service) -> HashMap<(Role, Relation), String> {
    let mut tokens = HashMap::new();
    for role in Role::ALL {
        for relation in Relation::ALL {
            let name = format!("{role}-{relation}");
            service.add_person(&person(&name, *role)).await.unwrap();
            if *relation != Relation::None {
                service.grant(&name, "world", *relation).await.unwrap();
            }
            let made = service.create_token(&token(&name, &[])).await.unwrap();
            tokens.insert((*role, *relation), made.token);
        }
    }
    tokens
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let house = House::new().await;
        let service = &house.service;
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let backup = house.back_up(Reason::Manual).await.unwrap().backup.id;
        fs::write(house.world().join("level.dat"), b"level two").unwrap();
        let restored = house.restore(&backup).await.unwrap().job;
        let archive = house.dir.path().join("world.tar.gz");
        let export = ExportRequest {
            backup: backup.clone(),
            format: "tar.gz".parse::<Format>().unwrap(),
            passphrase: None,
        };
        let out = Box::new(fs::File::create(&archive).unwrap());
        service.export(export, out, &progress, &cancel).await.unwrap();
        let request = restore_request(&backup, None);
        let (plan, target) = service.plan_restore(&request, &progress, &cancel).await.unwrap();
        let stopped = service.ask_restore(&request, &plan, &target).await.unwrap();
        // Stopped by who followed it, and not for good.
        let stop = Cancel::new();
        stop.cancel();
        let ended = service.follow_restore(&stopped, &Progress::new(), &stop).await;
        assert_eq!(ended.unwrap_err().kind(), model::Kind::Cancelled);
        let gate = json!({"gates": {"approval": {}}});
        service.change_policy("world", &gate).await.unwrap();
        let asked = service.ask_restore(&request, &plan, &target).await.unwrap();
        let request = service.show_job(&asked).await.unwrap().approval.unwrap();
        let open = json!({"gates": {"approval": null}});
        service.change_policy("world", &open).await.unwrap();
        let queued = service.ask_backup(&BackupRequest::manual("world")).await.unwrap();
        service
            .change_policy(
                "world",
                &json!({"notify": [{"on": ["failure"], "to": {"by": "email", "address": "me@example.org"}}]}),
            )
            .await
            .unwrap();
        let tokens = add_people(service).await;
        service.add_person(&person("bob", Role::Viewer)).await.unwrap();
        service.grant("bob", "world", Relation::Granted).await.unwrap();
        let bobs_token = service.create_token(&token("bob", &[])).await.unwrap().id;
        let world = service.source("world").await.unwrap().id;
        house.service.close().await;
        Scene {
            house,
            tokens,
            world,
            backup,
            archive,
            plan,
            target,
            restored,
            queued: queued.job,
            asked: queued.backup,
            stopped,
            request,
            bobs_token,
        }
    }

    pub(crate) async fn copy(&self) -> Copy {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        copy_folder(&self.house.dir.path().join("data"), &data);
        let mut options = Options::new(data);
        options.clock = Arc::new(self.house.clock.clone());
        let service = Service::open(options).await.unwrap();
        Copy {
            root: dir.path().to_path_buf(),
            _dir: dir,
            service,
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let into = to.join(entry.file_name());
        // It is only there to take room.
        if entry.file_name() == "reserve" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &into);
        } else {
            fs::copy(entry.path(), into).unwrap();
        }
    }
}
