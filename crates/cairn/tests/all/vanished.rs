//! A repository that is not where it was: an alarm, and never a reason to make another one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::house::House;
use crate::instance::{Instance, finished};

/// A world with a backup in a repository on a disk of its own.
pub(crate) fn on_a_disk() -> (Instance, PathBuf) {
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
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

pub(crate) fn states(instance: &Instance) -> Vec<Value> {
    let list = instance.ok(&["list"]);
    list.as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["state"].clone())
        .collect()
}

/// What `doctor` says of one thing; it must not be content.
pub(crate) fn doctor_finds(instance: &Instance, check: &str) -> Value {
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
        assert!(run.out.contains("MISSING"), "{words:?}: {}", run.out);
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
