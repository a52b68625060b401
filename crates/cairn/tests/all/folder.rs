//! A folder's way: back up, change, plan, restore, undo; with restic and without the catalog.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::instance::{Instance, finished, look};

#[test]
fn a_folder_is_backed_up_with_nothing_set_up_and_comes_back_exactly() {
    let instance = Instance::new();
    let world = instance.make_world();
    let before = look(&world);
    let done = instance.ok(&["backup", "./world"]);
    assert_eq!(
        (done["state"].as_str(), done["backup"]["files"].as_u64()),
        (Some("succeeded"), Some(3))
    );
    assert_eq!(done["backup"]["snapshot"].as_str().unwrap().len(), 64);
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::remove_dir_all(world.join("region")).unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    let plan = instance.ok(&["restore", "latest", "--plan"])["plan"].clone();
    assert_eq!(plan["counts"]["delete"], 1);
    assert_eq!(
        plan["items"][0],
        json!({"action": "delete", "kind": "file", "name": "virus", "part": "world", "detail": "1 B"})
    );
    assert_eq!(
        fs::read(world.join("level.dat")).unwrap(),
        b"griefed",
        "a plan changes nothing"
    );
    let restored = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(
        (restored["verified"].as_bool(), restored["state"].as_str()),
        (Some(true), Some("succeeded"))
    );
    assert!(restored["safety_backup"].is_string());
    assert_eq!(look(&world), before);
    let again = instance.ok(&["restore", "latest", "--plan"]);
    assert_eq!(
        again["plan"]["items"],
        json!([]),
        "what was just restored needs nothing"
    );
    let left: Vec<_> = fs::read_dir(instance.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().starts_with(".cairn-restore")),
        "{left:?}"
    );
}

#[test]
fn a_restore_is_undone_and_the_undo_is_undone() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"level two").unwrap();
    fs::write(world.join("new"), b"new").unwrap();
    let (first, changed) = (instance.ok(&["list"])[0]["id"].clone(), look(&world));
    instance.ok(&["restore", first.as_str().unwrap(), "--yes"]);
    let restored = look(&world);
    assert_ne!(restored, changed);
    assert!(
        !instance.ok(&["undo", "--plan"])["plan"]["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    instance.ok(&["undo", "--yes"]);
    assert_eq!(look(&world), changed);
    instance.ok(&["undo", "--yes"]);
    assert_eq!(look(&world), restored);
}

#[test]
fn merge_deletes_nothing_and_a_single_file_comes_back_alone() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"changed").unwrap();
    fs::write(world.join("region/r.0.0.mca"), b"changed").unwrap();
    fs::write(world.join("new"), b"new").unwrap();
    let picked = instance.ok(&["restore", "latest", "--path", "world/level.dat", "--yes"]);
    assert_eq!(picked["verified"], true);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
    assert_eq!(fs::read(world.join("region/r.0.0.mca")).unwrap(), b"changed");
    instance.ok(&["restore", "world", "--mode", "merge", "--yes"]);
    assert_eq!(
        fs::read(world.join("region/r.0.0.mca")).unwrap(),
        vec![7; 300_000]
    );
    assert_eq!(fs::read(world.join("new")).unwrap(), b"new");
    instance.fails(1, &["restore", "latest", "--path", "world/nothing", "--yes"]);
}

#[test]
fn what_is_ignored_is_neither_captured_nor_touched() {
    let instance = Instance::new();
    let world = instance.make_world();
    fs::create_dir(world.join("logs")).unwrap();
    fs::write(world.join("logs/latest.log"), b"log").unwrap();
    fs::write(world.join(".pteroignore"), b"*.tmp\n").unwrap();
    fs::write(world.join("a.tmp"), b"tmp").unwrap();
    instance.ok(&["source", "add", "folder", "server", "world", "--ignore", "logs/"]);
    instance.ok(&["backup", "server"]);
    let listed = instance.ok(&["ls", "latest", "--recursive"]).to_string();
    assert!(
        !listed.contains("latest.log") && !listed.contains("a.tmp"),
        "{listed}"
    );
    instance.ok(&["restore", "latest", "--mode", "rebuild", "--yes"]);
    assert_eq!(fs::read(world.join("logs/latest.log")).unwrap(), b"log");
    assert_eq!(fs::read(world.join("a.tmp")).unwrap(), b"tmp");
}

#[test]
fn a_backup_unpacks_into_a_new_folder_like_its_archive() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    instance.ok(&["restore", "latest", "--to", "./out", "--yes"]);
    assert_eq!(look(&instance.path("out/world")), look(&world));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(instance.path("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(
        (manifest["format"].as_str(), manifest["source"]["name"].as_str()),
        (Some("cairn"), Some("world"))
    );
    instance.ok(&["undo", "--yes"]);
    assert_eq!(
        fs::read_dir(instance.path("out")).unwrap().count(),
        0,
        "undo removes what the restore made"
    );
}

