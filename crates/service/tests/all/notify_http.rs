//! Notifications over HTTP, to a receiver of our own, and to whom they must not go.

use hmac::{Hmac, KeyInit, Mac};
use model::Kind;
use serde_json::json;
use service::notify::{Channel, Delivered, Names, Net, Secret, Severity, deliver, worth_retrying};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::notify_sample::{NOW_MS, clients, notice};

/// Takes one call, answers it with these lines, and gives back what came.
async fn receiver(answer: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a call comes");
        let mut seen = Vec::new();
        while !is_whole(&seen) {
            let mut piece = [0; 4_096];
            let n = stream.read(&mut piece).await.expect("it can be read");
            assert!(n > 0, "the call broke off");
            seen.extend_from_slice(&piece[..n]);
        }
        let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream
            .write_all(answer.as_bytes())
            .await
            .expect("it can be answered");
        String::from_utf8(seen).expect("the call is text")
    });
    (port, task)
}

fn is_whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").and_then(|length| length.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

fn own() -> Vec<Net> {
    vec!["127.0.0.0/8".parse().expect("a network")]
}

fn webhook(url: String, secret: Option<&str>) -> Channel {
    Channel::Webhook {
        url,
        secret: secret.map(Secret::new),
        allow: own(),
    }
}

async fn try_it(channel: &Channel, hook: &[&str]) -> model::Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let done = deliver(channel, &notice(Severity::Failure), &clients(folder.path(), hook)).await;
    done.map(|delivered| assert_eq!(delivered, Delivered::Arrived))
}

#[tokio::test]
async fn a_webhook_is_signed_and_goes_to_the_address_that_was_judged() {
    let (port, task) = receiver("204 No Content").await;
    // The name is known to nobody but these clients: so the call is bound to what was looked up.
    let channel = webhook(format!("http://hook.test:{port}/path?x=1"), Some("key"));
    try_it(&channel, &["127.0.0.1"]).await.expect("it is delivered");
    let call = task.await.expect("the receiver is well");
    let (head, body) = call.split_once("\r\n\r\n").expect("head and body");
    assert!(head.starts_with("POST /path?x=1 HTTP/1.1\r\n"), "{head}");
    let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(value["when"], "2026-01-02T03:04:05.000Z");
    assert_eq!(
        (&value["severity"], &value["source"]),
        (&json!("failure"), &json!("game"))
    );

    let seconds = NOW_MS / 1_000;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"key").expect("any key will do");
    mac.update(format!("{seconds}.{body}").as_bytes());
    let expected = format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(header(head, "cairn-signature"), Some(expected));
    assert_eq!(header(head, "cairn-delivery").as_deref(), value["id"].as_str());
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed_and_an_empty_one_is_refused() {
    let (port, task) = receiver("200 OK").await;
    let url = format!("http://127.0.0.1:{port}/");
    try_it(&webhook(url.clone(), None), &[])
        .await
        .expect("it is delivered");
    assert_eq!(
        header(&task.await.expect("the receiver is well"), "cairn-signature"),
        None
    );
    let problem = try_it(&webhook(url, Some("")), &[])
        .await
        .expect_err("it signs nothing");
    assert_eq!(problem.kind(), Kind::Invalid);
}

