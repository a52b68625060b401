//! The recovery kit: every line of it is run, on a machine that has nothing else.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::instance::{Instance, Run, finished, look};

/// A machine with the programs, the repository, and nothing else.
struct NewMachine {
    home: PathBuf,
    password: String,
}

impl NewMachine {
    fn new(instance: &Instance, kit: &Value) -> Self {
        let home = instance.path("new machine");
        fs::create_dir(&home).unwrap();
        NewMachine {
            home,
            password: kit["password"].as_str().unwrap().to_owned(),
        }
    }

    /// A line of the kit, as a person runs it who types the password when asked.
    fn run(&self, line: &str, typed: &str) -> Run {
        let programs = Path::new(env!("CARGO_BIN_EXE_cairn")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("sh")
            .args(["-c", line])
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("RESTIC_PASSWORD", &self.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who does not read it does not ask for it.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let run = finished(&child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{line}: {}{}", run.out, run.err);
        run
    }
}

fn lines(kit: &Value, tool: &str) -> Vec<String> {
    let list = kit[tool].as_array().unwrap();
    list.iter()
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

const STRANGE: &str = "Anna's `world` #2 $HOME";

/// Two sources, one of them restored since: the newest snapshot is a safety backup of what was griefed.
fn griefed() -> Instance {
    let instance = Instance::new();
    let world = instance.make_world();
    fs::create_dir(instance.path("second")).unwrap();
    fs::write(instance.path("second/file"), b"second").unwrap();
    instance.ok(&["init", "--repository", "./the disk/repository"]);
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["source", "add", "folder", STRANGE, "./second"]);
    instance.ok(&["backup", STRANGE]);
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"level two").unwrap();
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    instance.ok(&["restore", "world", "--yes"]);
    let newest = instance.ok(&["list"])[0].clone();
    assert_eq!(newest["reason"], "safety");
    instance
}

#[test]
fn every_line_of_the_kit_works_on_a_machine_that_has_nothing_else() {
    let instance = griefed();
    let kit = instance.ok(&["kit"]);
    let (world, second) = (look(&instance.path("world")), look(&instance.path("second")));
    let machine = NewMachine::new(&instance, &kit);
    // The old machine is gone.
    for gone in ["data", "world", "second"] {
        fs::remove_dir_all(instance.path(gone)).unwrap();
    }
    for line in lines(&kit, "cairn") {
        let typed = if line.contains("recover") {
            &machine.password
        } else {
            ""
        };
        machine.run(&line, typed);
    }
    let restored = machine.home.join("restored");
    assert_eq!(look(&restored.join("world/world")), world);
    assert_eq!(look(&restored.join("Anna-s--world---2--HOME/second")), second);
    let listed = machine.run("cairn list --json", "").json();
    let listed = listed.as_array().unwrap();
    let real = listed.iter().filter(|backup| backup["reason"] == "manual");
    assert_eq!(real.count(), 3, "{listed:?}");
    assert_eq!(
        machine.run("cairn kit --json", "").json()["repository"],
        kit["repository"]
    );
    if Command::new("restic").arg("version").output().is_err() {
        assert!(
            std::env::var_os("CAIRN_TEST_STRICT").is_none(),
            "restic is missing: apt-get install restic"
        );
        println!("SKIPPED: restic is missing, so its lines of the kit were not run (apt-get install restic)");
        return;
    }
    for line in lines(&kit, "restic") {
        machine.run(&line, "");
    }
    let restored = machine.home.join("restored-by-restic");
    assert_eq!(look(&restored.join("world/world")), world);
    assert_eq!(look(&restored.join("Anna-s--world---2--HOME/second")), second);
}

#[test]
fn the_kit_names_no_safety_backup_and_says_how_to_tell_one() {
    let instance = griefed();
    let kit = instance.ok(&["kit"]);
    let safety = instance.ok(&["list"])[0].clone();
    let all = kit.to_string();
    for field in ["id", "snapshot"] {
        assert!(!all.contains(safety[field].as_str().unwrap()), "{all}");
    }
    assert!(!all.contains("latest"), "{all}");
    assert!(instance.run(&["kit"]).out.contains("reason:safety"));
}