#[test]
fn the_plan_that_was_approved_is_carried_out_or_nothing() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"changed").unwrap();
    let hash = instance.ok(&["restore", "latest", "--plan"])["plan"]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(world.join("level.dat"), b"changed again").unwrap();
    let drifted = instance.fails(22, &["restore", "latest", "--approved", &hash]);
    assert_eq!(drifted["kind"], "drifted");
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"changed again");
    let hash = instance.ok(&["restore", "latest", "--plan"])["plan"]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    instance.ok(&["restore", "latest", "--approved", &hash]);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
}

#[test]
fn restic_opens_the_repository_with_what_the_kit_says() {
    if Command::new("restic").arg("version").output().is_err() {
        assert!(
            std::env::var_os("CAIRN_TEST_STRICT").is_none(),
            "restic is missing: apt-get install restic"
        );
        println!("SKIPPED: restic is missing, so the kit was not tried with it (apt-get install restic)");
        return;
    }
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    let kit = instance.ok(&["kit"]);
    let restic = |arguments: &[&str]| {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "-r", kit["repository"].as_str().unwrap()])
            .args(arguments);
        finished(
            &command
                .env("RESTIC_PASSWORD", kit["password"].as_str().unwrap())
                .output()
                .unwrap(),
        )
    };
    assert!(
        restic(&["check", "--read-data"])
            .out
            .contains("no errors were found")
    );
    let out = instance.path("restic");
    assert_eq!(
        restic(&["restore", "latest", "--target", out.to_str().unwrap()]).code,
        0
    );
    assert_eq!(look(&out.join("world")), look(&world));
}

#[test]
fn everything_is_recovered_from_the_repository_alone() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world", "--name", "before the update"]);
    let kit = instance.ok(&["kit"]);
    let listed = instance.ok(&["list"]);
    let password = instance.path("password");
    fs::write(&password, kit["password"].as_str().unwrap()).unwrap();
    fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let elsewhere = |arguments: &[&str]| {
        let mut command = instance.command();
        command
            .env("CAIRN_DATA", instance.path("elsewhere"))
            .env("CAIRN_REPOSITORY", kit["repository"].as_str().unwrap());
        let run = finished(
            &command
                .env("CAIRN_REPOSITORY_PASSWORD_FILE", &password)
                .arg("--json")
                .args(arguments)
                .output()
                .unwrap(),
        );
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.err);
        run.json()
    };
    let recovered = elsewhere(&["recover", "--repository", kit["repository"].as_str().unwrap()]);
    assert_eq!(
        (recovered["sources"].as_u64(), recovered["backups"].as_u64()),
        (Some(1), Some(1))
    );
    let again = elsewhere(&["list"]);
    for field in [
        "id", "source", "name", "reason", "created", "snapshot", "files", "bytes",
    ] {
        assert_eq!(again[0][field], listed[0][field], "{field}");
    }
    let before = look(&world);
    fs::remove_dir_all(&world).unwrap();
    elsewhere(&["restore", "latest", "--yes"]);
    assert_eq!(look(&world), before);
    assert_eq!(
        elsewhere(&["recover", "--repository", kit["repository"].as_str().unwrap()])["known"],
        2
    );
}

#[test]
fn a_policy_is_recovered_with_its_schedule_off_and_no_secret_is_in_the_manifest() {
    for (switch, is_on) in [(None, false), (Some("--schedules"), true)] {
        let instance = Instance::new();
        instance.make_world();
        instance.ok(&["source", "add", "folder", "world", "./world"]);
        instance.ok(&["backup", "world"]);
        instance.ok(&[
            "schedule",
            "set",
            "world",
            "daily",
            "at",
            "04:30",
            "Europe/Berlin",
        ]);
        let hooks = r#"hooks.before_backup=[{"do":"command","command":["true","hunter2"]}]"#;
        let notify = r#"notify=[{"to":{"by":"ntfy","url":"https://ntfy.example/hunter3"}}]"#;
        instance.ok(&["policy", "set", "world", "retention.last=9", hooks, notify]);
        let before = instance.ok(&["policy", "show", "world"]);
        instance.ok(&["backup", "world"]);
        let manifest = instance.run(&["cat", "latest", "manifest.json"]).out;
        assert!(
            manifest.contains("retention") && !manifest.contains("hunter"),
            "{manifest}"
        );
        fs::remove_file(instance.data().join("catalog.db")).unwrap();
        let address = instance.data().join("repository");
        let mut words = vec!["recover", "--repository", address.to_str().unwrap()];
        words.extend(switch);
        let told = instance.ok(&words)["policies"][0].clone();
        assert_eq!(
            (&told["source"], &told["switched_on"], &told["lacks"]),
            (&json!("world"), &json!(is_on), &json!(["hooks", "notify"]))
        );
        let schedule = told["schedule"].as_str().unwrap().to_owned();
        let after = instance.ok(&["policy", "show", "world"]);
        assert_eq!(after["retention"], before["retention"]);
        let shown = instance.ok(&["schedule", "show", "world"]);
        assert_eq!(shown["next"].as_array().unwrap().is_empty(), !is_on, "{shown}");
        let words = [vec!["schedule", "set", "world"], schedule.split(' ').collect()].concat();
        instance.ok(&words);
        assert_eq!(
            instance.ok(&["policy", "show", "world"])["schedule"],
            before["schedule"]
        );
        // What the manifest does not know stays as it is when somebody recovers again.
        assert_eq!(
            instance.ok(&["recover", "--repository", address.to_str().unwrap()])["policies"],
            json!([])
        );
    }
}

