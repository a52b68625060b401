//! `cairn approve`, and restores that wait: what scripts and people rely on.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::instance::{Instance, finished};
use crate::served::Served;

/// A source that is restored only with an approval, backed up, and griefed since.
fn gated() -> Instance {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["backup", "world"]);
    instance.ok(&["policy", "set", "world", "gates.approval={}"]);
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    instance
}

fn level(instance: &Instance) -> Vec<u8> {
    fs::read(instance.path("world/level.dat")).unwrap()
}

fn ask(instance: &Instance) -> Value {
    let run = instance.run(&["--json", "restore", "latest", "--yes"]);
    assert_eq!(run.code, 21, "{}{}", run.out, run.err);
    run.json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn s04_a_restore_waits_and_begins_when_it_is_approved() {
    let instance = gated();
    let waiting = ask(&instance);
    assert_eq!(
        (text(&waiting["state"]), &waiting["verified"]),
        ("waiting", &Value::Bool(false))
    );
    assert_eq!(waiting["counts"]["update"], 1);
    assert!(waiting["safety_backup"].is_null());
    let (job, request) = (text(&waiting["job"]), text(&waiting["approval"]));
    let listed = instance.ok(&["approve"]);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"]),
        (&waiting["approval"], &"pending".into())
    );
    let status = instance.ok(&["status", job]);
    assert_eq!(
        (&status["state"], &status["approval"]),
        (&"waiting".into(), &waiting["approval"])
    );
    assert_eq!(instance.fails(21, &["resume", job])["kind"], "awaiting-approval");
    let shown = instance.ok(&["approve", request, "--show"]);
    assert_eq!(
        (&shown["name"], &shown["groups"][0]["action"]),
        (&"world".into(), &"update".into())
    );
    assert_eq!(instance.fails(20, &["approve", request])["kind"], "refused");
    assert_eq!(
        instance.fails(20, &["approve", request, "--name", "World"])["kind"],
        "refused"
    );
    assert_eq!(level(&instance), b"griefed");
    let done = instance.ok(&["approve", &request[..13], "--name", "world"]);
    assert_eq!(
        (text(&done["state"]), text(&done["restore"]["state"])),
        ("approved", "succeeded")
    );
    assert_eq!(done["restore"]["verified"], true);
    assert_eq!(level(&instance), b"level one");
    assert_eq!(instance.ok(&["approve"]).as_array().unwrap().len(), 0);
    assert_eq!(instance.ok(&["approve", "--all"])[0]["state"], "used");
    instance.fails(1, &["approve", request, "--name", "world"]);
    let log = instance.ok(&["audit"]).to_string();
    for what in ["approval.ask", "approval.approve", "refused: approve"] {
        assert!(log.contains(what), "{what}");
    }
}

#[test]
fn what_was_approved_and_left_alone_is_carried_out_by_whoever_comes() {
    for later in [&["resume"][..], &["serve", "--once"]] {
        let instance = gated();
        let waiting = ask(&instance);
        let job = text(&waiting["job"]);
        let request = text(&waiting["approval"]);
        instance.ok(&["approve", request, "--name", "world", "--no-wait"]);
        assert_eq!(instance.ok(&["status", job])["state"], "queued");
        let later: Vec<&str> = if later[0] == "resume" {
            vec!["resume", job]
        } else {
            later.to_vec()
        };
        instance.ok(&later);
        assert_eq!(instance.ok(&["status", job])["state"], "succeeded");
        assert_eq!(level(&instance), b"level one");
    }
}

#[test]
fn what_is_declined_cancelled_or_drifted_changes_nothing() {
    let instance = gated();
    let first = ask(&instance);
    let declined = instance.ok(&[
        "approve",
        text(&first["approval"]),
        "--decline",
        "--reason",
        "not now",
    ]);
    assert_eq!(
        (text(&declined["state"]), text(&declined["reason"])),
        ("declined", "not now")
    );
    let error = instance.ok(&["status", text(&first["job"])])["error"]["message"].clone();
    assert!(text(&error).ends_with(": not now"), "{error}");
    let second = ask(&instance);
    instance.ok(&["cancel", text(&second["job"])]);
    instance.fails(1, &["approve", text(&second["approval"]), "--name", "world"]);
    let third = ask(&instance);
    fs::write(instance.path("world/level.dat"), b"changed again").unwrap();
    let drifted = instance.fails(22, &["approve", text(&third["approval"]), "--name", "world"]);
    assert_eq!(drifted["kind"], "drifted");
    assert_eq!(level(&instance), b"changed again");
    let safety = instance.ok(&["list"]);
    assert_eq!(safety.as_array().unwrap().len(), 1);
}

