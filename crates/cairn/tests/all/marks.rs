//! The program marks backups that lack something, and follows those that restic has written anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::house::House;
use crate::instance::{Instance, finished};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_backup_that_lacks_something_is_marked_counts_what_it_holds_and_lets_nothing_go() {
    let instance = Instance::of_another_user();
    let world = instance.make_world();
    instance.hand_over(&world);
    instance.ok(&["source", "add", "folder", "w", "./world"]);
    instance.ok(&["policy", "preset", "w", "rotating:2"]);
    let good: Vec<String> = (0..2)
        .map(|_| text(&instance.ok(&["backup", "w"])["backup"]["id"]))
        .collect();
    for file in ["level.dat", "region/r.0.0.mca", "region/r.0.1.mca"] {
        set_mode(&world.join(file), 0);
    }
    for _ in 0..3 {
        let run = instance.run(&["--json", "backup", "w"]);
        assert_eq!(run.code, 3, "{}{}", run.out, run.err);
        let done = run.json();
        assert_eq!(done["deleted"], json!([]), "{done}");
        let backup = &done["backup"];
        assert_eq!(
            (
                &backup["state"],
                &backup["lacks"],
                &backup["files"],
                &backup["bytes"]
            ),
            (&json!("incomplete"), &json!(3), &json!(0), &json!(0))
        );
        assert!(done["warnings"].to_string().contains("cairn accept"), "{done}");
    }
    let listed = instance.ok(&["list"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 5);
    assert!(
        good.iter()
            .all(|id| listed.iter().any(|backup| backup["id"] == **id))
    );
    let table = instance.run(&["list"]).out;
    assert_eq!(table.matches("INCOMPLETE").count(), 3, "{table}");
    let checked = instance.ok(&["source", "check", "w"]);
    assert!(
        checked["obstacles"].to_string().contains("incomplete"),
        "{checked}"
    );
    // Whole again, it takes its place, and what is not good goes after it.
    for file in ["level.dat", "region/r.0.0.mca", "region/r.0.1.mca"] {
        set_mode(&world.join(file), 0o644);
    }
    let last = text(&instance.ok(&["backup", "w"])["backup"]["id"]);
    let left = instance.ok(&["list"]);
    let left: Vec<String> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| text(&backup["id"]))
        .collect();
    assert_eq!(left.len(), 5, "the oldest good one went: {left:?}");
    assert!(left.contains(&last) && left.contains(&good[1]) && !left.contains(&good[0]));
    let newest = text(&instance.ok(&["backup", "w"])["backup"]["id"]);
    let left = instance.ok(&["list"]);
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["id"], &left[1]["id"]),
        (2, &json!(newest), &json!(last))
    );
}

#[test]
fn an_incomplete_backup_is_accepted_by_command() {
    let instance = Instance::of_another_user();
    let world = instance.make_world();
    instance.hand_over(&world);
    set_mode(&world.join("level.dat"), 0);
    assert_eq!(instance.run(&["backup", "./world"]).code, 3);
    let accepted = instance.ok(&["accept", "latest"]);
    assert_eq!(accepted["state"], "incomplete", "it still lacks something");
    assert!(accepted["accepted"].is_string());
    assert!(instance.run(&["list"]).out.contains("incomplete, accepted"));
    assert_eq!(instance.ok(&["source", "check", "world"])["obstacles"], json!([]));
}

#[test]
fn a_suspicious_backup_is_found_and_accepted_over_the_api() {
    let house = House::new();
    house.backup();
    fs::remove_dir_all(house.instance.path("world")).unwrap();
    fs::create_dir(house.instance.path("world")).unwrap();
    let asked = house.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
    assert_eq!(house.follow(&text(&asked["job"]))["state"], "warning");
    let found = house.ok("GET", "/api/backups?state=suspicious", None);
    assert_eq!(
        (found["items"].as_array().unwrap().len(), &found["items"][0]["id"]),
        (1, &asked["backup"])
    );
    assert!(found["items"][0]["suspicion"].is_string());
    let accepted = house.ok(
        "POST",
        &format!("/api/backups/{}/accept", text(&asked["backup"])),
        None,
    );
    assert_eq!(
        (&accepted["state"], accepted["accepted"].is_string()),
        (&json!("ok"), true)
    );
    let found = house.ok("GET", "/api/backups?state=suspicious", None);
    assert_eq!(found["items"], json!([]));
}