#[tokio::test]
async fn ntfy_gets_topic_priority_and_token() {
    let (port, task) = receiver("200 OK").await;
    let channel = Channel::Ntfy {
        url: format!("http://127.0.0.1:{port}/sub/my-topic"),
        token: Some(Secret::new("tk")),
        allow: own(),
    };
    try_it(&channel, &[]).await.expect("it is delivered");
    let call = task.await.expect("the receiver is well");
    let (head, body) = call.split_once("\r\n\r\n").expect("head and body");
    assert!(head.starts_with("POST /sub/ HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(head, "authorization").as_deref(), Some("Bearer tk"));
    let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        (&value["topic"], &value["priority"]),
        (&json!("my-topic"), &json!(5))
    );
    let none = Channel::Ntfy {
        url: "http://127.0.0.1/".to_owned(),
        token: None,
        allow: own(),
    };
    assert!(
        try_it(&none, &[])
            .await
            .is_err_and(|problem| problem.kind() == Kind::Invalid)
    );
}

#[tokio::test]
async fn a_healthcheck_is_pinged_where_the_outcome_belongs() {
    for (severity, line) in [
        (Severity::Start, "POST /ping/uuid/start "),
        (Severity::Success, "POST /ping/uuid "),
        (Severity::Failure, "POST /ping/uuid/fail "),
        (Severity::Anomaly, "POST /ping/uuid/log "),
    ] {
        let (port, task) = receiver("200 OK").await;
        let folder = tempfile::tempdir().expect("a folder");
        let channel = Channel::Healthcheck {
            url: format!("http://127.0.0.1:{port}/ping/uuid"),
            allow: own(),
        };
        deliver(&channel, &notice(severity), &clients(folder.path(), &[]))
            .await
            .expect("it is delivered");
        let call = task.await.expect("the receiver is well");
        assert!(call.starts_with(line), "{call}");
    }
}

#[tokio::test]
async fn answers_are_told_apart() {
    for (answer, kind, again) in [
        (
            "302 Found\r\nLocation: http://169.254.169.254/",
            Kind::Refused,
            false,
        ),
        ("401 Unauthorized", Kind::Refused, false),
        ("404 Not Found", Kind::NotFound, false),
        ("429 Too Many Requests", Kind::TooMany, true),
        ("503 Service Unavailable", Kind::Unavailable, true),
        ("400 Bad Request", Kind::Invalid, false),
    ] {
        let (port, _task) = receiver(answer).await;
        let channel = webhook(format!("http://127.0.0.1:{port}/secret-path"), None);
        let problem = try_it(&channel, &[]).await.expect_err("this is no success");
        assert_eq!(
            (problem.kind(), worth_retrying(&problem)),
            (kind, again),
            "{problem}"
        );
        assert!(!problem.message().contains("secret-path"), "{problem}");
        assert!(problem.hint_text().is_some());
    }
}

#[tokio::test]
async fn nobody_inside_is_called_by_name_or_by_address() {
    let guarded = |url: &str| Channel::Webhook {
        url: url.to_owned(),
        secret: None,
        allow: Vec::new(),
    };
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::",
    ] {
        let problem = try_it(&guarded("http://hook.test/"), &[address])
            .await
            .expect_err("this is inside");
        assert_eq!(problem.kind(), Kind::Refused, "{address}: {problem}");
        let literal = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        let problem = try_it(&guarded(&format!("http://{literal}/")), &[])
            .await
            .expect_err("this is inside");
        assert_eq!(problem.kind(), Kind::Refused, "{address}: {problem}");
    }
    for odd in ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/"] {
        let problem = try_it(&guarded(odd), &[]).await.expect_err("this is inside");
        assert_eq!(problem.kind(), Kind::Refused, "{odd}: {problem}");
    }
    let mixed = try_it(&guarded("http://hook.test/"), &["1.1.1.1", "127.0.0.1"]).await;
    assert!(
        mixed.is_err_and(|problem| problem.kind() == Kind::Refused),
        "one bad address spoils all"
    );
    let never = Channel::Webhook {
        url: "http://169.254.169.254/".to_owned(),
        secret: None,
        allow: vec!["0.0.0.0/0".parse().expect("a network")],
    };
    assert!(
        try_it(&never, &[])
            .await
            .is_err_and(|problem| problem.kind() == Kind::Refused)
    );
}

#[tokio::test]
async fn addresses_that_make_no_sense_are_refused_without_repeating_them() {
    for wrong in [
        "ftp://example.org/secret",
        "secret",
        "http://user:secret@example.org/",
        "file:///etc/secret",
    ] {
        let problem = try_it(&webhook(wrong.to_owned(), None), &[])
            .await
            .expect_err("nobody can be called there");
        assert_eq!(problem.kind(), Kind::Invalid);
        assert!(!problem.message().contains("secret"), "{problem}");
    }
}

#[tokio::test]
async fn nobody_there_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let problem = try_it(
        &webhook(format!("http://127.0.0.1:{port}/secret-path"), None),
        &[],
    )
    .await;
    let problem = problem.expect_err("nobody listens");
    assert!(
        worth_retrying(&problem) && !format!("{problem:?}").contains("secret-path"),
        "{problem:?}"
    );
    let unknown = webhook("http://nobody.test/".to_owned(), None);
    assert!(
        try_it(&unknown, &[])
            .await
            .is_err_and(|problem| worth_retrying(&problem))
    );
}

#[tokio::test]
async fn the_machines_own_names_are_judged_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut clients = clients(folder.path(), &[]);
    clients.names = Names::System;
    let channel = Channel::Webhook {
        url: "http://localhost:1/".to_owned(),
        secret: None,
        allow: Vec::new(),
    };
    let problem = deliver(&channel, &notice(Severity::Failure), &clients)
        .await
        .expect_err("this is inside");
    assert_eq!(problem.kind(), Kind::Refused, "{problem}");
}
