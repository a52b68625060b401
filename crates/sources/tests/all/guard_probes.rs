//! Each probe tells what it must, and an answer that does not come is never a "stopped".

use std::net::TcpListener;
use std::process::Command;

use model::{Cancel, Kind, Problem, Result};
use serde_json::{Value, json};
use sources::guard::{Guard, GuardSettings, State};
use testkit::loopback::{FakePanel, Loopback, deserted};

use crate::fake_programs::FakePrograms;
use crate::hooks_outside::{TOKEN, secret};

pub(crate) fn guard(fake: &FakePrograms, settings: Value) -> Result<Guard> {
    let settings: GuardSettings =
        serde_json::from_value(settings).map_err(|error| Problem::invalid(error.to_string()))?;
    Guard::new(settings, fake.programs())
}

fn state(fake: &FakePrograms, probe: &Value) -> Result<State> {
    guard(fake, json!({ "probe": probe }))?.state(&Cancel::new())
}

/// The problem says what could not be told, and what to do.
fn unanswered(fake: &FakePrograms, probe: &Value) -> Problem {
    let problem = state(fake, probe).unwrap_err();
    assert!(problem.message().starts_with("cannot tell whether"), "{problem}");
    assert!(problem.hint_text().is_some(), "{problem:?}");
    problem
}

#[test]
fn a_unit_is_what_systemd_says() -> Result<()> {
    let fake = FakePrograms::with_unit("");
    let probe = || json!({ "by": "unit", "unit": "game.service" });
    for (said, expected) in [
        ("active", State::Running),
        ("reloading", State::Running),
        ("activating", State::Starting),
        ("deactivating", State::Stopping),
        ("inactive", State::Stopped),
        ("failed", State::Stopped),
    ] {
        fake.set("state", said);
        assert_eq!(state(&fake, &probe())?, expected, "{said}");
    }
    fake.set("state", "unheard of");
    unanswered(&fake, &probe());
    fake.put("systemctl", "echo LoadState=not-found; echo ActiveState=inactive");
    assert!(
        unanswered(&fake, &probe())
            .message()
            .contains("there is no unit game.service")
    );
    fake.put(
        "systemctl",
        "echo 'System has not been booted with systemd' >&2; exit 1",
    );
    assert!(
        unanswered(&fake, &probe())
            .message()
            .contains("has not been booted")
    );
    unanswered(&FakePrograms::new(), &probe());
    Ok(())
}

#[test]
fn a_container_is_what_docker_says() -> Result<()> {
    let fake = FakePrograms::new();
    fake.put("docker", "echo \"state=$(cat \"$dir/state\")\"");
    let probe = || json!({ "by": "container", "container": "game" });
    for (said, expected) in [
        ("running", State::Running),
        ("paused", State::Running),
        ("restarting", State::Starting),
        ("removing", State::Stopping),
        ("created", State::Stopped),
        ("exited", State::Stopped),
        ("dead", State::Stopped),
    ] {
        fake.set("state", said);
        assert_eq!(state(&fake, &probe())?, expected, "{said}");
    }
    fake.put("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    assert!(
        unanswered(&fake, &probe())
            .message()
            .contains("Cannot connect to the Docker daemon")
    );
    unanswered(&FakePrograms::new(), &probe());
    Ok(())
}

#[test]
fn a_pid_file_tells_a_living_process_of_that_name() -> Result<()> {
    let fake = FakePrograms::new();
    let file = fake.at("game.pid");
    let probe = |name: Option<&str>| json!({ "by": "pid", "file": file, "name": name });
    assert_eq!(state(&fake, &probe(None))?, State::Stopped, "no file");
    fake.set("game.pid", &format!("{}\n", std::process::id()));
    assert_eq!(state(&fake, &probe(None))?, State::Running);
    let program = std::env::current_exe().unwrap();
    let name = program.file_name().unwrap().to_str().unwrap();
    assert_eq!(state(&fake, &probe(Some(name)))?, State::Running);
    assert_eq!(
        state(&fake, &probe(Some("java")))?,
        State::Stopped,
        "somebody else has the number"
    );
    fake.set("game.pid", "2147483646");
    assert_eq!(
        state(&fake, &probe(None))?,
        State::Stopped,
        "no process has such a number"
    );
    for text in ["", "none", "-1", "0"] {
        fake.set("game.pid", text);
        unanswered(&fake, &probe(None));
    }
    Ok(())
}

#[test]
fn a_process_that_waits_to_be_buried_is_not_running() -> Result<()> {
    let fake = FakePrograms::new();
    let mut child = Command::new("true").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    // Waits for its end, and leaves it unburied.
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
    fake.set("game.pid", &child.id().to_string());
    let probe = json!({ "by": "pid", "file": fake.at("game.pid") });
    let told = state(&fake, &probe);
    child.wait().unwrap();
    assert_eq!(told?, State::Stopped);
    Ok(())
}

