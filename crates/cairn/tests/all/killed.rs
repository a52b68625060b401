//! Processes that are killed, told to leave, or come at the same time.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use serde_json::json;

use crate::instance::{Instance, finished, look};
use crate::served::Served;

/// Kills a restore at one record of its journal; false when it came to its end before.
fn restore_dies(instance: &Instance, at: &str) -> bool {
    let output = instance
        .command()
        .args(["restore", "latest", "--yes", "--json"])
        .env("CAIRN_TEST_DIE_AT_RECORD", at)
        .output()
        .unwrap();
    let died = output.status.signal().is_some();
    assert!(died || output.status.success(), "{}", finished(&output).err);
    died
}

#[test]
fn l11_a_restore_killed_at_any_record_of_its_journal_is_resumed_and_undone() {
    let mut deaths = 0;
    for number in 1.. {
        let mut died = false;
        for at in [format!("{number}-"), number.to_string()] {
            let instance = Instance::new();
            let world = instance.make_world();
            let running = instance.path("running");
            let guard = json!({
                "probe": {"by": "command", "command": ["test", "-e", running]},
                "stop": {"do": "command", "command": ["rm", running]},
                "start": {"do": "command", "command": ["touch", running]},
            });
            let guard = guard.to_string();
            instance.ok(&[
                "source", "add", "folder", "world", "./world", "--guard", &guard, "--stop",
            ]);
            instance.ok(&["backup", "world"]);
            fs::write(&running, b"").unwrap();
            let backed_up = look(&world);
            fs::write(world.join("level.dat"), b"griefed").unwrap();
            fs::remove_dir_all(world.join("region")).unwrap();
            fs::write(world.join("virus"), b"x").unwrap();
            let griefed = look(&world);
            if !restore_dies(&instance, &at) {
                continue;
            }
            died = true;
            deaths += 1;
            let jobs = instance.ok(&["jobs"]);
            assert_eq!(
                jobs[0]["state"], "interrupted",
                "{at}: at once, not after a minute"
            );
            let resumed = instance.ok(&["resume"]);
            assert_eq!(resumed["verified"], true, "{at}");
            assert_eq!(look(&world), backed_up, "{at}");
            assert!(running.exists(), "{at}: the server is started again");
            instance.ok(&["undo", "--yes"]);
            assert_eq!(look(&world), griefed, "{at}");
        }
        if !died {
            break;
        }
    }
    assert!(deaths >= 8, "only {deaths}");
}

/// A world whose backups leave a line in this file before and after.
fn with_hooks(instance: &Instance) {
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let line = |text: &str| {
        let told = instance.path("told");
        json!([{"do": "command", "command": ["sh", "-c", format!("echo {text} >> {}", told.display())]}])
    };
    let hooks = json!({"before_backup": line("save-off"), "after_backup": line("save-on $CAIRN_STATE")});
    instance.ok(&["policy", "set", "world", &format!("hooks={hooks}")]);
}

/// Kills a command at a place that it knows by this word.
fn dies(instance: &Instance, arguments: &[&str], place: &str) {
    let mut command = instance.command();
    command.args(arguments).env("CAIRN_TEST_DIE_AT_RECORD", place);
    assert!(
        command.output().unwrap().status.signal().is_some(),
        "{arguments:?}"
    );
}

fn told(instance: &Instance) -> String {
    fs::read_to_string(instance.path("told"))
        .unwrap_or_default()
        .replace('\n', ", ")
}

#[test]
fn hooks_after_a_backup_that_was_killed_are_run_once_by_the_next_process() {
    for next in ["status", "backup"] {
        let instance = Instance::new();
        with_hooks(&instance);
        dies(&instance, &["backup", "world"], "hooked");
        assert_eq!(told(&instance), "save-off, ");
        let mut lines = "save-off, save-on interrupted, ".to_owned();
        if next == "backup" {
            // The world is as it should be before it is made still again.
            instance.ok(&["backup", "world"]);
            lines.push_str("save-off, save-on succeeded, ");
        } else {
            instance.ok(&["status"]);
        }
        assert_eq!(told(&instance), lines);
        instance.ok(&["status"]);
        instance.ok(&["serve", "--once"]);
        assert_eq!(told(&instance), lines, "once");
    }
}

