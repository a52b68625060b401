//! The JSON API, as programs use it: the built program, real folders.

use std::fs;

use serde_json::{Value, json};

use crate::house::{House, person, yes};
use crate::instance::{finished, look};

#[test]
fn d02_a_backup_is_asked_for_followed_listed_and_its_failure_is_at_hand() {
    let house = House::new();
    let id = house.backup();
    let list = house.ok("GET", "/api/backups/?source=world&limit=10", None);
    assert_eq!(list["items"][0]["id"], id.as_str());
    assert_eq!(list["next"], Value::Null);
    let shown = house.ok("GET", &format!("/api/backups/{}", &id[..30]), None);
    assert_eq!(shown["source"], "world");
    // The next one fails: what it would read is gone.
    fs::rename(house.instance.path("world"), house.instance.path("elsewhere")).unwrap();
    let asked = house.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
    let job = asked["job"].as_str().unwrap();
    let end = house.follow(job);
    assert_eq!(end["state"], "failed");
    let shown = house.ok("GET", &format!("/api/jobs/{job}"), None);
    assert!(
        shown["error"]["message"].as_str().unwrap().contains("world"),
        "{shown}"
    );
    let jobs = house.ok("GET", "/api/jobs", None);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_restore_is_planned_run_as_it_was_shown_and_undone() {
    let house = House::new();
    let world = house.instance.path("world");
    let before = look(&world);
    let id = house.backup();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    let griefed = look(&world);
    let plan = house.ok("POST", &format!("/api/backups/{id}/restore"), Some(&json!({})));
    assert_eq!(plan["counts"]["delete"], 1);
    let items = plan["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|item| item["action"] == "update" && item["name"] == "level.dat"),
        "{plan}"
    );
    assert_eq!(look(&world), griefed, "a plan changes nothing");
    let path = format!("/api/plans/{}", plan["id"].as_str().unwrap());
    assert_eq!(house.ok("GET", &path, None), plan);
    let wrong = house.call("POST", &format!("{path}/run"), Some(&json!({"hash": "0000"})));
    assert_eq!((wrong.status, &wrong.json()["kind"]), (409, &json!("drifted")));
    let run = house.ok("POST", &format!("{path}/run"), Some(&yes(&plan)));
    let job = run["job"].as_str().unwrap();
    let end = house.follow(job);
    assert_eq!(end["state"], "succeeded", "{end}");
    assert_eq!(end["result"]["verified"], true);
    assert_eq!(look(&world), before);
    let undo = house.ok("POST", &format!("/api/jobs/{job}/undo"), None);
    let run = house.ok(
        "POST",
        &format!("/api/plans/{}/run", undo["id"].as_str().unwrap()),
        Some(&yes(&undo)),
    );
    assert_eq!(house.follow(run["job"].as_str().unwrap())["state"], "succeeded");
    assert_eq!(look(&world), griefed);
}

#[test]
fn what_changed_since_the_plan_stops_the_restore() {
    let house = House::new();
    let world = house.instance.path("world");
    let id = house.backup();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    let plan = house.ok(
        "POST",
        &format!("/api/backups/{id}/restore"),
        Some(&json!({"mode": "merge"})),
    );
    fs::write(world.join("level.dat"), b"played on").unwrap();
    let run = house.ok(
        "POST",
        &format!("/api/plans/{}/run", plan["id"].as_str().unwrap()),
        Some(&yes(&plan)),
    );
    let end = house.follow(run["job"].as_str().unwrap());
    assert_eq!(
        (&end["state"], &end["error"]["kind"]),
        (&json!("failed"), &json!("drifted"))
    );
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"played on");
}

