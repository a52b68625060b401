//! A served app and its administrator, for the tests of its API.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::instance::Instance;
use crate::sending::Sending;
use crate::served::{Answer, Served};

/// A served app, `tv`, with its folder and one for recordings, and an administrator's token.
pub(crate) struct App {
    pub(crate) instance: Instance,
    pub(crate) served: Served,
    pub(crate) token: String,
}

/// Backups wait here, in a hook, until they are let through.
pub(crate) struct Gate(PathBuf);

impl Gate {
    /// Waits until a backup is there, which runs by then; it goes on once what this returns is dropped.
    pub(crate) fn wait(&self) -> File {
        fs::OpenOptions::new().write(true).open(&self.0).unwrap()
    }
}

pub(crate) const JOBS: &str = "/api/backups/jobs/";
pub(crate) const UPLOAD: &str = "/api/backups/jobs/restore-upload/";

impl App {
    pub(crate) fn new() -> Self {
        App::on(Instance::new())
    }

    pub(crate) fn on(instance: Instance) -> Self {
        instance.make_world();
        fs::create_dir(instance.path("recordings")).unwrap();
        fs::write(instance.path("recordings/film.ts"), b"film").unwrap();
        instance.hand_over(instance.dir.path());
        instance.ok(&["source", "add", "folder", "tv", "./world", "./recordings"]);
        instance.ok(&["init"]);
        let token = token(&instance, "ann", "administrator");
        let served = Served::start(&instance);
        App {
            instance,
            served,
            token,
        }
    }

    /// The same with a limit for what is uploaded.
    pub(crate) fn limited(limit: &str) -> Self {
        let app = App::new();
        fs::write(
            app.instance.path("cairn.toml"),
            format!("upload-limit = \"{limit}\"\n"),
        )
        .unwrap();
        let config = app.instance.path("cairn.toml").display().to_string();
        let served = Served::start_with(&app.instance, &["--config", &config]);
        App { served, ..app }
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        self.served.ask(method, path, Some(&self.token), body.as_deref())
    }

    pub(crate) fn job(&self, method: &str, id: &str, call: &str) -> Answer {
        self.call(method, &format!("{JOBS}{id}/{call}"), None)
    }

    /// Waits for the end of a job that was just accepted.
    pub(crate) fn done(&self, accepted: &Answer) -> Value {
        assert_eq!(
            accepted.status,
            202,
            "{}",
            String::from_utf8_lossy(&accepted.body)
        );
        let id = accepted.json()["id"].as_str().unwrap().to_owned();
        self.instance.run(&["logs", &id, "-f"]);
        self.job("GET", &id, "").json()
    }

    pub(crate) fn back_up(&self) -> Value {
        let done = self.done(&self.call("POST", JOBS, None));
        assert_eq!(done["status"], "succeeded", "{done}");
        done
    }

    pub(crate) fn gate(&self) -> Gate {
        let path = self.instance.path("gate");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let waits = json!([{"do": "command", "command": ["cat", path]}]);
        let hooks = format!("hooks={{\"before_backup\":{waits}}}");
        self.instance.ok(&["policy", "set", "tv", &hooks]);
        Gate(path)
    }

    pub(crate) fn sending(&self) -> Sending<'_> {
        Sending {
            served: &self.served,
            path: UPLOAD,
            token: &self.token,
        }
    }

    pub(crate) fn settings(&self, changes: &Value) -> Value {
        let answer = self.call("PUT", "/api/backups/settings/", Some(changes));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// What a change is refused with.
    pub(crate) fn refused(&self, changes: &Value) -> String {
        detail(&self.call("PUT", "/api/backups/settings/", Some(changes)), 400)
    }
}

pub(crate) fn detail(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["detail"].as_str().unwrap().to_owned()
}

pub(crate) fn token(instance: &Instance, name: &str, role: &str) -> String {
    let add = ["person", "add", name, "--role", role, "--password-stdin"];
    instance.with_stdin(&add, "correct horse battery staple");
    let made = instance.ok(&["token", "create", "--person", name]);
    made["token"].as_str().unwrap().to_owned()
}
