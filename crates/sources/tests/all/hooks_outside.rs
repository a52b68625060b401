//! Hooks that reach for a server: HTTP, a panel's power, a game's console.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

use model::{Cancel, Change, Hook, Kind, Lapse, Problem, Result, SecretPlace};
use sources::hooks;
use testkit::loopback::{FakeConsole, FakeHttp, FakePanel, Loopback, Reply, deserted};

use crate::fake_programs::FakePrograms;
use crate::hooks::{lent, run};

pub(crate) const TOKEN: &str = "ptlc_f00dcafe";

pub(crate) fn secret(fake: &FakePrograms) -> SecretPlace {
    kept(fake, "token", &format!("{TOKEN}\n"))
}

/// A file that only its owner may read.
fn kept(fake: &FakePrograms, name: &str, text: &str) -> SecretPlace {
    fake.set(name, text);
    fs::set_permissions(fake.at(name), fs::Permissions::from_mode(0o600)).unwrap();
    SecretPlace::File(fake.at(name).display().to_string())
}

fn http(url: String, method: &str, secret: Option<SecretPlace>) -> Hook {
    Hook::Http {
        url,
        method: method.to_owned(),
        secret,
        timeout: Lapse::minutes(1),
    }
}

fn says_nothing_secret(problem: &Problem) {
    let mut text = format!("{problem} {problem:?}");
    let mut source = std::error::Error::source(problem);
    while let Some(error) = source {
        text.push_str(&format!("{error} {error:?}"));
        source = error.source();
    }
    assert!(!text.contains("f00d") && !text.contains("hush"), "{text}");
}

/// A server that takes a connection, says so, and never answers.
fn silent() -> (Loopback, mpsc::Receiver<()>) {
    let (told, heard) = mpsc::channel();
    let server = Loopback::serve(move |mut stream: TcpStream| {
        let _ = told.send(());
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    (server, heard)
}

/// Runs the hook until the server has heard of it, and cancels it then.
fn cancelled(hook: Hook, heard: &mpsc::Receiver<()>) -> Problem {
    let (fake, cancel) = (FakePrograms::new(), Cancel::new());
    let programs = fake.programs();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| hooks::before(&[hook], &[], &lent(&programs, &cancel)));
        heard.recv().unwrap();
        cancel.cancel();
        running.join().unwrap().unwrap_err()
    })
}

#[test]
fn an_endpoint_is_called_with_its_method_its_secret_and_what_it_is_about() -> Result<()> {
    let (fake, server) = (FakePrograms::new(), FakeHttp::serve(|_| Reply::status(204)));
    let url = format!("{}/hook/hush", server.url());
    run(
        &fake,
        &[
            http(url.clone(), "post", Some(secret(&fake))),
            http(url, "GET", None),
        ],
    )?;
    let asked = server.requests();
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        ("POST", "/hook/hush")
    );
    assert_eq!(asked[0].authorization, format!("Bearer {TOKEN}"));
    assert_eq!(
        asked[0].body,
        r#"{"event":"restore","job":"job-7","source":"world","state":"running"}"#
    );
    assert_eq!(
        (
            asked[1].method.as_str(),
            asked[1].authorization.as_str(),
            asked[1].body.as_str()
        ),
        ("GET", "", "")
    );
    Ok(())
}

#[test]
fn an_endpoint_that_refuses_or_has_moved_is_a_failure() {
    let fake = FakePrograms::new();
    for status in [301, 400, 401, 404, 500, 503] {
        let server = FakeHttp::serve(move |_| Reply {
            status,
            location: Some("/elsewhere".to_owned()),
            body: None,
        });
        let problem = run(
            &fake,
            &[http(
                format!("{}/hush", server.url()),
                "POST",
                Some(secret(&fake)),
            )],
        )
        .unwrap_err();
        assert_eq!(problem.kind(), Kind::Unavailable);
        assert!(
            problem.message().ends_with(&format!("answered {status}")),
            "{problem}"
        );
        says_nothing_secret(&problem);
        assert_eq!(server.requests().len(), 1, "nothing is followed");
    }
}