#[test]
fn what_a_damaged_snapshot_leaves_is_recovered_and_the_damaged_one_is_named() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let made = ["one", "two"].map(|name| instance.ok(&["backup", "world", "--name", name])["backup"].clone());
    let snapshot = made[0]["snapshot"].as_str().unwrap();
    let path = instance.data().join("repository/snapshots").join(snapshot);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let checked = instance.run(&["--json", "repository", "check"]);
    assert_eq!((checked.code, checked.json()["snapshots"].as_u64()), (1, Some(1)));
    fs::remove_file(instance.data().join("catalog.db")).unwrap();
    let address = instance.data().join("repository");
    let recovered = instance.run(&["--json", "recover", "--repository", address.to_str().unwrap()]);
    assert_eq!(recovered.code, 3, "{}", recovered.err);
    let told = recovered.json();
    assert_eq!(
        (told["sources"].as_u64(), told["backups"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(told["damaged"][0]["snapshot"], snapshot);
    assert_eq!(instance.ok(&["list"])[0]["name"], "two");
    let refused = instance.fails(1, &["repository", "prune"]);
    assert!(refused["hint"].as_str().unwrap().contains(snapshot), "{refused}");
    instance.ok(&["restore", "latest", "--yes"]);
    instance.ok(&["backup", "world"]);
}

#[test]
fn d05_deleting_a_backup_removes_its_record_and_with_a_prune_its_data() {
    let instance = Instance::new();
    let world = instance.make_world();
    let first = instance.ok(&["backup", "world"])["backup"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    instance.ok(&["lock", &first]);
    let refused = instance.fails(20, &["delete", &first, "--yes"]);
    assert!(refused["hint"].as_str().unwrap().contains("unlock"));
    instance.ok(&["unlock", &first]);
    fs::write(world.join("level.dat"), b"level two").unwrap();
    instance.ok(&["backup", "world"]);
    instance.fails(20, &["delete", &first]);
    instance.ok(&["delete", &first, "--yes"]);
    assert_eq!(instance.ok(&["list"]).as_array().unwrap().len(), 1);
    let freed = instance.ok(&["repository", "prune", "--no-grace"]);
    assert!(
        freed["bytes_freed"].as_u64().unwrap() > 0 || freed["bytes_repacked"].as_u64().unwrap() > 0,
        "{freed}"
    );
    assert_eq!(instance.ok(&["verify", "--all"])["problems"], json!([]));
    assert_eq!(
        instance.ok(&["purge", "world", "--yes"])["deleted"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(instance.ok(&["list"]), json!([]));
}

#[test]
fn things_are_found_compared_and_read() {
    let instance = Instance::new();
    let world = instance.make_world();
    let first = instance.ok(&["backup", "world"])["backup"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(world.join("level.dat"), b"level two!").unwrap();
    let second = instance.ok(&["backup", "world"])["backup"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(instance.ok(&["find", "LEVEL"]).as_array().unwrap().len(), 2);
    assert_eq!(instance.ok(&["find", "*.mca"]).as_array().unwrap().len(), 2);
    let changes = instance.ok(&["diff", &first, &second]);
    assert_eq!(
        changes[0],
        json!({"change": "changed", "path": "world/level.dat", "detail": "9 B → 10 B"})
    );
    assert_eq!(instance.ok(&["diff", &second]), json!([]));
    assert_eq!(instance.run(&["cat", &first, "world/level.dat"]).out, "level one");
    assert_eq!(instance.ok(&["ls", &first])[1]["path"], "world");
    assert_eq!(instance.ok(&["rename", &first, "old"])["name"], "old");
    assert_eq!(instance.ok(&["show", "old"])["id"], first.as_str());
}
