//! The folder of an app's settings into which its archives are put.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::app::{App, detail};
use crate::instance::{Instance, finished, look};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// An app whose archives are put into a folder.
fn with_place() -> (App, PathBuf) {
    let app = App::new();
    let place = app.instance.path("archives");
    fs::create_dir(&place).unwrap();
    let now = app.settings(&json!({"path": place}));
    assert_eq!(now["path"], json!(place), "what is put comes back");
    (app, place)
}

#[test]
fn where_archives_are_put_never_changes_what_is_backed_up() {
    let (app, place) = with_place();
    let (world, recordings) = (app.instance.path("world"), app.instance.path("recordings"));
    let shown = app.call("GET", "/api/backups/settings/", None).json();
    assert_eq!(shown["extra_paths"], json!([world, recordings]));
    assert_eq!(
        app.instance.ok(&["source", "show", "tv"])["settings"]["paths"],
        json!([world, recordings])
    );
    let before = look(&world);
    let done = app.back_up();
    assert_eq!(
        app.instance.ok(&["list"])[0]["parts"],
        json!(["world", "recordings"])
    );
    fs::remove_dir_all(&world).unwrap();
    let restored = app.done(&app.job("POST", done["id"].as_str().unwrap(), "restore/"));
    assert_eq!(restored["status"], "succeeded", "{restored}");
    assert_eq!(look(&world), before, "the app's data was in it");
    assert_eq!(names(&place).len(), 1, "a restore puts nothing there");
    let off = app.settings(&json!({"path": ""}));
    assert_eq!(off["path"], "");
    app.back_up();
    assert_eq!(names(&place).len(), 1, "no folder is named any more");
}

#[test]
fn an_archive_lies_in_its_folder_as_a_download_sends_it() {
    let (app, place) = with_place();
    let done = app.back_up();
    let name = done["file_name"].as_str().unwrap();
    let moment = &name["dispatcharr-backup-".len()..];
    assert!(
        moment.len() == "20250928T031500Z.tar.gz".len() && moment.ends_with("Z.tar.gz"),
        "{name}"
    );
    assert_eq!(names(&place), [name]);
    let path = place.join(name);
    let found = fs::metadata(&path).unwrap();
    assert_eq!(
        (&done["file_path"], &done["file_size"]),
        (&json!(path), &json!(found.len()))
    );
    assert_eq!(found.permissions().mode() & 0o777, 0o600, "it is not encrypted");
    let listed = finished(&Command::new("tar").arg("tzf").arg(&path).output().unwrap()).out;
    for name in ["manifest.json", "world/level.dat", "recordings/film.ts"] {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
    let id = done["id"].as_str().unwrap();
    for method in ["HEAD", "GET"] {
        let answer = app.job(method, id, "download/");
        let head = answer.head.to_lowercase();
        assert!(
            head.contains(&format!("content-length: {}", found.len())),
            "{head}"
        );
        let name = name.to_lowercase();
        assert!(head.contains(&format!("filename=\"{name}\"")), "{head}");
    }
    assert!(app.job("GET", id, "download/").body == fs::read(&path).unwrap());
    // Whoever puts another file there sends nobody that one.
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![7; usize::try_from(found.len()).unwrap()]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let packed = app.job("GET", id, "download/");
    assert_eq!(packed.body[..2], [0x1f, 0x8b], "it is packed anew");
    // And what is not Cairn's stays.
    assert_eq!(app.job("DELETE", id, "").status, 204);
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 1);
}

#[test]
fn an_archive_goes_when_its_backup_does() {
    let (app, place) = with_place();
    app.settings(&json!({"retention": 2}));
    let first = app.back_up();
    // One that lies there already keeps its name.
    fs::write(place.join("dispatcharr-backup-20200101T000000Z.tar.gz"), b"mine").unwrap();
    let second = app.back_up();
    let third = app.back_up();
    let name = |job: &Value| job["file_name"].as_str().unwrap().to_owned();
    let mut expected = vec![
        "dispatcharr-backup-20200101T000000Z.tar.gz".to_owned(),
        name(&second),
        name(&third),
    ];
    expected.sort();
    assert_eq!(names(&place), expected, "retention took {}", name(&first));
    assert_eq!(app.job("DELETE", second["id"].as_str().unwrap(), "").status, 204);
    app.instance.ok(&["delete", "latest", "--yes"]);
    assert_eq!(names(&place), ["dispatcharr-backup-20200101T000000Z.tar.gz"]);
}

