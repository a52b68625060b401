//! What every door promises: what was asked for is what is done, or it is said why not.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

use crate::house::House;
use crate::instance::{Instance, look};

fn hint(problem: &Value) -> &str {
    problem["hint"].as_str().unwrap()
}

/// A source of two folders, backed up.
fn two_parts() -> Instance {
    let instance = Instance::new();
    for part in ["mods", "saves"] {
        fs::create_dir(instance.path(part)).unwrap();
        fs::write(instance.path(part).join("a"), part).unwrap();
    }
    instance.ok(&["source", "add", "folder", "game", "mods", "saves"]);
    instance.ok(&["backup", "game"]);
    instance
}

#[test]
fn a_path_or_part_that_matches_nothing_is_an_error_with_the_nearest_name() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::create_dir(instance.path("server2")).unwrap();
    instance.ok(&["source", "add", "folder", "other", "server2"]);
    fs::write(world.join("level.dat"), b"changed").unwrap();
    let before = look(&world);
    for to in [&[][..], &["--to", "./out"], &["--to", "other"]] {
        for (choice, meant) in [
            (["--path", "world/levle.dat"], "“world/level.dat”"),
            (["--path", "level.dat"], "“world/level.dat”"),
            (["--path", "world/region/r.0.9.mca"], "“world/region/r.0.0.mca”"),
            (["--path", "etc/passwd"], "world"),
            (["--part", "wrold"], "“world”"),
        ] {
            for more in [&["--plan"][..], &["--yes"]] {
                let words = [&["restore", "latest"], &choice[..], to, more].concat();
                let problem = instance.fails(1, &words);
                assert_eq!(problem["kind"], "not-found", "{words:?}");
                assert!(hint(&problem).contains(meant), "{words:?}: {problem}");
            }
        }
        let words = [&["restore", "latest", "--path", "world/../etc", "--yes"], to].concat();
        instance.fails(2, &words);
    }
    assert_eq!(look(&world), before);
    assert!(!instance.path("out").exists());
    assert_eq!(fs::read_dir(instance.path("server2")).unwrap().count(), 0);
    // As people write it.
    let words = ["restore", "latest", "--path", "/world/level.dat", "--yes"];
    assert_eq!(instance.ok(&words)["counts"]["update"], 1);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
}

#[test]
fn a_path_that_the_source_ignores_is_not_told_to_be_equal() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    instance.ok(&["source", "edit", "world", "--ignore", "region/"]);
    fs::remove_file(world.join("region/r.0.0.mca")).unwrap();
    let words = ["restore", "latest", "--path", "world/region/r.0.0.mca", "--yes"];
    let problem = instance.fails(2, &words);
    assert!(
        problem["message"].as_str().unwrap().contains("ignore rules"),
        "{problem}"
    );
    instance.ok(&[&words[..], &["--to", "./out"]].concat());
    assert!(instance.path("out/world/region/r.0.0.mca").exists());
}

#[test]
fn a_path_that_matches_nothing_is_an_error_over_http_too() {
    let house = House::new();
    let id = house.backup();
    let way = format!("/api/backups/{id}/restore");
    for body in [json!({"paths": ["world/levle.dat"]}), json!({"parts": ["wrold"]})] {
        let answer = house.call("POST", &way, Some(&body));
        assert_eq!(answer.status, 404, "{body}");
        assert!(hint(&answer.json()).contains("did you mean"));
    }
}

#[test]
fn a_chosen_part_is_all_that_is_unpacked_into_a_folder() {
    let instance = two_parts();
    instance.ok(&["restore", "latest", "--part", "saves", "--to", "./out", "--yes"]);
    let names: Vec<_> = fs::read_dir(instance.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["saves"]);
    assert_eq!(look(&instance.path("out/saves")), look(&instance.path("saves")));
    let words = [
        "restore", "latest", "--part", "saves", "--path", "mods/a", "--to", "./out", "--yes",
    ];
    assert!(
        instance.fails(2, &words)["message"]
            .as_str()
            .unwrap()
            .contains("saves")
    );
    instance.ok(&["undo", "--yes"]);
    assert_eq!(fs::read_dir(instance.path("out")).unwrap().count(), 0);
}