#[test]
fn what_is_gone_or_damaged_fails_the_verification_by_name() {
    let instance = Instance::new();
    instance.make_world();
    let kept = instance.ok(&["backup", "./world"])["backup"].clone();
    let lost = instance.ok(&["backup", "./world"])["backup"].clone();
    instance.ok(&["verify", "--all"]);
    fs::remove_file(
        instance
            .data()
            .join("repository/snapshots")
            .join(text(&lost["snapshot"])),
    )
    .unwrap();
    let run = instance.run(&["--json", "verify", "--all"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    let done = run.json();
    assert_eq!(
        (&done["checked"], &done["affected"][0]["id"]),
        (&json!(1), &lost["id"])
    );
    let listed = instance.ok(&["list"]);
    let of = |id: &Value| {
        listed
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == *id)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&of(&lost["id"])["state"], &of(&lost["id"])["verified"]),
        (&json!("missing"), &Value::Null)
    );
    assert!(of(&kept["id"])["verified"].is_string());
    let run = instance.run(&["verify", "--all"]);
    assert!(
        run.out.contains(&text(&lost["id"])) && !run.out.contains("there and right"),
        "{}",
        run.out
    );
    let run = instance.run(&["repository", "check"]);
    assert!(
        run.code == 1 && run.out.contains(&text(&lost["id"])),
        "{}",
        run.out
    );
}

/// `None`: it is not installed, which is said aloud.
fn restic(instance: &Instance, arguments: &[&str]) -> Option<Output> {
    restic_in(instance, instance.dir.path(), arguments)
}

fn restic_in(instance: &Instance, dir: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("restic");
    command
        .env("RESTIC_REPOSITORY", instance.data().join("repository"))
        .env("RESTIC_PASSWORD", text(&instance.ok(&["kit"])["password"]))
        .env("RESTIC_CACHE_DIR", instance.path("cache"))
        .current_dir(dir)
        .args(arguments);
    if let Ok(output) = command.output() {
        return Some(output);
    }
    println!("SKIPPED: restic is not installed; get it with `apt-get install restic`");
    assert_ne!(
        std::env::var("CAIRN_TEST_STRICT").as_deref(),
        Ok("1"),
        "restic is missing"
    );
    None
}

