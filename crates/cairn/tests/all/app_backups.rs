//! The API of app backups, as the administrator of a self-hosted app uses it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::app::{App, JOBS, UPLOAD, detail, token};
use crate::instance::{finished, look};
use crate::sending::{form, form_type};

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What a job has, and nothing more.
const FIELDS: [&str; 17] = [
    "can_cancel",
    "can_delete",
    "can_download",
    "celery_task_id",
    "completed_at",
    "created_at",
    "error_message",
    "file_name",
    "file_path",
    "file_size",
    "id",
    "job_type",
    "original_filename",
    "requested_by",
    "scheduled",
    "status",
    "updated_at",
];

#[test]
fn d01_settings_are_read_and_changed_in_parts_and_a_bad_part_is_named() {
    let app = App::new();
    let first = app.call("GET", "/api/backups/settings/", None).json();
    let world = app.instance.path("world").display().to_string();
    let recordings = app.instance.path("recordings").display().to_string();
    let usual = json!({"preset": "daily", "minute": "15", "hour": "3", "day_of_month": "*", "month": "*",
        "day_of_week": "*", "timezone": "UTC"});
    assert_eq!(
        first,
        json!({"enabled": false, "retention": 0, "path": "", "extra_paths": [world, recordings],
            "include_recordings": true, "schedule": usual})
    );
    let weekly = json!({"preset": "weekly", "hour": 4, "day_of_week": "1", "timezone": "Europe/Berlin"});
    let now = app.settings(&json!({"schedule": weekly, "retention": "3"}));
    assert_eq!((&now["enabled"], &now["retention"]), (&json!(false), &json!(3)));
    app.settings(&json!({"enabled": true}));
    let shown = app.instance.ok(&["schedule", "show", "tv"]);
    assert_eq!(shown["schedule"], "weekly on monday at 04:15 Europe/Berlin");
    let policy = app.instance.ok(&["policy", "show", "tv"]);
    assert_eq!(policy["retention"], json!({"last": 3}));
    let off = app.settings(&json!({"enabled": false, "retention": -1}));
    assert_eq!(
        (&off["schedule"]["hour"], &off["retention"]),
        (&json!("4"), &json!(0))
    );
    assert_eq!(app.instance.ok(&["schedule", "show", "tv"])["schedule"], "off");
    for (changes, name) in [
        (json!({"schedule": {"hour": "25"}}), "schedule.hour: "),
        (
            json!({"schedule": {"preset": "custom", "day_of_month": "32"}}),
            "schedule.day_of_month: ",
        ),
        (
            json!({"schedule": {"timezone": "Nowhere"}}),
            "schedule.timezone: ",
        ),
        (json!({"retention": "many"}), "retention: "),
        (json!({"path": "/nothing/is/here"}), "path: "),
        (json!({"extra_paths": [7]}), "extra_paths: "),
        (json!({"extra_paths": []}), "extra_paths: "),
        (json!({"extra_paths": ["/nothing/is/here"]}), "extra_paths: "),
    ] {
        let detail = app.refused(&changes);
        assert!(detail.starts_with(name), "{changes}: {detail}");
    }
    assert_eq!(
        app.call("GET", "/api/backups/settings/", None).json(),
        off,
        "nothing of it was saved"
    );
    let less = app.settings(&json!({"extra_paths": [world], "unknown": 1}));
    assert_eq!(less["extra_paths"], json!([world]));
    assert_eq!(
        app.instance.ok(&["source", "show", "tv"])["settings"]["paths"],
        json!([world])
    );
}

#[test]
fn d02_a_backup_is_run_and_stands_in_the_history_with_what_became_of_it() {
    let app = App::new();
    assert_eq!(app.call("GET", JOBS, None).json(), json!([]));
    let done = app.back_up();
    assert_eq!(fields(&done), FIELDS);
    assert_eq!(
        (
            &done["job_type"],
            &done["scheduled"],
            &done["requested_by"],
            &done["error_message"]
        ),
        (&json!("backup"), &json!(false), &json!("ann"), &json!(""))
    );
    assert_eq!(done["file_path"], "", "no folder for archives is named");
    assert!(done["file_name"].as_str().unwrap().ends_with(".tar.gz"));
    assert_eq!(done["file_size"], Value::Null, "nobody has packed it yet");
    assert!(done["created_at"].as_str().unwrap().ends_with('Z'));
    fs::rename(app.instance.path("world"), app.instance.path("elsewhere")).unwrap();
    let failed = app.done(&app.call("POST", JOBS, Some(&json!({"source": "tv"}))));
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["error_message"].as_str().unwrap().contains("world"),
        "{failed}"
    );
    assert_eq!(
        (&failed["file_path"], &failed["file_name"]),
        (&json!(""), &json!(""))
    );
    let list = app.call("GET", &format!("{JOBS}?source=tv"), None).json();
    assert_eq!(list, json!([failed, done]));
    app.instance.ok(&["delete", "latest", "--yes"]);
    assert_eq!(
        app.call("GET", JOBS, None).json(),
        json!([failed]),
        "file and row go together"
    );
}

