//! Restores that were broken off, and what people do before they go on: nothing new is overwritten, and there is always a way out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::instance::{Instance, Run, finished, look};
use crate::served::Served;

fn name(number: usize) -> String {
    format!("file{number:03}")
}

fn write_all(world: &Path, count: usize, what: &str) {
    for number in 0..count {
        fs::write(world.join(name(number)), format!("{what} {number}")).unwrap();
    }
}

/// So many files, backed up and then spoiled.
fn spoiled(instance: &Instance, count: usize) -> PathBuf {
    let world = instance.path("world");
    fs::create_dir(&world).unwrap();
    write_all(&world, count, "good");
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["backup", "world"]);
    write_all(&world, count, "spoiled");
    world
}

/// Kills a restore at this place of its swap; its job.
pub(crate) fn killed_at(instance: &Instance, place: &str) -> String {
    let output = instance
        .command()
        .args(["restore", "latest", "--yes"])
        .env("CAIRN_TEST_AT_SWAP", place)
        .output()
        .unwrap();
    assert!(output.status.signal().is_some(), "{}", finished(&output).err);
    newest(instance)["id"].as_str().unwrap().to_owned()
}

fn newest(instance: &Instance) -> Value {
    instance.ok(&["jobs"])[0].clone()
}

pub(crate) fn staging(instance: &Instance) -> Vec<String> {
    let entries = fs::read_dir(instance.dir.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".cairn-restore")).collect()
}

