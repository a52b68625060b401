//! The JSON API, as programs and browsers use it: the built program, real folders.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::instance::{Instance, finished, look};
use crate::served::{Answer, Served};

const PASSWORD: &str = "correct horse battery staple";

/// A served world, and an administrator's token.
pub(crate) struct House {
    pub(crate) instance: Instance,
    pub(crate) served: Served,
    pub(crate) token: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let instance = Instance::new();
        instance.make_world();
        instance.ok(&["source", "add", "folder", "world", "./world"]);
        instance.ok(&["init"]);
        let token = person(&instance, "chief", "administrator");
        let served = Served::start(&instance);
        House {
            instance,
            served,
            token,
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        self.served.ask(method, path, Some(&self.token), body.as_deref())
    }

    fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.call(method, path, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {text}",
            answer.status
        );
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Waits for the end of a job by its stream of events; how it ended.
    fn follow(&self, job: &str) -> Value {
        let events = self.events(&format!("/api/jobs/{job}/events"), &[]);
        let end = events.last().expect("an event");
        assert_eq!(end.name, "end");
        end.data.clone()
    }

    /// Reads a stream until it ends.
    fn events(&self, path: &str, headers: &[&str]) -> Vec<Event> {
        Stream::open(self, path, headers).collect()
    }

    fn backup(&self) -> String {
        let asked = self.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
        let end = self.follow(asked["job"].as_str().unwrap());
        assert_eq!(end["state"], "succeeded", "{end}");
        asked["backup"].as_str().unwrap().to_owned()
    }
}

/// A person with a role, and a token of his.
pub(crate) fn person(instance: &Instance, name: &str, role: &str) -> String {
    instance.with_stdin(
        &["person", "add", name, "--role", role, "--password-stdin"],
        PASSWORD,
    );
    let made = instance.ok(&["token", "create", "--person", name]);
    made["token"].as_str().unwrap().to_owned()
}

/// Agrees to a plan as it was shown.
fn yes(plan: &Value) -> Value {
    json!({"hash": plan["hash"], "confirm": plan["confirm"]})
}

struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

/// What a server sends, as long as it does.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(house: &House, path: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(&house.served.address).unwrap();
        let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{more}\r\n",
            house.token
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while !line.trim().is_empty() {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Stream(reader)
    }
}

impl Iterator for Stream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), None, None);
        loop {
            let mut line = String::new();
            // Sizes of chunks stand between the events; they look like no field.
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(text).unwrap());
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Some(Event { name, id, data });
            }
        }
    }
}

#[test]
fn d02_a_backup_is_asked_for_followed_listed_and_its_failure_is_at_hand() {
    let house = House::new();
    let id = house.backup();
    let list = house.ok("GET", "/api/backups/?source=world&limit=10", None);
    assert_eq!(list["items"][0]["id"], id.as_str());
    assert_eq!(list["next"], Value::Null);
    let shown = house.ok("GET", &format!("/api/backups/{}", &id[..30]), None);
    assert_eq!(shown["source"], "world");
    // The next one fails: what it would read is gone.
    fs::rename(house.instance.path("world"), house.instance.path("elsewhere")).unwrap();
    let asked = house.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
    let job = asked["job"].as_str().unwrap();
    let end = house.follow(job);
    assert_eq!(end["state"], "failed");
    let shown = house.ok("GET", &format!("/api/jobs/{job}"), None);
    assert!(
        shown["error"]["message"].as_str().unwrap().contains("world"),
        "{shown}"
    );
    let jobs = house.ok("GET", "/api/jobs", None);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_restore_is_planned_run_as_it_was_shown_and_undone() {
    let house = House::new();
    let world = house.instance.path("world");
    let before = look(&world);
    let id = house.backup();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    let griefed = look(&world);
    let plan = house.ok("POST", &format!("/api/backups/{id}/restore"), Some(&json!({})));
    assert_eq!(plan["counts"]["delete"], 1);
    let items = plan["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|item| item["action"] == "update" && item["name"] == "level.dat"),
        "{plan}"
    );
    assert_eq!(look(&world), griefed, "a plan changes nothing");
    let path = format!("/api/plans/{}", plan["id"].as_str().unwrap());
    assert_eq!(house.ok("GET", &path, None), plan);
    let wrong = house.call("POST", &format!("{path}/run"), Some(&json!({"hash": "0000"})));
    assert_eq!((wrong.status, &wrong.json()["kind"]), (409, &json!("drifted")));
    let run = house.ok("POST", &format!("{path}/run"), Some(&yes(&plan)));
    let job = run["job"].as_str().unwrap();
    let end = house.follow(job);
    assert_eq!(end["state"], "succeeded", "{end}");
    assert_eq!(end["result"]["verified"], true);
    assert_eq!(look(&world), before);
    let undo = house.ok("POST", &format!("/api/jobs/{job}/undo"), None);
    let run = house.ok(
        "POST",
        &format!("/api/plans/{}/run", undo["id"].as_str().unwrap()),
        Some(&yes(&undo)),
    );
    assert_eq!(house.follow(run["job"].as_str().unwrap())["state"], "succeeded");
    assert_eq!(look(&world), griefed);
}

#[test]
fn what_changed_since_the_plan_stops_the_restore() {
    let house = House::new();
    let world = house.instance.path("world");
    let id = house.backup();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    let plan = house.ok(
        "POST",
        &format!("/api/backups/{id}/restore"),
        Some(&json!({"mode": "merge"})),
    );
    fs::write(world.join("level.dat"), b"played on").unwrap();
    let run = house.ok(
        "POST",
        &format!("/api/plans/{}/run", plan["id"].as_str().unwrap()),
        Some(&yes(&plan)),
    );
    let end = house.follow(run["job"].as_str().unwrap());
    assert_eq!(
        (&end["state"], &end["error"]["kind"]),
        (&json!("failed"), &json!("drifted"))
    );
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"played on");
}