#[test]
fn d03_a_backup_is_downloaded_as_the_answer_itself() {
    let app = App::new();
    let done = app.back_up();
    let id = done["id"].as_str().unwrap();
    let head = app.job("HEAD", id, "download/");
    let name = done["file_name"].as_str().unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(
        head.head
            .contains(&format!("attachment; filename=\"{}\"", name.to_lowercase())),
        "{}",
        head.head
    );
    assert_eq!(head.header("content-length"), None, "an unknown length is not 0");
    let archive = app.job("GET", id, "download/");
    assert_eq!(archive.status, 200);
    let known = app.job("GET", id, "").json();
    assert_eq!(
        known["file_size"],
        json!(archive.body.len()),
        "it was packed once"
    );
    let again = app.job("GET", id, "download/");
    assert!(
        again
            .head
            .to_lowercase()
            .contains(&format!("content-length: {}", archive.body.len())),
        "{}",
        again.head
    );
    assert!(again.body == archive.body, "the same tree gives the same bytes");
    fs::write(app.instance.path("tv.tar.gz"), &archive.body).unwrap();
    let tar = Command::new("tar")
        .arg("tzf")
        .arg(app.instance.path("tv.tar.gz"))
        .output()
        .unwrap();
    let listed = finished(&tar).out;
    for name in ["manifest.json", "world/level.dat", "recordings/film.ts"] {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
    assert_eq!(app.job("GET", "no-such-job", "download/").status, 404);
}

#[test]
fn d04_a_downloaded_archive_brings_the_folder_back_and_leaves_alone_what_it_does_not_hold() {
    let app = App::new();
    let world = app.instance.path("world");
    let before = look(&world);
    app.settings(&json!({"include_recordings": false}));
    let id = app.back_up()["id"].as_str().unwrap().to_owned();
    let archive = app.job("GET", &id, "download/").body;
    fs::remove_dir_all(&world).unwrap();
    fs::write(app.instance.path("recordings/film.ts"), b"new film").unwrap();
    let body = form(&[("source", "tv")], "../of yesterday.tar.gz", &archive);
    let done = app.done(&app.sending().whole(&form_type(), &body));
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(
        (&done["job_type"], &done["original_filename"]),
        (&json!("restore"), &json!("of yesterday.tar.gz"))
    );
    assert_eq!(look(&world), before);
    assert_eq!(
        fs::read(app.instance.path("recordings/film.ts")).unwrap(),
        b"new film"
    );
    fs::write(world.join("level.dat"), b"spoilt").unwrap();
    let plain = app.done(&app.sending().whole("application/octet-stream", &archive));
    assert_eq!(plain["status"], "succeeded", "{plain}");
    assert_eq!(look(&world), before);
    fs::write(world.join("level.dat"), b"spoilt").unwrap();
    let again = app.done(&app.job("POST", &id, "restore/"));
    assert_eq!(
        (&again["job_type"], &again["status"]),
        (&json!("restore"), &json!("succeeded"))
    );
    assert_eq!(look(&world), before);
    app.instance.ok(&["undo", "--yes"]);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"spoilt");
    assert_eq!(
        fs::read_dir(app.instance.data().join("uploads")).unwrap().count(),
        0
    );
    let not_one = app.job("POST", again["id"].as_str().unwrap(), "restore/");
    assert!(detail(&not_one, 400).contains("succeeded"));
    let nothing = app.sending().whole(&form_type(), &form(&[], "", b""));
    assert_eq!(detail(&nothing, 400), "No archive uploaded.");
}