#[test]
fn hooks_that_are_owed_outlive_whoever_takes_them_over() {
    let instance = Instance::new();
    with_hooks(&instance);
    dies(&instance, &["backup", "world"], "hooked");
    dies(&instance, &["status"], "taken-over");
    assert_eq!(told(&instance), "save-off, ");
    let mut served = Served::start(&instance);
    instance.ok(&["backup", "world"]);
    let lines = "save-off, save-on interrupted, save-off, save-on succeeded, ";
    assert_eq!(told(&instance), lines);
    served.tell("-TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    instance.ok(&["status"]);
    assert_eq!(told(&instance), lines, "once");
}

#[test]
fn a_serving_process_carries_out_what_is_asked_and_leaves_when_told() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let mut served = Served::start(&instance);
    let backup = instance.ok(&["backup", "world"]);
    assert_eq!(backup["state"], "succeeded");
    let before = look(&world);
    fs::write(world.join("level.dat"), b"griefed").unwrap();
    instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(look(&world), before);
    served.tell("-TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    instance.ok(&["backup", "world"]);
}

/// Until the backup is under way, and reads the file that has no end.
fn wait_for_bytes(instance: &Instance, served: &mut Served) {
    while instance.ok(&["jobs"])[0]["bytes"]
        .as_u64()
        .is_none_or(|bytes| bytes < 1_000_000)
    {
        assert!(served.child.try_wait().unwrap().is_none());
    }
}

#[test]
fn a_backup_that_is_served_goes_back_to_the_queue_when_the_process_leaves() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init"]);
    let huge = fs::File::create(world.join("huge")).unwrap();
    huge.set_len(1 << 42).unwrap();
    let mut served = Served::start(&instance);
    let mut asking = instance
        .command()
        .args(["backup", "world", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_bytes(&instance, &mut served);
    // Whoever goes on must not find it, however soon he does.
    fs::remove_file(world.join("huge")).unwrap();
    served.tell("-TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    // Nobody serves any more: whoever asked takes it on.
    assert!(asking.wait().unwrap().success());
    assert_eq!(instance.ok(&["list"])[0]["state"], "ok");
}

#[test]
fn a_served_job_is_taken_over_when_its_process_is_killed() {
    let instance = Instance::new();
    let world = instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init"]);
    let huge = fs::File::create(world.join("huge")).unwrap();
    huge.set_len(1 << 42).unwrap();
    let mut served = Served::start(&instance);
    let asking = instance
        .command()
        .args(["backup", "world", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_bytes(&instance, &mut served);
    served.tell("-KILL");
    served.child.wait().unwrap();
    let told = finished(&asking.wait_with_output().unwrap());
    assert_eq!(told.problem()["kind"], "interrupted", "{}", told.err);
    fs::remove_file(world.join("huge")).unwrap();
    instance.ok(&["backup", "world"]);
    instance.ok(&["repository", "check"]);
}

#[test]
fn processes_that_back_up_one_source_at_once_take_turns() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init"]);
    let asking: Vec<Child> = (0..4)
        .map(|_| {
            let mut command = instance.command();
            command.args(["backup", "world"]).stdout(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    for mut child in asking {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(instance.ok(&["list"]).as_array().unwrap().len(), 4);
}

#[test]
fn what_is_due_and_queued_is_done_once_for_cron() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    let done = instance.ok(&["serve", "--once"]);
    assert_eq!(done["jobs"], 0);
}

#[test]
fn what_killed_jobs_left_is_removed_by_the_next_command_that_works() {
    for next in [
        &["backup", "world"][..],
        &["export", "latest", "-o", "out.tar.gz"],
        &["serve", "--once"],
    ] {
        let instance = Instance::new();
        with_hooks(&instance);
        instance.ok(&["backup", "world"]);
        dies(&instance, &["backup", "world"], "hooked");
        let job = instance.ok(&["jobs"])[0]["id"].as_str().unwrap().to_owned();
        let scratch = instance.data().join("scratch");
        for left in [job.as_str(), "of-nobody"] {
            fs::create_dir_all(scratch.join(left)).unwrap();
            fs::write(scratch.join(left).join("large"), b"large").unwrap();
        }
        instance.ok(next);
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "{next:?}");
    }
}
