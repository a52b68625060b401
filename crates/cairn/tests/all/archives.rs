//! A backup as one file, and one file as a backup.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::instance::{Instance, finished, look};

fn tar(instance: &Instance, arguments: &[&str]) -> String {
    let output = Command::new("tar")
        .args(arguments)
        .current_dir(instance.dir.path())
        .output()
        .unwrap();
    let run = finished(&output);
    assert_eq!(run.code, 0, "{}", run.err);
    run.out
}

type Seen = (PathBuf, u32, i64, Vec<u8>, u64);

fn without_times(seen: Vec<Seen>) -> Vec<Seen> {
    seen.into_iter()
        .map(|(path, mode, _, bytes, hash)| (path, mode, 0, bytes, hash))
        .collect()
}

#[test]
fn an_export_streams_to_tar_and_comes_back_as_the_same_backup() {
    let instance = Instance::new();
    let world = instance.make_world();
    let made = instance.ok(&["backup", "world"]);
    let first = made["backup"]["id"].as_str().unwrap();
    let before = look(&world);
    let mut export = instance
        .command()
        .args(["export", "latest", "--format", "tar.gz", "-o", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let listed = Command::new("tar")
        .arg("tz")
        .stdin(export.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(export.wait().unwrap().success());
    let names = String::from_utf8(listed.stdout).unwrap();
    assert!(names.starts_with("manifest.json\nworld/\n"), "{names}");
    for format in ["zip", "tar.gz", "tar.zst"] {
        let file = format!("world.{format}");
        let done = instance.ok(&["export", first, "--format", format, "-o", &file]);
        assert_eq!(
            done["written"].as_u64(),
            Some(fs::metadata(instance.path(&file)).unwrap().len())
        );
        instance.fails(1, &["export", "latest", "--format", format, "-o", &file]);
        let imported = instance.ok(&["import", &file, "--source", "world"]);
        assert_eq!(imported["backup"]["reason"], "imported");
        let id = imported["backup"]["id"].as_str().unwrap();
        assert_eq!(imported["backup"]["files"], 3, "{format}");
        fs::remove_dir_all(&world).unwrap();
        instance.ok(&["restore", id, "--yes"]);
        if format == "zip" {
            // A zip knows whole seconds only.
            assert_eq!(without_times(look(&world)), without_times(before.clone()));
        } else {
            assert_eq!(look(&world), before, "{format}");
        }
    }
    let left: Vec<_> = fs::read_dir(instance.data().join("scratch")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_encrypted_zip_needs_its_passphrase() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["backup", "world"]);
    let secret = instance.path("secret");
    fs::write(&secret, "correct horse").unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let secret = secret.to_str().unwrap();
    instance.ok(&[
        "export",
        "latest",
        "--format",
        "zip",
        "-o",
        "w.zip",
        "--passphrase-file",
        secret,
    ]);
    instance.fails(12, &["import", "w.zip", "--source", "world"]);
    instance.ok(&[
        "import",
        "w.zip",
        "--source",
        "world",
        "--passphrase-file",
        secret,
    ]);
    instance.fails(
        2,
        &[
            "export",
            "latest",
            "--format",
            "tar.gz",
            "-o",
            "x",
            "--passphrase-file",
            secret,
        ],
    );
    let left = fs::read_dir(instance.dir.path()).unwrap();
    let left: Vec<_> = left
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!left.iter().any(|name| name.starts_with('x')), "{left:?}");
}

#[test]
fn an_archive_of_somebody_else_becomes_a_backup_of_the_only_part() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let before = look(&world);
    tar(&instance, &["czf", "plain.tgz", "-C", "world", "."]);
    tar(&instance, &["czf", "named.tgz", "world"]);
    for file in ["plain.tgz", "named.tgz"] {
        let imported = instance.ok(&["import", file, "--source", "world"]);
        fs::remove_dir_all(&world).unwrap();
        instance.ok(&["restore", imported["backup"]["id"].as_str().unwrap(), "--yes"]);
        assert_eq!(
            without_times(look(&world)),
            without_times(before.clone()),
            "{file}"
        );
    }
}

#[test]
fn a_hostile_archive_leaves_nothing_behind() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    fs::write(instance.path("evil"), b"x").unwrap();
    tar(
        &instance,
        &["cf", "evil.tar", "--transform", "s,^,../../,", "-P", "evil"],
    );
    let refused = instance.fails(2, &["import", "evil.tar", "--source", "world"]);
    assert!(refused["message"].as_str().unwrap().contains("evil"), "{refused}");
    fs::write(instance.path("text.zip"), b"no archive at all").unwrap();
    instance.fails(2, &["import", "text.zip", "--source", "world"]);
    assert_eq!(instance.ok(&["list"]), serde_json::json!([]));
    assert_eq!(fs::read_dir(instance.data().join("scratch")).unwrap().count(), 0);
}

#[test]
fn an_export_never_overwrites_a_file_of_cairn_itself_nor_one_that_it_was_not_told_to() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["init", "--repository", "./repository"]);
    instance.ok(&["backup", "world"]);
    let link = std::os::unix::fs::symlink;
    link(instance.data(), instance.path("link")).unwrap();
    link(
        instance.data().join("catalog.db"),
        instance.path("to-the-catalog"),
    )
    .unwrap();
    link(instance.data().join("new"), instance.path("to-nothing-yet")).unwrap();
    let before = (
        look(&instance.data().join("keys")),
        look(&instance.path("repository")),
    );
    for own in [
        "data/catalog.db",
        "data/keys/repository.password",
        "data/new",
        "link/catalog.db",
        "link/keys/new",
        "to-the-catalog",
        "world/../data/format",
        "repository/config",
    ] {
        for force in [&["--force"][..], &[]] {
            let words = ["--json", "export", "latest", "--format", "tar.gz", "-o", own];
            let run = instance.run(&[&words, force].concat());
            assert!(
                run.code == 20 || (own.starts_with("to-") && run.code == 1),
                "{own}: {}{}",
                run.out,
                run.err
            );
        }
    }
    let to_a_link = ["export", "latest", "--format", "tar.gz", "-o", "to-nothing-yet"];
    instance.fails(1, &to_a_link);
    assert!(!instance.data().join("new").exists());
    assert_eq!(
        (
            look(&instance.data().join("keys")),
            look(&instance.path("repository"))
        ),
        before
    );
    instance.ok(&["doctor"]);
}

#[test]
fn an_export_overwrites_only_what_it_was_told_to_and_nothing_beside_it() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["backup", "./world"]);
    // What somebody else has called like an unfinished file stays as it is.
    for name in ["mine.tar.gz", "mine.tar.gz.part"] {
        fs::write(instance.path(name), b"mine").unwrap();
    }
    instance.fails(1, &["export", "latest", "-o", "mine.tar.gz"]);
    instance.fails(
        20,
        &[
            "export",
            "latest",
            "--format",
            "zip",
            "-o",
            "/dev/null",
            "--force",
        ],
    );
    assert_eq!(fs::read(instance.path("mine.tar.gz")).unwrap(), b"mine");
    instance.ok(&["export", "latest", "-o", "mine.tar.gz", "--force"]);
    assert_ne!(fs::read(instance.path("mine.tar.gz")).unwrap(), b"mine");
    assert_eq!(fs::read(instance.path("mine.tar.gz.part")).unwrap(), b"mine");
}
