//! `cairn serve`: carries jobs out and fires schedules until it is told to leave.

use std::sync::Arc;
use std::time::Duration;

use model::{Cancel, Kind, Lapse, Problem, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use service::{Roles, Service, Serving};
use tokio::net::TcpListener;

use super::arguments::{RoleWord, Serve};
use super::signals::Stopping;
use crate::cli::output::Output;
use crate::configuration::Configuration;
use crate::http::{Bounds, Door};

pub(crate) async fn serve(
    service: Arc<Service>,
    words: &Serve,
    configuration: &Configuration,
    output: Output,
) -> Result<u8> {
    let has = |role| words.roles.is_empty() || words.roles.contains(&role);
    let workers = words.workers.map_or(configuration.workers.value, usize::from);
    let roles = Roles {
        workers: if has(RoleWord::Worker) { workers } else { 0 },
        scheduler: has(RoleWord::Scheduler),
    };
    let stop = Cancel::new();
    let _stopping = Stopping::begin(&stop, LEAVING)?;
    if words.once {
        return once(&service, roles, &stop, output).await;
    }
    let web = if has(RoleWord::Web) {
        allow_many_connections();
        let listener = crate::http::listen(words.listen).await?;
        service.remember_address().await?;
        Some(listener)
    } else {
        None
    };
    // Whoever reads that it serves may rely on it.
    let serving = Serving::begin(&service, roles).await?;
    introduce(&service, &words.base_path, web.as_ref(), roles, output).await?;
    let door = Door::new(
        Arc::clone(&service),
        &words.base_path,
        words.url.clone(),
        words.trusted.clone(),
        bounds(words, configuration),
    )?;
    run(door, web, serving, &stop).await
}

fn bounds(words: &Serve, configuration: &Configuration) -> Bounds {
    let usual = Bounds::usual(words.rate.unwrap_or(configuration.rate_limit.value));
    let patience = |wanted: Option<Lapse>, usual| {
        wanted.map_or(usual, |wanted| {
            Duration::from_millis(wanted.ms().unsigned_abs().max(1))
        })
    };
    Bounds {
        head: patience(words.head_timeout, usual.head),
        body: patience(words.body_timeout, usual.body),
        unread: patience(words.read_timeout, usual.unread),
        connections: words.connections.map(usize::from),
        ..usual
    }
}

/// Does what is due and queued; a job that did not end well is not passed over.
async fn once(service: &Service, roles: Roles, stop: &Cancel, output: Output) -> Result<u8> {
    let done = service.work_off(roles.scheduler, stop).await?;
    output.answer(&json!(done), || {
        let count = |number: u64, what: &str| match number {
            0 => String::new(),
            _ => format!("; {number} {what}"),
        };
        format!(
            "{}{}{}",
            model::counted(done.jobs, "job was carried out", "jobs were carried out"),
            count(done.failed, "failed"),
            count(done.warned, "ended with a warning")
        )
    })?;
    if done.failed + done.warned > 0 {
        output.say("`cairn jobs` says which, and why");
    }
    Ok(match (done.failed, done.warned) {
        _ if stop.is_cancelled() => Kind::Cancelled.exit_code(),
        (0, 0) => 0,
        (0, _) => 3,
        _ => 1,
    })
}

/// What is said when a signal ends it in good order.
pub(super) const LEAVING: &str = "leaving: running jobs go back to the queue; once more to leave at once";

/// Answers and works until told to stop.
pub(super) async fn run(door: Door, web: Option<TcpListener>, serving: Serving, stop: &Cancel) -> Result<u8> {
    let answering = async {
        match web {
            Some(listener) => {
                let routes = crate::interfaces::routes(&door);
                crate::http::serve(door, routes, listener, stop.clone()).await
            }
            None => Ok(()),
        }
    };
    let working = serving.run(stop);
    let (answered, worked) = tokio::join!(answering, working);
    answered.and(worked).map(|()| 0)
}

/// What somebody who started it wants to know: where it is, what it does, and how the first person comes in.
async fn introduce(
    service: &Service,
    base: &str,
    web: Option<&TcpListener>,
    roles: Roles,
    output: Output,
) -> Result<()> {
    let scheduler = if roles.scheduler {
        "schedules run here"
    } else {
        "no schedules"
    };
    let at = match web {
        Some(listener) => {
            let address = listener
                .local_addr()
                .map_err(|error| Problem::io("cannot tell the address", error))?;
            format!(" at http://{address}{}", base.trim_end_matches('/'))
        }
        None => String::new(),
    };
    output.say(&format!(
        "serving {}{at}: {} at once, {scheduler}; Ctrl-C or SIGTERM ends it",
        service.data().display(),
        model::counted(roles.workers as u64, "job", "jobs"),
    ));
    // It is shown once: not made where nobody would read it.
    if !output.quiet
        && !output.json
        && let Some(token) = service.first_set_up_token().await?
    {
        output.say(&format!(
            "There is no administrator yet. The set-up token, shown this once: {token}"
        ));
    }
    Ok(())
}

/// Each connection is an open file; the usual limit of a process is low, and it may raise it itself.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "the number of connections stays limited to {:?}: {error}",
            limit.current
        );
    }
}