#[test]
fn one_part_goes_into_a_source_of_one_part_whatever_its_folder_is_called() {
    for choice in [&[][..], &["--part", "world"], &["--path", "world/region"]] {
        let instance = Instance::new();
        let world = instance.make_world();
        instance.ok(&["backup", "world"]);
        let other = instance.path("server2");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("own"), b"own").unwrap();
        fs::create_dir(other.join("region")).unwrap();
        fs::write(other.join("region/old"), b"old").unwrap();
        instance.ok(&["source", "add", "folder", "second", "server2"]);
        let before = look(&other);
        let words = [&["restore", "world"], choice, &["--to", "second", "--yes"]].concat();
        let done = instance.ok(&words);
        assert_eq!(
            (done["verified"].as_bool(), done["state"].as_str()),
            (Some(true), Some("succeeded"))
        );
        if choice.contains(&"--path") {
            assert_eq!(look(&other.join("region")), look(&world.join("region")));
            assert_eq!(fs::read(other.join("own")).unwrap(), b"own");
        } else {
            assert_eq!(look(&other), look(&world), "{choice:?}");
        }
        instance.ok(&["undo", "--yes"]);
        assert_eq!(look(&other), before, "{choice:?}");
    }
}

#[test]
fn what_was_imported_from_another_source_goes_into_the_one_part_too() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    instance.ok(&["export", "latest", "-o", "world.tar.zst"]);
    fs::create_dir(instance.path("server2")).unwrap();
    instance.ok(&["source", "add", "folder", "second", "server2"]);
    let imported = instance.ok(&["import", "world.tar.zst", "--source", "second"]);
    instance.ok(&["restore", imported["backup"]["id"].as_str().unwrap(), "--yes"]);
    assert_eq!(look(&instance.path("server2")), look(&world));
}

#[test]
fn several_parts_go_by_their_names_and_those_that_fit_nowhere_are_named() {
    let instance = two_parts();
    for folder in ["second/saves", "second/config", "third/plugins", "third/logs"] {
        fs::create_dir_all(instance.path(folder)).unwrap();
    }
    instance.ok(&[
        "source",
        "add",
        "folder",
        "second",
        "second/saves",
        "second/config",
    ]);
    let plan = instance.ok(&["restore", "game", "--to", "second", "--plan"]);
    let warnings = plan["plan"]["warnings"].to_string();
    assert!(
        warnings.contains("mods") && warnings.contains("config"),
        "{warnings}"
    );
    instance.ok(&["restore", "game", "--to", "second", "--yes"]);
    assert_eq!(
        look(&instance.path("second/saves")),
        look(&instance.path("saves"))
    );
    instance.ok(&["source", "add", "folder", "third", "third/plugins", "third/logs"]);
    let problem = instance.fails(2, &["restore", "game", "--to", "third", "--yes"]);
    assert!(
        problem["message"].as_str().unwrap().contains("plugins"),
        "{problem}"
    );
    // One of them, into a source that has one part.
    fs::create_dir(instance.path("alone")).unwrap();
    instance.ok(&["source", "add", "folder", "fourth", "alone"]);
    instance.ok(&["restore", "game", "--part", "mods", "--to", "fourth", "--yes"]);
    assert_eq!(look(&instance.path("alone")), look(&instance.path("mods")));
}

#[test]
fn a_preset_changes_only_what_it_is_about_and_says_what() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["schedule", "set", "world", "daily", "at", "04:30"]);
    let notify = r#"notify=[{"to":{"by":"email","address":"me@example.org"}}]"#;
    instance.ok(&[
        "policy",
        "set",
        "world",
        notify,
        "retention.daily=9",
        "gates.typed=false",
    ]);
    let mut before = instance.ok(&["policy", "show", "world"]);
    let used = instance.ok(&["policy", "preset", "world", "rotating:3"]);
    assert_eq!(
        used["changed"],
        json!([
            {"key": "retention.daily", "before": 9, "after": null},
            {"key": "retention.last", "before": null, "after": 3},
        ])
    );
    let after = instance.ok(&["policy", "show", "world"]);
    before["retention"] = after["retention"].clone();
    assert_eq!(after, before);
    let told = instance.run(&["policy", "preset", "world", "panel:2"]).err;
    assert!(told.contains("changed gates.stopped: false → true"), "{told}");
    let panel = instance.ok(&["policy", "show", "world"]);
    for key in ["schedule", "notify", "retention", "hooks"] {
        assert_eq!(panel[key], after[key], "{key}");
    }
    assert_eq!(panel["limit"]["most"], 2);
}