/// Asks for a restore, and is killed as soon as it is in the queue.
fn ask_and_die(instance: &Instance) -> String {
    let output = instance
        .command()
        .args(["restore", "latest", "--yes"])
        .env("CAIRN_TEST_DIE_AT_RECORD", "queued")
        .output()
        .unwrap();
    assert!(output.status.signal().is_some(), "{}", finished(&output).err);
    newest(instance)["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_killed_restore_that_a_later_one_superseded_is_not_resumed_and_overwrites_nothing_new() {
    let instance = Instance::new();
    let world = spoiled(&instance, 600);
    let job = killed_at(&instance, "die-300");
    instance.ok(&["restore", "latest", "--yes"]);
    assert_eq!(staging(&instance), Vec::<String>::new(), "nothing is left of it");
    write_all(&world, 600, "new");
    let new = look(&world);
    let later = newest(&instance)["id"].as_str().unwrap().to_owned();
    for arguments in [&["resume"][..], &["resume", &job]] {
        let problem = instance.fails(22, arguments);
        assert!(problem["message"].as_str().unwrap().contains(&later), "{problem}");
        assert!(
            problem["hint"].as_str().unwrap().contains("cairn restore"),
            "{problem}"
        );
    }
    instance.run(&["serve", "--once"]);
    assert_eq!(look(&world), new);
    let status = instance.ok(&["status", &job]);
    assert_eq!(status["resumable"], false);
}

#[test]
fn a_restore_that_is_still_queued_when_a_later_one_begins_never_begins() {
    let instance = Instance::new();
    let world = spoiled(&instance, 3);
    let job = ask_and_die(&instance);
    instance.ok(&["restore", "latest", "--yes"]);
    write_all(&world, 3, "new");
    let new = look(&world);
    instance.run(&["serve", "--once"]);
    let status = instance.ok(&["status", &job]);
    assert_eq!(
        (&status["state"], &status["error"]["kind"]),
        (&"failed".into(), &"drifted".into())
    );
    instance.fails(22, &["resume", &job]);
    assert_eq!(look(&world), new);
}

/// A serving process that is told to leave in the middle of a restore, which goes back to the queue; its job.
fn left_midway(instance: &Instance) -> String {
    let mut served = Served::that_is_disturbed(instance, "leave-5");
    let job = ask_and_die(instance);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let status = instance.ok(&["status", &job]);
    assert_eq!(status["state"], "queued", "{status}");
    job
}

#[test]
fn a_restore_whose_serving_process_left_goes_on_by_itself_when_nothing_was_changed() {
    let instance = Instance::new();
    let world = spoiled(&instance, 10);
    let job = left_midway(&instance);
    instance.ok(&["serve", "--once"]);
    assert_eq!(instance.ok(&["status", &job])["state"], "succeeded");
    for number in 0..10 {
        let text = fs::read_to_string(world.join(name(number))).unwrap();
        assert_eq!(text, format!("good {number}"));
    }
}

#[test]
fn a_restore_whose_serving_process_left_does_not_go_on_over_what_was_changed_since() {
    for superseded in [false, true] {
        let instance = Instance::new();
        let world = spoiled(&instance, 10);
        let job = left_midway(&instance);
        if superseded {
            instance.ok(&["restore", "latest", "--yes"]);
        }
        write_all(&world, 10, "new");
        let new = look(&world);
        instance.run(&["serve", "--once"]);
        assert_eq!(look(&world), new);
        let status = instance.ok(&["status", &job]);
        assert_eq!(status["error"]["kind"], "drifted", "{status}");
        assert_eq!(status["resumable"], !superseded);
    }
}

#[test]
fn what_was_edited_since_a_restore_was_killed_stops_its_resume_and_is_brought_back_by_undo() {
    for place in ["die-5", "die-5-half"] {
        let instance = Instance::new();
        let world = spoiled(&instance, 10);
        let before = look(&world);
        let job = killed_at(&instance, place);
        for number in [0, 1, 2, 7, 8, 9] {
            fs::write(world.join(name(number)), "edited").unwrap();
        }
        let edited = look(&world);
        for _ in 0..2 {
            let problem = instance.fails(22, &["resume"]);
            let message = problem["message"].as_str().unwrap();
            assert!(message.contains("world/file000"), "{message}");
            assert_eq!(look(&world), edited, "{place}");
        }
        assert_eq!(instance.ok(&["restore", "latest", "--yes"])["verified"], true);
        instance.ok(&["undo", "--yes"]);
        assert_eq!(look(&world), edited, "{place}");
        instance.ok(&["undo", &job, "--yes"]);
        assert_eq!(look(&world), before, "{place}: also that is still there");
        assert_eq!(staging(&instance), Vec::<String>::new());
    }
}

#[test]
fn what_is_new_since_a_restore_was_killed_stays_and_is_told() {
    let instance = Instance::new();
    let world = spoiled(&instance, 10);
    killed_at(&instance, "die-5");
    fs::write(world.join("mine"), "not in any plan").unwrap();
    let run = instance.run(&["--json", "resume"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(
        run.json()["warnings"]
            .to_string()
            .contains("mine: not as in the backup")
    );
    assert_eq!(fs::read_to_string(world.join("mine")).unwrap(), "not in any plan");
    assert_eq!(fs::read_to_string(world.join(name(9))).unwrap(), "good 9");
}

#[test]
fn cancelling_a_restore_that_was_broken_off_ends_it_for_good_and_leaves_a_way_back() {
    let instance = Instance::new();
    let world = spoiled(&instance, 10);
    let before = look(&world);
    let job = killed_at(&instance, "die-5");
    let mixed = look(&world);
    let cancelled = instance.ok(&["cancel", &job]);
    assert_eq!(cancelled["state"], "cancelled");
    assert!(cancelled["message"].as_str().unwrap().contains("world"));
    assert!(cancelled["hint"].as_str().unwrap().contains("cairn undo"));
    assert_eq!(staging(&instance), Vec::<String>::new());
    instance.fails(1, &["resume", &job]);
    instance.fails(1, &["resume"]);
    instance.fails(1, &["cancel", &job]);
    instance.run(&["serve", "--once"]);
    assert_eq!(look(&world), mixed);
    instance.ok(&["undo", "--yes"]);
    assert_eq!(look(&world), before);
}

#[test]
fn what_a_cancelled_restore_moved_away_stays_when_it_is_in_no_backup() {
    let instance = Instance::new();
    spoiled(&instance, 10);
    let job = killed_at(&instance, "die-5");
    for snapshot in fs::read_dir(instance.data().join("repository/snapshots")).unwrap() {
        fs::remove_file(snapshot.unwrap().path()).unwrap();
    }
    let cancelled = instance.ok(&["cancel", &job]);
    let left = cancelled["left_behind"].to_string();
    assert!(left.contains(".cairn-restore-"), "{cancelled}");
    assert_eq!(staging(&instance).len(), 1);
}

#[test]
fn undo_means_the_last_restore_that_changed_something_also_one_that_was_broken_off() {
    let instance = Instance::new();
    let world = spoiled(&instance, 10);
    instance.ok(&["restore", "latest", "--yes"]);
    write_all(&world, 10, "third");
    let third = look(&world);
    let broken = killed_at(&instance, "die-5-half");
    // This one gets no further than its safety backup, and changes nothing.
    let mut nothing = instance.command();
    nothing
        .args(["restore", "latest", "--yes"])
        .env("CAIRN_TEST_DIE_AT_RECORD", "1");
    assert!(nothing.output().unwrap().status.signal().is_some());
    instance.ok(&["undo", "--yes"]);
    assert_eq!(look(&world), third, "and not what was there before the first");
    let problem = instance.fails(22, &["resume", &broken]);
    assert!(problem["message"].as_str().unwrap().contains("superseded"));
    // A restore that has nothing to do is passed over as well.
    instance.ok(&["restore", "latest", "--yes"]);
    instance.ok(&["restore", "latest", "--yes"]);
    instance.ok(&["undo", "--yes"]);
    assert_eq!(look(&world), third);
}

#[test]
fn a_restore_without_a_safety_backup_is_not_undone_and_neither_is_the_one_before() {
    let instance = Instance::of_another_user();
    let world = spoiled(&instance, 3);
    instance.hand_over(&world);
    instance.ok(&["restore", "latest", "--yes"]);
    write_all(&world, 3, "again");
    instance.hand_over(&world);
    // No snapshot can be written any more, and so no safety backup be made.
    let snapshots = instance.data().join("repository/snapshots");
    fs::set_permissions(&snapshots, fs::Permissions::from_mode(0o500)).unwrap();
    instance.ok(&["restore", "latest", "--yes", "--without-safety", "I know"]);
    let restored = look(&world);
    let problem = instance.fails(20, &["undo", "--yes"]);
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("without a safety backup"), "{message}");
    assert_eq!(look(&world), restored);
}

fn all_at_once(instance: &Instance, arguments: &[&str]) -> Vec<Run> {
    let start = |_| {
        let mut command = instance.command();
        command.args(["--json"]).args(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<Child> = (0..20).map(start).collect();
    let ended = |child: Child| finished(&child.wait_with_output().unwrap());
    children.into_iter().map(ended).collect()
}

#[test]
fn of_twenty_who_resume_or_undo_at_once_one_goes_and_the_others_are_told() {
    let instance = Instance::new();
    let world = spoiled(&instance, 10);
    let before = look(&world);
    let job = killed_at(&instance, "die-5");
    let runs = all_at_once(&instance, &["resume", &job]);
    assert!(runs.iter().any(|run| run.code == 0));
    for run in &runs {
        assert!(matches!(run.code, 0 | 1), "{}{}", run.out, run.err);
    }
    let log = instance.run(&["logs", &job]).out;
    assert_eq!(log.matches("restore begins").count(), 2, "{log}");
    assert_eq!(fs::read_to_string(world.join(name(9))).unwrap(), "good 9");
    let runs = all_at_once(&instance, &["undo", &job, "--yes"]);
    let changed = |run: &&Run| run.code == 0 && run.json()["counts"]["update"] == 10;
    assert_eq!(runs.iter().filter(changed).count(), 1);
    for run in &runs {
        assert!(matches!(run.code, 0 | 22), "{}{}", run.out, run.err);
    }
    assert_eq!(look(&world), before);
}