#[test]
fn an_endpoint_that_is_not_there_or_is_no_address_is_a_failure_without_secrets() {
    let fake = FakePrograms::new();
    for url in [
        format!("http://{}/hush", deserted()),
        "http://me:hush@localhost/".to_owned(),
        "ftp://localhost/hush".to_owned(),
        "hush".to_owned(),
    ] {
        let problem = run(&fake, &[http(url, "POST", Some(secret(&fake)))]).unwrap_err();
        assert!(
            matches!(problem.kind(), Kind::Unavailable | Kind::Invalid),
            "{problem}"
        );
        assert!(problem.hint_text().is_some());
        says_nothing_secret(&problem);
    }
}

#[test]
fn a_secret_that_is_missing_or_empty_is_told_by_its_place() {
    let fake = FakePrograms::new();
    kept(&fake, "empty", "\n");
    kept(&fake, "two", "one\ntwo hush");
    let server = FakeHttp::serve(|_| Reply::status(204));
    for name in ["missing", "empty", "two"] {
        let place = SecretPlace::File(fake.at(name).display().to_string());
        let problem = run(&fake, &[http(server.url(), "POST", Some(place))]).unwrap_err();
        assert!(problem.message().contains(name), "{problem}");
        says_nothing_secret(&problem);
    }
    let unset = SecretPlace::Env("A_VARIABLE_THAT_NOBODY_SETS".to_owned());
    let problem = run(&fake, &[http(server.url(), "POST", Some(unset))]).unwrap_err();
    assert!(problem.message().contains("A_VARIABLE_THAT_NOBODY_SETS"));
    assert_eq!(server.requests(), []);
}

#[test]
fn a_secret_that_others_can_read_is_not_used() {
    let fake = FakePrograms::new();
    let place = secret(&fake);
    fs::set_permissions(fake.at("token"), fs::Permissions::from_mode(0o640)).unwrap();
    let server = FakeHttp::serve(|_| Reply::status(204));
    let problem = run(&fake, &[http(server.url(), "POST", Some(place))]).unwrap_err();
    assert_eq!(problem.kind(), Kind::Refused);
    assert!(
        problem.message().contains("can be read by others (mode 0640)"),
        "{problem}"
    );
    says_nothing_secret(&problem);
    assert_eq!(server.requests(), []);
}

#[test]
fn whoever_does_not_answer_in_time_is_not_waited_for() {
    let fake = FakePrograms::new();
    let server = Loopback::silent();
    let timeout = Lapse::millis(200);
    let hooks = [
        Hook::Http {
            url: server.url(),
            method: "POST".to_owned(),
            secret: None,
            timeout,
        },
        Hook::Console {
            address: server.address(),
            lines: vec!["save-all".to_owned()],
            secret: secret(&fake),
            timeout,
        },
        panel(&server.url(), &fake, Change::Stop, timeout),
    ];
    for hook in hooks {
        let problem = run(&fake, &[hook]).unwrap_err();
        assert_eq!(problem.kind(), Kind::Unavailable);
        assert!(problem.message().ends_with("took longer than 200ms"), "{problem}");
    }
}

#[test]
fn a_cancel_is_honoured_while_an_answer_is_waited_for() {
    let fake = FakePrograms::new();
    let (server, heard) = silent();
    let hooks = [
        http(server.url(), "POST", None),
        console(server.address(), &["save-all"], &fake),
        panel(&server.url(), &fake, Change::Stop, Lapse::minutes(1)),
    ];
    for hook in hooks {
        assert_eq!(cancelled(hook, &heard).kind(), Kind::Cancelled);
    }
}

fn panel(url: &str, fake: &FakePrograms, change: Change, timeout: Lapse) -> Hook {
    Hook::Panel {
        url: url.to_owned(),
        server: FakePanel::SERVER.to_owned(),
        change,
        secret: secret(fake),
        timeout,
    }
}

