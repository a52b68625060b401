//! A job, in the shape of this API: twelve fields, always all of them.
//!
//! `file_path` and `original_filename` name the archive as it is downloaded, or was uploaded; there is no such file on the disk. `file_size` is
//! what lies in the backup. A backup with warnings has succeeded, and `error_message` holds them.

use serde_json::{Value, json};
use service::archive::Format;
use service::{AppJob, archive_name};

/// In the words of this API.
fn status(state: &str) -> &'static str {
    match state {
        "waiting" | "queued" => "pending",
        "running" => "running",
        "succeeded" | "warning" => "succeeded",
        "cancelled" => "canceled",
        _ => "failed",
    }
}

fn message(job: &AppJob) -> String {
    if let Some(error) = &job.job.error {
        let hint = error.hint.as_ref().map(|hint| format!(" ({hint})"));
        return format!("{}{}", error.message, hint.unwrap_or_default());
    }
    if job.job.state == "interrupted" {
        return "the process that carried it out is gone".to_owned();
    }
    let result = job.job.result.as_ref();
    let warnings = result.and_then(|result| result.get("warnings")?.as_array().cloned());
    let warnings: Vec<String> = warnings
        .into_iter()
        .flatten()
        .filter_map(|warning| warning.as_str().map(str::to_owned))
        .collect();
    warnings.join("\n")
}

pub(super) fn job(job: &AppJob) -> Value {
    let view = &job.job;
    let archive = job
        .backup
        .as_ref()
        .map(|backup| archive_name(backup, Format::TarGz));
    let updated = view.ended.as_ref().or(view.started.as_ref());
    json!({
        "id": view.id,
        "job_type": view.kind,
        "status": status(&view.state),
        "scheduled": job.is_scheduled,
        "requested_by": view.person.as_ref().filter(|_| !job.is_scheduled),
        "celery_task_id": null,
        "file_path": archive,
        "original_filename": job.file_name.as_ref().or(archive.as_ref()),
        "file_size": job.backup.as_ref().map(|backup| backup.bytes),
        "error_message": message(job),
        "created_at": view.created,
        "updated_at": updated.unwrap_or(&view.created),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_word() {
        for (state, word) in [
            ("waiting", "pending"),
            ("queued", "pending"),
            ("running", "running"),
            ("succeeded", "succeeded"),
            ("warning", "succeeded"),
            ("failed", "failed"),
            ("interrupted", "failed"),
            ("cancelled", "canceled"),
        ] {
            assert_eq!(status(state), word);
        }
    }
}