#[test]
fn f01_a_backup_is_downloaded_and_looked_into() {
    let house = House::new();
    let id = house.backup();
    for (format, tool) in [("tar.gz", "tzf"), ("tar.zst", "--zstd")] {
        let link = house.ok(
            "POST",
            &format!("/api/backups/{id}/download"),
            Some(&json!({"format": format})),
        );
        let path = link["url"]
            .as_str()
            .unwrap()
            .split_once(&house.served.address)
            .unwrap()
            .1;
        let archive = house.served.ask("GET", path, None, None);
        assert_eq!(archive.status, 200);
        let file = house.instance.path("world.archive");
        fs::write(&file, &archive.body).unwrap();
        let mut tar = std::process::Command::new("tar");
        let tar = if tool == "tzf" {
            tar.arg("tzf")
        } else {
            tar.args(["--zstd", "-tf"])
        };
        let listed = finished(&tar.arg(&file).output().unwrap());
        assert!(listed.out.contains("world/level.dat"), "{}", listed.err);
    }
    let files = house.ok("GET", &format!("/api/backups/{id}/files?path=world"), None);
    let names: Vec<&str> = files
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"world/level.dat"), "{names:?}");
    let file = house.call(
        "GET",
        &format!("/api/backups/{id}/file?path=world/level.dat"),
        None,
    );
    assert_eq!(file.body, b"level one");
    assert!(file.head.contains("content-length: 9"));
    let none = house.call(
        "GET",
        &format!("/api/backups/{id}/file?path=world/../../etc/passwd"),
        None,
    );
    assert_eq!(none.status, 400);
    let found = house.ok("GET", "/api/files?text=LEVEL", None);
    assert_eq!(found[0]["path"], "world/level.dat");
    fs::write(house.instance.path("world/level.dat"), b"griefed").unwrap();
    let changed = house.ok("GET", &format!("/api/backups/{id}/diff/live"), None);
    assert_eq!(
        (&changed[0]["change"], &changed[0]["path"]),
        (&json!("changed"), &json!("world/level.dat"))
    );
}

#[test]
fn d05_a_queued_job_is_cancelled_and_a_deleted_backup_is_gone() {
    let house = House::new();
    let id = house.backup();
    house.ok("PUT", &format!("/api/backups/{id}/lock"), None);
    let kept = house.call("DELETE", &format!("/api/backups/{id}"), None);
    assert_eq!((kept.status, &kept.json()["kind"]), (403, &json!("refused")));
    house.ok("DELETE", &format!("/api/backups/{id}/lock"), None);
    house.ok("DELETE", &format!("/api/backups/{id}"), None);
    assert_eq!(house.call("GET", &format!("/api/backups/{id}"), None).status, 404);
    let over = house.ok("GET", "/api/jobs", None)["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let late = house.call("POST", &format!("/api/jobs/{over}/cancel"), None);
    assert_eq!(late.status, 409);
}

#[test]
fn d06_who_is_no_administrator_manages_nothing() {
    let house = House::new();
    let viewer = person(&house.instance, "viewer", "viewer");
    let id = house.backup();
    for (method, path, body) in [
        ("POST", "/api/backups".to_owned(), json!({"source": "world"})),
        ("POST", format!("/api/backups/{id}/restore"), json!({})),
        ("DELETE", format!("/api/backups/{id}"), Value::Null),
        ("GET", format!("/api/backups/{id}"), Value::Null),
        (
            "POST",
            "/api/sources".to_owned(),
            json!({"name": "x", "kind": "folder", "settings": {"paths": ["/tmp"]}}),
        ),
        ("GET", "/api/people".to_owned(), Value::Null),
        ("GET", "/api/audit".to_owned(), Value::Null),
    ] {
        let text = (!body.is_null()).then(|| body.to_string());
        let refused = house.served.ask(method, &path, Some(&viewer), text.as_deref());
        assert!(
            matches!(refused.status, 403 | 404),
            "{method} {path}: {}",
            refused.status
        );
        let nobody = house.served.ask(method, &path, None, text.as_deref());
        assert_eq!(nobody.status, 401, "{method} {path}");
        assert!(nobody.head.contains("application/problem+json"));
    }
    let audit = house.ok("GET", "/api/audit?limit=100", None);
    let refusals = audit["items"].as_array().unwrap().iter();
    let refusals = refusals.filter(|line| line["what"].as_str().unwrap().starts_with("refused"));
    assert!(refusals.count() >= 5, "{audit}");
    assert!(
        house.ok("POST", "/api/audit/check", None)["lines"]
            .as_u64()
            .unwrap()
            > 5
    );
}
