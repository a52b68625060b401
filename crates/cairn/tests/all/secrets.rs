//! What holds a secret: kept by nobody on the way, told to nobody who may not see it any more, and made of nothing that a request says of itself.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::house::{House, PASSWORD, person};
use crate::instance::Instance;
use crate::served::{Answer, Served};

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

#[test]
fn no_answer_is_kept_on_the_way_but_what_is_a_part_of_the_program() {
    let house = House::new();
    let backup = house.backup();
    let server = house.ok("GET", "/api/client", None)["data"][0]["attributes"]["identifier"].clone();
    let server = server.as_str().unwrap();
    let link = format!("/api/backups/{backup}/download");
    let log_in = json!({"name": "chief", "password": PASSWORD});
    let panel = format!("/api/client/servers/{server}/backups/{backup}/download");
    for (method, path, body) in [
        ("POST", "/api/session", Some(&log_in)),
        ("GET", "/api/session", None),
        ("POST", "/api/tokens", Some(&json!({"name": "another"}))),
        ("POST", "/api/totp", Some(&json!({"password": PASSWORD}))),
        (
            "POST",
            "/api/set-up",
            Some(&json!({"token": "x", "name": "y", "password": PASSWORD})),
        ),
        ("GET", "/api/people", None),
        ("GET", "/api/sources", None),
        ("GET", "/api/openapi.json", None),
        ("POST", link.as_str(), Some(&json!({"format": "zip"}))),
        ("GET", panel.as_str(), None),
        ("GET", "/api/backups/settings", None),
        ("GET", "/a/made-up", None),
        ("GET", "/download/made-up", None),
        ("GET", "/nothing", None),
        ("PATCH", "/healthz", None),
        ("GET", "/metrics", None),
        ("POST", "/api/tokens", Some(&json!({"made": "up"}))),
    ] {
        let answer = house.call(method, path, body);
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{method} {path}: {}",
            answer.head
        );
    }
    let asset = house.call("GET", "/api/docs/index.html", None);
    assert_eq!(
        (asset.status, asset.header("cache-control")),
        (200, Some("private, max-age=3600"))
    );
}

/// The address of a download.
fn link(served: &Served, token: &str, backup: &str, headers: &[&str]) -> String {
    let mut all = vec![token];
    all.extend_from_slice(headers);
    let path = format!("/api/backups/{backup}/download");
    let made = served.ask_with("POST", &path, &all, Some(r#"{"format":"zip"}"#));
    assert_eq!(made.status, 201, "{}", made.head);
    made.json()["url"].as_str().unwrap().to_owned()
}

/// A request with a host of one's own.
fn as_host(served: &Served, token: &str, backup: &str, host: &str) -> Answer {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
    let body = r#"{"format":"zip"}"#;
    write!(
        stream,
        "POST /api/backups/{backup}/download HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    crate::served::answered(&mut stream)
}

#[test]
fn a_forged_host_is_in_no_link() {
    let house = House::new();
    let backup = house.backup();
    let token = bearer(&house.token);
    let forwarded = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"];
    let own = format!("http://{}/download/", house.served.address);
    assert!(link(&house.served, &token, &backup, &forwarded).starts_with(&own));
    let port = house.served.address.split(':').next_back().unwrap();
    for (host, begins) in [
        (house.served.address.clone(), own.clone()),
        (
            format!("localhost:{port}"),
            format!("http://localhost:{port}/download/"),
        ),
        ("evil.example".to_owned(), "/download/".to_owned()),
        (format!("evil.example:{port}"), "/download/".to_owned()),
        (format!("localhost:{port}.evil.example"), "/download/".to_owned()),
        ("192.0.2.66".to_owned(), "/download/".to_owned()),
    ] {
        let made = as_host(&house.served, &token, &backup, &host);
        let url = made.json()["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&begins), "{host}: {url}");
    }
    let proxied = Served::start_with(&house.instance, &["--trust-proxy", "127.0.0.1"]);
    assert!(link(&proxied, &token, &backup, &forwarded).starts_with("/download/"));
    let named = [
        "--url",
        "https://backup.example.org/",
        "--trust-proxy",
        "127.0.0.1",
    ];
    let named = Served::start_with(&house.instance, &named);
    assert!(link(&named, &token, &backup, &forwarded).starts_with("https://backup.example.org/download/"));
}

fn backed_up(served: &Served, token: &str, key: &str) -> Answer {
    let headers = [bearer(token), format!("Idempotency-Key: {key}")];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    served.ask_with("POST", "/api/backups", &headers, Some(r#"{"source":"world"}"#))
}

fn narrow(instance: &Instance, scope: &str) -> String {
    let made = instance.ok(&["token", "create", "--person", "olga", "--scope", scope]);
    made["token"].as_str().unwrap().to_owned()
}

#[test]
fn an_answer_is_repeated_only_to_who_may_still_see_it() {
    let house = House::new();
    let olga = person(&house.instance, "olga", "viewer");
    house
        .instance
        .ok(&["person", "grant", "olga", "world", "--owner"]);
    let first = backed_up(&house.served, &olga, "k");
    assert_eq!(first.status, 202);
    let repeated = backed_up(&house.served, &olga, "k");
    assert_eq!(
        (repeated.status, repeated.header("idempotency-replayed")),
        (202, Some("true"))
    );
    assert_eq!(repeated.json(), first.json());
    let looks_only = narrow(&house.instance, "see");
    assert_eq!(
        backed_up(&house.served, &looks_only, "k").status,
        403,
        "a token for less"
    );
    house.instance.ok(&["person", "revoke", "olga", "world"]);
    let refused = backed_up(&house.served, &olga, "k");
    assert!(matches!(refused.status, 403 | 404), "{}", refused.status);
    assert!(refused.json().get("job").is_none());
    house
        .instance
        .ok(&["person", "grant", "olga", "world", "--owner"]);
    assert_eq!(backed_up(&house.served, &olga, "k").status, 202);
    house.instance.ok(&["person", "edit", "olga", "--disable"]);
    assert_eq!(backed_up(&house.served, &olga, "k").status, 401);
}

#[test]
fn the_fingerprint_of_a_request_with_a_password_is_no_hash_that_can_be_tried_out() {
    let house = House::new();
    let asked: Value = json!({"name": "ann", "role": "viewer", "password": PASSWORD});
    let headers = [bearer(&house.token), "Idempotency-Key: k".to_owned()];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let body = asked.to_string();
    let made = house
        .served
        .ask_with("POST", "/api/people", &headers, Some(&body));
    assert_eq!(made.status, 201, "{}", made.head);
    let catalog: Vec<u8> = ["catalog.db", "catalog.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(house.instance.data().join(name)).unwrap_or_default())
        .collect();
    let holds = |text: &str| {
        catalog
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    let plain = Sha256::digest([b"/api/people\0", body.as_bytes()].concat());
    let plain: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    let again = Sha256::digest(plain.as_bytes());
    let again: String = again.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(holds("/api/people") || holds("ann"), "the right files");
    assert!(!holds(&plain) && !holds(&again) && !holds(PASSWORD));
}
