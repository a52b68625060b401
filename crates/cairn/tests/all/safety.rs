//! What the safety backup cannot hold is not touched by a restore, and neither is what the backup was made without.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::instance::{Instance, Run, finished};

/// Somebody else, neither root nor whoever runs the program.
const STRANGER: u32 = 54_321;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What is in a file, also one that may not be read.
fn text(path: &Path) -> String {
    if !rustix::process::geteuid().is_root() {
        set_mode(path, 0o600);
    }
    fs::read_to_string(path).unwrap()
}

/// A folder `world` of another user with the files `a` and `b`, backed up; then both changed, a new file `c`, and `a` and `c` kept
/// from the program by `hide`.
fn hidden(hide: fn(&Path)) -> (Instance, PathBuf) {
    let instance = Instance::of_another_user();
    let world = instance.path("world");
    fs::create_dir(&world).unwrap();
    fs::write(world.join("a"), "old a").unwrap();
    fs::write(world.join("b"), "old b").unwrap();
    instance.hand_over(&world);
    instance.ok(&["backup", "./world"]);
    for (name, text) in [("a", "new a"), ("b", "newer b"), ("c", "new c")] {
        fs::write(world.join(name), text).unwrap();
    }
    instance.hand_over(&world);
    hide(&world.join("a"));
    hide(&world.join("c"));
    (instance, world)
}

fn made_unreadable(path: &Path) {
    set_mode(path, 0);
}

fn given_away(path: &Path) {
    set_mode(path, 0o600);
    lchown(path, Some(STRANGER), Some(STRANGER)).unwrap();
}

fn assert_all_there(world: &Path, b: &str, when: &str) {
    for (name, wanted) in [("a", "new a"), ("b", b), ("c", "new c")] {
        assert_eq!(text(&world.join(name)), wanted, "{name}, {when}");
    }
}