#[test]
fn d05_a_running_backup_is_cancelled_and_a_deleted_one_is_gone_with_its_record() {
    let app = App::new();
    let gate = app.gate();
    let begun = app.call("POST", JOBS, None).json();
    let id = begun["id"].as_str().unwrap();
    assert!(["pending", "running"].contains(&begun["status"].as_str().unwrap()));
    let opened = gate.wait();
    assert_eq!(
        detail(&app.job("DELETE", id, ""), 400).split(" (").next(),
        Some("Running jobs cannot be deleted.")
    );
    assert_eq!(app.job("GET", id, "download/").status, 400);
    let cancelled = app.job("POST", id, "cancel/");
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (200, &json!("canceled"))
    );
    assert_eq!(
        detail(&app.job("POST", id, "cancel/"), 400),
        "This job cannot be canceled."
    );
    drop(opened);
    assert_eq!(app.instance.ok(&["list"]), json!([]));
    assert_eq!(app.job("DELETE", id, "").status, 204);
    app.instance.ok(&["policy", "set", "tv", "hooks="]);
    let id = app.back_up()["id"].as_str().unwrap().to_owned();
    app.instance.ok(&["lock", "latest"]);
    assert!(detail(&app.job("DELETE", &id, ""), 400).contains("locked"));
    app.instance.ok(&["unlock", "latest"]);
    let deleted = app.job("DELETE", &id, "");
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(app.job("GET", &id, "").status, 404);
    assert_eq!(app.instance.ok(&["list"]), json!([]));
    assert_eq!(app.call("GET", JOBS, None).json(), json!([]));
}

#[test]
fn d06_nobody_but_an_administrator_gets_anywhere() {
    let app = App::new();
    let id = app.back_up()["id"].as_str().unwrap().to_owned();
    let calls = [
        ("GET", "/api/backups/settings/".to_owned()),
        ("PUT", "/api/backups/settings/".to_owned()),
        ("GET", JOBS.to_owned()),
        ("POST", JOBS.to_owned()),
        ("POST", UPLOAD.to_owned()),
        ("GET", format!("{JOBS}{id}/")),
        ("GET", format!("{JOBS}{id}/download/")),
        ("POST", format!("{JOBS}{id}/restore/")),
        ("POST", format!("{JOBS}{id}/cancel/")),
        ("DELETE", format!("{JOBS}{id}/")),
        ("GET", format!("{JOBS}no-such-job/")),
    ];
    for role in ["operator", "viewer", "owner"] {
        let token = token(&app.instance, role, role);
        if role != "viewer" {
            app.instance.ok(&["person", "grant", role, "tv", "--owner"]);
        }
        for (method, path) in &calls {
            let refused = app.served.ask(method, path, Some(&token), Some("{}"));
            assert!(
                detail(&refused, 403).contains("app-backups"),
                "{role} {method} {path}"
            );
        }
    }
    for token in [None, Some("cairn_nonsense")] {
        for (method, path) in &calls {
            detail(&app.served.ask(method, path, token, Some("{}")), 401);
        }
    }
    let made = app.instance.ok(&[
        "token",
        "create",
        "--person",
        "ann",
        "--scope",
        "app-backups",
        "--scope",
        "see",
    ]);
    let scoped = made["token"].as_str();
    assert_eq!(app.served.ask("GET", JOBS, scoped, None).status, 200);
    assert_eq!(app.served.ask("POST", JOBS, scoped, None).status, 403);
    let audit = app.instance.ok(&["audit"]).to_string();
    assert!(audit.contains("refused: app-backups"), "{audit}");
}

#[test]
fn d06_of_several_sources_one_is_named() {
    let app = App::new();
    fs::create_dir(app.instance.path("wiki")).unwrap();
    app.instance.ok(&["source", "add", "folder", "wiki", "./wiki"]);
    let unnamed = detail(&app.call("GET", JOBS, None), 400);
    assert!(
        unnamed.contains("several sources") && unnamed.contains("wiki"),
        "{unnamed}"
    );
    assert_eq!(
        app.call("GET", &format!("{JOBS}?source=wiki"), None).json(),
        json!([])
    );
    let done = app.done(&app.call("POST", JOBS, Some(&json!({"source": "wiki"}))));
    assert_eq!(done["status"], "succeeded");
    assert_eq!(
        app.call("GET", "/api/backups/settings/?source=nothing", None)
            .status,
        404
    );
    let late = form(&[], "x.zip", b"PK");
    assert_eq!(
        app.sending().whole(&form_type(), &late).status,
        400,
        "no source is named"
    );
}