#[test]
fn f01_a_backup_is_downloaded_and_looked_into() {
    let house = House::new();
    let id = house.backup();
    for (format, tool) in [("tar.gz", "tzf"), ("tar.zst", "--zstd")] {
        let link = house.ok(
            "POST",
            &format!("/api/backups/{id}/download"),
            Some(&json!({"format": format})),
        );
        let path = link["url"]
            .as_str()
            .unwrap()
            .split_once(&house.served.address)
            .unwrap()
            .1;
        let archive = house.served.ask("GET", path, None, None);
        assert_eq!(archive.status, 200);
        let file = house.instance.path("world.archive");
        fs::write(&file, &archive.body).unwrap();
        let mut tar = std::process::Command::new("tar");
        let tar = if tool == "tzf" {
            tar.arg("tzf")
        } else {
            tar.args(["--zstd", "-tf"])
        };
        let listed = finished(&tar.arg(&file).output().unwrap());
        assert!(listed.out.contains("world/level.dat"), "{}", listed.err);
    }
    let files = house.ok("GET", &format!("/api/backups/{id}/files?path=world"), None);
    let names: Vec<&str> = files
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"world/level.dat"), "{names:?}");
    let file = house.call(
        "GET",
        &format!("/api/backups/{id}/file?path=world/level.dat"),
        None,
    );
    assert_eq!(file.body, b"level one");
    assert!(file.head.contains("content-length: 9"));
    let none = house.call(
        "GET",
        &format!("/api/backups/{id}/file?path=world/../../etc/passwd"),
        None,
    );
    assert_eq!(none.status, 400);
    let found = house.ok("GET", "/api/files?text=LEVEL", None);
    assert_eq!(found[0]["path"], "world/level.dat");
    fs::write(house.instance.path("world/level.dat"), b"griefed").unwrap();
    let changed = house.ok("GET", &format!("/api/backups/{id}/diff/live"), None);
    assert_eq!(
        (&changed[0]["change"], &changed[0]["path"]),
        (&json!("changed"), &json!("world/level.dat"))
    );
}

