//! Lists of hooks: their order, what happens when one fails, and those that run programs and touch files.

use model::{Cancel, Change, Hook, Kind, Lapse, Problem, Result};
use sources::hooks::{self, HookContext};

use crate::fake_programs::FakePrograms;

pub(crate) fn lent<'a>(programs: &'a hooks::Programs, cancel: &'a Cancel) -> HookContext<'a> {
    HookContext {
        job: "job-7",
        source: "world",
        event: "restore",
        state: "running",
        cancel,
        programs,
        sql: None,
    }
}

/// Runs the hooks as those before a restore, with nothing to undo.
pub(crate) fn run(fake: &FakePrograms, list: &[Hook]) -> Result<()> {
    let programs = fake.programs();
    hooks::before(list, &[], &lent(&programs, &Cancel::new()))
}

fn run_after(fake: &FakePrograms, list: &[Hook], cancel: &Cancel) -> Vec<Problem> {
    let programs = fake.programs();
    hooks::after(list, &lent(&programs, cancel))
}

pub(crate) fn command(words: &[&str]) -> Hook {
    timed(words, Lapse::minutes(1))
}

fn timed(words: &[&str], timeout: Lapse) -> Hook {
    Hook::Command {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        timeout,
    }
}

#[test]
fn a_command_gets_its_arguments_without_a_shell_and_knows_its_job() -> Result<()> {
    let fake = FakePrograms::new();
    fake.put(
        "notify",
        "echo \"$2 $CAIRN_JOB $CAIRN_SOURCE $CAIRN_EVENT $CAIRN_STATE\" > \"$dir/told\"",
    );
    run(&fake, &[command(&["notify", "x", "$HOME; *"])])?;
    assert_eq!(fake.get("told"), "$HOME; * job-7 world restore running");
    Ok(())
}

