//! What an instance remembers of its repository, and what it says when a part of it is lost.

use std::fs;
use std::process::Child;

use serde_json::json;

use crate::instance::{Instance, finished};
use crate::vanished::{doctor_finds, names, on_a_disk, states};

#[test]
fn init_makes_another_repository_only_with_an_explicit_word() {
    let (instance, disk) = on_a_disk();
    let away = instance.path("away");
    fs::rename(&disk, &away).unwrap();
    for words in [vec!["init"], vec!["init", "--repository", "./other"]] {
        let problem = instance.fails(10, &words);
        assert!(
            problem["message"].as_str().unwrap().contains("1 backup"),
            "{problem}"
        );
        assert!(
            problem["hint"].as_str().unwrap().contains("--replace"),
            "{problem}"
        );
    }
    assert!(!disk.exists() && !instance.path("other").exists());
    let made = instance.ok(&["init", "--repository", "./other", "--replace"]);
    assert_eq!(made["created"], true);
    assert_eq!(states(&instance), ["missing"]);
    instance.ok(&["backup", "world"]);
    assert_eq!(states(&instance), ["ok", "missing"]);
    // The old one is not forgotten for good: its backups come back with it.
    fs::rename(&away, &disk).unwrap();
    instance.fails(10, &["recover", "--repository", "./disk/repository"]);
    instance.ok(&["recover", "--repository", "./disk/repository", "--replace"]);
    assert_eq!(states(&instance), ["missing", "ok"]);
}

#[test]
fn a_copy_of_the_same_repository_may_be_named_instead() {
    let (instance, disk) = on_a_disk();
    let copied = std::process::Command::new("cp")
        .args(["-a", "disk", "copy"])
        .current_dir(instance.dir.path())
        .status();
    assert!(copied.unwrap().success());
    fs::remove_dir_all(&disk).unwrap();
    let config = instance.path("cairn.toml");
    fs::write(
        &config,
        format!("repository = {:?}\n", instance.path("copy/repository")),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let by_file = instance.run(&["--json", "--config", config, "backup", "world"]);
    assert_eq!(by_file.code, 0, "{}", by_file.err);
    let by_environment = instance
        .command()
        .env("CAIRN_REPOSITORY", instance.path("copy/repository"))
        .args(["--json", "backup", "world"])
        .output();
    assert_eq!(finished(&by_environment.unwrap()).code, 0);
    instance.fails(10, &["backup", "world"]);
    // From now on it is there.
    instance.ok(&["init", "--repository", "copy/repository"]);
    instance.ok(&["backup", "world"]);
    assert_eq!(states(&instance), ["ok"; 4]);
}

#[test]
fn a_data_directory_works_on_another_machine_too() {
    for is_inside in [true, false] {
        let instance = Instance::new();
        instance.make_world();
        if !is_inside {
            instance.ok(&["init", "--repository", "./elsewhere"]);
        }
        instance.ok(&["backup", "world"]);
        let moved = instance.path("another/place");
        fs::create_dir(instance.path("another")).unwrap();
        fs::rename(instance.data(), &moved).unwrap();
        let run = instance.run(&["--json", "--data", moved.to_str().unwrap(), "backup", "world"]);
        assert_eq!(run.code, 0, "{}", run.err);
        let address = instance
            .run(&["--json", "--data", moved.to_str().unwrap(), "kit"])
            .json();
        let expected = if is_inside {
            moved.join("repository")
        } else {
            instance.path("elsewhere")
        };
        assert_eq!(address["repository"], json!(expected));
    }
}

#[test]
fn an_address_that_init_or_recover_was_given_is_remembered() {
    let (instance, disk) = on_a_disk();
    let at = json!(disk.join("repository"));
    let kit = instance.ok(&["kit"]);
    assert_eq!(kit["repository"], at);
    let new = |words: &[&str], typed: &str| {
        let words: Vec<&str> = [&["--data", "new"], words].concat();
        instance.with_stdin(&words, typed)
    };
    new(
        &["recover", "--repository", "disk/repository"],
        kit["password"].as_str().unwrap(),
    );
    assert_eq!(new(&["kit"], "")["repository"], at);
    assert_eq!(new(&["ls", "latest"], "").as_array().unwrap().len(), 2);
    new(&["backup", "world"], "");
    assert!(!instance.path("new/repository").exists());
    let told = new(&["doctor"], "");
    let setting = told["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "repository")
        .unwrap();
    assert_eq!(
        (&setting["value"], &setting["origin"]),
        (&at, &json!("remembered in the catalog"))
    );
}

#[test]
fn of_many_first_backups_at_once_one_makes_the_repository() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let asking: Vec<Child> = (0..6)
        .map(|_| {
            let mut command = instance.command();
            command.args(["backup", "world", "--quiet"]);
            command.spawn().unwrap()
        })
        .collect();
    for mut child in asking {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(instance.ok(&["list"]).as_array().unwrap().len(), 6);
    assert_eq!(names(&instance.data().join("repository/keys")).len(), 1);
}

#[test]
fn doctor_says_which_part_of_the_data_directory_is_missing() {
    for part in ["catalog.db", "keys", "format"] {
        let (instance, _) = on_a_disk();
        let place = instance.data().join(part);
        fs::rename(&place, instance.path("put aside")).unwrap();
        let found = doctor_finds(&instance, "data directory");
        assert!(found["message"].as_str().unwrap().contains(part), "{found}");
        assert!(!place.exists(), "it makes nothing");
        fs::rename(instance.path("put aside"), &place).unwrap();
        instance.ok(&["doctor"]);
    }
    let instance = Instance::new();
    instance.ok(&["doctor"]);
    assert!(!instance.data().exists());
}
