//! `cairn serve`: carries jobs out and fires schedules until it is told to leave.

use std::sync::Arc;

use model::{Cancel, Problem, Result};
use serde_json::json;
use service::{Roles, Service, Serving};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{RoleWord, Serve};
use crate::output::Output;

pub(crate) async fn serve(
    service: Arc<Service>,
    words: &Serve,
    workers: usize,
    output: Output,
) -> Result<u8> {
    let has = |role| words.roles.is_empty() || words.roles.contains(&role);
    let roles = Roles {
        workers: if has(RoleWord::Worker) {
            words.workers.map_or(workers, usize::from)
        } else {
            0
        },
        scheduler: has(RoleWord::Scheduler),
    };
    let stop = Cancel::new();
    let told = stop.clone();
    let problem = |error| Problem::io("cannot listen for signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(problem)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(problem)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.is_cancelled() {
                std::process::exit(130);
            }
            told.cancel();
            output.say("leaving: running jobs go back to the queue; once more to leave at once");
        }
    });
    if words.once {
        let done = service.work_off(roles.scheduler, &stop).await?;
        output.answer(&json!({ "jobs": done }), || {
            model::counted(done as u64, "job was carried out", "jobs were carried out")
        })?;
        return Ok(0);
    }
    let scheduler = if roles.scheduler {
        "schedules run here"
    } else {
        "no schedules"
    };
    output.say(&format!(
        "serving {}: {} at once, {scheduler}; Ctrl-C or SIGTERM ends it",
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
    Serving::new(&service, roles).run(&stop).await?;
    Ok(0)
}
