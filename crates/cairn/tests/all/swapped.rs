//! Somebody exchanges names in a target at the worst moment of a restore: after the look, before the move.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::broken_off::staging;
use crate::instance::Instance;

/// A restore of `world/inner/a`, in the middle of which these two names are exchanged.
fn restored_while_exchanged(instance: &Instance, prepare: &dyn Fn(&Path), one: &str, other: &str) {
    let world = instance.path("world");
    fs::create_dir_all(world.join("inner")).unwrap();
    fs::write(world.join("inner/a"), "good").unwrap();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["backup", "world"]);
    fs::write(world.join("inner/a"), "spoiled").unwrap();
    prepare(instance.dir.path());
    let places = [one, other].map(|name| instance.path(name).display().to_string());
    instance
        .command()
        .args(["restore", "latest", "--yes"])
        .env(
            "CAIRN_TEST_AT_SWAP",
            format!("exchange-0-seen:{}", places.join(":")),
        )
        .output()
        .unwrap();
}

fn read(instance: &Instance, path: &str) -> String {
    fs::read_to_string(instance.path(path)).unwrap()
}

#[test]
fn a_file_that_takes_the_place_of_the_one_that_was_looked_at_is_not_moved_away() {
    let instance = Instance::new();
    let prepare = |dir: &Path| fs::write(dir.join("theirs"), "somebody else's work").unwrap();
    restored_while_exchanged(&instance, &prepare, "world/inner/a", "theirs");
    assert_eq!(read(&instance, "world/inner/a"), "somebody else's work");
    assert_eq!(read(&instance, "theirs"), "spoiled");
    assert_eq!(staging(&instance), Vec::<String>::new());
}

#[test]
fn a_link_that_takes_the_place_of_a_folder_before_the_move_leads_nowhere() {
    let instance = Instance::new();
    let prepare = |dir: &Path| {
        fs::create_dir(dir.join("outside")).unwrap();
        fs::write(dir.join("outside/a"), "root's").unwrap();
        symlink("../outside", dir.join("link")).unwrap();
    };
    restored_while_exchanged(&instance, &prepare, "world/inner", "link");
    assert_eq!(read(&instance, "outside/a"), "root's");
    // The folder that was looked at is restored where it lies now.
    assert_eq!(read(&instance, "link/a"), "good");
}
