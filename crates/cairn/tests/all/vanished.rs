//! A repository that is not where it was: an alarm, and never a reason to make another one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use serde_json::{Value, json};

use crate::house::House;
use crate::instance::{Instance, finished};

/// A world with a backup in a repository on a disk of its own.
fn on_a_disk() -> (Instance, PathBuf) {
    let instance = Instance::new();
    instance.make_world();
    let disk = instance.path("disk");
    fs::create_dir(&disk).unwrap();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init", "--repository", "./disk/repository"]);
    instance.ok(&["backup", "world"]);
    (instance, disk)
}

/// What lies in a folder, nothing if there is none.
fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

fn states(instance: &Instance) -> Vec<Value> {
    let list = instance.ok(&["list"]);
    list.as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["state"].clone())
        .collect()
}

/// What `doctor` says of one thing; it must not be content.
fn doctor_finds(instance: &Instance, check: &str) -> Value {
    let run = instance.run(&["--json", "doctor"]);
    assert_eq!(run.code, 1, "{}", run.out);
    let told = run.json();
    let found = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["check"] == check && one["ok"] == false);
    let found = found.unwrap_or_else(|| panic!("{told}")).clone();
    assert!(found["hint"].is_string(), "{found}");
    found
}

#[test]
fn a_vanished_repository_is_an_alarm_and_is_not_made_anew_by_a_backup() {
    for is_bare in [true, false] {
        let (instance, disk) = on_a_disk();
        let away = instance.path("away");
        fs::rename(&disk, &away).unwrap();
        if is_bare {
            fs::create_dir(&disk).unwrap();
        }
        let missing = instance.fails(10, &["backup", "world"]);
        assert_eq!(missing["kind"], "repository-missing");
        assert!(
            missing["message"].as_str().unwrap().contains("disk/repository"),
            "{missing}"
        );
        assert_eq!(states(&instance), ["missing"]);
        let found = doctor_finds(&instance, "repository");
        assert!(
            found["message"].as_str().unwrap().contains("is missing"),
            "{found}"
        );
        instance.fails(10, &["serve", "--once"]);
        for words in [
            vec!["restore", "latest", "--yes"],
            vec!["ls", "latest"],
            vec!["kit"],
            vec!["init"],
            vec!["repository", "check"],
            vec!["backup", "world"],
        ] {
            instance.fails(10, &words);
        }
        assert_eq!(
            (names(&disk), disk.exists()),
            (vec![], is_bare),
            "nothing was made there"
        );
        assert!(!instance.data().join("repository").exists());
        if is_bare {
            fs::remove_dir(&disk).unwrap();
        }
        fs::rename(&away, &disk).unwrap();
        assert_eq!(states(&instance), ["ok"]);
        instance.ok(&["restore", "latest", "--yes"]);
        instance.ok(&["backup", "world"]);
        instance.ok(&["doctor"]);
        instance.ok(&["serve", "--once"]);
        let log = instance.ok(&["audit"]).to_string();
        assert!(
            log.contains("repository.missing") && log.contains("repository.back"),
            "{log}"
        );
    }
}

#[test]
fn the_first_command_after_it_vanished_sees_it_whichever_it_is() {
    for words in [
        vec!["list"],
        vec!["doctor"],
        vec!["serve", "--once"],
        vec!["status"],
        vec!["restore", "latest"],
    ] {
        let (instance, disk) = on_a_disk();
        fs::rename(&disk, instance.path("away")).unwrap();
        instance.run(&words);
        let run = instance.run(&["list"]);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("missing"), "{words:?}: {}", run.out);
        assert!(run.err.contains("is missing"), "{words:?}: {}", run.err);
    }
}

#[test]
fn people_are_told_once_that_the_repository_vanished() {
    let (instance, disk) = on_a_disk();
    instance.ok(&["source", "add", "folder", "more", "./world/region"]);
    for source in ["world", "more"] {
        instance.ok(&[
            "policy",
            "set",
            source,
            r#"notify=[{"on":["failure"],"to":{"by":"email","address":"me@example.org"}}]"#,
        ]);
    }
    fs::rename(&disk, instance.path("away")).unwrap();
    for _ in 0..3 {
        instance.ok(&["list"]);
        instance.fails(10, &["serve", "--once"]);
    }
    let letters: Vec<String> = names(&instance.data().join("outbox"))
        .iter()
        .map(|name| fs::read_to_string(instance.data().join("outbox").join(name)).unwrap())
        .collect();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].contains("is missing"), "{letters:?}");
}

#[test]
fn a_serving_process_does_not_go_on_with_a_handle_of_what_is_gone() {
    let house = House::new();
    let backup = house.backup();
    let repository = house.instance.data().join("repository");
    let away = house.instance.path("away");
    let ready = |house: &House| house.served.ask("GET", "/readyz", None, None).status;
    assert_eq!(ready(&house), 200);
    fs::rename(&repository, &away).unwrap();
    let asked = house.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
    let end = house.follow(asked["job"].as_str().unwrap());
    assert_eq!(
        (&end["state"], &end["error"]["kind"]),
        (&json!("failed"), &json!("repository-missing")),
        "{end}"
    );
    assert!(!repository.exists());
    assert_eq!(ready(&house), 503);
    let figures = String::from_utf8(house.call("GET", "/metrics", None).body).unwrap();
    assert!(figures.contains("\ncairn_repository_missing 1"), "{figures}");
    let row = house.ok("GET", "/api/backups", None)["items"][0].clone();
    assert_eq!(
        (&row["id"], &row["state"]),
        (&json!(backup), &json!("missing")),
        "{row}"
    );
    assert_eq!(
        house
            .call("GET", &format!("/api/backups/{backup}/files"), None)
            .status,
        503
    );
    fs::rename(&away, &repository).unwrap();
    assert_eq!(ready(&house), 200);
    house.backup();
    let figures = String::from_utf8(house.call("GET", "/metrics", None).body).unwrap();
    assert!(figures.contains("\ncairn_repository_missing 0"), "{figures}");
    assert_eq!(states(&house.instance), ["ok", "ok"]);
}

