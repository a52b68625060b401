//! Streams of events (SSE): `/api/events` tells of all jobs that one may see, `/api/jobs/{job}/events` of one, with its log.
//!
//! Rules: what is told is how something looks now, so that to hear it twice does no harm. `Last-Event-ID` goes on where a stream broke off:
//! for all jobs it is a time, for one job the number of a line of its log. Who was let in and may no more is told so, and the stream ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use model::{Problem, Result};
use serde::Serialize;
use service::{Change, Listener, Service};
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::LogLine;
use crate::http::{At, Door, Who, Wrong};

const ALIVE: Duration = Duration::from_secs(15);
/// Events on their way to somebody who reads slowly.
const WAITING: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(job_events))
}

/// An event, field by field as it is sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is sent line by line")]
struct EventDocument {
    /// `job`, `log`, `end`, or `problem`.
    event: String,
    /// What is sent as `Last-Event-ID` to go on after this one.
    id: Option<String>,
    /// JSON: a job, a line of its log, or a problem.
    data: String,
}

/// What is on its way to one who listens.
struct Stream(mpsc::Receiver<Event>);

impl futures_core::Stream for Stream {
    type Item = std::result::Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}

type Answer = Sse<axum::response::sse::KeepAliveStream<Stream>>;

fn answer(receiver: mpsc::Receiver<Event>) -> Answer {
    Sse::new(Stream(receiver)).keep_alive(KeepAlive::new().interval(ALIVE))
}

fn last_id(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

fn event(name: &str, id: Option<i64>, data: &impl Serialize) -> Event {
    let text = serde_json::to_string(data).unwrap_or_default();
    let event = Event::default().event(name).data(text);
    match id {
        Some(id) => event.id(id.to_string()),
        None => event,
    }
}

/// The stream ends; whoever listens learns why.
fn farewell(problem: &Problem) -> Event {
    let told = serde_json::json!({
        "kind": problem.kind().word(), "detail": problem.message(), "hint": problem.hint_text(),
    });
    event("problem", None, &told)
}

/// Tells of every job that one may see: `event: job`, with the job as it looks now. Begins with what is not over.
#[utoipa::path(get, path = "/api/events", tag = "jobs", params(("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "Events.", content_type = "text/event-stream", body = EventDocument)))]
async fn events(
    State(door): State<Door>,
    Who(service): Who,
    headers: HeaderMap,
) -> std::result::Result<Answer, Wrong> {
    let mut listener = door.feed().listen(service, last_id(&headers)).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        loop {
            let changes = tokio::select! {
                () = sender.closed() => return,
                changes = listener.next() => changes,
            };
            match changes {
                Ok(changes) => {
                    for Change { job, at_ms, .. } in changes {
                        if sender.send(event("job", Some(at_ms), &job)).await.is_err() {
                            return;
                        }
                    }
                }
                Err(problem) => {
                    let _ = sender.send(farewell(&problem)).await;
                    return;
                }
            }
        }
    });
    Ok(answer(receiver))
}

/// Tells of one job: `event: log` for each line, `event: job` when it looks otherwise, and `event: end` when it is over.
#[utoipa::path(get, path = "/api/jobs/{job}/events", tag = "jobs",
    params(("job" = String, Path), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "Events.", content_type = "text/event-stream", body = EventDocument)))]
async fn job_events(
    State(door): State<Door>,
    Who(service): Who,
    At(job): At<String>,
    headers: HeaderMap,
) -> std::result::Result<Answer, Wrong> {
    let job = service.show_job(&job).await?.id;
    let listener = door.feed().listen(service.clone(), None).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut follower = Follower {
        service,
        job,
        line: last_id(&headers).unwrap_or(0),
        sender,
    };
    tokio::spawn(async move {
        if let Err(problem) = follower.follow(listener).await {
            let _ = follower.sender.send(farewell(&problem)).await;
        }
    });
    Ok(answer(receiver))
}

/// Somebody who follows one job.
struct Follower {
    service: Service,
    job: String,
    /// The last line of the log that was told.
    line: i64,
    sender: mpsc::Sender<Event>,
}

impl Follower {
    async fn follow(&mut self, mut listener: Listener) -> Result<()> {
        let mut is_told = self.tell(i64::MAX).await?;
        while !is_told {
            let changes = tokio::select! {
                () = self.sender.closed() => return Ok(()),
                changes = listener.next() => changes?,
            };
            if let Some(change) = changes.iter().find(|change| change.job.id == self.job) {
                is_told = self.tell(change.log).await?;
            }
        }
        Ok(())
    }

    /// New lines up to this one, and how the job looks; true when there is nothing more to tell.
    async fn tell(&mut self, up_to: i64) -> Result<bool> {
        let view = self.service.show_job(&self.job).await?;
        if up_to > self.line || view.is_over() {
            for row in self.service.job_log(&self.job, self.line).await? {
                self.line = row.seq;
                let line = event("log", Some(row.seq), &LogLine::from(row));
                if self.sender.send(line).await.is_err() {
                    return Ok(true);
                }
            }
        }
        let name = if view.is_over() { "end" } else { "job" };
        let is_gone = self.sender.send(event(name, None, &view)).await.is_err();
        Ok(is_gone || view.is_over())
    }
}
