//! Runs hooks: what is done before and after a backup or a restore.
//!
//! Nouns: a list of `model::Hook`; the *context* says for which job, and lends what a hook may need (programs, the database of the
//! source).
//!
//! Rules: [`before`] stops at the first hook that fails or runs out of time, and then runs the *after* list, so that what was
//! stopped is started again; [`after`] runs every hook, also when the job was cancelled, and returns what went wrong. A
//! `touch` makes its file before and removes it after. Commands know the job by `CAIRN_JOB`, `CAIRN_SOURCE`, `CAIRN_EVENT` and
//! `CAIRN_STATE`; HTTP endpoints are sent the same as JSON. No text holds a secret, an argument or an address's path.

use std::fs::OpenOptions;

use model::{Cancel, Change, Hook, Kind, Lapse, Problem, Result, SecretPlace};
pub use outbound::Programs;
use outbound::http::{self, Call, Method, Place};
use outbound::{Panel, Patience, Secret, console};
use serde_json::json;

/// Runs a statement in the database of the source, within a time.
pub type RunSql<'a> = dyn Fn(&str, Lapse, &Cancel) -> Result<()> + 'a;

/// For whom hooks are run, and with what.
#[derive(Clone, Copy)]
pub struct HookContext<'a> {
    pub job: &'a str,
    pub source: &'a str,
    /// `backup` or `restore`.
    pub event: &'a str,
    /// The job's state: `running` before, how it ended after.
    pub state: &'a str,
    pub cancel: &'a Cancel,
    pub programs: &'a Programs,
    /// Kinds without a database have none.
    pub sql: Option<&'a RunSql<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// Runs the hooks in order. When one fails, the `undo` list (that of after) is run whole, and the problem returned; what went wrong
/// in undoing stands in its hint.
pub fn before(hooks: &[Hook], undo: &[Hook], cx: &HookContext<'_>) -> Result<()> {
    for (number, hook) in hooks.iter().enumerate() {
        if let Err(problem) = perform(hook, Side::Before, cx) {
            let undone = after(
                undo,
                &HookContext {
                    state: "failed",
                    ..*cx
                },
            );
            let problem = told(problem, number, hook, "before");
            return Err(with_more(problem, &undone));
        }
    }
    Ok(())
}

/// Runs all hooks whatever happens, also after a cancel; what went wrong is for the job's warnings.
pub fn after(hooks: &[Hook], cx: &HookContext<'_>) -> Vec<Problem> {
    let not_cancelled = Cancel::new();
    let cx = HookContext {
        cancel: &not_cancelled,
        ..*cx
    };
    let outcomes = hooks.iter().enumerate().map(|(number, hook)| {
        let done = perform(hook, Side::After, &cx);
        done.map_err(|problem| told(problem, number, hook, "after"))
    });
    outcomes.filter_map(Result::err).collect()
}

fn told(problem: Problem, number: usize, hook: &Hook, side: &str) -> Problem {
    if problem.kind() == Kind::Cancelled {
        return problem;
    }
    problem.context(format!("hook {} {side} ({})", number + 1, name(hook)))
}

fn with_more(problem: Problem, others: &[Problem]) -> Problem {
    if others.is_empty() {
        return problem;
    }
    let also: Vec<&str> = others.iter().map(Problem::message).collect();
    let first = problem
        .hint_text()
        .map(|hint| format!("{hint}; "))
        .unwrap_or_default();
    let hint = format!(
        "{first}also failed, and to be mended by hand: {}",
        also.join("; ")
    );
    problem.hint(hint)
}

/// What a hook is called: never with arguments or addresses, which may say too much.
fn name(hook: &Hook) -> String {
    match hook {
        Hook::Command { command, .. } => command.first().cloned().unwrap_or_default(),
        Hook::Http { url, .. } => {
            http::address(url).map_or_else(|_| "HTTP".to_owned(), |url| Place::of(&url).to_string())
        }
        Hook::Sql { .. } => "SQL".to_owned(),
        Hook::Touch { path } => format!("touch {path}"),
        Hook::Unit { unit, change, .. } => format!("{change} {unit}"),
        Hook::Container {
            container, change, ..
        } => format!("{change} container {container}"),
        Hook::Panel { server, change, .. } => format!("{change} server {server}"),
        Hook::Console { address, .. } => format!("console {address}"),
    }
}