#[test]
fn a_letter_that_lies_in_the_outbox_did_not_arrive() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let notify = r#"notify=[{"to":{"by":"email","address":"me@example.org"}}]"#;
    instance.ok(&["policy", "set", "world", notify]);
    let run = instance.run(&["policy", "test", "world"]);
    assert_eq!(run.code, 3);
    assert!(
        run.out
            .contains("lies in the outbox folder, no mail server is configured"),
        "{}",
        run.out
    );
    let tried = instance.run(&["--json", "policy", "test", "world"]).json();
    assert_eq!(
        (&tried[0]["arrived"], &tried[0]["problem"]),
        (&json!(false), &Value::Null)
    );
    let outbox = Path::new(tried[0]["outbox"].as_str().unwrap()).to_path_buf();
    assert_eq!(fs::read_dir(outbox).unwrap().count(), 2);
}

#[test]
fn an_archive_is_of_the_kind_that_its_name_says() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["backup", "world"]);
    for (name, format, magic) in [
        ("a.zip", "zip", &b"PK"[..]),
        ("a.tar.gz", "tar.gz", &[0x1f, 0x8b]),
        ("A.TGZ", "tar.gz", &[0x1f, 0x8b]),
        ("a.tar.zst", "tar.zst", &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        assert_eq!(instance.ok(&["export", "latest", "-o", name])["format"], format);
        assert!(
            fs::read(instance.path(name)).unwrap().starts_with(magic),
            "{name}"
        );
    }
    for name in ["backup", "a.rar", "a.tar", ".zip"] {
        let problem = instance.fails(2, &["export", "latest", "-o", name]);
        assert!(hint(&problem).contains("--format"), "{problem}");
        assert!(!instance.path(name).exists());
    }
    let problem = instance.fails(2, &["export", "latest", "--format", "zip", "-o", "b.tar.gz"]);
    assert!(
        problem["message"].as_str().unwrap().contains("tar.gz"),
        "{problem}"
    );
    assert_eq!(
        instance.ok(&["export", "latest", "--format", "zip", "-o", "odd"])["format"],
        "zip"
    );
}

#[test]
fn a_comparison_with_the_living_tells_sizes_from_the_backup_to_now() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"level two!").unwrap();
    let living = instance.ok(&["diff", "latest"]);
    assert_eq!(
        living,
        json!([{"change": "changed", "path": "world/level.dat", "detail": "9 B → 10 B"}])
    );
}

#[test]
fn a_merge_that_left_a_folder_in_a_files_place_is_not_equal() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::remove_file(world.join("level.dat")).unwrap();
    fs::create_dir(world.join("level.dat")).unwrap();
    fs::write(world.join("level.dat/mine"), b"mine").unwrap();
    let run = instance.run(&["--json", "restore", "latest", "--mode", "merge", "--yes"]);
    let done = run.json();
    assert_eq!(
        (run.code, &done["verified"], &done["state"]),
        (3, &json!(false), &json!("warning"))
    );
    assert!(
        done["warnings"].to_string().contains("level.dat: a folder"),
        "{done}"
    );
    assert_eq!(fs::read(world.join("level.dat/mine")).unwrap(), b"mine");
    let said = instance.run(&["restore", "latest", "--mode", "merge", "--yes"]);
    assert!(
        said.code == 3 && said.out.contains("NOT equal"),
        "{}{}",
        said.out,
        said.err
    );
}

#[test]
fn an_export_with_a_pipe_comes_back() {
    let instance = Instance::new();
    let world = instance.make_world();
    let pipe = world.join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    instance.ok(&["backup", "world"]);
    let before = look(&world);
    for name in ["a.tar.gz", "a.tar.zst", "a.zip"] {
        let exported = instance.run(&["--json", "export", "latest", "-o", name]);
        let kept = name != "a.zip";
        assert_eq!(exported.code, if kept { 0 } else { 3 }, "{}", exported.err);
        let imported = instance.ok(&["import", name, "--source", "world"]);
        fs::remove_dir_all(&world).unwrap();
        instance.ok(&["restore", imported["backup"]["id"].as_str().unwrap(), "--yes"]);
        if kept {
            assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
            assert_eq!(look(&world), before, "{name}");
        }
    }
}
