//! A repository that somebody else has locked.

use std::process::{Child, Stdio};

use crate::instance::{Instance, finished};
use crate::restic::Restic;
use crate::rounds::queue_a_backup;
use crate::served::Served;

fn with_a_world() -> Instance {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance
}

fn spawn(instance: &Instance, arguments: &[&str]) -> Child {
    let mut command = instance.command();
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Until the job says that it waits, and for whom.
fn wait_until_it_waits(instance: &Instance, child: &mut Child) {
    loop {
        let phase = instance.ok(&["jobs"])[0]["phase"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if phase.starts_with("waiting for a lock held by") && phase.contains("exclusively") {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "{phase}");
    }
}

#[test]
fn what_is_queued_waits_for_a_lock_and_says_for_whose() {
    let instance = with_a_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    queue_a_backup(&instance);
    let held = restic.hold(&instance);
    let mut once = spawn(&instance, &["serve", "--once"]);
    wait_until_it_waits(&instance, &mut once);
    held.let_go();
    let run = finished(&once.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{}", run.err);
    let job = instance.ok(&["jobs"])[0].clone();
    assert_eq!(job["state"], "succeeded");
    let log = instance.run(&["logs", job["id"].as_str().unwrap()]).out;
    assert!(log.contains("waiting for a lock held by"), "{log}");
}

#[test]
fn who_asks_a_serving_process_is_told_that_it_waits_for_a_lock() {
    let instance = with_a_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    let served = Served::start(&instance);
    let held = restic.hold(&instance);
    let mut asking = spawn(&instance, &["backup", "world"]);
    wait_until_it_waits(&instance, &mut asking);
    held.let_go();
    let run = finished(&asking.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{}", run.err);
    drop(served);
}

#[test]
fn who_waits_for_a_lock_can_be_stopped() {
    let instance = with_a_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    let held = restic.hold(&instance);
    let mut backup = spawn(&instance, &["backup", "world"]);
    wait_until_it_waits(&instance, &mut backup);
    let pid = backup.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let run = finished(&backup.wait_with_output().unwrap());
    assert_eq!(run.code, 130, "{}", run.err);
    assert!(run.err.contains("waiting for a lock held by"), "{}", run.err);
    assert_eq!(instance.ok(&["jobs"])[0]["state"], "cancelled");
    held.let_go();
}

#[test]
fn patience_with_a_lock_is_a_setting_and_has_an_end() {
    let instance = with_a_world();
    let Some(restic) = Restic::of(&instance) else {
        return;
    };
    let held = restic.hold(&instance);
    for (patience, says) in [("0s", "exclusively"), ("50ms", "it was waited for")] {
        let mut command = instance.command();
        command.env("CAIRN_LOCK_WAIT", patience);
        let run = finished(&command.args(["--json", "backup", "world"]).output().unwrap());
        assert_eq!(run.code, 11, "{}", run.err);
        assert!(
            run.problem()["message"].as_str().unwrap().contains(says),
            "{}",
            run.err
        );
    }
    held.let_go();
    instance.ok(&["backup", "world"]);
}
