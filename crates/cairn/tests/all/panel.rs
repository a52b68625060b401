//! The panel's door, by its own shapes and by a client that knows nothing of Cairn.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::instance::{Instance, finished, look};
use crate::served::{Answer, Served};

/// A served game server and a token for it.
struct Panel {
    instance: Instance,
    served: Served,
    token: String,
    server: String,
}

impl Panel {
    fn new(guard: Option<&str>) -> Self {
        let instance = Instance::new();
        instance.make_world();
        let guard: Vec<&str> = guard.map(|guard| vec!["--guard", guard]).unwrap_or_default();
        let added =
            instance.ok(&[&["source", "add", "folder", "world", "./world"], guard.as_slice()].concat());
        let token = token(&instance, "owner", &[]);
        instance.ok(&["person", "grant", "owner", "world", "--owner"]);
        instance.ok(&["init"]);
        let served = Served::start(&instance);
        Panel {
            server: added["id"].as_str().unwrap().to_owned(),
            instance,
            served,
            token,
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let path = format!("/api/client/servers/{}/backups{path}", self.server);
        self.served.ask(method, &path, Some(&self.token), body)
    }

    fn make(&self) -> String {
        let made = self.call("POST", "", Some("{}"));
        assert_eq!(made.status, 200, "{}", String::from_utf8_lossy(&made.body));
        let id = made.json()["attributes"]["uuid"].as_str().unwrap().to_owned();
        self.wait(&id);
        id
    }

    fn wait(&self, id: &str) -> Value {
        loop {
            let shown = self.call("GET", &format!("/{id}"), None).json();
            if !shown["attributes"]["completed_at"].is_null() {
                return shown["attributes"].clone();
            }
        }
    }

    /// Until no restore is going on.
    fn wait_for_restore(&self) {
        while self.call("GET", "", None).status == 409 {}
    }
}

/// A person with the role owner, and a token of his.
fn token(instance: &Instance, name: &str, scopes: &[&str]) -> String {
    instance.with_stdin(
        &["person", "add", name, "--role", "owner", "--password-stdin"],
        "correct horse battery staple",
    );
    let scopes: Vec<&str> = scopes.iter().flat_map(|scope| ["--scope", scope]).collect();
    let made = instance.ok(&[&["token", "create", "--person", name], scopes.as_slice()].concat());
    made["token"].as_str().unwrap().to_owned()
}

/// What a backup has in the panel's shape, and nothing more.
const FIELDS: [&str; 9] = [
    "bytes",
    "checksum",
    "completed_at",
    "created_at",
    "ignored_files",
    "is_locked",
    "is_successful",
    "name",
    "uuid",
];

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn p01_backups_are_made_listed_shown_downloaded_locked_restored_and_deleted_in_the_panels_shapes() {
    let panel = Panel::new(None);
    let world = panel.instance.path("world");
    let before = look(&world);
    let empty = panel.call("GET", "", None).json();
    assert_eq!(empty["meta"]["backup_count"], 0);
    assert_eq!(empty["meta"]["pagination"]["links"], json!({}));
    let body = r#"{"name":"first","ignored":"*.log\ncache/","unknown":1}"#;
    let made = panel.call("POST", "/", Some(body)).json();
    assert_eq!(made["object"], "backup");
    let id = made["attributes"]["uuid"].as_str().unwrap().to_owned();
    let done = panel.wait(&id);
    assert_eq!(fields(&done), FIELDS);
    assert_eq!(
        (&done["name"], &done["is_successful"], &done["ignored_files"]),
        (&json!("first"), &json!(true), &json!(["*.log", "cache/"]))
    );
    assert!(done["checksum"].as_str().unwrap().starts_with("sha256:"));
    assert!(done["created_at"].as_str().unwrap().ends_with("+00:00"));
    let link = panel.call("GET", &format!("/{id}/download"), None).json();
    assert_eq!(link["object"], "signed_url");
    let path = link["attributes"]["url"]
        .as_str()
        .unwrap()
        .split_once(&panel.served.address)
        .unwrap()
        .1
        .to_owned();
    let head = panel.served.ask("HEAD", &path, None, None);
    assert!(head.head.contains("attachment; filename=") && head.body.is_empty());
    for _ in 0..2 {
        let archive = panel.served.ask("GET", &path, None, None);
        assert_eq!(archive.status, 200);
        let file = panel.instance.path("world.tar.gz");
        fs::write(&file, &archive.body).unwrap();
        let listed = finished(&Command::new("tar").arg("tzf").arg(&file).output().unwrap());
        assert!(listed.out.contains("world/level.dat"), "{}", listed.err);
    }
    let forged = path.replace("tar-gz", "zip");
    assert_eq!(panel.served.ask("GET", &forged, None, None).status, 404);
    let locked = panel.call("POST", &format!("/{id}/lock"), None).json();
    assert_eq!(locked["attributes"]["is_locked"], true);
    let kept = panel.call("DELETE", &format!("/{id}"), None);
    assert_eq!(
        (kept.status, kept.json()["errors"][0]["code"].clone()),
        (400, json!("BackupLockedException"))
    );
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    let restored = panel.call("POST", &format!("/{id}/restore"), Some(r#"{"truncate":true}"#));
    assert_eq!((restored.status, restored.body.len()), (204, 0));
    panel.wait_for_restore();
    assert_eq!(look(&world), before);
    panel.call("POST", &format!("/{id}/lock"), None);
    assert_eq!(panel.call("DELETE", &format!("/{id}"), None).status, 204);
    assert_eq!(panel.call("GET", &format!("/{id}"), None).status, 404);
}

#[test]
fn p01_a_restore_without_a_body_keeps_what_the_backup_does_not_hold() {
    let panel = Panel::new(None);
    let world = panel.instance.path("world");
    let id = panel.make();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::write(world.join("new"), b"x").unwrap();
    assert_eq!(panel.call("POST", &format!("/{id}/restore"), None).status, 204);
    panel.wait_for_restore();
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
    assert!(world.join("new").exists());
}

#[test]
fn p01_who_is_not_let_in_learns_nothing() {
    let panel = Panel::new(None);
    let path = format!("/api/client/servers/{}/backups", panel.server);
    for token in [None, Some("cairn_nonsense"), Some("")] {
        let refused = panel.served.ask("GET", &path, token, None);
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.json()["errors"][0],
            json!({"code": "AuthenticationException", "status": "401", "detail": "Unauthenticated."})
        );
    }
    let stranger = token(&panel.instance, "stranger", &[]);
    assert_eq!(panel.served.ask("GET", &path, Some(&stranger), None).status, 404);
    let list = panel
        .served
        .ask("GET", "/api/client", Some(&stranger), None)
        .json();
    assert_eq!(list["data"], json!([]));
    let scoped = panel
        .instance
        .ok(&["token", "create", "--person", "owner", "--scope", "see"]);
    let scoped = scoped["token"].as_str().unwrap();
    assert_eq!(panel.served.ask("GET", &path, Some(scoped), None).status, 200);
    let refused = panel.served.ask("POST", &path, Some(scoped), Some("{}"));
    assert_eq!(
        (refused.status, refused.json()["errors"][0]["code"].clone()),
        (403, json!("AuthorizationException"))
    );
}

#[test]
fn p02_a_running_server_answers_a_restore_with_409() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let guard = format!("port:{}", server.local_addr().unwrap());
    let panel = Panel::new(Some(&guard));
    let id = panel.make();
    let world = panel.instance.path("world");
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    let refused = panel.call("POST", &format!("/{id}/restore"), None);
    assert_eq!(refused.status, 409);
    let detail = refused.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("running"), "{detail}");
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"griefed");
    drop(server);
    assert_eq!(panel.call("POST", &format!("/{id}/restore"), None).status, 204);
    panel.wait_for_restore();
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
}

