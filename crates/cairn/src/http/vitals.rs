//! Is it alive, is it ready, and what do its figures say.
//!
//! `/healthz` touches nothing; `/readyz` asks the catalog, and whether the repository is where it was; `/metrics` wants a token, since it names sources.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use service::Vitals;

use super::answer::problem_json;
use super::door::{Door, Who};

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(door): State<Door>) -> Response {
    match door.service().ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(problem) => problem_json(&problem),
    }
}

pub(super) async fn metrics(Who(service): Who) -> Response {
    match service.vitals().await {
        Ok(vitals) => (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text(&vitals),
        )
            .into_response(),
        Err(problem) => problem_json(&problem),
    }
}

/// The text format of Prometheus.
fn text(vitals: &Vitals) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, f64)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let per_source = |value: &dyn Fn(&service::SourceVitals) -> Option<f64>| -> Vec<(String, f64)> {
        vitals
            .sources
            .iter()
            .filter_map(|source| Some((label(&source.name), value(source)?)))
            .collect()
    };
    family(
        "cairn_last_backup_timestamp_seconds",
        "gauge",
        "When the newest ordinary backup of a source was made.",
        &per_source(&|source| source.last_backup_ms.map(|ms| ms as f64 / 1000.0)),
    );
    family(
        "cairn_next_backup_timestamp_seconds",
        "gauge",
        "When the next scheduled backup of a source is due.",
        &per_source(&|source| source.next_ms.map(|ms| ms as f64 / 1000.0)),
    );
    family(
        "cairn_backup_overdue",
        "gauge",
        "1 when a backup was due two hours ago and was not made.",
        &per_source(&|source| Some(f64::from(u8::from(source.is_overdue)))),
    );
    family(
        "cairn_repository_missing",
        "gauge",
        "1 when the repository is not where it was.",
        &[(String::new(), f64::from(u8::from(vitals.is_repository_missing)))],
    );
    let jobs: Vec<(String, f64)> = vitals
        .jobs
        .iter()
        .map(|(state, count)| (format!("{{state=\"{state}\"}}"), *count as f64))
        .collect();
    family(
        "cairn_jobs",
        "gauge",
        "Jobs that the catalog knows, by state.",
        &jobs,
    );
    text
}

fn label(source: &str) -> String {
    let escaped = source
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{{source=\"{escaped}\"}}")
}