#[test]
fn another_repository_at_the_same_address_is_named_and_not_used() {
    let instance = Instance::new();
    instance.make_world();
    let place = instance.path("disk/repository");
    let with = |password: &str, words: &[&str], data: &str| {
        let mut command = instance.command();
        command
            .env("CAIRN_REPOSITORY_PASSWORD", password)
            .env("CAIRN_DATA", instance.path(data))
            .arg("--json")
            .args(words);
        finished(&command.output().unwrap())
    };
    let at = place.to_str().unwrap();
    for others in ["the same password", "its own password"] {
        let own = "the same password";
        for (password, data) in [(own, "ours"), (others, "theirs")] {
            fs::create_dir_all(instance.path("disk")).unwrap();
            assert_eq!(with(password, &["init", "--repository", at], data).code, 0);
            assert_eq!(with(password, &["backup", "world"], data).code, 0);
            fs::rename(instance.path("disk"), instance.path(&format!("disk of {data}"))).unwrap();
        }
        fs::rename(instance.path("disk of theirs"), instance.path("disk")).unwrap();
        let before = names(&place.join("snapshots"));
        let problem = with(own, &["backup", "world"], "ours");
        assert_eq!(problem.code, 10, "{}", problem.err);
        let message = problem.problem()["message"].as_str().unwrap().to_owned();
        let named = if own == others {
            "another one"
        } else {
            "none of its keys"
        };
        assert!(message.contains(named), "{message}");
        assert_eq!(names(&place.join("snapshots")), before);
        assert_eq!(with(own, &["list"], "ours").json()[0]["state"], "missing");
        // With an explicit word it takes the place of the old one; and back again.
        assert_eq!(with(others, &["recover", "--repository", at], "ours").code, 10);
        assert_eq!(
            with(others, &["recover", "--repository", at, "--replace"], "ours").code,
            0
        );
        let listed = with(others, &["list"], "ours").json();
        assert_eq!(
            (&listed[0]["state"], &listed[1]["state"]),
            (&json!("ok"), &json!("missing")),
            "{listed}"
        );
        fs::rename(instance.path("disk"), instance.path("disk of theirs")).unwrap();
        fs::rename(instance.path("disk of ours"), instance.path("disk")).unwrap();
        assert_eq!(
            with(own, &["recover", "--repository", at, "--replace"], "ours").code,
            0
        );
        let listed = with(own, &["list"], "ours").json();
        assert_eq!(
            (&listed[0]["state"], &listed[1]["state"]),
            (&json!("missing"), &json!("ok")),
            "{listed}"
        );
        for rest in ["disk", "disk of theirs", "ours", "theirs"] {
            fs::remove_dir_all(instance.path(rest)).unwrap();
        }
    }
}

#[test]
fn a_missing_password_is_an_error_and_no_reason_to_write_a_new_one() {
    let (instance, disk) = on_a_disk();
    let keys = instance.data().join("keys");
    let kept = instance.path("password");
    fs::rename(keys.join("repository.password"), &kept).unwrap();
    let before = names(&keys);
    for words in [
        vec!["backup", "world"],
        vec!["init"],
        vec!["ls", "latest"],
        vec!["kit"],
    ] {
        let problem = instance.fails(12, &words);
        assert!(
            problem["message"]
                .as_str()
                .unwrap()
                .contains("repository.password"),
            "{problem}"
        );
    }
    doctor_finds(&instance, "repository");
    fs::rename(&disk, instance.path("away")).unwrap();
    for words in [vec!["backup", "world"], vec!["init"]] {
        instance.fails(10, &words);
    }
    assert_eq!(names(&keys), before);
    assert!(!disk.exists());
    fs::rename(instance.path("away"), &disk).unwrap();
    // The kit's password brings it back.
    let password = fs::read_to_string(&kept).unwrap();
    instance.with_stdin(&["recover", "--repository", "./disk/repository"], &password);
    instance.ok(&["backup", "world"]);
    assert_eq!(
        fs::read_to_string(keys.join("repository.password")).unwrap(),
        password
    );
}

#[test]
fn a_catalog_that_is_lost_does_not_lead_to_a_second_repository() {
    let (instance, disk) = on_a_disk();
    fs::remove_file(instance.data().join("catalog.db")).unwrap();
    let problem = instance.fails(10, &["backup", "./world"]);
    assert!(
        problem["hint"].as_str().unwrap().contains("cairn recover"),
        "{problem}"
    );
    assert!(!instance.data().join("repository").exists());
    let at = disk.join("repository");
    instance.ok(&["recover", "--repository", at.to_str().unwrap()]);
    instance.ok(&["backup", "world"]);
    assert_eq!(states(&instance), ["ok", "ok"]);
}

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