#[test]
fn two_archives_of_one_second_get_names_of_their_own() {
    let (app, place) = with_place();
    let made: Vec<Value> = (0..3).map(|_| app.back_up()).collect();
    let mut told: Vec<&str> = made
        .iter()
        .map(|job| job["file_name"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(names(&place), told);
}

#[test]
fn a_folder_that_cannot_take_archives_is_refused_and_says_why() {
    let app = App::new();
    let inside = app.instance.path("world/region");
    let link = app.instance.path("link");
    let real = app.instance.path("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let file = app.instance.path("file");
    fs::write(&file, b"").unwrap();
    for (path, why) in [
        (json!("relative"), "not absolute"),
        (json!("/nothing/is/here"), "no folder"),
        (json!(file), "not a folder"),
        (json!(link), "leads through a link"),
        (json!(inside), "which is backed up"),
        (json!(app.instance.data()), "Cairn's own files"),
        (json!(app.instance.data().join("keys")), "Cairn's own files"),
    ] {
        let told = app.refused(&json!({"path": path}));
        assert!(told.contains("path") && told.contains(why), "{path}: {told}");
    }
    app.settings(&json!({"path": real}));
    let told = app.refused(&json!({"extra_paths": [app.instance.dir.path()]}));
    assert!(!told.is_empty(), "{told}");
    assert_eq!(
        app.call("GET", "/api/backups/settings/", None).json()["path"],
        json!(real)
    );
}

#[test]
fn a_backup_whose_archive_cannot_be_put_is_made_and_says_so() {
    let (app, place) = with_place();
    let aside = app.instance.path("aside");
    fs::rename(&place, &aside).unwrap();
    let done = app.back_up();
    let told = done["error_message"].as_str().unwrap();
    assert!(
        told.contains("the backup is made") && told.contains("no folder"),
        "{told}"
    );
    assert_eq!(
        (&done["file_path"], &done["can_download"]),
        (&json!(""), &json!(true))
    );
    // Somebody else has put a link where the folder was.
    let elsewhere = app.instance.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &place).unwrap();
    let done = app.back_up();
    let told = done["error_message"].as_str().unwrap();
    assert!(told.contains("leads through a link"), "{told}");
    assert_eq!(names(&elsewhere), [""; 0], "{told}");
    fs::remove_file(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    // What a process that was killed has left half written goes with the next one.
    fs::write(place.join(".cairn-archive-gone.part"), b"half").unwrap();
    let done = app.back_up();
    assert_eq!(done["error_message"], "");
    assert_eq!(names(&place), [done["file_name"].as_str().unwrap()]);
}

#[test]
fn who_may_not_name_places_on_the_server_names_none() {
    let (app, place) = with_place();
    let other = app.instance.path("other");
    fs::create_dir(&other).unwrap();
    let scopes = ["app-backups", "see", "edit-policy", "edit-source"];
    let mut words = vec!["token", "create", "--person", "ann"];
    words.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let made = app.instance.ok(&words);
    let put = |changes: Value| {
        let body = changes.to_string();
        let path = "/api/backups/settings/";
        app.served.ask("PUT", path, made["token"].as_str(), Some(&body))
    };
    assert_eq!(put(json!({"retention": 3})).status, 200);
    assert_eq!(
        put(json!({"path": place})).status,
        200,
        "what is so already changes nothing"
    );
    for changes in [
        json!({"path": other}),
        json!({"path": ""}),
        json!({"extra_paths": [other]}),
    ] {
        let told = detail(&put(changes.clone()), 403);
        assert!(told.contains("settings"), "{changes}: {told}");
    }
    assert_eq!(
        app.call("GET", "/api/backups/settings/", None).json()["path"],
        json!(place)
    );
}

#[test]
fn a_folder_in_which_cairn_may_not_write_is_refused_with_its_user() {
    let app = App::on(Instance::of_another_user());
    let place = app.instance.path("archives");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o555)).unwrap();
    let told = app.refused(&json!({"path": place}));
    assert!(
        told.contains("runs as user") && told.contains("cannot write"),
        "{told}"
    );
    app.instance.hand_over(&place);
    fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
    app.settings(&json!({"path": place}));
    let done = app.back_up();
    assert_eq!(names(&place), [done["file_name"].as_str().unwrap()]);
}
