//! Commands that make, show and care for backups.

use std::path::Path;

use model::{Cancel, Reason, Result};
use serde_json::{Map, Value, json};
use service::{BackupDone, BackupRequest, BackupView, Service};

use super::arguments::{Backup, Cat, Delete, Diff, Find, List, Ls, OneBackup, Purge, Rename};
use super::given::more_given;
use super::watch::watch;
use crate::cli::output::{Output, columns, duration, size, when};

pub(crate) async fn backup(service: &Service, words: Backup, output: Output) -> Result<u8> {
    let more = more_for(service, &words).await?;
    let request = BackupRequest {
        source: words.source,
        parts: words.parts,
        name: words.name,
        reason: Reason::Manual,
        more,
        lock: words.lock,
    };
    let done = watch(output, |progress, cancel| async move {
        service.backup(&request, &progress, &cancel).await
    })
    .await?;
    let code = made(&done, output)?;
    if done.first {
        output.say("The backups are encrypted. Print the recovery kit and keep it somewhere else: cairn kit");
    }
    Ok(code)
}

/// What was given for this backup alone, as the kind of the source reads it. A folder that is no source yet is of a kind that takes folders.
async fn more_for(service: &Service, words: &Backup) -> Result<Map<String, Value>> {
    let known = service.source(&words.source).await;
    let of_paths = || {
        let mut kinds = service.kinds().iter();
        kinds.find(|kind| kind.at_path(Path::new(&words.source)).is_some())
    };
    let kind = match known {
        Ok(source) => Some(service.kinds().get(&source.kind)?),
        Err(_) => of_paths(),
    };
    kind.map_or_else(|| Ok(Map::new()), |kind| more_given(kind, &words.given))
}

/// A backup that was made, for scripts and people.
pub(crate) fn made(done: &BackupDone, output: Output) -> Result<u8> {
    for warning in &done.warnings {
        output.warn(warning);
    }
    let backup = &done.backup;
    output.answer(&json!(done), || {
        format!(
            "{}  {}  {}, {} ({} new) in {}",
            short(&backup.id),
            backup.source,
            model::counted(backup.files, "file", "files"),
            size(backup.bytes),
            size(backup.added_bytes),
            duration(backup.seconds)
        )
    })?;
    for gone in &done.deleted {
        output.say(&format!("deleted {gone}, as the policy says"));
    }
    Ok(if done.warnings.is_empty() { 0 } else { 3 })
}

/// Enough of an id to be typed: ids begin with the time, so their end tells more.
fn short(id: &str) -> &str {
    id.get(..18).unwrap_or(id)
}

fn view(backup: &BackupView) -> Value {
    json!(backup)
}

