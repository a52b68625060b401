//! The settings of an app in few words, on top of the source's own settings and policy.
//!
//! What a policy says is told from the policy, so that one source looks the same through every door. What a policy cannot say is noted
//! beside it: the schedule that is switched off, the words in which it was given, that recordings are not wanted while there are none, and
//! the folder for archives.
//! Rules: everything is looked at before anything is saved. `path` is where archives are put and never what is backed up. Folders that are
//! named anew must be there and writable, since a restore writes there; the message names folder and user. What names a place on the server
//! asks for the right to the house's settings. Who leaves recordings out restores without touching them: the backup does not hold them.

use std::path::Path;

use catalog::sources::SourceRow;
use model::{Count, Permission, Policy, Problem, Result, Retention, Schedule, TimeOfDay, Zone};
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sources::Context;

use super::archives;
use super::paths::{FOLDER, paths_of};
use crate::Service;
use crate::instance::policy_of;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSettings {
    /// Does the schedule hold?
    pub enabled: bool,
    /// In force, or the last one that was.
    pub schedule: Schedule,
    /// As somebody gave it, in the words of the API; only while it means the same as `schedule`.
    pub words: Option<Value>,
    /// So many backups are kept; 0 = all.
    pub retention: u32,
    /// The folder into which archives are put; empty: none are.
    pub place: String,
    /// The folders that are backed up, where the source is nothing else.
    pub paths: Vec<String>,
    pub include_recordings: bool,
}

/// What is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppChanges {
    pub enabled: Option<bool>,
    /// With the words in which it was given.
    pub schedule: Option<(Schedule, Value)>,
    pub retention: Option<u32>,
    pub place: Option<String>,
    pub paths: Option<Vec<String>>,
    pub include_recordings: Option<bool>,
}

/// What the policy cannot say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Note {
    schedule: Option<Schedule>,
    /// The words of that schedule.
    words: Option<Value>,
    include_recordings: Option<bool>,
    place: String,
}

/// Daily at 03:15.
fn usual_schedule() -> Result<Schedule> {
    Ok(Schedule::daily(TimeOfDay::new(3, 15)?, Zone::utc()))
}

fn note_of(source: &str) -> String {
    format!("app-backups:{source}")
}

