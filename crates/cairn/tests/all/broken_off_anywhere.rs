//! Restores that are killed at every record and at every move, with the target changed in between.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::broken_off::staging;
use crate::instance::{Instance, finished, look};

/// Kills a restore by this variable; false when it came to its end before.
fn dies(instance: &Instance, variable: &str, at: &str) -> bool {
    let output = instance
        .command()
        .args(["restore", "latest", "--yes", "--json"])
        .env(variable, at)
        .output()
        .unwrap();
    let died = output.status.signal().is_some();
    assert!(died || output.status.success(), "{}", finished(&output).err);
    died
}

/// A guarded world, in which something lies that nobody may read, and of which the backup knows nothing.
fn griefed(instance: &Instance) -> PathBuf {
    let world = instance.make_world();
    let running = instance.path("running");
    let guard = json!({
        "probe": {"by": "command", "command": ["test", "-e", running]},
        "stop": {"do": "command", "command": ["rm", running]},
        "start": {"do": "command", "command": ["touch", running]},
    });
    let secret = world.join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "of somebody else").unwrap();
    instance.hand_over(instance.dir.path());
    let unreadable = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
    unreadable(&secret.join("key"));
    unreadable(&secret);
    let guard = guard.to_string();
    instance.ok(&[
        "source", "add", "folder", "world", "./world", "--guard", &guard, "--stop", "--ignore", "secret/",
    ]);
    instance.ok(&["backup", "world"]);
    fs::write(&running, b"").unwrap();
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::remove_dir_all(world.join("region")).unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
    instance.hand_over(&running);
    world
}

/// What somebody does to it who does not know of the restore.
const CHANGES: [(&str, &str); 3] = [
    ("level.dat", "built since"),
    ("virus", "no virus any more"),
    ("region/r.0.0.mca", "made since"),
];

fn change(instance: &Instance, world: &Path, (path, text): (&str, &str)) {
    let path = world.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    instance.hand_over(path.parent().unwrap());
    instance.hand_over(&path);
}

#[test]
fn l11_a_restore_killed_at_any_record_never_goes_on_over_what_was_changed_since() {
    let mut deaths = 0;
    let mut stopped = 0;
    for number in 1.. {
        let mut died = false;
        for (turn, at) in [format!("{number}-"), number.to_string()].into_iter().enumerate() {
            let instance = Instance::of_another_user();
            let world = griefed(&instance);
            if !dies(&instance, "CAIRN_TEST_DIE_AT_RECORD", &at) {
                continue;
            }
            died = true;
            deaths += 1;
            let edit = CHANGES[(deaths + turn) % CHANGES.len()];
            change(&instance, &world, edit);
            let is_there = || fs::read_to_string(world.join(edit.0)).is_ok_and(|text| text == edit.1);
            let run = instance.run(&["--json", "resume"]);
            let told = format!("{at}, {edit:?}: {} {}{}", run.code, run.out, run.err);
            assert!(instance.path("running").exists(), "{told}: the server runs again");
            if run.code == 22 {
                stopped += 1;
                assert!(is_there(), "{told}");
                assert_eq!(instance.ok(&["restore", "latest", "--yes"])["verified"], true);
                instance.ok(&["undo", "--yes"]);
            } else if run.code == 0 {
                // It had not begun: it was planned anew, with a safety backup of what was changed.
                instance.ok(&["undo", "--yes"]);
            } else {
                // It was over: nothing of it was to be touched any more.
                assert_eq!(run.code, 3, "{told}");
            }
            assert!(is_there(), "{told}");
            assert_eq!(staging(&instance), Vec::<String>::new(), "{at}");
            let secret = fs::symlink_metadata(world.join("secret")).unwrap();
            assert_eq!(secret.permissions().mode() & 0o777, 0);
        }
        if !died {
            break;
        }
    }
    assert!(deaths >= 8, "only {deaths}");
    assert!(stopped >= 4, "only {stopped}");
}

/// Everything that can take the place of everything.
fn shuffled(instance: &Instance) -> PathBuf {
    let world = instance.make_world();
    fs::create_dir_all(world.join("was/deep")).unwrap();
    fs::write(world.join("was/deep/file"), "in a folder").unwrap();
    fs::write(world.join("one"), "one file").unwrap();
    fs::hard_link(world.join("one"), world.join("other")).unwrap();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["backup", "world"]);
    fs::remove_dir_all(world.join("was")).unwrap();
    fs::write(world.join("was"), "a file now").unwrap();
    fs::remove_file(world.join("level.dat")).unwrap();
    fs::create_dir_all(world.join("level.dat/in/it")).unwrap();
    fs::write(world.join("level.dat/in/it/file"), "x").unwrap();
    for name in ["one", "other"] {
        fs::remove_file(world.join(name)).unwrap();
        fs::write(world.join(name), name).unwrap();
    }
    fs::write(world.join("virus"), b"x").unwrap();
    world
}

#[test]
fn a_restore_killed_at_any_move_is_resumed_when_nothing_was_changed_since() {
    let mut deaths = 0;
    for number in 0.. {
        let mut died = false;
        for at in [format!("die-{number}"), format!("die-{number}-half")] {
            let instance = Instance::new();
            let world = shuffled(&instance);
            let before = look(&world);
            if !dies(&instance, "CAIRN_TEST_AT_SWAP", &at) {
                continue;
            }
            died = true;
            deaths += 1;
            assert_eq!(instance.ok(&["resume"])["verified"], true, "{at}");
            let plan = instance.ok(&["restore", "latest", "--deep", "--plan"]);
            assert_eq!(plan["plan"]["items"], json!([]), "{at}");
            instance.ok(&["undo", "--yes"]);
            assert_eq!(look(&world), before, "{at}");
        }
        if !died {
            break;
        }
    }
    assert!(deaths >= 12, "only {deaths}");
}

#[test]
fn a_restore_killed_at_any_move_never_goes_on_over_what_was_changed_since() {
    let mut stopped = 0;
    for number in 0.. {
        let instance = Instance::new();
        let world = shuffled(&instance);
        if !dies(&instance, "CAIRN_TEST_AT_SWAP", &format!("die-{number}")) {
            break;
        }
        let file = ["one", "virus", "other", "was"][number % 4];
        if world.join(file).is_dir() {
            fs::remove_dir_all(world.join(file)).unwrap();
        }
        fs::write(world.join(file), "built since").unwrap();
        let changed = look(&world);
        instance.fails(22, &["resume"]);
        assert_eq!(look(&world), changed, "{number}, {file}");
        stopped += 1;
        assert_eq!(instance.ok(&["restore", "latest", "--yes"])["verified"], true);
        instance.ok(&["undo", "--yes"]);
        assert_eq!(look(&world), changed, "{number}, {file}: undone");
        assert_eq!(staging(&instance), Vec::<String>::new());
    }
    assert!(stopped >= 8, "only {stopped}");
}