#[test]
fn a_port_tells_whether_somebody_listens() -> Result<()> {
    let fake = FakePrograms::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let probe = |address: String| json!({ "by": "port", "address": address });
    assert_eq!(state(&fake, &probe(format!("127.0.0.1:{port}")))?, State::Running);
    assert_eq!(state(&fake, &probe(format!("localhost:{port}")))?, State::Running);
    assert_eq!(state(&fake, &probe(deserted()))?, State::Stopped);
    unanswered(&fake, &probe("localhost:no-port".to_owned()));
    Ok(())
}

#[test]
fn a_panel_tells_its_servers_state() -> Result<()> {
    let fake = FakePrograms::new();
    let panel = FakePanel::start(TOKEN, "offline", 0);
    let place = secret(&fake);
    let probe =
        |server: &str| json!({ "by": "panel", "url": panel.url(), "server": server, "secret": place });
    for (said, expected) in [
        ("offline", State::Stopped),
        ("starting", State::Starting),
        ("running", State::Running),
        ("stopping", State::Stopping),
    ] {
        panel.set_state(said);
        assert_eq!(state(&fake, &probe(FakePanel::SERVER))?, expected, "{said}");
    }
    panel.set_state("unheard of");
    unanswered(&fake, &probe(FakePanel::SERVER));
    unanswered(&fake, &probe("another"));
    panel.break_down(503);
    assert!(
        unanswered(&fake, &probe(FakePanel::SERVER))
            .message()
            .contains("answered 503")
    );
    let nowhere =
        json!({ "by": "panel", "url": format!("http://{}", deserted()), "server": "a", "secret": place });
    unanswered(&fake, &nowhere);
    Ok(())
}

#[test]
fn a_command_ends_well_while_the_server_runs() -> Result<()> {
    let fake = FakePrograms::new();
    let probe = |script: &str| {
        fake.put("probe", script);
        json!({ "by": "command", "command": ["probe"] })
    };
    assert_eq!(state(&fake, &probe("exit 0"))?, State::Running);
    assert_eq!(state(&fake, &probe("exit 1"))?, State::Stopped);
    unanswered(&fake, &probe("exec no-such-program"));
    unanswered(&fake, &probe("kill -9 $$"));
    unanswered(&fake, &json!({ "by": "command", "command": ["missing"] }));
    Ok(())
}

#[test]
fn a_probe_is_cancelled_while_it_waits_for_an_answer() {
    let (fake, cancel) = (FakePrograms::new(), Cancel::new());
    let gone = fake.put_endless("probe").cancel_when_it_has_begun(cancel.clone());
    let probe = json!({ "probe": { "by": "command", "command": ["probe"] } });
    let ended = guard(&fake, probe).unwrap().state(&cancel);
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
    gone.join();
    let (silent, cancel) = (Loopback::silent(), Cancel::new());
    cancel.cancel();
    let panel = json!({ "by": "panel", "url": silent.url(), "server": "a", "secret": secret(&fake) });
    let ended = guard(&fake, json!({ "probe": panel })).unwrap().state(&cancel);
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
}

#[test]
fn a_guard_that_could_not_work_is_refused_when_it_is_set() {
    let fake = FakePrograms::new();
    let secret = json!("file:/run/token");
    for (settings, word) in [
        (json!({ "probe": { "by": "unit", "unit": "" } }), "names nothing"),
        (
            json!({ "probe": { "by": "pid", "file": "game.pid" } }),
            "names nothing",
        ),
        (
            json!({ "probe": { "by": "port", "address": "25565" } }),
            "names nothing",
        ),
        (
            json!({ "probe": { "by": "command", "command": [] } }),
            "names nothing",
        ),
        (
            json!({ "probe": { "by": "panel", "url": "panel", "server": "a", "secret": secret } }),
            "no address",
        ),
        (
            json!({ "probe": { "by": "panel", "url": "https://p.example", "server": "a/../b", "secret": secret } }),
            "no id of a server",
        ),
        (
            json!({ "probe": { "by": "panel", "url": "https://p.example", "server": "a", "secret": "ptlc_hush" } }),
            "where a secret is to be found",
        ),
        (
            json!({ "probe": { "by": "unit", "unit": "a", "when": 1 } }),
            "unknown field",
        ),
        (
            json!({ "probe": { "by": "unit", "unit": "a" }, "when_running": "kill" }),
            "unknown variant",
        ),
        (
            json!({ "probe": { "by": "port", "address": "localhost:1" }, "when_running": "stop" }),
            "how to stop it",
        ),
    ] {
        let problem = guard(&fake, settings).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid);
        let text = problem.to_string();
        assert!(text.contains(word) && !text.contains("hush"), "{text}");
    }
}
