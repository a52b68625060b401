//! A disk that is really full: a small one, mounted for the test.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::instance::{Instance, look};

/// A small disk; unmounted with this value.
struct Small(PathBuf);

impl Small {
    /// `None`, visibly, where nobody may mount.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"])
            .arg(at)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Small(at.to_path_buf()));
        }
        println!("SKIPPED: mounting a small tmpfs needs root's rights, so no really full disk was tried");
        None
    }

    /// To the last byte.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.0.join("filler"))
            .unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Bytes that nothing makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = length as u64;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(byte).collect()
}

#[test]
fn a_full_disk_still_lets_delete_and_prune_run() {
    for is_apart in [false, true] {
        let instance = Instance::new();
        let Some(disk) = Small::mount(&instance.path("small")) else {
            return;
        };
        let world = instance.make_world();
        let data = if is_apart { "data" } else { "small/data" };
        let ok = |words: &[&str]| instance.ok(&[&["--data", data], words].concat());
        let fails = |words: &[&str]| instance.fails(1, &[&["--data", data], words].concat());
        if is_apart {
            ok(&["init", "--repository", "small/repository"]);
        }
        let kept = ok(&["backup", "world"])["backup"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        fs::write(world.join("large"), noise(4 << 20)).unwrap();
        let large = ok(&["backup", "world"])["backup"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        fs::write(world.join("another"), noise(5 << 20)).unwrap();
        disk.fill();
        // Again and again: what is kept back to delete with must not go for backups.
        for _ in 0..3 {
            let problem = fails(&["backup", "world"]);
            assert_eq!(problem["kind"], "no-space", "{problem}");
            disk.fill();
        }
        ok(&["list"]);
        ok(&["delete", &large, "--yes"]);
        let freed = ok(&["repository", "prune", "--no-grace"]);
        assert!(freed["bytes_freed"].as_u64().unwrap() > 4 << 20, "{freed}");
        fs::remove_file(world.join("large")).unwrap();
        fs::remove_file(world.join("another")).unwrap();
        ok(&["verify", &kept]);
        ok(&["repository", "check"]);
        fs::remove_file(disk.0.join("filler")).unwrap();
        let before = look(&world);
        fs::write(world.join("level.dat"), b"changed").unwrap();
        ok(&["restore", &kept, "--yes"]);
        assert_eq!(look(&world), before);
    }
}
