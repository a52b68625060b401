//! Restores in place where nothing can be prepared beside the target: mount points, and folders in which nothing may be made.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::instance::{Instance, look};

/// A file system of its own in memory, until it goes out of scope.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn at(place: &'a Path) -> Option<Self> {
        fs::create_dir_all(place).unwrap();
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "none"]).arg(place).output();
        let mounted = done.is_ok_and(|output| output.status.success());
        if !mounted {
            println!("SKIPPED: mounting a tmpfs needs root's rights, so no mount point was tried");
        }
        mounted.then_some(Mounted(place))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

fn nothing_is_left(dir: &Path) {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let staging: Vec<_> = names
        .filter(|name| name.to_string_lossy().starts_with(".cairn-restore"))
        .collect();
    assert!(staging.is_empty(), "{}: {staging:?}", dir.display());
}

fn spoil(world: &Path) {
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    fs::remove_dir_all(world.join("region")).unwrap();
    fs::write(world.join("virus"), b"x").unwrap();
}

#[test]
fn a_mount_point_is_restored_in_place() {
    let instance = Instance::new();
    let place = instance.path("world");
    let Some(_mounted) = Mounted::at(&place) else {
        return;
    };
    let world = instance.make_world();
    let before = look(instance.dir.path().join("world").as_path());
    instance.ok(&["backup", "./world"]);
    spoil(&world);
    let spoiled = look(&world);
    let done = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(done["verified"], true, "{done}");
    assert_eq!(look(&world), before);
    nothing_is_left(&world);
    nothing_is_left(instance.dir.path());
    assert_eq!(
        instance.ok(&["restore", "latest", "--plan"])["plan"]["items"],
        serde_json::json!([])
    );
    instance.ok(&["undo", "--yes"]);
    assert_eq!(look(&world), spoiled);
}

#[test]
fn a_folder_is_restored_in_place_where_nothing_may_be_made_beside_it() {
    let instance = Instance::of_another_user();
    let made = instance.make_world();
    let closed = instance.path("closed");
    fs::create_dir(&closed).unwrap();
    let world = closed.join("world");
    fs::rename(made, &world).unwrap();
    instance.hand_over(&world);
    // Of whoever runs the tests; on their own machine they take the right to write there from themselves.
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    instance.ok(&["backup", "./closed/world"]);
    let before = look(&world);
    spoil(&world);
    instance.hand_over(&world);
    let done = instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(done["verified"], true, "{done}");
    assert_eq!(look(&world), before);
    nothing_is_left(&world);
    instance.ok(&["undo", "--yes"]);
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"griefed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_is_mounted_in_the_target_is_found_out_before_anything_is_touched() {
    let instance = Instance::new();
    let world = instance.make_world();
    let inner = world.join("mounted");
    let Some(_mounted) = Mounted::at(&inner) else {
        return;
    };
    fs::write(inner.join("x"), "then").unwrap();
    instance.ok(&["backup", "./world"]);
    fs::write(world.join("level.dat"), "changed").unwrap();
    fs::write(inner.join("x"), "now, and longer").unwrap();
    let problem = instance.fails(20, &["restore", "latest", "--yes"]);
    assert!(
        problem["message"].as_str().unwrap().contains("mounted"),
        "{problem}"
    );
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"changed");
    assert_eq!(fs::read(inner.join("x")).unwrap(), b"now, and longer");
    nothing_is_left(&world);
    nothing_is_left(instance.dir.path());
    let chosen = instance.ok(&["restore", "latest", "--yes", "--path", "world/level.dat"]);
    assert_eq!(chosen["verified"], true, "{chosen}");
    assert_eq!(fs::read(world.join("level.dat")).unwrap(), b"level one");
}

#[test]
fn what_a_restore_prepares_is_part_of_no_backup_and_no_plan() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "./world"]);
    let staging = world.join(".cairn-restore-0198-of-another-job/old");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("7"), "moved away").unwrap();
    let plan = instance.ok(&["restore", "latest", "--plan"]);
    assert_eq!(plan["plan"]["counts"]["delete"], 0, "{plan}");
    let again = instance.ok(&["backup", "./world"]);
    assert_eq!(again["backup"]["files"], 3, "{again}");
    assert!(staging.join("7").exists());
}
