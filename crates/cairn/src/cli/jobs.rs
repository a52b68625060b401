//! Commands about jobs: list, show, follow, stop.

use std::time::Duration;

use model::Result;
use serde_json::{Value, json};
use service::{JobView, Service};

use super::arguments::{Job, Logs};
use crate::cli::output::{Output, columns, duration, size, when};

const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn jobs(service: &Service, limit: u32, output: Output) -> Result<u8> {
    let jobs = service.list_jobs(limit).await?;
    let heading = ["ID", "KIND", "SOURCE", "STATE", "CREATED", "DONE"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(jobs.iter().map(|job| {
        vec![
            job.id.clone(),
            job.kind.clone(),
            job.source.clone().unwrap_or_default(),
            job.state.clone(),
            when(job.created_ms),
            match &job.error {
                Some(error) => error.message.clone(),
                None => how_far(job),
            },
        ]
    }));
    output.answer(&json!(jobs), || columns(&rows))?;
    Ok(0)
}

fn how_far(job: &JobView) -> String {
    if let Some(request) = &job.approval {
        return format!("waits for approval {request}");
    }
    if job.is_over() || job.phase.is_empty() {
        return String::new();
    }
    let of = if job.bytes_total > 0 {
        format!(" of {}", size(job.bytes_total.unsigned_abs()))
    } else {
        String::new()
    };
    let left = job
        .eta_seconds
        .map(|seconds| format!(", {} left", duration(seconds as f64)));
    format!(
        "{}: {}{of}{}",
        job.phase,
        size(job.bytes.unsigned_abs()),
        left.unwrap_or_default()
    )
}

pub(crate) async fn status(service: &Service, wanted: &str, output: Output) -> Result<u8> {
    let job = service.show_job(wanted).await?;
    output.answer(&json!(job), || sheet(&job))?;
    Ok(0)
}

fn sheet(job: &JobView) -> String {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut rows = vec![
        ("id", job.id.clone()),
        ("kind", job.kind.clone()),
        ("source", optional(&job.source)),
        ("state", job.state.clone()),
        ("asked by", optional(&job.person)),
        ("created", when(job.created_ms)),
        ("progress", how_far(job)),
        (
            "item",
            if job.is_over() {
                String::new()
            } else {
                job.item.clone()
            },
        ),
        ("ended", optional(&job.ended)),
    ];
    if let Some(error) = &job.error {
        rows.push(("error", error.message.clone()));
        rows.push(("hint", optional(&error.hint)));
    }
    if let Some(request) = &job.approval {
        rows.push(("next", format!("cairn approve {request}")));
    }
    if job.resumable {
        rows.push(("next", format!("cairn resume {}", job.id)));
    }
    rows.retain(|(_, value)| !value.is_empty());
    columns(
        &rows
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect::<Vec<_>>(),
    )
}

pub(crate) async fn cancel(service: &Service, words: &Job, output: Output) -> Result<u8> {
    let job = service.cancel_job(&words.job).await?;
    let state = if job.is_over() { &job.state } else { "cancelling" };
    let mut answer = json!({"id": job.id, "state": state});
    if let Some(error) = &job.error {
        answer["message"] = json!(error.message);
        answer["hint"] = json!(error.hint);
    }
    if !job.left_behind.is_empty() {
        answer["left_behind"] = json!(job.left_behind);
    }
    output.answer(&answer, || match &job.error {
        None => format!("job {} was asked to stop", job.id),
        Some(error) => {
            let hint = error.hint.as_ref().map(|hint| format!("\n{hint}"));
            format!("{}{}", error.message, hint.unwrap_or_default())
        }
    })?;
    for left in &job.left_behind {
        output.warn(left);
    }
    Ok(0)
}

/// Prints the log; with `-f` until the job is over. With `--json` one object per line.
pub(crate) async fn logs(service: &Service, words: &Logs, output: Output) -> Result<u8> {
    let mut job = service.show_job(&words.job).await?;
    let mut last = 0;
    loop {
        for line in service.job_log(&job.id, last).await? {
            last = line.seq;
            let value: Value = json!({
                "at": model::moment_text(line.at), "level": line.level, "text": line.text,
            });
            output.answer(&value, || {
                format!("{}  {:7}  {}", when(line.at), line.level, line.text)
            })?;
        }
        if !words.follow || job.is_over() {
            return Ok(0);
        }
        tokio::time::sleep(LOOK).await;
        job = service.show_job(&job.id).await?;
    }
}