fn unsaved(plan: &Value) -> Vec<&str> {
    let unsaved = plan["plan"]["unsaved"].as_array().unwrap();
    unsaved.iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn refused_then_left_alone(hide: fn(&Path)) {
    for (mode, names) in [
        ("replace", vec!["a", "c"]),
        ("merge", vec!["a"]),
        ("rebuild", vec!["a", "c"]),
    ] {
        let (instance, world) = hidden(hide);
        let restore = ["restore", "latest", "--mode", mode];
        let plan = instance.ok(&[&restore[..], &["--plan"]].concat());
        assert_eq!(unsaved(&plan), names, "{mode}");
        assert_eq!(
            plan["plan"]["unsaved"][0]["reason"],
            "Permission denied (os error 13)"
        );
        let shown = instance.run(&[&restore[..], &["--plan"]].concat());
        assert!(
            shown.out.contains("cannot be saved first: world/a"),
            "{}",
            shown.out
        );

        let problem = instance.fails(20, &[&restore[..], &["--yes"]].concat());
        let message = problem["message"].as_str().unwrap();
        assert!(
            names
                .iter()
                .all(|name| message.contains(&format!("world/{name}"))),
            "{message}"
        );
        assert!(
            problem["hint"].as_str().unwrap().contains("--leave-unsaved"),
            "{problem}"
        );
        assert_all_there(&world, "newer b", mode);

        let left = instance.run(&[&["--json"], &restore[..], &["--yes", "--leave-unsaved"]].concat());
        assert_eq!(left.code, 3, "{}{}", left.out, left.err);
        assert_eq!(
            left.json()["verified"],
            false,
            "not everything is as in the backup"
        );
        assert_all_there(&world, "old b", mode);

        // Whoever takes it back takes back what was changed, and nothing else.
        instance.run(&["undo", "--yes"]);
        assert_all_there(&world, "newer b", &format!("{mode}, undone"));
    }
}

#[test]
fn what_may_not_be_read_is_neither_deleted_nor_overwritten() {
    refused_then_left_alone(made_unreadable);
}

#[test]
fn what_belongs_to_somebody_else_is_neither_deleted_nor_overwritten() {
    if rustix::process::geteuid().is_root() {
        refused_then_left_alone(given_away);
    } else {
        println!("SKIPPED: only root can give a file to somebody else (run the tests as root)");
    }
}

#[test]
fn what_the_restore_of_a_folder_elsewhere_cannot_save_is_left_alone_too() {
    for mode in ["replace", "merge", "rebuild"] {
        let instance = Instance::of_another_user();
        let world = instance.make_world();
        instance.hand_over(&world);
        instance.ok(&["backup", "./world"]);
        let other = instance.path("other");
        fs::create_dir_all(other.join("world")).unwrap();
        fs::write(other.join("mine"), "mine").unwrap();
        fs::write(other.join("world/level.dat"), "mine, too").unwrap();
        instance.hand_over(&other);
        set_mode(&other.join("mine"), 0);
        set_mode(&other.join("world/level.dat"), 0);
        let restore = ["restore", "latest", "--to", "./other", "--mode", mode, "--yes"];
        instance.fails(20, &restore);
        assert!(
            !other.join("world/region").exists(),
            "{mode}: nothing was written"
        );
        let left = instance.run(&[&restore[..], &["--leave-unsaved"]].concat());
        assert_eq!(left.code, 3, "{}{}", left.out, left.err);
        assert!(
            other.join("world/region").exists(),
            "{mode}: the rest is restored"
        );
        assert_eq!(text(&other.join("mine")), "mine", "{mode}");
        assert_eq!(text(&other.join("world/level.dat")), "mine, too", "{mode}");
    }
}

#[test]
fn an_undo_touches_nothing_that_it_cannot_save() {
    let instance = Instance::of_another_user();
    let world = instance.make_world();
    instance.hand_over(&world);
    instance.ok(&["backup", "./world"]);
    fs::write(world.join("level.dat"), "level two").unwrap();
    fs::write(world.join("notes"), "before").unwrap();
    instance.hand_over(&world);
    instance.ok(&["restore", "latest", "--yes"]);
    fs::write(world.join("level.dat"), "level three").unwrap();
    fs::write(world.join("new"), "new").unwrap();
    instance.hand_over(&world);
    set_mode(&world.join("level.dat"), 0);
    set_mode(&world.join("new"), 0);
    let plan = instance.ok(&["undo", "--plan"]);
    assert_eq!(unsaved(&plan), ["level.dat", "new"]);
    instance.fails(20, &["undo", "--yes"]);
    assert!(!world.join("notes").exists(), "nothing was changed");
    let left = instance.run(&["undo", "--yes", "--leave-unsaved"]);
    assert_eq!(left.code, 3, "{}{}", left.out, left.err);
    assert_eq!(text(&world.join("notes")), "before");
    assert_eq!(text(&world.join("level.dat")), "level three");
    assert_eq!(text(&world.join("new")), "new");
}

#[test]
fn a_folder_that_cannot_be_looked_into_stays_with_everything_in_it() {
    let instance = Instance::of_another_user();
    let world = instance.make_world();
    instance.hand_over(&world);
    instance.ok(&["backup", "./world"]);
    fs::create_dir_all(world.join("above/closed")).unwrap();
    fs::write(world.join("above/closed/treasure"), "treasure").unwrap();
    fs::write(world.join("above/other"), "goes").unwrap();
    fs::write(world.join("region/r.0.0.mca"), "changed").unwrap();
    instance.hand_over(&world);
    set_mode(&world.join("above/closed"), 0);
    set_mode(&world.join("region"), 0);
    assert_eq!(
        unsaved(&instance.ok(&["restore", "latest", "--plan"])),
        ["above/closed", "region"]
    );
    instance.ok(&["diff", "latest"]);
    instance.fails(20, &["restore", "latest", "--yes"]);
    let left = instance.run(&["restore", "latest", "--yes", "--leave-unsaved"]);
    assert_eq!(left.code, 3, "{}{}", left.out, left.err);
    set_mode(&world.join("above/closed"), 0o700);
    set_mode(&world.join("region"), 0o700);
    assert_eq!(text(&world.join("above/closed/treasure")), "treasure");
    assert_eq!(text(&world.join("region/r.0.0.mca")), "changed");
    assert!(!world.join("above/other").exists());
}

#[test]
fn what_was_forced_without_safety_is_named_as_lost() {
    let (instance, world) = hidden(made_unreadable);
    let forced = ["restore", "latest", "--without-safety", "the disk is dying"];
    let plan = instance.ok(&[&forced[..], &["--plan"]].concat());
    let warnings = plan["plan"]["warnings"].to_string();
    assert!(
        warnings.contains("in no copy") && warnings.contains("world/a") && warnings.contains("world/c"),
        "{warnings}"
    );
    let done = instance.run(&[&forced[..], &["--yes"]].concat());
    assert!(matches!(done.code, 0 | 3), "{}{}", done.out, done.err);
    assert_eq!(text(&world.join("a")), "old a");
    let audit = instance.ok(&["audit"]).to_string();
    assert!(audit.contains("the disk is dying"), "{audit}");
}

/// Restores while the safety backup lacks a file that looks as if it could be read.
fn restore_lacking(instance: &Instance, path: &str, more: &[&str]) -> Run {
    let mut command = instance.command();
    command.args(["--json", "restore", "latest", "--yes"]).args(more);
    finished(&command.env("CAIRN_TEST_LACKS", path).output().unwrap())
}

#[test]
fn what_is_missing_in_the_safety_backup_stops_the_restore_before_anything_is_touched() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "./world"]);
    let change = || {
        fs::write(world.join("level.dat"), "level two").unwrap();
        fs::write(world.join("new"), "new").unwrap();
    };
    for path in ["world/level.dat", "world/new"] {
        change();
        let stopped = restore_lacking(&instance, path, &[]);
        assert_eq!(stopped.code, 20, "{}{}", stopped.out, stopped.err);
        let problem = stopped.problem();
        let message = problem["message"].as_str().unwrap();
        assert!(
            message.contains(path) && message.contains("for a test"),
            "{message}"
        );
        assert_eq!(text(&world.join("level.dat")), "level two");
        assert_eq!(text(&world.join("new")), "new");
    }
    let left = restore_lacking(&instance, "world/level.dat", &["--leave-unsaved"]);
    assert_eq!(left.code, 3, "{}{}", left.out, left.err);
    let warnings = left.json()["warnings"].to_string();
    assert!(
        warnings.contains("left alone") && warnings.contains("world/level.dat"),
        "{warnings}"
    );
    assert_eq!(text(&world.join("level.dat")), "level two", "it is in no backup");
    assert!(!world.join("new").exists(), "the rest is restored");
    change();
    let forced = restore_lacking(&instance, "world/level.dat", &["--without-safety", "it must be"]);
    assert!(matches!(forced.code, 0 | 3), "{}{}", forced.out, forced.err);
    assert_eq!(text(&world.join("level.dat")), "level one");
    let audit = instance.ok(&["audit"]).to_string();
    assert!(audit.contains("in no copy: world/level.dat"), "{audit}");
}

