//! What the guard does with a server that runs: refuse, or stop it and start it again, once, whoever does it.

use model::{Cancel, Kind, Lapse, Result};
use serde_json::json;
use sources::guard::Guard;
use sources::{Context, Hold};
use testkit::loopback::FakePanel;
use testkit::memory::{Breach, MemoryJournal, Moment};

use crate::fake_programs::FakePrograms;
use crate::guard_probes::guard;
use crate::hooks_outside::{TOKEN, secret};

fn cx() -> Context {
    Context {
        job: "job-7".to_owned(),
        ..Context::default()
    }
}

fn cancelled() -> Context {
    let cx = cx();
    cx.cancel.cancel();
    cx
}

fn unit(fake: &FakePrograms, when_running: &str) -> Guard {
    let probe = json!({ "by": "unit", "unit": "game" });
    guard(fake, json!({ "probe": probe, "when_running": when_running })).unwrap()
}

fn panel(fake: &FakePrograms, panel: &FakePanel, timeout: Lapse) -> Guard {
    let secret = secret(fake);
    let probe = json!({ "by": "panel", "url": panel.url(), "server": FakePanel::SERVER, "secret": secret });
    guard(
        fake,
        json!({ "probe": probe, "when_running": "stop", "timeout": timeout }),
    )
    .unwrap()
}

#[test]
fn p2_a_running_server_is_refused_with_what_to_do() {
    for state in ["active", "activating", "deactivating"] {
        let (fake, mut journal) = (FakePrograms::with_unit(state), MemoryJournal::new());
        let problem = unit(&fake, "refuse").hold(&mut journal, &cx()).unwrap_err();
        assert_eq!(
            (problem.kind(), problem.kind().http_status()),
            (Kind::Conflict, 409)
        );
        assert!(problem.message().starts_with("the unit game is "), "{problem}");
        let hint = problem.hint_text().unwrap();
        assert!(
            hint.contains("systemctl stop game") || hint.starts_with("wait until"),
            "{hint}"
        );
        assert!(fake.changes().is_empty() && Hold::of(&journal).is_none());
    }
}

#[test]
fn a_stopped_server_is_let_be_and_not_started() -> Result<()> {
    for when_running in ["refuse", "stop"] {
        let (fake, mut journal) = (FakePrograms::with_unit("inactive"), MemoryJournal::new());
        unit(&fake, when_running).hold(&mut journal, &cx())?;
        unit(&fake, when_running).release(&mut journal, &cx())?;
        assert!(fake.changes().is_empty());
    }
    Ok(())
}

#[test]
fn p2_a_running_server_is_stopped_and_started_again_when_so_configured() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    assert_eq!(fake.get("state"), "inactive");
    unit(&fake, "stop").release(&mut journal, &cx())?;
    unit(&fake, "stop").release(&mut journal, &cx())?;
    assert_eq!(fake.get("state"), "active");
    assert_eq!(
        fake.changes(),
        ["systemctl stop -- game", "systemctl start -- game"]
    );
    Ok(())
}

#[test]
fn a_restore_that_goes_on_still_knows_that_it_stopped_the_server() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    // The process dies; the next one finds a stopped server.
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    unit(&fake, "stop").release(&mut journal, &cx())?;
    assert_eq!(fake.get("state"), "active");
    Ok(())
}

#[test]
fn nothing_is_stopped_before_it_is_remembered() {
    for moment in [Moment::Before, Moment::After] {
        let fake = FakePrograms::with_unit("active");
        let mut journal = MemoryJournal::breaking(0, moment, Breach::Fails);
        assert!(unit(&fake, "stop").hold(&mut journal, &cx()).is_err());
        assert!(fake.changes().is_empty());
        journal.mend();
        unit(&fake, "stop").release(&mut journal, &cx()).unwrap();
        assert!(fake.changes().is_empty(), "it runs still");
    }
}

#[test]
fn a_cancelled_job_starts_the_server_again() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    unit(&fake, "stop").release(&mut journal, &cancelled())?;
    assert_eq!(fake.get("state"), "active");
    Ok(())
}

#[test]
fn somebody_who_started_the_server_meanwhile_is_not_disturbed() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    fake.set("state", "active");
    unit(&fake, "stop").release(&mut journal, &cx())?;
    assert_eq!(fake.changes(), ["systemctl stop -- game"]);
    assert!(Hold::of(&journal).is_none());
    Ok(())
}