#[test]
fn p03_the_limit_is_in_the_servers_details_and_refuses_the_next_backup() {
    let panel = Panel::new(None);
    panel.instance.ok(&["policy", "set", "world", "limit.most=1"]);
    let path = format!("/api/client/servers/{}", &panel.server[panel.server.len() - 8..]);
    let details = panel.served.ask("GET", &path, Some(&panel.token), None).json();
    assert_eq!(details["attributes"]["feature_limits"]["backups"], 1);
    panel.make();
    let refused = panel.call("POST", "", None);
    assert_eq!(
        (refused.status, refused.json()["errors"][0]["detail"].clone()),
        (
            400,
            json!("Cannot create a new backup, this server has reached its limit of 1 backups.")
        )
    );
    panel.instance.ok(&["policy", "set", "world", "limit="]);
    panel.make();
    let often = panel.call("POST", "", None);
    assert_eq!(often.status, 429);
    assert!(often.head.contains("retry-after: "), "{}", often.head);
}

#[test]
fn bad_bodies_are_refused_with_the_field() {
    let panel = Panel::new(None);
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(200));
    let refused = panel.call("POST", "", Some(&long));
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json()["errors"][0]["meta"],
        json!({"source_field": "name", "rule": "max"})
    );
    assert_eq!(panel.call("POST", "", Some("{not json")).status, 400);
    assert_eq!(panel.call("POST", "", Some(&"x".repeat(2 << 20))).status, 413);
    assert_eq!(panel.call("GET", "/no-such-backup", None).status, 404);
}

