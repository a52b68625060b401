//! The program as a user other than root, from whom files can be kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::instance::Instance;

#[test]
fn a_file_that_may_not_be_read_is_left_out_of_the_backup_and_named() {
    let instance = Instance::of_another_user();
    let world = instance.make_world();
    instance.hand_over(&world);
    fs::set_permissions(world.join("level.dat"), fs::Permissions::from_mode(0o0)).unwrap();
    let run = instance.run(&["--json", "backup", "./world"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("level.dat"), "{warnings}");
}
