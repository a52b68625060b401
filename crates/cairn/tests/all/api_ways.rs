//! How the API behaves whatever it is asked for: keys, streams, sessions, bad requests, many connections.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::house::{Event, House, PASSWORD, Stream, person};
use crate::instance::Instance;
use crate::served::{Answer, Served};

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
fn a_key_is_free_or_names_the_job_when_the_process_died_before_it_answered() {
    let body = json!({"source": "world"}).to_string();
    for (place, queued) in [("claimed", false), ("answer", true)] {
        let instance = Instance::new();
        instance.make_world();
        instance.ok(&["source", "add", "folder", "world", "./world"]);
        instance.ok(&["init"]);
        let token = format!(
            "Authorization: Bearer {}",
            person(&instance, "chief", "administrator")
        );
        let headers = [token.as_str(), "Idempotency-Key: one"];
        Served::that_dies_at(&instance, place).dies_of("POST", "/api/backups", &headers, &body);
        let served = Served::start(&instance);
        let repeat = || served.ask_with("POST", "/api/backups", &headers, Some(&body));
        // The process is seen to be gone while the next one begins to serve: nobody waits for a claim to lapse.
        let is_open = |answer: &Answer| String::from_utf8_lossy(&answer.body).contains("still being");
        let mut answers = std::iter::repeat_with(repeat).take(5_000);
        let first = answers.find(|answer| !is_open(answer)).unwrap();
        let jobs = || {
            let jobs = served.ask_with("GET", "/api/jobs", &[&token], None).json();
            jobs["items"].as_array().unwrap().clone()
        };
        if queued {
            assert_eq!(first.status, 409);
            let told = first.json()["detail"].as_str().unwrap().to_owned();
            assert!(told.contains(jobs()[0]["id"].as_str().unwrap()), "{told}");
            assert_eq!(repeat().status, 409);
        } else {
            assert_eq!(first.status, 202);
            assert_eq!((repeat().status, repeat().json()), (202, first.json()));
        }
        assert_eq!(jobs().len(), 1, "{place}: once");
    }
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
    let (status, text) = told("POST", "/api/backups", r#"{"source":"world","title":"x"}"#);
    assert!(status == 400 && text.contains("title"), "{text}");
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
