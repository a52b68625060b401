//! Channels as they are configured, the outbox, and when to try again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use model::{Kind, Problem};
use serde_json::json;
use service::notify::{
    Channel, Net, Notice, Outbox, Secret, Severity, Smtp, deliver, next_retry, post, worth_retrying,
};

use crate::notify_sample::{NOW_MS, clients, id, notice};

#[test]
fn channels_are_read_strictly_and_shown_without_secrets() {
    let text =
        json!({"by": "webhook", "url": "https://example.org/x", "secret": "s3cret", "allow": ["10.0.0.0/8"]});
    let channel = Channel::from_json(text.clone()).expect("it is a channel");
    assert_eq!(serde_json::to_value(&channel).expect("it can be written"), text);
    assert_eq!(
        channel.without_secrets(),
        json!({"by": "webhook", "url": "https://example.org/x", "allow": ["10.0.0.0/8"]})
    );
    assert!(!format!("{channel:?}").contains("s3cret"));
    for wrong in [
        json!({"by": "webhook", "url": "https://example.org/x", "sekret": "s"}),
        json!({"by": "pigeon"}),
        json!({"by": "outbox", "folder": "/tmp"}),
        json!({"by": "ntfy", "url": "https://ntfy.sh/x", "allow": ["everything"]}),
    ] {
        let problem = Channel::from_json(wrong).expect_err("it is no channel");
        assert_eq!(problem.kind(), Kind::Invalid);
    }
}

#[test]
fn a_policy_names_places_and_the_channel_gets_the_secrets() {
    let named: model::Channel = serde_json::from_value(
        json!({"by": "webhook", "url": "https://example.org/x", "secret": "env:HOOK"}),
    )
    .expect("a channel of a policy");
    let allow: Vec<Net> = vec!["10.0.0.0/8".parse().expect("a network")];
    let found = Channel::of_policy(&named, &allow, &|place| {
        Ok(Secret::new(format!("what is at {place}")))
    });
    let expected = Channel::Webhook {
        url: "https://example.org/x".to_owned(),
        secret: Some(Secret::new("what is at env:HOOK")),
        allow,
    };
    assert_eq!(found.expect("the secret is found"), Some(expected));
    let missing = Channel::of_policy(&named, &[], &|_| Err(Problem::not_found("no such variable")));
    assert!(missing.is_err_and(|problem| problem.kind() == Kind::NotFound));
    let discord = model::Channel::Discord {
        channel: "1".to_owned(),
    };
    let found = Channel::of_policy(&discord, &[], &|_| Err(Problem::internal("nothing is asked")));
    assert_eq!(found.expect("nothing is missing"), None);
}

#[test]
fn a_mail_server_is_read_strictly() {
    let read = |value| Smtp::from_json(value).is_ok();
    assert!(read(
        json!({"host": "mail.example.org", "from": "a@example.org", "user": "u", "password": "p"})
    ));
    assert!(!read(
        json!({"host": "mail.example.org", "from": "a@example.org", "passwort": "p"})
    ));
    assert!(!read(
        json!({"host": "mail.example.org", "from": "a@example.org", "security": "some"})
    ));
}

#[test]
fn retries_come_ever_later_and_end() {
    let mut last = 0;
    for attempt in 1..=9 {
        let next = next_retry(attempt, NOW_MS).expect("it is tried again") - NOW_MS;
        assert!(next >= last, "{attempt}");
        last = next;
    }
    assert_eq!(next_retry(1, NOW_MS), Some(NOW_MS + 60_000));
    assert_eq!(next_retry(10, NOW_MS), None);
    assert_eq!(next_retry(0, NOW_MS), None);
    assert!(worth_retrying(&Problem::new(Kind::Unavailable, "down")));
    assert!(!worth_retrying(&Problem::new(Kind::Refused, "no")));
}

#[tokio::test]
async fn without_a_mail_server_letters_lie_in_the_outbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let clients = clients(folder.path(), &[]);
    let channel = Channel::Email {
        address: "Ödön <owner@example.org>".to_owned(),
    };
    for _ in 0..2 {
        deliver(&channel, &notice(Severity::Failure), &clients)
            .await
            .expect("it is laid in");
    }
    let kept = clients.outbox.list().expect("it can be listed");
    assert_eq!(kept.len(), 1, "a repetition is one letter: {kept:?}");
    let letter = String::from_utf8(clients.outbox.read(&kept[0].name).expect("it is there")).expect("text");
    for part in [
        "To: =?utf-8?b?w5Zkw7Zu?= <owner@example.org>\r\n",
        "Subject: [Cairn] Failed: backup of game\r\n",
        "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n",
        "Message-ID: <01890a5d-ac96-774b-bcce-b302099a8007@localhost>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "https://cairn.example/jobs/1",
    ] {
        assert!(letter.contains(part), "{part}\n{letter}");
    }
    let file = folder.path().join("outbox").join(&kept[0].name);
    assert_eq!(
        fs::metadata(file).expect("it is there").permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn the_outbox_takes_notices_and_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut clients = clients(folder.path(), &[]);
    clients.outbox = Outbox::new(folder.path()).with_room_for(2);
    for n in 0..2 {
        let notice = Notice::test(id(n), NOW_MS);
        deliver(&Channel::Outbox {}, &notice, &clients)
            .await
            .expect("there is room");
    }
    let again = Notice::test(id(0), NOW_MS);
    deliver(&Channel::Outbox {}, &again, &clients)
        .await
        .expect("it lies there already");
    let full = deliver(&Channel::Outbox {}, &Notice::test(id(2), NOW_MS), &clients)
        .await
        .expect_err("it is full");
    assert_eq!(full.kind(), Kind::NoSpace);
    assert!(full.message().contains("holds 2 messages"), "{full}");
    let kept = clients.outbox.list().expect("it can be listed");
    let text = clients.outbox.read(&kept[0].name).expect("it is there");
    let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(value["severity"], "test");
    for wrong in ["../secret.eml", "nothing.eml", "x"] {
        let problem = clients.outbox.read(wrong).expect_err("there is no such message");
        assert_eq!(problem.kind(), Kind::NotFound);
    }
}

#[tokio::test]
async fn headers_cannot_be_smuggled_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let clients = clients(folder.path(), &[]);
    let mut letter = notice(Severity::Warning).letter("a@example.org");
    letter.subject = "x\r\nBcc: victim@example.org".to_owned();
    post(&letter, &clients).await.expect("it is laid in");
    let kept = clients.outbox.list().expect("it can be listed");
    let text = String::from_utf8(clients.outbox.read(&kept[0].name).expect("it is there")).expect("text");
    assert!(!text.contains("\nBcc:"), "{text}");
    letter.to = "a@example.org\r\nBcc: victim@example.org".to_owned();
    let problem = post(&letter, &clients).await.expect_err("this is no address");
    assert_eq!(problem.kind(), Kind::Invalid);
}

#[test]
fn long_texts_are_cut_between_letters() {
    let mut long = notice(Severity::Failure);
    long.text = "ü".repeat(20_000) + "x";
    let body = long.body();
    assert!(body.len() <= 16 * 1024 + 3 && body.ends_with("ü…"));
}
