//! A repository that is damaged, or cannot be written: what is whole is restored, the rest is named, and nothing living is touched for it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::instance::{Instance, look};

/// Bytes that do not compress, different for each number.
fn noise(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..20_000).map(|_| next()).collect()
}

const COUNT: u64 = 12;

fn make_files(instance: &Instance) -> PathBuf {
    let world = instance.path("world");
    fs::create_dir_all(world.join("sub")).unwrap();
    for number in 0..COUNT {
        fs::write(world.join(format!("f{number}")), noise(number)).unwrap();
        fs::write(world.join(format!("sub/s{number}")), format!("text {number}")).unwrap();
    }
    world
}

fn packs(instance: &Instance) -> Vec<PathBuf> {
    let folders = fs::read_dir(instance.data().join("repository/data")).unwrap();
    let mut packs: Vec<PathBuf> = folders
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    packs.sort_by_key(|path| fs::metadata(path).unwrap().len());
    packs
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Damages one file of the backup.
fn flip_a_piece(instance: &Instance) {
    flip(packs(instance).last().unwrap(), 200);
}

/// The one whose living version is still the changed one.
fn untouched(world: &Path, changed: &[u8]) -> Vec<String> {
    let names = (0..COUNT).map(|number| format!("f{number}"));
    names
        .filter(|name| fs::read(world.join(name)).unwrap() == changed)
        .collect()
}

#[test]
fn one_bad_piece_stops_only_what_needs_it() {
    let instance = Instance::new();
    let world = make_files(&instance);
    instance.ok(&["backup", "./world"]);
    flip_a_piece(&instance);
    let changed = b"changed since";
    for number in 0..COUNT {
        fs::write(world.join(format!("f{number}")), changed).unwrap();
    }
    let run = instance.run(&["--json", "restore", "latest", "--yes"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let done = run.json();
    assert_eq!(
        (done["state"].as_str(), done["verified"].as_bool()),
        (Some("warning"), Some(false))
    );
    let damaged = untouched(&world, changed);
    assert_eq!(
        damaged.len(),
        1,
        "its living version stays, and all others are restored: {damaged:?}"
    );
    assert_eq!(
        done["counts"]["update"].as_u64(),
        Some(COUNT - 1),
        "what was not done is not counted"
    );
    let warnings = done["warnings"].to_string();
    assert!(
        warnings.contains(&format!(
            "world/{}: cannot be restored, and stays as it is",
            damaged[0]
        )),
        "{warnings}"
    );
    for number in 0..COUNT {
        let name = format!("f{number}");
        if name != damaged[0] {
            assert_eq!(fs::read(world.join(&name)).unwrap(), noise(number));
        }
    }
    let sound = if damaged[0] == "f3" { "f4" } else { "f3" };
    fs::write(world.join(sound), changed).unwrap();
    let path = |name: &str| format!("world/{name}");
    let backup = instance.ok(&["list"])[1]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let done = instance.ok(&["restore", &backup, "--yes", "--path", &path(sound)]);
    assert_eq!(
        (done["state"].as_str(), done["verified"].as_bool()),
        (Some("succeeded"), Some(true))
    );
    let problem = instance.fails(1, &["restore", &backup, "--yes", "--path", &path(&damaged[0])]);
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .contains("nothing of what was asked for"),
        "{problem}"
    );
    let everything = instance.run(&["--json", "restore", &backup, "--to", "elsewhere"]);
    assert_eq!(everything.code, 3, "{}{}", everything.out, everything.err);
    assert!(!instance.path("elsewhere/world").join(&damaged[0]).exists());
    assert_eq!(
        fs::read_dir(instance.path("elsewhere/world")).unwrap().count() as u64,
        COUNT
    );
}

#[test]
fn what_lies_in_a_folder_whose_listing_is_damaged_stays_as_it_is_and_is_named() {
    let instance = Instance::new();
    let world = make_files(&instance);
    instance.ok(&["backup", "./world"]);
    // The listing of a folder is written before that of the folder it lies in.
    flip(packs(&instance).first().unwrap(), 20);
    fs::write(world.join("f1"), b"changed since").unwrap();
    fs::write(world.join("sub/new"), b"not in the backup").unwrap();
    fs::write(world.join("sub/s1"), b"changed since").unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    let run = instance.run(&["--json", "restore", "latest", "--yes"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(
        run.json()["warnings"]
            .to_string()
            .contains("sub: what was in this folder cannot be restored"),
        "{}",
        run.out
    );
    assert_eq!(fs::read(world.join("f1")).unwrap(), noise(1));
    assert!(
        !world.join("virus").exists(),
        "elsewhere the backup is known, and holds"
    );
    assert_eq!(fs::read(world.join("sub/new")).unwrap(), b"not in the backup");
    assert_eq!(fs::read(world.join("sub/s1")).unwrap(), b"changed since");
}

#[test]
fn the_next_backup_of_a_source_heals_what_was_found_damaged() {
    let instance = Instance::new();
    make_files(&instance);
    instance.ok(&["backup", "./world"]);
    flip_a_piece(&instance);
    assert_eq!(instance.run(&["verify", "latest"]).code, 1);
    let check = instance.run(&["--json", "repository", "check"]);
    assert_eq!(check.code, 1, "what was found once is told by every check");
    let backup = instance.ok(&["list"])[0]["id"].clone();
    assert_eq!(check.json()["affected"][0]["id"], backup);
    assert_eq!(check.json()["affected"].as_array().map(Vec::len), Some(1));
    instance.ok(&["backup", "world"]);
    assert_eq!(instance.run(&["verify", "latest"]).code, 0);
    let first = backup.as_str().unwrap();
    assert_eq!(
        instance.run(&["verify", first]).code,
        0,
        "the older one is whole again, too"
    );
    let repair = instance.ok(&["repository", "repair"]);
    assert_eq!(
        (repair["damaged_packs"].as_u64(), repair["blobs_lost"].as_u64()),
        (Some(1), Some(0))
    );
    instance.ok(&["repository", "prune", "--no-grace"]);
    let again = instance.ok(&["repository", "repair"]);
    assert_eq!(again["damaged_packs"].as_u64(), Some(0));
    assert_eq!(instance.ok(&["verify", "--all"])["checked"].as_u64(), Some(2));
    assert_eq!(
        instance.ok(&["repository", "check", "--read-data"])["findings"],
        serde_json::json!([])
    );
}

#[test]
fn copying_a_damaged_repository_says_what_was_left_out() {
    let instance = Instance::new();
    let world = make_files(&instance);
    instance.ok(&["backup", "./world"]);
    flip_a_piece(&instance);
    fs::write(instance.path("word"), "a password for the copy\n").unwrap();
    fs::set_permissions(instance.path("word"), fs::Permissions::from_mode(0o600)).unwrap();
    let copy = || instance.run(&["--json", "repository", "copy", "copy", "--password-file", "word"]);
    let run = copy();
    assert_eq!(run.code, 1, "nothing could be copied: {}{}", run.out, run.err);
    for number in 0..COUNT {
        fs::write(world.join(format!("f{number}")), noise(COUNT + number)).unwrap();
    }
    instance.ok(&["backup", "world"]);
    let run = copy();
    assert_eq!(
        (run.code, run.json()["snapshots"].as_u64()),
        (3, Some(1)),
        "{}{}",
        run.out,
        run.err
    );
    assert_eq!(run.json()["damaged"].as_array().unwrap().len(), 1);
    let run = copy();
    assert_eq!(
        (run.code, run.json()["present"].as_u64()),
        (3, Some(1)),
        "{}{}",
        run.out,
        run.err
    );
}

/// Nobody but root could write there, and root is not who runs the program.
fn make_read_only(path: &Path) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(0), Some(0)).unwrap();
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            make_read_only(&entry.unwrap().path());
        }
    }
    let mode = if path.is_dir() { 0o555 } else { 0o444 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn make_writable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            make_writable(&path);
        }
    }
}