#[test]
fn d05_a_queued_job_is_cancelled_and_a_deleted_backup_is_gone() {
    let house = House::new();
    let id = house.backup();
    house.ok("PUT", &format!("/api/backups/{id}/lock"), None);
    let kept = house.call("DELETE", &format!("/api/backups/{id}"), None);
    assert_eq!((kept.status, &kept.json()["kind"]), (403, &json!("refused")));
    house.ok("DELETE", &format!("/api/backups/{id}/lock"), None);
    house.ok("DELETE", &format!("/api/backups/{id}"), None);
    assert_eq!(house.call("GET", &format!("/api/backups/{id}"), None).status, 404);
    let over = house.ok("GET", "/api/jobs", None)["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let late = house.call("POST", &format!("/api/jobs/{over}/cancel"), None);
    assert_eq!(late.status, 409);
}

#[test]
fn d06_who_is_no_administrator_manages_nothing() {
    let house = House::new();
    let viewer = person(&house.instance, "viewer", "viewer");
    let id = house.backup();
    for (method, path, body) in [
        ("POST", "/api/backups".to_owned(), json!({"source": "world"})),
        ("POST", format!("/api/backups/{id}/restore"), json!({})),
        ("DELETE", format!("/api/backups/{id}"), Value::Null),
        ("GET", format!("/api/backups/{id}"), Value::Null),
        (
            "POST",
            "/api/sources".to_owned(),
            json!({"name": "x", "kind": "folder", "settings": {"paths": ["/tmp"]}}),
        ),
        ("GET", "/api/people".to_owned(), Value::Null),
        ("GET", "/api/audit".to_owned(), Value::Null),
    ] {
        let text = (!body.is_null()).then(|| body.to_string());
        let refused = house.served.ask(method, &path, Some(&viewer), text.as_deref());
        assert!(
            matches!(refused.status, 403 | 404),
            "{method} {path}: {}",
            refused.status
        );
        let nobody = house.served.ask(method, &path, None, text.as_deref());
        assert_eq!(nobody.status, 401, "{method} {path}");
        assert!(nobody.head.contains("application/problem+json"));
    }
    let audit = house.ok("GET", "/api/audit?limit=100", None);
    let refusals = audit["items"].as_array().unwrap().iter();
    let refusals = refusals.filter(|line| line["what"].as_str().unwrap().starts_with("refused"));
    assert!(refusals.count() >= 5, "{audit}");
    assert!(
        house.ok("POST", "/api/audit/check", None)["lines"]
            .as_u64()
            .unwrap()
            > 5
    );
}

#[test]
fn what_bears_a_key_is_done_once() {
    let house = House::new();
    let ask = |key: &str, body: &Value| {
        house.served.ask_with(
            "POST",
            "/api/backups",
            &[
                &format!("Authorization: Bearer {}", house.token),
                &format!("Idempotency-Key: {key}"),
            ],
            Some(&body.to_string()),
        )
    };
    let first = ask("one", &json!({"source": "world"}));
    assert_eq!(first.status, 202);
    let again = ask("one", &json!({"source": "world"}));
    assert_eq!((again.status, again.json()), (202, first.json()));
    assert!(again.head.contains("idempotency-replayed: true"));
    let other = ask("one", &json!({"source": "world", "name": "other"}));
    assert_eq!(other.status, 409);
    assert_eq!(ask("two", &json!({"source": "nowhere"})).status, 404);
    assert_eq!(
        ask("two", &json!({"source": "world"})).status,
        202,
        "a refusal used nothing up"
    );
    let jobs = house.ok("GET", "/api/jobs", None);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_stream_goes_on_where_it_broke_off() {
    let house = House::new();
    let asked = house.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
    let path = format!("/api/jobs/{}/events", asked["job"].as_str().unwrap());
    let all: Vec<Event> = house.events(&path, &[]);
    let logs: Vec<&Event> = all.iter().filter(|event| event.name == "log").collect();
    assert!(!logs.is_empty());
    let last = logs.last().unwrap().id.clone().unwrap();
    let rest = house.events(&path, &[&format!("Last-Event-ID: {last}")]);
    assert!(rest.iter().all(|event| event.name != "log"), "told again");
    assert_eq!(rest.last().unwrap().name, "end");
    let mut all = Stream::open(&house, "/api/events", &["Last-Event-ID: 0"]);
    let job = all.find(|event| event.name == "job").unwrap();
    assert_eq!(job.data["id"], asked["job"]);
    // What begins while somebody listens is told.
    let next = house.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
    let told = all.find(|event| event.data["id"] == next["job"] && event.data["state"] == "succeeded");
    assert!(told.is_some());
}

#[test]
fn a_browser_signs_in_and_only_its_own_pages_act() {
    let house = House::new();
    let body = json!({"name": "chief", "password": PASSWORD}).to_string();
    let wrong = json!({"name": "chief", "password": "wrong"}).to_string();
    assert_eq!(
        house
            .served
            .ask("POST", "/api/session", None, Some(&wrong))
            .status,
        401
    );
    let begun = house
        .served
        .ask_with("POST", "/api/session", &["User-Agent: test"], Some(&body));
    assert_eq!(begun.status, 200);
    assert!(begun.head.contains("httponly; samesite=lax"));
    let cookie = begun.header("set-cookie").unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let me = house.served.ask_with("GET", "/api/session", &[&cookie], None);
    assert_eq!(me.json()["name"], "chief");
    let sessions = house
        .served
        .ask_with("GET", "/api/sessions", &[&cookie], None)
        .json();
    assert_eq!(
        (&sessions[0]["current"], &sessions[0]["agent"]),
        (&json!(true), &json!("test"))
    );
    let evil = house.served.ask_with(
        "DELETE",
        "/api/session",
        &[&cookie, "Origin: https://evil.example"],
        None,
    );
    assert_eq!(evil.status, 403);
    let silent = house.served.ask_with("DELETE", "/api/session", &[&cookie], None);
    assert_eq!(silent.status, 403);
    let ours = format!("Origin: http://{}", house.served.address);
    let out = house
        .served
        .ask_with("DELETE", "/api/session", &[&cookie, &ours], None);
    assert_eq!(out.status, 204);
    assert!(out.head.contains("max-age=0"));
    assert_eq!(
        house
            .served
            .ask_with("GET", "/api/session", &[&cookie], None)
            .status,
        401
    );
}

#[test]
fn bad_requests_are_told_what_is_wrong_and_where() {
    let house = House::new();
    let told = |method: &str, path: &str, body: &str| {
        let answer = house.served.ask(method, path, Some(&house.token), Some(body));
        let problem = answer.json();
        assert!(answer.head.contains("application/problem+json"), "{path}");
        assert_eq!(problem["status"], answer.status);
        (answer.status, problem["detail"].as_str().unwrap().to_owned())
    };
    assert_eq!(told("POST", "/api/backups", "{").0, 400);
    let (status, text) = told("POST", "/api/backups", r#"{"source":"world","parts":[7]}"#);
    assert!(status == 400 && text.contains("parts[0]"), "{text}");
    let (status, text) = told("POST", "/api/backups", r#"{"source":"world","nam":"x"}"#);
    assert!(status == 400 && text.contains("nam"), "{text}");
    assert_eq!(told("POST", "/api/backups", r#"{"source":"world"} x"#).0, 400);
    assert_eq!(told("GET", "/api/backups?limit=0", "").0, 400);
    assert_eq!(told("GET", "/api/backups?cursor=nonsense", "").0, 400);
    assert_eq!(told("GET", "/api/backups?sorce=world", "").0, 400);
    assert_eq!(told("GET", "/api/nothing", "").0, 404);
    assert_eq!(told("PATCH", "/api/jobs", "").0, 405);
    let large = format!(r#"{{"source":"{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(told("POST", "/api/backups", &large).0, 413);
    let form = house.served.ask_with(
        "POST",
        "/api/backups",
        &[
            &format!("Authorization: Bearer {}", house.token),
            "Content-Type: text/plain",
        ],
        Some(r#"{"source":"world"}"#),
    );
    assert_eq!(form.status, 415);
    // And it goes on.
    assert_eq!(house.call("GET", "/healthz", None).status, 200);
}

#[test]
fn what_is_still_the_same_is_not_sent_again() {
    let house = House::new();
    let first = house.call("GET", "/api/sources", None);
    let tag = first.header("etag").unwrap();
    let bearer = format!("Authorization: Bearer {}", house.token);
    let again = house.served.ask_with(
        "GET",
        "/api/sources",
        &[&bearer, &format!("If-None-Match: {tag}")],
        None,
    );
    assert_eq!((again.status, again.body.len()), (304, 0));
    house.ok("PATCH", "/api/sources/world", Some(&json!({"name": "overworld"})));
    let changed = house.served.ask_with(
        "GET",
        "/api/sources",
        &[&bearer, &format!("If-None-Match: {tag}")],
        None,
    );
    assert_eq!(changed.status, 200);
}

#[test]
fn the_api_shows_itself() {
    let house = House::new();
    let api = house.served.ask("GET", "/api/openapi.json", None, None).json();
    assert_eq!(api["openapi"].as_str().unwrap()[..3], *"3.1");
    assert!(api["paths"]["/api/backups"]["post"].is_object());
    let page = house.served.ask("GET", "/api/docs/index.html", None, None);
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains("swagger"));
    let moved = house.served.ask("GET", "/api/docs", None, None);
    assert_eq!(moved.header("location").unwrap(), "/api/docs/index.html");
}

#[test]
fn a_thousand_who_watch_and_a_few_who_dawdle_hold_nobody_up() {
    raise_limit();
    let house = House::new();
    let head = format!(
        "GET /api/events HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\n\r\n",
        house.token
    );
    let watchers: Vec<TcpStream> = (0..1000)
        .map(|_| {
            let mut stream = TcpStream::connect(&house.served.address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Half a request, and then nothing.
    let dawdlers: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(&house.served.address).unwrap();
            stream
                .write_all(b"POST /api/backups HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{")
                .unwrap();
            stream
        })
        .collect();
    let id = house.backup();
    assert_eq!(house.call("GET", &format!("/api/backups/{id}"), None).status, 200);
    // Everybody was told.
    for stream in &watchers {
        let mut reader = BufReader::new(stream);
        let told = std::iter::from_fn(|| {
            let mut line = String::new();
            reader
                .read_line(&mut line)
                .ok()
                .filter(|read| *read > 0)
                .map(|_| line)
        })
        .any(|line| line.starts_with("event: job"));
        assert!(told);
    }
    drop(dawdlers);
}

/// As many open files as the machine lets us have.
fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}