#[test]
fn what_a_backup_had_skipped_is_not_deleted_by_restoring_it() {
    let instance = Instance::of_another_user();
    let world = instance.make_world();
    instance.hand_over(&world);
    set_mode(&world.join("level.dat"), 0);
    set_mode(&world.join("region"), 0);
    assert_eq!(instance.run(&["backup", "./world"]).code, 3);
    set_mode(&world.join("level.dat"), 0o600);
    set_mode(&world.join("region"), 0o700);
    fs::write(world.join("new"), "goes").unwrap();
    let plan = instance.ok(&["restore", "latest", "--plan"]);
    let deleted = plan["plan"]["items"].as_array().unwrap().iter();
    let deleted: Vec<&str> = deleted
        .filter(|item| item["action"] == "delete")
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(deleted, ["new"]);
    let warnings = plan["plan"]["warnings"].to_string();
    assert!(
        warnings.contains("level.dat") && warnings.contains("made without it"),
        "{warnings}"
    );
    let done = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(
        (done["verified"].as_bool(), done["state"].as_str()),
        (Some(true), Some("succeeded")),
        "{done}"
    );
    assert_eq!(text(&world.join("level.dat")), "level one");
    assert!(world.join("region/r.0.0.mca").exists());
    assert!(!world.join("new").exists());
}

#[test]
fn what_a_backup_left_out_on_purpose_is_not_deleted_by_restoring_it() {
    let instance = Instance::new();
    let root = instance.path("server");
    for dir in ["world/region", "cache", "logs"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for name in ["level", "world/region/r", "cache/c", "logs/l"] {
        fs::write(root.join(name), name).unwrap();
    }
    fs::write(root.join(".cairnignore"), "cache/\n").unwrap();
    let socket = root.join("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    instance.ok(&["backup", "./server", "--ignore", "world/"]);
    // What was ignored then is not ignored any more, and something else stands where the socket was.
    fs::remove_file(root.join(".cairnignore")).unwrap();
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "a file").unwrap();
    fs::write(root.join("new"), "goes").unwrap();
    let difference = instance.ok(&["diff", "latest"]).to_string();
    assert!(
        !difference.contains("world") && !difference.contains("cache") && difference.contains("new"),
        "{difference}"
    );
    let done = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(done["verified"], true, "{done}");
    for name in ["world/region/r", "cache/c", "logs/l"] {
        assert_eq!(text(&root.join(name)), name);
    }
    assert_eq!(text(&socket), "a file");
    assert!(!root.join("new").exists());
}

#[test]
fn what_lies_deeper_than_a_path_may_be_long_is_backed_up_and_comes_back() {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "./world"]);
    let name = "n".repeat(200);
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let mut at = openat(CWD, &world, flags, Mode::empty()).unwrap();
    for _ in 0..25 {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, flags, Mode::empty()).unwrap();
    }
    let file = openat(
        &at,
        "deep",
        OFlags::CREATE | OFlags::WRONLY,
        Mode::RUSR | Mode::WUSR,
    )
    .unwrap();
    rustix::io::write(&file, b"deep down").unwrap();
    let before = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(before["verified"], true, "{before}");
    assert!(!world.join(&name).exists());
    let undone = instance.ok(&["undo", "--yes"]);
    assert_eq!(undone["verified"], true, "{undone}");
    let mut at = openat(CWD, &world, flags, Mode::empty()).unwrap();
    for _ in 0..25 {
        at = openat(&at, &name, flags, Mode::empty()).unwrap();
    }
    let file = openat(&at, "deep", OFlags::RDONLY, Mode::empty()).unwrap();
    let mut found = [0; 16];
    let length = rustix::io::read(&file, &mut found).unwrap();
    assert_eq!(&found[..length], b"deep down");
}