#[test]
fn a_server_that_cannot_be_asked_is_neither_restored_nor_forgotten() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    let silent = FakePrograms::new();
    for when_running in ["refuse", "stop"] {
        let problem = unit(&silent, when_running)
            .hold(&mut MemoryJournal::new(), &cx())
            .unwrap_err();
        assert_eq!(problem.kind(), Kind::Unavailable);
    }
    assert!(unit(&silent, "stop").release(&mut journal, &cx()).is_err());
    assert!(
        Hold::of(&journal).is_some(),
        "it is started when it can be asked again"
    );
    unit(&fake, "stop").release(&mut journal, &cx())?;
    assert_eq!(fake.get("state"), "active");
    Ok(())
}

#[test]
fn a_panels_server_is_waited_for_both_ways() -> Result<()> {
    let fake = FakePrograms::new();
    let (server, mut journal) = (FakePanel::start(TOKEN, "running", 1), MemoryJournal::new());
    panel(&fake, &server, Lapse::minutes(1)).hold(&mut journal, &cx())?;
    assert_eq!(server.state(), "offline");
    panel(&fake, &server, Lapse::minutes(1)).release(&mut journal, &cx())?;
    assert_eq!(
        (server.state(), server.signals()),
        ("running", vec!["stop".to_owned(), "start".to_owned()])
    );
    Ok(())
}

#[test]
fn a_server_that_somebody_else_is_stopping_is_waited_for_and_stays_stopped() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::new(), MemoryJournal::new());
    fake.set("left", "xx");
    // Two more looks, and it has stopped.
    fake.put(
        "systemctl",
        "left=$(cat \"$dir/left\"); echo \"${left#x}\" > \"$dir/left\"; echo LoadState=loaded\ntest -n \"$left\" && echo ActiveState=deactivating || echo ActiveState=inactive",
    );
    unit(&fake, "stop").hold(&mut journal, &cx())?;
    unit(&fake, "stop").release(&mut journal, &cx())?;
    assert!(fake.changes().is_empty() && Hold::of(&journal).is_none());
    Ok(())
}

#[test]
fn a_server_that_does_not_stop_in_time_is_a_failure_and_is_found_running() {
    let fake = FakePrograms::new();
    let (server, mut journal) = (FakePanel::start(TOKEN, "running", u32::MAX), MemoryJournal::new());
    let guard = panel(&fake, &server, Lapse::millis(300));
    let problem = guard.hold(&mut journal, &cx()).unwrap_err();
    assert_eq!(problem.kind(), Kind::Unavailable);
    assert!(problem.message().contains("took longer than 300ms"), "{problem}");
    // It never stopped after all.
    server.set_state("running");
    guard.release(&mut journal, &cx()).unwrap();
    assert_eq!(server.signals(), ["stop"]);
}

#[test]
fn a_cancel_ends_the_wait_for_a_stop() {
    let (fake, cancel) = (FakePrograms::new(), Cancel::new());
    let gone = fake.put_endless("halt").cancel_when_it_has_begun(cancel.clone());
    fake.put("alive", "exit 0");
    let command = |name: &str| json!({ "do": "command", "command": [name] });
    let settings = json!({
        "probe": { "by": "command", "command": ["alive"] },
        "when_running": "stop", "stop": command("halt"), "start": command("launch"),
    });
    let guard = guard(&fake, settings).unwrap();
    let ended = guard.hold(&mut MemoryJournal::new(), &Context { cancel, ..cx() });
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
    gone.join();
}

#[test]
fn a_server_is_stopped_and_started_as_its_settings_say() -> Result<()> {
    let fake = FakePrograms::new();
    fake.set("lives", "");
    fake.put("alive", "test -e \"$dir/lives\"");
    fake.put(
        "halt",
        "rm \"$dir/lives\"; echo \"$CAIRN_JOB $CAIRN_EVENT\" > \"$dir/told\"",
    );
    fake.put("launch", ": > \"$dir/lives\"");
    let command = |name: &str| json!({ "do": "command", "command": [name] });
    let settings = json!({
        "probe": { "by": "command", "command": ["alive"] },
        "when_running": "stop", "stop": command("halt"), "start": command("launch"),
    });
    let (guard, mut journal) = (guard(&fake, settings)?, MemoryJournal::new());
    guard.hold(&mut journal, &cx())?;
    assert_eq!(
        (fake.at("lives").exists(), fake.get("told").as_str()),
        (false, "job-7 stop")
    );
    guard.release(&mut journal, &cx())?;
    assert!(fake.at("lives").exists());
    Ok(())
}
