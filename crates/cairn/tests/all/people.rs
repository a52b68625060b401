//! `cairn person` and `cairn token`: what scripts rely on.

use std::io::Write;
use std::process::Stdio;

use crate::instance::{Instance, Run, finished};

fn with_stdin(instance: &Instance, arguments: &[&str], text: &str) -> Run {
    let mut command = instance.command();
    let mut child = command
        .arg("--json")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    finished(&child.wait_with_output().unwrap())
}

fn add(instance: &Instance, name: &str, role: &str) -> Run {
    with_stdin(
        instance,
        &["person", "add", name, "--role", role, "--password-stdin"],
        "correct horse\n",
    )
}

#[test]
fn a_person_is_added_changed_and_removed() {
    let instance = Instance::new();
    let added = add(&instance, "ann", "operator");
    assert_eq!(added.code, 0, "{}", added.err);
    let value = added.json();
    assert_eq!(
        (value["name"].as_str(), value["role"].as_str()),
        (Some("ann"), Some("operator"))
    );
    assert_eq!(value.as_object().unwrap().len(), 3, "{value}");
    assert_eq!(add(&instance, "ANN", "viewer").problem()["kind"], "conflict");
    assert_eq!(add(&instance, "bob", "king").code, 2);
    let short = with_stdin(
        &instance,
        &["person", "add", "bob", "--role", "viewer", "--password-stdin"],
        "short",
    );
    assert_eq!(short.code, 2);
    let plan = ["--plan", "sources=2,restores=no"];
    let edited = instance.ok(&[
        &["person", "edit", "ann", "--email", "ann@example.org"][..],
        &plan,
    ]
    .concat());
    assert_eq!(edited["plan"]["sources"], 2);
    assert_eq!(edited["plan"]["restores"], false);
    assert_eq!(edited["password"], true);
    assert_eq!(
        instance.ok(&["person", "edit", "ann", "--disable"])["disabled"],
        true
    );
    assert_eq!(
        instance.ok(&["person", "show", "Ann"])["email"],
        "ann@example.org"
    );
    assert_eq!(
        with_stdin(&instance, &["person", "password", "ann"], "battery staple").code,
        0
    );
    instance.fails(2, &["person", "edit", "ann", "--plan", "backups=many"]);
    instance.fails(20, &["person", "remove", "ann"]);
    instance.ok(&["person", "remove", "ann", "--yes"]);
    assert_eq!(instance.ok(&["person", "list"]).as_array().unwrap().len(), 0);
    let hint = instance.fails(1, &["person", "show", "ann"])["hint"].clone();
    assert!(hint.is_string());
}

#[test]
fn sources_are_granted_owned_and_taken_back() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "world"]);
    add(&instance, "ann", "owner");
    let grant = instance.ok(&["person", "grant", "ann", "world", "--owner"]);
    assert_eq!(grant["relation"], "owner");
    assert_eq!(
        instance.ok(&["person", "show", "ann"])["grants"][0]["source"],
        "world"
    );
    instance.ok(&["person", "revoke", "ann", "world"]);
    instance.fails(1, &["person", "revoke", "ann", "world"]);
    instance.fails(1, &["person", "grant", "ann", "nothing"]);
}

#[test]
fn a_token_is_shown_once_and_revoked_for_good() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "world"]);
    add(&instance, "ann", "operator");
    let arguments = [
        "token",
        "create",
        "--person",
        "ann",
        "--name",
        "panel",
        "--scope",
        "see",
        "--scope",
        "back-up@world",
        "--expires",
        "30d",
    ];
    let made = instance.ok(&arguments);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("cairn_") && token.len() == 49, "{token}");
    assert!(made["id"].is_string() && made["expires"].is_string());
    assert_eq!(made["scopes"].as_array().unwrap().len(), 2);
    let listed = instance.run(&["--json", "token", "list", "--person", "ann"]);
    assert!(!listed.out.contains(token));
    assert_eq!(listed.json()[0]["active"], true);
    instance.ok(&["token", "revoke", "panel"]);
    assert_eq!(instance.ok(&["token", "list"])[0]["active"], false);
    instance.fails(1, &["token", "revoke", "panel"]);
    instance.fails(
        2,
        &["token", "create", "--person", "ann", "--scope", "everything"],
    );
    instance.fails(2, &["token", "create", "--person", "ann", "--expires", "soon"]);
    instance.fails(1, &["token", "create", "--person", "nobody-here"]);
}

#[test]
fn the_set_up_token_is_there_until_there_is_an_administrator() {
    let instance = Instance::new();
    let token = instance.ok(&["person", "setup-token"])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(token.len(), 43);
    assert_ne!(instance.ok(&["person", "setup-token"])["token"], token.as_str());
    add(&instance, "chief", "administrator");
    assert_eq!(instance.fails(1, &["person", "setup-token"])["kind"], "conflict");
    assert_eq!(
        instance.fails(1, &["person", "remove", "chief", "--yes"])["kind"],
        "conflict"
    );
    assert_eq!(
        instance
            .ok(&["person", "sessions", "chief"])
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(instance.ok(&["person", "sign-out", "chief"])["ended"], 0);
    let log = instance.ok(&["audit"]);
    assert!(log.to_string().contains("person.add"));
    assert!(!log.to_string().contains(&token));
}
