//! Servers that run while somebody wants a restore, and hooks around the work.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::instance::{Instance, look};

#[test]
fn p02_a_running_server_is_not_restored_over() {
    let instance = Instance::new();
    let world = instance.make_world();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let guard = format!("port:{}", server.local_addr().unwrap());
    instance.ok(&["source", "add", "folder", "world", "./world", "--guard", &guard]);
    instance.ok(&["backup", "world"]);
    let before = look(&world);
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    let griefed = look(&world);
    let refused = instance.fails(1, &["restore", "latest", "--yes"]);
    assert_eq!(refused["kind"], "conflict");
    assert!(
        refused["message"].as_str().unwrap().contains("running"),
        "{refused}"
    );
    assert!(!refused["hint"].as_str().unwrap().is_empty());
    assert_eq!(look(&world), griefed, "nothing was touched");
    let reasons = instance.ok(&["list"]);
    assert_eq!(
        reasons.as_array().unwrap().len(),
        1,
        "refused before a safety backup is made"
    );
    drop(server);
    instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(look(&world), before);
}

#[test]
fn p02_a_server_is_stopped_for_a_restore_and_started_again_when_so_configured() {
    let instance = Instance::new();
    let world = instance.make_world();
    let flag = instance.path("running");
    let flag_text = flag.to_str().unwrap();
    let level = world.join("level.dat");
    // Stopping saves the world, as game servers do.
    let stop = format!("rm {flag_text}; echo saved > {}", level.display());
    let guard = json!({
        "probe": {"by": "command", "command": ["test", "-e", flag_text]},
        "stop": {"do": "command", "command": ["sh", "-c", stop]},
        "start": {"do": "command", "command": ["touch", flag_text]},
    });
    let guard = guard.to_string();
    instance.ok(&[
        "source", "add", "folder", "world", "./world", "--guard", &guard, "--stop",
    ]);
    instance.ok(&["backup", "world"]);
    let before = look(&world);
    fs::write(&level, b"griefed").unwrap();
    fs::write(&flag, b"").unwrap();
    let restored = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(restored["verified"], true);
    assert_eq!(look(&world), before);
    assert!(flag.exists(), "started again");
    // Undo puts back what was there when the server had stopped.
    fs::remove_file(&flag).unwrap();
    instance.ok(&["undo", "--yes"]);
    assert_eq!(fs::read(&level).unwrap(), b"saved\n");
    assert!(!flag.exists(), "a server that did not run is not started");
}

#[test]
fn a_policy_that_demands_a_stopped_server_needs_a_guard() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["backup", "world"]);
    instance.ok(&["policy", "preset", "world", "panel:3"]);
    fs::write(instance.path("world/level.dat"), b"griefed").unwrap();
    let refused = instance.fails(20, &["restore", "latest", "--yes"]);
    assert!(refused["hint"].as_str().unwrap().contains("guard"), "{refused}");
}

#[test]
fn a_hook_that_fails_before_a_backup_stops_it_and_one_after_it_always_runs() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let after = instance.path("after");
    let after = after.to_str().unwrap();
    let hooks = |before: &str| {
        json!({
            "before_backup": [{"do": "command", "command": [before]}],
            "after_backup": [{"do": "command", "command": ["sh", "-c", format!("echo $CAIRN_EVENT $CAIRN_STATE >> {after}")]}],
        })
    };
    let set = |before: &str| {
        let value = format!("hooks={}", hooks(before));
        instance.ok(&["policy", "set", "world", &value]);
    };
    set("false");
    let failed = instance.fails(1, &["backup", "world"]);
    assert!(failed["message"].as_str().unwrap().contains("hook"), "{failed}");
    assert_eq!(instance.ok(&["list"]), json!([]));
    set("true");
    instance.ok(&["backup", "world"]);
    let told = fs::read_to_string(after).unwrap();
    assert_eq!(told, "backup failed\nbackup succeeded\n");
}
