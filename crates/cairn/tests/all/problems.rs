//! Bad input: a clear problem, the right exit code, and nothing overwritten.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::instance::{Instance, finished};

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_unknown_key_in_the_configuration_is_named_with_its_place() {
    let instance = Instance::new();
    fs::write(instance.path("cairn.toml"), "node = \"a\"\nshelf = \"x\"\n").unwrap();
    let problem = instance.fails(2, &["--config", "cairn.toml", "list"]);
    let message = problem["message"].as_str().unwrap();
    assert!(
        message.contains("shelf") && message.contains("cairn.toml") && message.contains("line 2"),
        "{message}"
    );
    instance.fails(2, &["--config", "missing.toml", "list"]);
    assert!(!instance.data().exists());
}

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let instance = Instance::new();
    fs::write(instance.path("password"), "secret words").unwrap();
    set_mode(&instance.path("password"), 0o644);
    let run = |mode| {
        set_mode(&instance.path("password"), mode);
        let mut command = instance.command();
        finished(
            &command
                .env("CAIRN_REPOSITORY_PASSWORD_FILE", "password")
                .args(["--json", "init"])
                .output()
                .unwrap(),
        )
    };
    let refused = run(0o640);
    assert_eq!(refused.code, 20);
    assert!(
        refused.problem()["hint"]
            .as_str()
            .unwrap()
            .starts_with("chmod 600")
    );
    assert!(!refused.err.contains("secret words"));
    assert_eq!(run(0o600).code, 0);
}

#[test]
fn a_data_directory_that_is_open_newer_or_not_ours_is_left_alone() {
    let instance = Instance::new();
    instance.ok(&["init"]);
    set_mode(&instance.data(), 0o755);
    assert!(
        instance.fails(20, &["list"])["hint"]
            .as_str()
            .unwrap()
            .starts_with("chmod 700")
    );
    set_mode(&instance.data(), 0o700);
    fs::write(instance.data().join("format"), "99\n").unwrap();
    assert_eq!(instance.fails(1, &["list"])["kind"], "too-new");
    assert_eq!(
        fs::read_to_string(instance.data().join("format")).unwrap(),
        "99\n"
    );
    let foreign = instance.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("letter.txt"), "dear").unwrap();
    let problem = instance.fails(1, &["--data", foreign.to_str().unwrap(), "init"]);
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .contains("not a data directory")
    );
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);
}

#[test]
fn a_damaged_catalog_is_told_with_the_way_out() {
    let instance = Instance::new();
    instance.ok(&["init"]);
    let catalog = instance.data().join("catalog.db");
    fs::write(
        &catalog,
        b"this is no database, and it is long enough to be looked at as one",
    )
    .unwrap();
    let problem = instance.fails(1, &["list"]);
    assert_eq!(problem["kind"], "damaged");
    assert!(problem["hint"].as_str().unwrap().contains("cairn recover"));
    assert!(fs::read(&catalog).unwrap().starts_with(b"this is no database"));
}

#[test]
fn exit_codes_tell_what_happened() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.fails(10, &["verify", "--all"]);
    instance.fails(1, &["backup", "nothing-of-this-name"]);
    assert_eq!(instance.run(&["frobnicate"]).code, 2);
    instance.ok(&["backup", "world"]);
    let mut command = instance.command();
    let wrong = finished(
        &command
            .env("CAIRN_REPOSITORY_PASSWORD", "wrong")
            .args(["--json", "verify", "--all"])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (wrong.code, wrong.problem()["kind"].as_str()),
        (12, Some("wrong-password"))
    );
    fs::write(world.join("level.dat"), b"changed").unwrap();
    instance.fails(20, &["restore", "latest"]);
    assert_eq!(
        fs::read(world.join("level.dat")).unwrap(),
        b"changed",
        "without a confirmation nothing is done"
    );
    assert!(instance.fails(1, &["show", "nope"])["hint"].is_string());
}

#[test]
fn places_that_cannot_be_a_source_are_refused() {
    let instance = Instance::new();
    instance.make_world();
    instance.fails(2, &["source", "add", "folder", "all", "/"]);
    let around = instance.fails(2, &["backup", "."]);
    assert!(
        around["message"].as_str().unwrap().contains("inside each other"),
        "{around}"
    );
    std::os::unix::fs::symlink("world", instance.path("link")).unwrap();
    instance.ok(&["source", "add", "folder", "a", "world"]);
    assert_eq!(
        instance.fails(1, &["source", "add", "folder", "a", "world"])["kind"],
        "conflict"
    );
    instance.fails(2, &["source", "add", "folder", "latest", "world"]);
    instance.fails(2, &["source", "add", "folder", "b", "world", "--set", "colour=1"]);
}

#[test]
fn a_source_that_vanished_makes_no_backup() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::remove_dir_all(&world).unwrap();
    instance.fails(1, &["backup", "world"]);
    assert_eq!(instance.ok(&["list"]).as_array().unwrap().len(), 1);
    let check = instance.run(&["--json", "source", "check", "world"]);
    assert_eq!(check.code, 1);
    assert_eq!(check.json()["obstacles"][0]["blocking"], true);
    instance.ok(&[
        "restore",
        "latest",
        "--yes",
        "--without-safety",
        "the folder is gone",
    ]);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
}

#[test]
fn flipped_bytes_are_found_and_the_backup_is_not_restored_from_them() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    let mut packs = Vec::new();
    for dir in fs::read_dir(instance.data().join("repository/data")).unwrap() {
        packs.extend(
            fs::read_dir(dir.unwrap().path())
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
    }
    for pack in &packs {
        let mut bytes = fs::read(pack).unwrap();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 1;
        set_mode(pack, 0o600);
        fs::write(pack, bytes).unwrap();
    }
    let run = instance.run(&["--json", "verify", "--all"]);
    assert_eq!(run.code, 1);
    assert!(!run.json()["problems"].as_array().unwrap().is_empty());
    fs::write(world.join("level.dat"), b"living").unwrap();
    assert_ne!(instance.run(&["restore", "latest", "--yes"]).code, 0);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"living");
}