#[test]
fn whoever_waits_for_the_answer_goes_on_by_himself() {
    let instance = gated();
    let waiting = instance
        .command()
        .args(["--json", "restore", "latest", "--yes", "--wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = loop {
        let listed = instance.ok(&["approve"]);
        if let Some(id) = listed[0]["id"].as_str() {
            break id.to_owned();
        }
    };
    instance.ok(&["approve", &request, "--name", "world", "--no-wait"]);
    let run = finished(&waiting.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.json()["state"], "succeeded");
    assert_eq!(level(&instance), b"level one");
}

#[test]
fn a_server_sends_the_letter_with_its_own_address_and_carries_out_what_is_approved() {
    let instance = gated();
    instance.with_stdin(
        &[
            "person",
            "add",
            "ann",
            "--role",
            "owner",
            "--email",
            "ann@example.org",
            "--password-stdin",
        ],
        "correct horse\n",
    );
    instance.ok(&["person", "grant", "ann", "world", "--owner"]);
    let _served = Served::start_with(&instance, &["--url", "https://backup.example.org/cairn"]);
    let waiting = ask(&instance);
    let outbox = instance.data().join("outbox");
    let letter = loop {
        let mut entries = fs::read_dir(&outbox).into_iter().flatten().flatten();
        let found = entries.find(|entry| entry.path().extension().is_some_and(|end| end == "eml"));
        if let Some(found) = found {
            break fs::read_to_string(found.path()).unwrap();
        }
    };
    assert!(letter.contains("https://backup.example.org/cairn/a/"), "{letter}");
    let request = text(&waiting["approval"]);
    instance.fails(20, &["approve", request, "--name", "world"]);
    let done = instance.ok(&[
        "approve",
        request,
        "--name",
        "world",
        "--reason",
        "ann rang me up",
    ]);
    assert_eq!(done["restore"]["state"], "succeeded");
    assert_eq!(level(&instance), b"level one");
}

#[test]
fn an_address_that_is_none_is_refused_by_name() {
    let instance = Instance::new();
    let run = finished(
        &instance
            .command()
            .args(["--json", "jobs"])
            .env("CAIRN_URL", "backup")
            .output()
            .unwrap(),
    );
    assert_eq!(run.code, 2);
    assert!(text(&run.problem()["message"]).contains("CAIRN_URL"));
    let run = finished(
        &instance
            .command()
            .args(["doctor"])
            .env("CAIRN_URL", "https://b.example.org/")
            .output()
            .unwrap(),
    );
    assert!(run.out.contains("https://b.example.org"), "{}", run.out);
}

/// The same with a server that writes this to its world when it is stopped; each stop is a line in `stops`.
fn gated_server(saves: &str) -> Instance {
    let instance = Instance::new();
    let world = instance.make_world();
    let (running, stops) = (instance.path("running"), instance.path("stops"));
    let mut save = format!("rm {}; echo stop >> {}", running.display(), stops.display());
    if !saves.is_empty() {
        save.push_str(&format!("; echo {saves} > {}", world.join("level.dat").display()));
    }
    let guard = json!({
        "probe": {"by": "command", "command": ["test", "-e", running]},
        "stop": {"do": "command", "command": ["sh", "-c", save]},
        "start": {"do": "command", "command": ["touch", running]},
    });
    let guard = guard.to_string();
    instance.ok(&[
        "source", "add", "folder", "world", "./world", "--guard", &guard, "--stop",
    ]);
    instance.ok(&["backup", "world"]);
    instance.ok(&["policy", "set", "world", "gates.approval={}"]);
    fs::write(&running, b"").unwrap();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    instance
}

fn stops(instance: &Instance) -> usize {
    let text = fs::read_to_string(instance.path("stops")).unwrap_or_default();
    text.lines().count()
}

#[test]
fn a_server_is_stopped_only_for_what_was_approved_and_is_still_so() {
    let instance = gated_server("saved");
    let waiting = ask(&instance);
    assert_eq!(stops(&instance), 0, "it runs while somebody thinks");
    fs::write(instance.path("world/level.dat"), b"played on").unwrap();
    instance.fails(22, &["approve", text(&waiting["approval"]), "--name", "world"]);
    assert_eq!((stops(&instance), level(&instance)), (0, b"played on".to_vec()));
    let waiting = ask(&instance);
    instance.ok(&["approve", text(&waiting["approval"]), "--name", "world"]);
    assert_eq!((stops(&instance), level(&instance)), (1, b"level one".to_vec()));
    assert!(instance.path("running").exists(), "and is started again");
}

#[test]
fn an_approved_restore_killed_at_any_record_of_its_journal_is_resumed() {
    let mut deaths = 0;
    for number in 1.. {
        let mut died = false;
        for at in [format!("{number}-"), number.to_string()] {
            let instance = gated_server("");
            let waiting = ask(&instance);
            let output = instance
                .command()
                .args(["approve", text(&waiting["approval"]), "--name", "world"])
                .env("CAIRN_TEST_DIE_AT_RECORD", &at)
                .output()
                .unwrap();
            if output.status.success() {
                continue;
            }
            died = true;
            deaths += 1;
            let job = text(&waiting["job"]);
            assert_eq!(instance.ok(&["status", job])["state"], "interrupted", "{at}");
            assert_eq!(instance.ok(&["approve", "--all"])[0]["state"], "used", "{at}");
            instance.ok(&["resume", job]);
            assert_eq!(level(&instance), b"level one", "{at}");
            assert!(instance.path("running").exists(), "{at}");
        }
        if !died {
            break;
        }
    }
    assert!(deaths >= 6, "only {deaths}");
}