fn recover(instance: &Instance) -> Value {
    let repository = instance.data().join("repository");
    instance.ok(&["recover", "--repository", repository.to_str().unwrap()])
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn a_snapshot_that_restic_tagged_stays_the_same_backup() {
    let instance = Instance::new();
    let world = instance.make_world();
    let first = instance.ok(&["backup", "./world"])["backup"].clone();
    fs::write(world.join("level.dat"), b"level two").unwrap();
    let second = instance.ok(&["backup", "./world"])["backup"].clone();
    instance.ok(&["verify", "--all"]);
    for words in [&["tag", "--add", "kept"][..], &["tag", "--set", "mine"]] {
        let Some(output) = restic(&instance, words) else {
            return;
        };
        assert!(output.status.success(), "{}", said(&output));
        let recovered = recover(&instance);
        assert_eq!(
            (&recovered["backups"], &recovered["missing"]),
            (&json!(0), &json!(0)),
            "{recovered}"
        );
    }
    let listed = instance.ok(&["list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    for (row, before) in [(&listed[0], &second), (&listed[1], &first)] {
        assert_eq!((&row["id"], &row["state"]), (&before["id"], &json!("ok")));
        assert_ne!(row["snapshot"], before["snapshot"]);
        assert!(row["verified"].is_string(), "its content is the same");
    }
    instance.ok(&["verify", "--all"]);
    instance.ok(&["restore", &text(&first["id"]), "--yes"]);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
}

/// The catalog is gone, and with it how each backup was judged.
#[test]
fn after_a_recovery_no_empty_backup_pushes_a_good_one_out_either() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "w", "./world"]);
    instance.ok(&["policy", "preset", "w", "rotating:2"]);
    let good: Vec<String> = (0..2)
        .map(|_| text(&instance.ok(&["backup", "w"])["backup"]["id"]))
        .collect();
    fs::remove_dir_all(&world).unwrap();
    fs::create_dir(&world).unwrap();
    let empty = |command: &mut Command| {
        let run = finished(&command.args(["--json", "backup", "w"]).output().unwrap());
        assert_eq!(run.code, 3, "{}{}", run.out, run.err);
        let done = run.json();
        assert_eq!(
            (&done["backup"]["state"], &done["deleted"]),
            (&json!("suspicious"), &json!([]))
        );
    };
    for _ in 0..2 {
        empty(&mut instance.command());
    }
    let key = instance.data().join("keys/repository.password");
    let elsewhere = || {
        let mut command = instance.command();
        command.env("CAIRN_DATA", instance.path("elsewhere"));
        command.env("CAIRN_REPOSITORY_PASSWORD_FILE", &key);
        command
    };
    let repository = instance.data().join("repository");
    let words = ["recover", "--repository", repository.to_str().unwrap()];
    assert!(elsewhere().args(words).output().unwrap().status.success());
    for _ in 0..3 {
        empty(&mut elsewhere());
    }
    let listed = finished(&elsewhere().args(["--json", "list"]).output().unwrap()).json();
    let states: Vec<(String, String)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| (text(&backup["id"]), text(&backup["state"])))
        .collect();
    assert_eq!(states.len(), 7);
    for (id, state) in states {
        let expected = if good.contains(&id) { "ok" } else { "suspicious" };
        assert_eq!(state, expected, "{id}");
    }
}

/// What `restic rewrite --exclude` leaves: the same manifest and tags, another content, under another id. Made with what every restic has.
fn rewrite(instance: &Instance, backup: &Value) -> Option<()> {
    let (snapshot, target) = (text(&backup["snapshot"]), instance.path("rewritten"));
    let words = ["restore", &snapshot, "--target", target.to_str().unwrap()];
    let unpacked = restic(instance, &words)?;
    assert!(unpacked.status.success(), "{}", said(&unpacked));
    fs::remove_file(target.join("world/level.dat")).unwrap();
    let tags = format!("cairn,backup:{}", text(&backup["id"]));
    let words = ["backup", "--tag", &tags, "world", "manifest.json"];
    let again = restic_in(instance, &target, &words)?;
    assert!(again.status.success(), "{}", said(&again));
    Some(())
}

#[test]
fn a_snapshot_that_was_rewritten_is_followed_and_one_that_is_still_there_is_kept() {
    let instance = Instance::new();
    instance.make_world();
    let backup = instance.ok(&["backup", "./world"])["backup"].clone();
    // While both are there, the row keeps the one that it has.
    let Some(()) = rewrite(&instance, &backup) else {
        return;
    };
    let recovered = recover(&instance);
    assert_eq!(
        (&recovered["backups"], &recovered["missing"]),
        (&json!(0), &json!(0)),
        "{recovered}"
    );
    assert_eq!(instance.ok(&["show", "latest"])["snapshot"], backup["snapshot"]);
    let first = restic(&instance, &["forget", &text(&backup["snapshot"])]).unwrap();
    assert!(first.status.success(), "{}", said(&first));
    recover(&instance);
    let shown = instance.ok(&["show", "latest"]);
    assert_eq!((&shown["id"], &shown["state"]), (&backup["id"], &json!("ok")));
    assert_ne!(shown["snapshot"], backup["snapshot"]);
}
