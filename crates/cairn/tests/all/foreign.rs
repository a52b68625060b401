//! Snapshots that stock restic made in the repository: listed, read, unpacked, adopted.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::instance::{Instance, finished, look};
use crate::restic::Restic;

/// The path inside a snapshot of an absolute one.
fn inside(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap().to_path_buf()
}

fn foreign(instance: &Instance) -> Vec<Value> {
    instance.ok(&["list", "--foreign"]).as_array().unwrap().clone()
}

fn id(snapshot: &Value) -> &str {
    snapshot["snapshot"].as_str().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_snapshot_of_restic_is_listed_read_and_unpacked() {
    let instance = Instance::new();
    let world = instance.make_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    assert_eq!(foreign(&instance), [Value::Null; 0]);
    restic.run(instance.dir.path(), &["backup", text(&world)]);
    instance.ok(&["backup", "world"]);
    let listed = foreign(&instance);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        (&listed[0]["paths"], &listed[0]["adopted"]),
        (&json!([world]), &json!([]))
    );
    let short = &id(&listed[0])[..8];
    let table = instance.run(&["list", "--foreign"]).out;
    assert!(table.contains(short) && table.contains(text(&world)), "{table}");
    let file = inside(&world).join("level.dat");
    for name in [short, id(&listed[0])] {
        let seen = instance.ok(&["ls", name, "--recursive"]).to_string();
        assert!(seen.contains(text(&file)), "{seen}");
        assert_eq!(instance.run(&["cat", name, text(&file)]).out, "level one");
        let out = format!("out-{}", name.len());
        instance.ok(&["restore", name, "--to", &format!("./{out}"), "--yes"]);
        assert_eq!(look(&instance.path(&out).join(inside(&world))), look(&world));
        instance.ok(&["restore", name, "--to", "./some", "--path", text(&file), "--yes"]);
        assert_eq!(fs::read(instance.path("some").join(&file)).unwrap(), b"level one");
    }
    let problem = instance.fails(2, &["restore", short, "--yes"]);
    assert!(
        problem["hint"].as_str().unwrap().contains("cairn adopt"),
        "{problem}"
    );
    instance.fails(2, &["restore", short, "--to", "world", "--yes"]);
    // What only makes sense for a backup does not find it.
    for words in [&["lock", short][..], &["delete", short, "--yes"]] {
        instance.fails(1, words);
    }
}

#[test]
fn an_adopted_snapshot_is_a_backup_like_any_other() {
    let instance = Instance::new();
    let world = instance.make_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    let before = look(&world);
    restic.run(instance.dir.path(), &["backup", text(&world)]);
    let snapshot = foreign(&instance)[0].clone();
    let short = &id(&snapshot)[..8];
    let adopted = instance.ok(&["adopt", short, "--name", "from restic"]);
    let backup = adopted["backup"].clone();
    assert_eq!(
        (
            &backup["reason"],
            &backup["parts"],
            &backup["source"],
            &backup["files"]
        ),
        (&json!("imported"), &json!(["world"]), &json!("world"), &json!(3))
    );
    assert_eq!(
        backup["created"].as_str().unwrap()[..19],
        snapshot["created"].as_str().unwrap()[..19]
    );
    assert_eq!(foreign(&instance)[0]["adopted"], json!([backup["id"]]));
    assert_eq!(instance.fails(1, &["adopt", short])["kind"], "conflict");
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::remove_dir_all(world.join("region")).unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    let done = instance.ok(&["restore", backup["id"].as_str().unwrap(), "--yes"]);
    assert_eq!(done["verified"], true);
    assert_eq!(look(&world), before);
    assert_eq!(instance.ok(&["verify", "--all"])["problems"], json!([]));
    let checked = restic.run(instance.dir.path(), &["check", "--read-data"]).out;
    assert!(checked.contains("no errors were found"), "{checked}");
    // Nothing was stored again, and the repository alone knows it.
    fs::remove_file(instance.data().join("catalog.db")).unwrap();
    let address = instance.data().join("repository");
    let recovered = instance.ok(&["recover", "--repository", text(&address)]);
    assert_eq!(recovered["foreign"], 1);
    let shown = instance.ok(&["show", backup["id"].as_str().unwrap()]);
    for field in ["files", "bytes", "parts", "created", "name"] {
        assert_eq!(shown[field], backup[field], "{field}");
    }
}

