//! A job, in the shape of this API: seventeen fields, always all of them. A text that says nothing is empty, and never null.
//!
//! `file_path` is the file that the archive was put into, when the settings name a folder for that; else it is empty, since the archive is
//! packed while it is downloaded. `file_name` is what it is called when it is downloaded. `file_size` is the length of the archive, and null
//! until that is known: when its file is written, or when it was downloaded once. A backup with warnings has succeeded, and `error_message`
//! holds them. The last three fields say what the calls would answer now.

use serde_json::{Value, json};
use service::{AppJob, app_archive_name};

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

/// What the archive of a job's backup is called when somebody downloads it; nothing: there is none.
pub(super) fn file_name(job: &AppJob) -> Option<String> {
    let backup = job
        .backup
        .as_ref()
        .filter(|_| status(&job.job.state) == "succeeded")?;
    let put = job.archive.as_ref().filter(|archive| archive.path.is_some());
    Some(put.map_or_else(|| app_archive_name(backup), |archive| archive.name.clone()))
}

pub(super) fn job(job: &AppJob) -> Value {
    let view = &job.job;
    let status = status(&view.state);
    let name = file_name(job);
    let archive = job.archive.as_ref().filter(|_| name.is_some());
    let updated = view.ended.as_ref().or(view.started.as_ref());
    let is_locked = job.backup.as_ref().is_some_and(|backup| backup.locked);
    let kind = if view.kind == "backup" {
        "backup"
    } else {
        "restore"
    };
    json!({
        "id": view.id,
        "job_type": kind,
        "status": status,
        "scheduled": job.is_scheduled,
        "requested_by": view.person.as_ref().filter(|_| !job.is_scheduled),
        "celery_task_id": "",
        "file_path": archive.and_then(|archive| archive.path.as_deref()).unwrap_or_default(),
        "file_name": name.as_deref().unwrap_or_default(),
        "original_filename": job.file_name.as_deref().unwrap_or_default(),
        "file_size": archive.map(|archive| archive.bytes),
        "error_message": message(job),
        "created_at": view.created,
        "updated_at": updated.unwrap_or(&view.created),
        "completed_at": view.ended.as_ref().filter(|_| view.is_over()),
        "can_download": name.is_some(),
        "can_cancel": matches!(status, "pending" | "running"),
        "can_delete": status != "running" && !is_locked,
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

    fn job_in(state: &str, backup: Option<serde_json::Value>) -> Value {
        let shown = AppJob {
            job: service::JobView {
                id: "j".to_owned(),
                kind: "backup".to_owned(),
                state: state.to_owned(),
                source: None,
                source_id: None,
                phase: String::new(),
                item: String::new(),
                done: 0,
                total: 0,
                bytes: 0,
                bytes_total: 0,
                eta_seconds: None,
                person: Some("ann".to_owned()),
                created: "2026-01-01T00:00:00Z".to_owned(),
                started: None,
                ended: Some("2026-01-01T00:00:09Z".to_owned()),
                error: None,
                result: None,
                approval: None,
                resumable: false,
                left_behind: Vec::new(),
                created_ms: 0,
            },
            is_scheduled: false,
            backup: backup.map(|backup| serde_json::from_value(backup).expect("a backup")),
            archive: None,
            file_name: None,
        };
        job(&shown)
    }

    fn a_backup(locked: bool) -> Value {
        json!({"id": "b", "source": "tv", "name": "", "reason": "manual", "created": "2026-01-01T00:00:00.123Z",
            "snapshot": "", "parts": [], "files": 1, "bytes": 1, "added_bytes": 1, "seconds": 0.0, "locked": locked,
            "verified": null, "state": "ok", "warnings": []})
    }

    #[test]
    fn what_can_be_done_with_a_job_is_told_in_every_state() {
        for (state, backup, can, completed) in [
            ("waiting", None, [false, true, true], false),
            ("queued", None, [false, true, true], false),
            ("running", None, [false, true, false], false),
            ("running", Some(false), [false, true, false], false),
            ("succeeded", Some(false), [true, false, true], true),
            ("succeeded", Some(true), [true, false, false], true),
            ("succeeded", None, [false, false, true], true),
            ("warning", Some(false), [true, false, true], true),
            ("failed", None, [false, false, true], true),
            ("failed", Some(false), [false, false, true], true),
            ("cancelled", None, [false, false, true], true),
            ("interrupted", None, [false, false, true], true),
        ] {
            let shown = job_in(state, backup.map(a_backup));
            assert_eq!(shown.as_object().map(serde_json::Map::len), Some(17));
            let told = ["can_download", "can_cancel", "can_delete"].map(|name| shown[name] == json!(true));
            assert_eq!(told, can, "{state} {backup:?}");
            assert_eq!(shown["completed_at"].is_string(), completed, "{state}");
            let has_name = shown["file_name"] != json!("");
            assert_eq!(has_name, can[0], "{state} {backup:?}");
        }
        let done = job_in("succeeded", Some(a_backup(false)));
        assert_eq!(done["file_name"], "dispatcharr-backup-20260101T000000Z.tar.gz");
    }
}
