//! What is secret in the settings of a source is nowhere but sealed in the catalog: looked for everywhere after everything was done with it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::program::Program;

/// In every secret field, and in each field twice: before and after an edit.
const PLANTED: [&str; 7] = [
    "planted-key-a1",
    "planted-key-b2",
    "planted-spare-c3",
    "planted-spare-d4",
    "planted-papers-e5",
    "planted-api-f6",
    "planted-wrong-g7",
];

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Adds the source, changes it in every way, and lets things fail.
fn live_through_everything(program: &Program) -> Vec<String> {
    program.world("world.json", &["guest"]);
    let key = program.secret("key", "open-planted-key-a1");
    let other_key = program.secret("other-key", "open-planted-key-b2");
    let spare = program.secret("spare", "planted-spare-c3");
    let other_spare = program.secret("other-spare", "planted-spare-d4");
    let papers = program.secret("papers", r#"{"pass":{"set":"planted-papers-e5"}}"#);
    program.ok(&[
        "source",
        "add",
        "items",
        "w",
        "--world",
        "world.json",
        "--key-file",
        &key,
        "--spare-keys-file",
        &spare,
        "--papers-file",
        &papers,
    ]);
    let first = program.ok(&["backup", "w"]);
    program.ok(&[
        "source",
        "edit",
        "w",
        "--key-file",
        &other_key,
        "--spare-keys-file",
        &other_spare,
    ]);
    refuse_what_is_wrong(program, &key);
    let second = program.ok(&["backup", "w"]);
    let backups: Vec<String> = [first, second]
        .iter()
        .map(|made| made["backup"]["id"].as_str().unwrap().to_owned())
        .collect();
    let world = program.world("world.json", &["intruder"]);
    drop(world);
    program.ok(&["restore", &backups[0], "--yes", "--mode", "replace"]);
    program.ok(&["undo", "--yes"]);
    let_a_backup_fail(program);
    backups
}

fn refuse_what_is_wrong(program: &Program, key: &str) {
    let wrong = program.secret("wrong", "planted-wrong-g7");
    // Refused by the kind, by its description, and on the way there.
    for arguments in [
        &["source", "edit", "w", "--key-file", &wrong][..],
        &[
            "--json",
            "source",
            "edit",
            "w",
            "--set",
            "key={\"planted-wrong-g7\":1}",
        ],
        &["source", "edit", "w", "--set", "kye=\"planted-wrong-g7\""],
        &[
            "source",
            "add",
            "items",
            "x",
            "--world",
            "world.json",
            "--papers-file",
            &wrong,
            "--key-file",
            key,
        ],
    ] {
        assert_ne!(program.run(arguments).code, 0, "{arguments:?}");
    }
}

fn let_a_backup_fail(program: &Program) {
    fs::rename(program.path("world.json"), program.path("away.json")).unwrap();
    fs::create_dir(program.path("world.json")).unwrap();
    assert_ne!(program.run(&["-vv", "backup", "w"]).code, 0);
    fs::remove_dir(program.path("world.json")).unwrap();
    fs::rename(program.path("away.json"), program.path("world.json")).unwrap();
}

fn look_at_everything(program: &Program, backups: &[String]) {
    for backup in backups {
        let manifest = program.run(&["cat", backup, "manifest.json"]);
        let manifest = manifest.out.split_once('{').unwrap().1;
        assert!(
            manifest.contains("papers") && manifest.contains("items"),
            "{manifest}"
        );
        program.run(&["--json", "show", backup]);
    }
    program.ok(&["export", &backups[0], "--format", "tar.gz", "-o", "w.tar.gz"]);
    program.ok(&["restore", &backups[1], "--to", "unpacked", "--yes"]);
    for arguments in [
        &["source", "list"][..],
        &["--json", "source", "list"],
        &["source", "show", "w"],
        &["--json", "audit"],
        &["audit"],
        &["--json", "jobs"],
        &["policy", "show", "w"],
        &["doctor"],
        &["-vv", "verify", "--all"],
        &["diff", &backups[0], "live"],
    ] {
        program.run(arguments);
    }
    let jobs = program.ok(&["jobs"]);
    for job in jobs.as_array().unwrap() {
        program.run(&["logs", job["id"].as_str().unwrap()]);
    }
}

fn ask_over_http(program: &Program, token: &str) {
    let served = program.serve();
    let changes = json!({"settings": {"key": "open-planted-api-f6", "spare_keys": {"set": true}}});
    let (status, edited) = served.ask("PATCH", "/api/sources/w", token, Some(&changes));
    assert_eq!(status, 200, "{edited}");
    for (field, is_set) in [("key", true), ("spare_keys", true), ("papers", true)] {
        assert_eq!(edited["settings"][field], json!({"set": is_set}), "{edited}");
    }
    let (_, queued) = served.ask("POST", "/api/backups", token, Some(&json!({"source": "w"})));
    assert_eq!(served.ended(&queued["job"]), "succeeded");
    let wrong = json!({"settings": {"key": ["planted-wrong-g7"]}});
    assert_eq!(served.ask("PATCH", "/api/sources/w", token, Some(&wrong)).0, 400);
    let forged = json!({"settings": {"key": {"sealed": "v1:00"}}});
    assert_eq!(served.ask("PATCH", "/api/sources/w", token, Some(&forged)).0, 400);
    for path in [
        "/api/sources",
        "/api/sources/w",
        "/api/audit",
        "/api/jobs",
        "/api/backups",
    ] {
        assert_eq!(served.ask("GET", path, token, None).0, 200, "{path}");
    }
    served.leave();
}

#[test]
fn a_secret_setting_is_nowhere_to_be_found() {
    let program = Program::new();
    let backups = live_through_everything(&program);
    let token = program.token("ann");
    ask_over_http(&program, &token);
    look_at_everything(&program, &backups);
    let said = program.said();
    for planted in PLANTED {
        assert!(!has(said.as_bytes(), planted), "{planted} was shown:\n{said}");
    }
    let unpacked = files_below(&program.path("unpacked"));
    let files = files_below(&program.path("data")).into_iter().chain(unpacked);
    for file in files.chain([program.path("w.tar.gz"), program.path("world.json")]) {
        let bytes = fs::read(&file).unwrap();
        for planted in PLANTED {
            assert!(!has(&bytes, planted), "{planted} lies in {}", file.display());
        }
    }
}

#[test]
fn an_edit_that_does_not_name_a_secret_keeps_it() {
    let program = Program::new();
    program.world("world.json", &["guest"]);
    let key = program.secret("key", "open-planted-key-a1");
    program.ok(&[
        "source",
        "add",
        "items",
        "w",
        "--world",
        "world.json",
        "--key-file",
        &key,
    ]);
    program.ok(&["source", "edit", "w", "--mood", "moody"]);
    program.ok(&["source", "edit", "w", "--set", "key={\"set\":true}"]);
    assert_eq!(
        program.ok(&["source", "show", "w"])["settings"]["key"],
        json!({"set": true})
    );
    assert_eq!(program.ok(&["backup", "w"])["state"], "succeeded");
    let none = program.run(&["source", "edit", "w", "--set", "papers={\"set\":true}"]);
    assert!(none.err.contains("“papers”"), "{}", none.err);
}

#[test]
fn a_recovered_source_says_which_secrets_must_be_entered_again() {
    let program = Program::new();
    program.world("world.json", &["guest"]);
    let key = program.secret("key", "open-planted-key-a1");
    program.ok(&[
        "source",
        "add",
        "items",
        "w",
        "--world",
        "world.json",
        "--key-file",
        &key,
    ]);
    program.ok(&["backup", "w"]);
    let repository = program.path("data/repository").display().to_string();
    let password = program
        .path("data/keys/repository.password")
        .display()
        .to_string();
    let other = program.path("other").display().to_string();
    let recovered = program.ok(&[
        "--data",
        &other,
        "recover",
        "--repository",
        &repository,
        "--password-file",
        &password,
    ]);
    assert_eq!(
        recovered["secrets"],
        json!([{"source": "w", "settings": ["key"]}]),
        "{recovered}"
    );
    let shown = program.ok(&["--data", &other, "source", "list"]);
    assert_eq!(shown[0]["settings"]["key"], json!({"set": false}));
    let backup = program.run(&["--data", &other, "backup", "w"]);
    assert_ne!(backup.code, 0);
    assert!(
        backup.err.contains("the secret “key” of “w” was lost"),
        "{}",
        backup.err
    );
    program.ok(&["--data", &other, "source", "edit", "w", "--key-file", &key]);
    assert_eq!(
        program.ok(&["--data", &other, "backup", "w"])["state"],
        "succeeded"
    );
}