/// A part of this name holds recordings: `recordings` in any case, `Recordings-2`.
fn holds_recordings(part: &str) -> bool {
    let lower = part.to_lowercase();
    let number = lower
        .strip_prefix("recordings")
        .map(|rest| rest.trim_start_matches('-'));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl AppSettings {
    fn with(&self, changes: &AppChanges) -> AppSettings {
        let (schedule, words) = match changes.schedule.clone() {
            Some((schedule, words)) => (schedule, Some(words)),
            None => (self.schedule.clone(), self.words.clone()),
        };
        AppSettings {
            enabled: changes.enabled.unwrap_or(self.enabled),
            schedule,
            words,
            retention: changes.retention.unwrap_or(self.retention),
            place: changes.place.clone().unwrap_or_else(|| self.place.clone()),
            paths: changes.paths.clone().unwrap_or_else(|| self.paths.clone()),
            include_recordings: changes.include_recordings.unwrap_or(self.include_recordings),
        }
    }
}

impl Service {
    pub async fn app_settings(&self, wanted: Option<&str>) -> Result<AppSettings> {
        self.may(Permission::AppBackups, None).await?;
        let row = self.app(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        self.app_settings_of(&row).await
    }

    async fn app_settings_of(&self, row: &SourceRow) -> Result<AppSettings> {
        let policy = policy_of(row)?;
        let note = self.app_note(&row.id).await?;
        let enabled = !policy.schedule.is_off();
        let remembered = note.schedule.map_or_else(usual_schedule, Ok)?;
        let Count(last) = policy.retention.last;
        let schedule = if enabled {
            policy.schedule
        } else {
            remembered.clone()
        };
        Ok(AppSettings {
            enabled,
            words: note.words.filter(|_| schedule == remembered),
            schedule,
            place: note.place,
            retention: if policy.retention.last == Count::ALL {
                0
            } else {
                last
            },
            paths: paths_of(row),
            include_recordings: if policy.parts.is_empty() {
                note.include_recordings.unwrap_or(true)
            } else {
                policy.parts.iter().any(|part| holds_recordings(part))
            },
        })
    }

    async fn app_note(&self, source: &str) -> Result<Note> {
        let text = self.catalog.setting(&note_of(source)).await?;
        // A note that cannot be read is worth no more than none.
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// Where archives of this source are put; nothing: nowhere.
    pub(super) async fn archive_place(&self, source: &str) -> Result<Option<String>> {
        let note = self.app_note(source).await?;
        Ok(Some(note.place).filter(|place| !place.is_empty()))
    }

    pub async fn change_app_settings(
        &self,
        wanted: Option<&str>,
        changes: &AppChanges,
    ) -> Result<AppSettings> {
        self.may(Permission::AppBackups, None).await?;
        let mut row = self.app(wanted).await?;
        self.may(Permission::EditPolicy, Some(&row.id)).await?;
        let before = self.app_settings_of(&row).await?;
        let wanted = before.with(changes);
        if wanted.paths != before.paths {
            self.may(Permission::EditSource, Some(&row.id)).await?;
            self.may(Permission::Settings, None).await?;
            row.settings = self.settings_with_paths(&row, &before.paths, &wanted.paths)?;
        }
        if wanted.place != before.place {
            self.may(Permission::Settings, None).await?;
        }
        // Also when only the folders around it are others than before.
        if !wanted.place.is_empty() && (wanted.place != before.place || wanted.paths != before.paths) {
            archives::check_place(self, Path::new(&wanted.place), &wanted.paths)?;
        }
        let mut policy = policy_of(&row)?;
        let is_other_choice = wanted.include_recordings != before.include_recordings;
        if is_other_choice || (wanted.paths != before.paths && !policy.parts.is_empty()) {
            policy.parts = self.chosen_parts(&row, wanted.include_recordings).await?;
        }
        apply(&mut policy, &before, &wanted);
        self.save_app_settings(row, &policy, &before, &wanted).await
    }

    async fn save_app_settings(
        &self,
        row: SourceRow,
        policy: &Policy,
        before: &AppSettings,
        wanted: &AppSettings,
    ) -> Result<AppSettings> {
        let note = serde_json::to_string(&Note {
            schedule: Some(wanted.schedule.clone()),
            words: wanted.words.clone(),
            include_recordings: Some(wanted.include_recordings),
            place: wanted.place.clone(),
        })
        .map_err(|error| Problem::internal(format!("settings cannot be written: {error}")))?;
        let is_elsewhere = wanted.paths != before.paths;
        if is_elsewhere || wanted.place != before.place {
            let what = json!({ "paths": wanted.paths, "archives": wanted.place });
            self.audit("source.edit", &row.name, &what.to_string()).await?;
        }
        let id = row.id.clone();
        if is_elsewhere || *policy != policy_of(&row)? {
            self.save_policy(row, policy).await?;
        }
        self.catalog.set_setting(&note_of(&id), &note).await?;
        self.app_settings_of(&self.source_row(&id).await?).await
    }

    fn settings_with_paths(&self, row: &SourceRow, before: &[String], paths: &[String]) -> Result<String> {
        if row.kind != FOLDER {
            let message = format!("extra_paths means nothing for a source of the kind {}", row.kind);
            return Err(Problem::invalid(message)
                .hint("leave them out; its own settings are changed with `cairn source edit`"));
        }
        for path in paths.iter().filter(|path| !before.contains(path)) {
            check_folder(Path::new(path))?;
        }
        self.edited_settings(row, &json!({ "paths": paths }))
    }

    /// The parts for the policy; none named = all.
    async fn chosen_parts(&self, row: &SourceRow, with_recordings: bool) -> Result<Vec<String>> {
        let source = self.open_source(row)?;
        let inspection = self.blocking(move || source.inspect(&Context::default())).await?;
        let all: Vec<String> = inspection.parts.into_iter().map(|part| part.name).collect();
        let others: Vec<String> = all
            .iter()
            .filter(|part| !holds_recordings(part))
            .cloned()
            .collect();
        if with_recordings || others.len() == all.len() {
            return Ok(Vec::new());
        }
        if others.is_empty() {
            return Err(Problem::invalid(
                "include_recordings: without the recordings nothing would be backed up",
            )
            .hint("name another folder beside them"));
        }
        Ok(others)
    }
}

fn apply(policy: &mut Policy, before: &AppSettings, wanted: &AppSettings) {
    policy.schedule = if wanted.enabled {
        wanted.schedule.clone()
    } else {
        Schedule::off()
    };
    // Rules that this API does not know are only replaced by somebody who sets another number.
    if wanted.retention != before.retention {
        policy.retention = Retention {
            last: Count(wanted.retention),
            ..Retention::default()
        };
    }
}

/// A restore writes into it.
fn check_folder(path: &Path) -> Result<()> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(
            Problem::invalid(format!("extra_paths: “{shown}” is not absolute"))
                .hint("write the whole path, from / on"),
        );
    }
    if !path.is_dir() {
        return Err(
            Problem::invalid(format!("extra_paths: there is no folder at {shown}")).hint("make it first"),
        );
    }
    let user = rustix::process::geteuid().as_raw();
    access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).map_err(|_| {
        Problem::invalid(format!(
            "extra_paths: Cairn runs as user {user}, who cannot read and write in {shown}"
        ))
        .hint(format!("chown {user} {shown}, or run Cairn as its owner"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_known_by_the_name_of_their_folder() {
        for part in ["recordings", "Recordings", "RECORDINGS-2"] {
            assert!(holds_recordings(part), "{part}");
        }
        for part in ["logos", "recordings-old", "my-recordings"] {
            assert!(!holds_recordings(part), "{part}");
        }
    }

    #[test]
    fn a_folder_must_be_there_and_writable() {
        let dir = tempfile::tempdir().expect("a folder for the test");
        check_folder(dir.path()).expect("our own folder");
        let problem = check_folder(&dir.path().join("gone")).expect_err("nothing is there");
        assert!(problem.message().contains("there is no folder"));
        assert!(check_folder(Path::new("relative")).is_err());
    }
}