#[test]
fn health_needs_no_token_and_figures_do() {
    let panel = Panel::new(None);
    assert_eq!(panel.served.ask("GET", "/healthz", None, None).body, b"ok\n");
    assert_eq!(panel.served.ask("GET", "/readyz", None, None).status, 200);
    assert_eq!(panel.served.ask("GET", "/metrics", None, None).status, 401);
    panel.make();
    let figures = panel.served.ask("GET", "/metrics", Some(&panel.token), None);
    let text = String::from_utf8(figures.body).unwrap();
    assert!(
        text.contains("cairn_last_backup_timestamp_seconds{source=\"world\"} "),
        "{text}"
    );
    let nothing = panel.served.ask("GET", "/nothing", Some(&panel.token), None);
    assert_eq!(nothing.status, 404);
    assert!(nothing.head.contains("application/problem+json") && nothing.head.contains("x-request-id"));
}

/// A Python that has this module.
fn python_with(module: &str) -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let candidates = [
        std::env::var_os("CAIRN_TEST_PYTHON").map(PathBuf::from),
        home.map(|dir| dir.join("cairn-tools/venv/bin/python")),
        Some(PathBuf::from("python3")),
    ];
    let has = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let found = candidates.into_iter().flatten().find(has);
    if found.is_none() {
        assert!(
            std::env::var_os("CAIRN_TEST_STRICT").is_none(),
            "the Python module {module} is missing"
        );
        println!("SKIPPED: the Python module {module} is missing");
    }
    found
}

const DACTYL: &str = r"
import sys, time, urllib.request
from pydactyl import PterodactylClient
url, token, server, level = sys.argv[1:]
panel = PterodactylClient(url, token)
servers = panel.client.servers.list_servers()
assert [page for page in servers][0][0]['attributes']['uuid'] == server
assert panel.client.servers.get_server(server)['feature_limits']['backups'] > 0
backups = panel.client.servers.backups
made = backups.create_backup(server)['attributes']['uuid']
while not backups.get_backup_detail(server, made)['attributes']['completed_at']: pass
assert [b['attributes']['uuid'] for b in backups.list_backups(server)['data']] == [made]
link = backups.get_backup_download(server, made)['attributes']['url']
assert urllib.request.urlopen(link).read(2) == b'\x1f\x8b'
open(level, 'w').write('griefed')
backups.restore_backup(server, made)
while True:
    try:
        backups.list_backups(server)
        break
    except Exception as error:
        assert '409' in str(error), error
assert open(level).read() == 'level one'
backups.delete_backup(server, made)
assert backups.list_backups(server)['data'] == []
print('done')
";

#[test]
fn p01_an_existing_client_works_unchanged() {
    let Some(python) = python_with("pydactyl") else {
        return;
    };
    let panel = Panel::new(None);
    let level = panel.instance.path("world/level.dat");
    let run = Command::new(python)
        .args(["-c", DACTYL, &format!("http://{}", panel.served.address)])
        .args([&panel.token, &panel.server])
        .arg(&level)
        .output()
        .unwrap();
    let run = finished(&run);
    assert_eq!(run.out, "done\n", "{}", run.err);
}