pub(crate) fn perform(hook: &Hook, side: Side, cx: &HookContext<'_>) -> Result<()> {
    let patience = Patience::new(hook.timeout(), cx.cancel);
    patience.check("the hook")?;
    match hook {
        Hook::Command { command, .. } => run(command, cx, &patience),
        Hook::Http {
            url, method, secret, ..
        } => request(url, method, secret.as_ref(), cx, &patience),
        Hook::Sql { statement, timeout } => match cx.sql {
            Some(run) => run(statement, *timeout, cx.cancel),
            None => Err(
                Problem::invalid("this kind of source has no database to run SQL in")
                    .hint("use a command that runs it, or remove the hook"),
            ),
        },
        Hook::Touch { path } => touch(path, side),
        Hook::Unit { unit, change, .. } => {
            run(&words(&["systemctl", change.word(), "--", unit]), cx, &patience)
        }
        Hook::Container {
            container, change, ..
        } => run(
            &container_command(container, *change, hook.timeout()),
            cx,
            &patience,
        ),
        Hook::Panel {
            url,
            server,
            change,
            secret,
            ..
        } => Panel { url, server, secret }.change(*change, &patience),
        Hook::Console {
            address,
            lines,
            secret,
            ..
        } => console::send(address, &Secret::read(secret)?, lines, &patience),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Docker kills after ten seconds by itself, which is too soon for a world that is being saved.
fn container_command(container: &str, change: Change, timeout: Lapse) -> Vec<String> {
    let grace = (timeout.ms() / 1000 - 5).max(1).to_string();
    match change {
        Change::Start => words(&["docker", "start", "--", container]),
        Change::Stop | Change::Restart => words(&["docker", change.word(), "-t", &grace, "--", container]),
    }
}

fn run(command: &[String], cx: &HookContext<'_>, patience: &Patience) -> Result<()> {
    let environment = [
        ("CAIRN_JOB", cx.job),
        ("CAIRN_SOURCE", cx.source),
        ("CAIRN_EVENT", cx.event),
        ("CAIRN_STATE", cx.state),
    ];
    let ran = cx.programs.run(command, &environment, patience)?;
    ran.must_succeed(command.first().map_or("", String::as_str))
}

fn request(
    url: &str,
    method: &str,
    secret: Option<&SecretPlace>,
    cx: &HookContext<'_>,
    patience: &Patience,
) -> Result<()> {
    let url = http::address(url)?;
    let place = Place::of(&url);
    let unknown = |_| Problem::invalid(format!("“{method}” is no HTTP method")).hint("use POST, PUT or GET");
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).map_err(unknown)?;
    let has_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let secret = secret.map(Secret::read).transpose()?;
    let about = json!({ "job": cx.job, "source": cx.source, "event": cx.event, "state": cx.state });
    let call = Call::json(method, url, secret, has_body.then_some(&about));
    match call.send_anywhere(patience)?.status {
        100..300 => Ok(()),
        status => Err(refused(&place, status)),
    }
}

fn refused(place: &Place, status: u16) -> Problem {
    let hint = match status {
        300..=399 => "it has moved; write the address that it points to",
        401 | 403 => "check the secret that the hook names",
        404 | 405 => "check the path and the method",
        _ => "look at the log of whoever answers there",
    };
    Problem::new(Kind::Unavailable, format!("{place} answered {status}")).hint(hint)
}

fn touch(path: &str, side: Side) -> Result<()> {
    let problem = |what: &str, error| Problem::io(format!("cannot {what} {path}"), error);
    if side == Side::Before {
        // What is in it already stays.
        let made = OpenOptions::new().create(true).append(true).open(path);
        return made.map(|_| ()).map_err(|error| problem("make", error));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(problem("remove", error)),
        _ => Ok(()),
    }
}