#[test]
fn retention_never_deletes_what_another_program_made() {
    let instance = Instance::new();
    let world = instance.make_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    for content in ["one", "two"] {
        fs::write(world.join("level.dat"), content).unwrap();
        restic.run(instance.dir.path(), &["backup", text(&world)]);
    }
    for snapshot in foreign(&instance) {
        instance.ok(&["adopt", id(&snapshot)]);
    }
    instance.ok(&["policy", "preset", "world", "rotating:1"]);
    let made = instance.ok(&["backup", "world"]);
    assert_eq!(made["deleted"].as_array().unwrap().len(), 2, "{made}");
    instance.ok(&["repository", "prune", "--no-grace"]);
    let left = foreign(&instance);
    assert_eq!(left.len(), 2);
    let file = inside(&world).join("level.dat");
    assert_eq!(instance.run(&["cat", id(&left[1]), text(&file)]).out, "one");
    restic.run(instance.dir.path(), &["check", "--read-data"]);
}

#[test]
fn the_folder_that_was_backed_up_is_found_however_it_was_named() {
    let instance = Instance::new();
    let world = instance.make_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    let here = instance.dir.path();
    // What was backed up as `.` may hold a folder of its own name.
    fs::create_dir(world.join("world")).unwrap();
    fs::write(world.join("world/inner"), b"inner").unwrap();
    let before = look(&world);
    for (at, path) in [(here, text(&world)), (here, "world"), (&world, ".")] {
        restic.run(at, &["backup", path]);
        let newest = foreign(&instance)[0].clone();
        let adopted = instance.ok(&["adopt", id(&newest)]);
        assert_eq!(adopted["backup"]["parts"], json!(["world"]), "{path}");
        fs::remove_dir_all(&world).unwrap();
        instance.ok(&["restore", adopted["backup"]["id"].as_str().unwrap(), "--yes"]);
        assert_eq!(look(&world), before, "{path}");
    }
    // Several folders together, and one inside another one.
    fs::create_dir(instance.path("mods")).unwrap();
    fs::write(instance.path("mods/a"), b"a").unwrap();
    restic.run(here, &["backup", text(&world), text(&instance.path("mods"))]);
    let newest = foreign(&instance)[0].clone();
    instance.fails(2, &["adopt", id(&newest)]);
    let both = instance.ok(&["adopt", id(&newest), "--source", "both"]);
    assert_eq!(both["backup"]["parts"].as_array().unwrap().len(), 2);
    fs::write(instance.path("mods/a"), b"b").unwrap();
    instance.ok(&["restore", "both", "--yes"]);
    assert_eq!(fs::read(instance.path("mods/a")).unwrap(), b"a");
    fs::create_dir(instance.path("regions")).unwrap();
    instance.ok(&["source", "add", "folder", "regions", "regions"]);
    let region = world.join("region");
    instance.ok(&[
        "adopt",
        id(&newest),
        "--source",
        "regions",
        "--path",
        text(&region),
    ]);
    instance.ok(&["restore", "regions", "--yes"]);
    assert_eq!(look(&instance.path("regions")), look(&region));
    instance.fails(
        1,
        &[
            "adopt",
            id(&newest),
            "--source",
            "regions",
            "--path",
            "nothing/here",
        ],
    );
    instance.fails(
        2,
        &[
            "adopt",
            id(&newest),
            "--source",
            "regions",
            "--path",
            text(&world.join("level.dat")),
        ],
    );
}

#[test]
fn a_repository_of_version_one_is_only_read_and_unpacked_into_a_new_folder_without_a_safety_backup() {
    let other = Instance::new();
    let Some(restic) = Restic::with_its_own(&other, "old", "1") else {
        return;
    };
    let world = other.make_world();
    restic.run(other.dir.path(), &["backup", text(&world)]);
    let run = |words: &[&str]| {
        let mut command = other.command();
        command
            .env("CAIRN_DATA", other.path("another"))
            .env("CAIRN_REPOSITORY", other.path("old"))
            .env("CAIRN_REPOSITORY_PASSWORD", "restic's own");
        finished(&command.arg("--json").args(words).output().unwrap())
    };
    let listed = run(&["list", "--foreign"]).json();
    let restored = run(&["restore", id(&listed[0]), "--to", "./out"]);
    assert_eq!(restored.code, 0, "{}{}", restored.out, restored.err);
    let done = restored.json();
    assert_eq!(
        (&done["verified"], &done["safety_backup"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(look(&other.path("out").join(inside(&world))), look(&world));
    let refused = run(&["backup", "./world"]);
    assert_eq!(refused.code, 20, "{}", refused.err);
    assert!(
        refused.problem()["hint"]
            .as_str()
            .unwrap()
            .contains("upgrade_repo_v2")
    );
}