#[test]
fn a_repository_that_cannot_be_written_is_restored_from_into_a_new_folder() {
    let instance = Instance::of_another_user();
    let world = make_files(&instance);
    instance.hand_over(&world);
    instance.ok(&["backup", "./world"]);
    let repository = instance.data().join("repository");
    make_read_only(&repository);
    let done = instance.ok(&["restore", "latest", "--to", "new"]);
    assert_eq!(
        (done["state"].as_str(), done["verified"].as_bool()),
        (Some("succeeded"), Some(true))
    );
    assert_eq!(look(&instance.path("new/world")), look(&world));
    assert!(done["safety_backup"].is_null());
    // Where something would be replaced, it is not done without one.
    fs::write(instance.path("new/world/f1"), b"changed since").unwrap();
    assert_ne!(
        instance.run(&["restore", "latest", "--to", "new", "--yes"]).code,
        0
    );
    assert_eq!(fs::read(instance.path("new/world/f1")).unwrap(), b"changed since");
    make_writable(&repository);
}

#[test]
fn hard_linked_symbolic_links_come_back_as_one() {
    let instance = Instance::new();
    let world = instance.path("world");
    fs::create_dir_all(&world).unwrap();
    symlink("somewhere", world.join("one")).unwrap();
    fs::hard_link(world.join("one"), world.join("two")).unwrap();
    fs::write(world.join("file"), b"x").unwrap();
    let before = look(&world);
    instance.ok(&["backup", "./world"]);
    fs::remove_file(world.join("one")).unwrap();
    fs::remove_file(world.join("two")).unwrap();
    let done = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(
        (done["state"].as_str(), done["verified"].as_bool()),
        (Some("succeeded"), Some(true))
    );
    assert_eq!(look(&world), before);
    let inode = |name| std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(world.join(name)).unwrap());
    assert_eq!(inode("one"), inode("two"));
}
