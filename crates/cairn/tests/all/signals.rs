//! Ctrl-C and SIGTERM, at moments that are known.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, FileType, Mode};
use serde_json::json;

use crate::instance::{Instance, finished, look};

fn pipe(instance: &Instance, name: &str) -> PathBuf {
    let path = instance.path(name);
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    path
}

fn spawn(instance: &Instance, arguments: &[&str]) -> Child {
    let mut command = instance.command();
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn tell(child: &Child, signal: &str) {
    let told = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(told.unwrap().success());
}

/// It left because it was told to, and nothing runs on.
fn assert_left(instance: &Instance, child: Child, at: &str) {
    let run = finished(&child.wait_with_output().unwrap());
    assert_eq!(run.code, 130, "{at}: {}{}", run.out, run.err);
    let jobs = instance.ok(&["jobs"]);
    let open = |job: &&serde_json::Value| ["running", "queued"].contains(&job["state"].as_str().unwrap());
    assert!(
        !jobs.as_array().unwrap().iter().any(|job| open(&job)),
        "{at}: {jobs}"
    );
}

/// A source whose backups and restores stop in a hook: it writes into one pipe and waits at another.
fn held_in_hooks(instance: &Instance) -> PathBuf {
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["backup", "world"]);
    let (here, gate) = (pipe(instance, "here"), pipe(instance, "gate"));
    let script = format!("echo here > {}; read x < {}", here.display(), gate.display());
    let hook = json!([{"do": "command", "command": ["sh", "-c", script]}]);
    let hooks = json!({"before_backup": hook, "before_restore": hook});
    instance.ok(&["policy", "set", "world", &format!("hooks={hooks}")]);
    here
}

fn wait_for(here: &PathBuf) {
    let mut told = String::new();
    File::open(here).unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "here\n");
}

#[test]
fn a_signal_ends_a_backup_each_time() {
    let instance = Instance::new();
    let here = held_in_hooks(&instance);
    for number in 0..20 {
        let signal = if number % 4 == 3 { "-TERM" } else { "-INT" };
        let child = spawn(&instance, &["backup", "world"]);
        wait_for(&here);
        tell(&child, signal);
        assert_left(&instance, child, &format!("{number} {signal}"));
    }
    assert_eq!(instance.ok(&["list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_signal_ends_a_backup_while_it_reads() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init"]);
    let huge = File::create(world.join("huge")).unwrap();
    huge.set_len(1 << 42).unwrap();
    for signal in ["-INT", "-TERM", "-INT"] {
        let mut child = spawn(&instance, &["backup", "world"]);
        while instance.ok(&["jobs"])[0]["bytes"]
            .as_u64()
            .is_none_or(|bytes| bytes < 1_000_000)
        {
            assert!(child.try_wait().unwrap().is_none());
        }
        tell(&child, signal);
        assert_left(&instance, child, signal);
    }
    assert_eq!(instance.ok(&["list"]), json!([]));
}

#[test]
fn a_signal_ends_a_restore_before_anything_is_touched() {
    let instance = Instance::new();
    let here = held_in_hooks(&instance);
    let world = instance.path("world");
    fs::write(world.join("level.dat"), b"living").unwrap();
    let before = look(&world);
    for signal in ["-INT", "-TERM"] {
        let child = spawn(&instance, &["restore", "latest", "--yes"]);
        wait_for(&here);
        tell(&child, signal);
        assert_left(&instance, child, signal);
        assert_eq!(look(&world), before);
    }
}

#[test]
fn a_signal_ends_what_only_follows() {
    let instance = Instance::new();
    let here = held_in_hooks(&instance);
    let working = spawn(&instance, &["backup", "world"]);
    wait_for(&here);
    let job = instance.ok(&["jobs"])[0]["id"].as_str().unwrap().to_owned();
    let mut following = spawn(&instance, &["logs", &job, "-f"]);
    let mut first = [0; 1];
    following.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    tell(&following, "-INT");
    assert_eq!(following.wait().unwrap().code(), Some(130));
    tell(&working, "-INT");
    assert_left(&instance, working, "the one that works");
}

#[test]
fn ctrl_c_at_the_typed_prompt_leaves_and_nothing_was_changed() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["backup", "world"]);
    fs::write(world.join("level.dat"), b"living").unwrap();
    let before = look(&world);
    let line = format!("{} restore latest", instance.command().get_program().display());
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]);
    command.envs(
        instance
            .command()
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
        .current_dir(instance.dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        assert!(
            std::env::var_os("CAIRN_TEST_STRICT").is_none(),
            "script is missing"
        );
        println!("SKIPPED: script is missing, so nothing was typed at a prompt (apt-get install bsdutils)");
        return;
    };
    let mut shown = Vec::new();
    let mut out = child.stdout.take().unwrap();
    while !String::from_utf8_lossy(&shown).contains("to go on:") {
        let mut byte = [0; 1];
        out.read_exact(&mut byte).unwrap();
        shown.extend_from_slice(&byte);
    }
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("nothing was changed"), "{rest}");
    assert_eq!(look(&world), before);
    assert_eq!(
        instance.ok(&["jobs"]).as_array().unwrap().len(),
        1,
        "no restore was begun"
    );
}