pub(crate) async fn list(service: &Service, words: &List, output: Output) -> Result<u8> {
    let backups = service.list_backups(words.source.as_deref(), words.limit).await?;
    let heading = [
        "ID", "SOURCE", "CREATED", "REASON", "FILES", "SIZE", "ADDED", "VERIFIED", "STATE", "NAME",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for backup in &backups {
        let mut name = backup.name.clone();
        if backup.locked {
            name.push_str(" (locked)");
        }
        rows.push(vec![
            short(&backup.id).to_owned(),
            backup.source.clone(),
            when(backup.created_ms),
            backup.reason.clone(),
            backup.files.to_string(),
            size(backup.bytes),
            size(backup.added_bytes),
            backup.verified.as_ref().map_or("no", |_| "yes").to_owned(),
            stands(backup),
            name.trim().to_owned(),
        ]);
    }
    output.answer(&Value::Array(backups.iter().map(view).collect()), || {
        columns(&rows)
    })?;
    Ok(0)
}

/// In capitals where a person should look: no colour is needed to see it.
fn stands(backup: &BackupView) -> String {
    match backup.state.as_str() {
        "ok" => "ok".to_owned(),
        state if backup.accepted.is_some() => format!("{state}, accepted"),
        state => state.to_uppercase(),
    }
}

fn sheet(backup: &BackupView) -> String {
    let mut rows = vec![
        ("id", backup.id.clone()),
        ("source", backup.source.clone()),
        ("name", backup.name.clone()),
        ("created", when(backup.created_ms)),
        ("reason", backup.reason.clone()),
        ("parts", backup.parts.join(", ")),
        ("files", backup.files.to_string()),
        ("size", size(backup.bytes)),
        ("added", size(backup.added_bytes)),
        (
            "verified",
            backup.verified.clone().unwrap_or_else(|| "never".to_owned()),
        ),
        ("locked", if backup.locked { "yes" } else { "no" }.to_owned()),
        ("snapshot", backup.snapshot.clone()),
        ("state", stands(backup)),
    ];
    if backup.lacks > 0 {
        let count = model::counted(backup.lacks, "entry", "entries");
        rows.push(("lacks", format!("{count} that could not be read")));
    }
    rows.extend(backup.suspicion.iter().map(|why| ("suspicious", why.clone())));
    rows.extend(backup.accepted.iter().map(|when| ("accepted", when.clone())));
    rows.extend(backup.warnings.iter().map(|warning| ("warning", warning.clone())));
    columns(
        &rows
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect::<Vec<_>>(),
    )
}

fn answer(output: Output, backup: &BackupView) -> Result<u8> {
    output.answer(&view(backup), || sheet(backup))?;
    Ok(0)
}

pub(crate) async fn show(service: &Service, words: &OneBackup, output: Output) -> Result<u8> {
    answer(output, &service.show_backup(&words.backup).await?)
}

pub(crate) async fn lock(service: &Service, words: &OneBackup, locked: bool, output: Output) -> Result<u8> {
    answer(output, &service.lock_backup(&words.backup, locked).await?)
}

pub(crate) async fn accept(service: &Service, words: &OneBackup, output: Output) -> Result<u8> {
    answer(output, &service.accept_backup(&words.backup).await?)
}

pub(crate) async fn rename(service: &Service, words: &Rename, output: Output) -> Result<u8> {
    answer(output, &service.rename_backup(&words.backup, &words.name).await?)
}

pub(crate) async fn ls(service: &Service, words: &Ls, output: Output) -> Result<u8> {
    let entries = service
        .ls(
            &words.backup,
            words.path.as_deref().unwrap_or(Path::new("")),
            words.recursive,
            &Cancel::new(),
        )
        .await?;
    let row = |entry: &service::Listed| {
        let time = when(entry.modified * 1000);
        vec![
            entry.mode.clone(),
            if entry.kind == "file" {
                size(entry.size)
            } else {
                entry.kind.clone()
            },
            time,
            entry.path.clone(),
        ]
    };
    output.answer(&json!(entries), || {
        columns(&entries.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(0)
}

pub(crate) async fn cat(service: &Service, words: &Cat) -> Result<u8> {
    service.cat(&words.backup, &words.path, std::io::stdout()).await?;
    Ok(0)
}

pub(crate) async fn find(service: &Service, words: &Find, output: Output) -> Result<u8> {
    let found = service
        .find(&words.text, words.source.as_deref(), &Cancel::new())
        .await?;
    let row = |found: &service::FoundFile| {
        vec![
            short(&found.backup).to_owned(),
            found.source.clone(),
            found.created.clone(),
            size(found.size),
            found.path.clone(),
        ]
    };
    output.answer(&json!(found), || {
        columns(&found.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(u8::from(found.is_empty()))
}

pub(crate) async fn diff(service: &Service, words: &Diff, output: Output) -> Result<u8> {
    let found = watch(output, |_, cancel| async move {
        service.diff(&words.a, &words.b, &cancel).await
    })
    .await?;
    let row =
        |found: &service::Difference| vec![found.change.clone(), found.path.clone(), found.detail.clone()];
    output.answer(&json!(found), || {
        columns(&found.iter().map(row).collect::<Vec<_>>())
    })?;
    if found.is_empty() {
        output.say("no differences");
    }
    Ok(0)
}

fn deleted(output: Output, backups: &[BackupView]) -> Result<u8> {
    let ids: Vec<&str> = backups.iter().map(|backup| backup.id.as_str()).collect();
    output.answer(&json!({ "deleted": ids }), || {
        ids.iter().map(|id| format!("deleted {id}\n")).collect()
    })?;
    output.say("the space is freed by the next prune: cairn repository prune");
    Ok(0)
}

pub(crate) async fn delete(service: &Service, words: &Delete, output: Output) -> Result<u8> {
    if !words.yes {
        output.confirm(
            &format!(
                "{} will be deleted for good.",
                model::counted(words.backups.len() as u64, "backup", "backups")
            ),
            "delete",
        )?;
    }
    let ids = &words.backups;
    let gone = watch(output, |progress, cancel| async move {
        service.watched(&progress, &cancel).delete_backups(ids).await
    });
    deleted(output, &gone.await?)
}

pub(crate) async fn purge(service: &Service, words: &Purge, output: Output) -> Result<u8> {
    if !words.yes {
        output.confirm(
            &format!(
                "All unlocked backups of {} will be deleted for good.",
                words.source
            ),
            &words.source,
        )?;
    }
    let gone = watch(output, |progress, cancel| async move {
        service.watched(&progress, &cancel).purge(&words.source).await
    });
    deleted(output, &gone.await?)
}