#[test]
fn a_panel_is_sent_the_signal_and_asked_until_the_server_is_there() -> Result<()> {
    let (fake, minute) = (FakePrograms::new(), Lapse::minutes(1));
    let server = FakePanel::start(TOKEN, "running", 1);
    run(&fake, &[panel(&server.url(), &fake, Change::Stop, minute)])?;
    assert_eq!(server.state(), "offline");
    // An address with a slash at its end, as people copy it.
    run(
        &fake,
        &[panel(&format!("{}/", server.url()), &fake, Change::Start, minute)],
    )?;
    assert_eq!(server.state(), "running");
    run(&fake, &[panel(&server.url(), &fake, Change::Restart, minute)])?;
    assert_eq!(server.signals(), ["stop", "start", "restart"]);
    Ok(())
}

#[test]
fn a_panel_that_refuses_is_told_with_what_to_check() {
    let fake = FakePrograms::new();
    for (token, status, hint) in [
        ("another", None, "token"),
        (TOKEN, Some(404), "id"),
        (TOKEN, Some(409), "suspended"),
        (TOKEN, Some(502), "log"),
    ] {
        let server = FakePanel::start(token, "running", 0);
        if let Some(status) = status {
            server.break_down(status);
        }
        let stop = panel(&server.url(), &fake, Change::Stop, Lapse::minutes(1));
        let problem = run(&fake, &[stop]).unwrap_err();
        assert_eq!(problem.kind(), Kind::Unavailable);
        assert!(problem.hint_text().unwrap().contains(hint), "{problem:?}");
        says_nothing_secret(&problem);
    }
}

#[test]
fn a_server_that_does_not_stop_in_time_is_a_failure() {
    let fake = FakePrograms::new();
    let server = FakePanel::start(TOKEN, "running", u32::MAX);
    let stop = panel(&server.url(), &fake, Change::Stop, Lapse::millis(300));
    let problem = run(&fake, &[stop]).unwrap_err();
    assert!(problem.message().contains("took longer than 300ms"), "{problem}");
}

fn console(address: String, lines: &[&str], fake: &FakePrograms) -> Hook {
    Hook::Console {
        address,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        secret: secret(fake),
        timeout: Lapse::minutes(1),
    }
}

#[test]
fn lines_are_said_to_a_console_in_order_and_a_stop_may_hang_up() -> Result<()> {
    let (fake, server) = (FakePrograms::new(), FakeConsole::start(TOKEN));
    let lines = ["say Restoring the world, back soon", "save-all flush", "stop"];
    run(&fake, &[console(server.address(), &lines, &fake)])?;
    assert_eq!(server.lines(), lines);
    Ok(())
}

#[test]
fn a_console_that_hangs_up_too_early_is_a_failure() {
    let (fake, server) = (FakePrograms::new(), FakeConsole::start(TOKEN));
    let problem = run(&fake, &[console(server.address(), &["stop", "save-all"], &fake)]).unwrap_err();
    assert_eq!(problem.kind(), Kind::Unavailable);
    assert_eq!(server.lines(), ["stop"]);
}

#[test]
fn a_console_that_does_not_take_the_password_is_told() {
    let (fake, server) = (FakePrograms::new(), FakeConsole::start("another"));
    let problem = run(&fake, &[console(server.address(), &["stop"], &fake)]).unwrap_err();
    assert!(
        problem.message().ends_with("does not take the password"),
        "{problem}"
    );
    assert!(server.lines().is_empty());
    says_nothing_secret(&problem);
}

#[test]
fn lines_that_no_console_takes_are_refused_before_anything_is_said() {
    let (fake, server) = (FakePrograms::new(), FakeConsole::start(TOKEN));
    for line in ["", "two\nlines", &"long".repeat(1000)] {
        let problem = run(&fake, &[console(server.address(), &["list", line], &fake)]).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid);
    }
    assert!(server.lines().is_empty());
}

#[test]
fn hooks_run_on_the_threads_that_a_runtime_keeps_for_blocking_work() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let done = runtime.block_on(async {
        let work = tokio::task::spawn_blocking(|| {
            let (fake, server) = (FakePrograms::new(), FakeHttp::serve(|_| Reply::status(204)));
            run(&fake, &[http(server.url(), "POST", None)])
        });
        work.await
    });
    assert!(done.unwrap().is_ok());
}