#[test]
fn a_command_that_fails_is_told_with_its_last_words_and_without_its_arguments() {
    let fake = FakePrograms::new();
    fake.put("save", "seq 1 5000; echo 'disk is full' >&2; exit 3");
    let problem = run(&fake, &[command(&["save", "--token=hush"])]).unwrap_err();
    let text = format!("{problem} {problem:?}");
    assert!(
        text.contains("hook 1 before (save)") && text.contains("exit status: 3"),
        "{text}"
    );
    assert!(
        text.contains("4999\\n5000\\ndisk is full") && !text.contains("4980"),
        "{text}"
    );
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn a_command_that_is_not_there_is_told() {
    let problem = run(&FakePrograms::new(), &[command(&["nothing"])]).unwrap_err();
    assert_eq!(problem.kind(), Kind::Unavailable);
    assert_eq!(
        problem.message(),
        "hook 1 before (nothing): there is no program nothing"
    );
}

#[test]
fn a_command_over_its_time_is_killed_with_everything_that_it_started() {
    let fake = FakePrograms::new();
    let gone = fake.put_endless("endless").outlive();
    let problem = run(&fake, &[timed(&["endless"], Lapse::seconds(1))]).unwrap_err();
    assert_eq!(
        problem.message(),
        "hook 1 before (endless): endless took longer than 1s"
    );
    gone.join();
}

#[test]
fn a_cancel_kills_a_command_and_is_told_as_such() {
    let (fake, cancel) = (FakePrograms::new(), Cancel::new());
    let gone = fake
        .put_endless("endless")
        .cancel_when_it_has_begun(cancel.clone());
    let programs = fake.programs();
    let ended = hooks::before(&[command(&["endless"])], &[], &lent(&programs, &cancel));
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
    gone.join();
}

#[test]
fn a_command_may_leave_something_running_that_is_not_waited_for() -> Result<()> {
    let fake = FakePrograms::new();
    let endless = fake.put_endless("daemon");
    fake.put("launch", "\"$dir/daemon\" & echo $$ > \"$dir/group\"");
    run(&fake, &[command(&["launch"])])?;
    // The test lets nothing live after it.
    fake.put("end", "kill -KILL \"-$(cat \"$dir/group\")\"");
    let gone = endless.outlive();
    run(&fake, &[command(&["end"])])?;
    gone.join();
    Ok(())
}

#[test]
fn what_was_done_before_is_undone_when_a_hook_fails_and_later_ones_are_not_run() {
    let fake = FakePrograms::with_unit("active");
    let flag = fake.at("maintenance").display().to_string();
    let (touch, unit) = (Hook::Touch { path: flag.clone() }, |change| Hook::Unit {
        unit: "game".to_owned(),
        change,
        timeout: Lapse::minutes(1),
    });
    fake.put("fail", "test -e \"$dir/maintenance\" && exit 1");
    let list = [
        touch.clone(),
        unit(Change::Stop),
        command(&["fail"]),
        command(&["never"]),
    ];
    let programs = fake.programs();
    let cancel = Cancel::new();
    let undo = [unit(Change::Start), command(&["missing"]), touch];
    let problem = hooks::before(&list, &undo, &lent(&programs, &cancel)).unwrap_err();
    assert!(problem.message().starts_with("hook 3 before (fail)"), "{problem}");
    let hint = problem.hint_text().unwrap();
    assert!(
        hint.ends_with(
            "also failed, and to be mended by hand: hook 2 after (missing): there is no program missing"
        ),
        "{hint}"
    );
    assert_eq!(
        fake.asked(),
        ["systemctl stop -- game", "fail", "systemctl start -- game"]
    );
    assert!(!fake.at("maintenance").exists());
}

#[test]
fn after_hooks_all_run_whatever_fails_also_after_a_cancel() {
    let fake = FakePrograms::new();
    fake.put("first", "exit 1");
    fake.put("second", "exit 0");
    fake.put("third", "exit 2");
    let cancel = Cancel::new();
    cancel.cancel();
    let list = ["first", "second", "third"].map(|name| command(&[name]));
    let problems = run_after(&fake, &list, &cancel);
    assert_eq!(fake.asked(), ["first", "second", "third"]);
    let messages: Vec<&str> = problems.iter().map(Problem::message).collect();
    assert!(
        messages[0].starts_with("hook 1 after (first)") && messages[1].starts_with("hook 3 after (third)")
    );
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_touched_file_keeps_what_is_in_it_and_goes_after() -> Result<()> {
    let fake = FakePrograms::new();
    fake.set("flag", "kept");
    let touch = [Hook::Touch {
        path: fake.at("flag").display().to_string(),
    }];
    run(&fake, &touch)?;
    assert_eq!(fake.get("flag"), "kept");
    assert!(run_after(&fake, &touch, &Cancel::new()).is_empty());
    assert!(!fake.at("flag").exists());
    assert!(
        run_after(&fake, &touch, &Cancel::new()).is_empty(),
        "gone already"
    );
    Ok(())
}

#[test]
fn units_and_containers_are_changed_by_their_own_programs() -> Result<()> {
    let fake = FakePrograms::with_unit("active");
    fake.put("docker", "");
    let timeout = Lapse::minutes(2);
    for change in [Change::Stop, Change::Start, Change::Restart] {
        let (unit, container) = ("game.service".to_owned(), "game".to_owned());
        run(
            &fake,
            &[
                Hook::Unit {
                    unit,
                    change,
                    timeout,
                },
                Hook::Container {
                    container,
                    change,
                    timeout,
                },
            ],
        )?;
    }
    assert_eq!(
        fake.asked(),
        [
            "systemctl stop -- game.service",
            "docker stop -t 115 -- game",
            "systemctl start -- game.service",
            "docker start -- game",
            "systemctl restart -- game.service",
            "docker restart -t 115 -- game",
        ]
    );
    Ok(())
}

#[test]
fn sql_is_run_by_whoever_has_a_database() -> Result<()> {
    let fake = FakePrograms::new();
    let list = [Hook::Sql {
        statement: "CALL pause()".to_owned(),
        timeout: Lapse::seconds(5),
    }];
    let none = run(&fake, &list).unwrap_err();
    assert_eq!(none.kind(), Kind::Invalid);
    assert!(none.message().contains("no database"), "{none}");
    let ran = std::cell::RefCell::new(Vec::new());
    let run_sql = |statement: &str, timeout: Lapse, _: &Cancel| {
        ran.borrow_mut().push((statement.to_owned(), timeout));
        Ok(())
    };
    let (programs, cancel) = (fake.programs(), Cancel::new());
    let with_database = HookContext {
        sql: Some(&run_sql),
        ..lent(&programs, &cancel)
    };
    hooks::before(&list, &[], &with_database)?;
    assert_eq!(*ran.borrow(), [("CALL pause()".to_owned(), Lapse::seconds(5))]);
    Ok(())
}
