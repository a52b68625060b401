//! The settings object, and what a client changes in it.

use serde_json::{Value, json};
use service::{AppChanges, AppSettings};

use super::cron::Parts;
use super::errors::Refusal;
use super::fields::Fields;

pub(super) fn shown(settings: &AppSettings) -> Value {
    json!({
        "enabled": settings.enabled,
        "retention": settings.retention,
        "path": settings.place,
        "extra_paths": settings.paths,
        "include_recordings": settings.include_recordings,
        "schedule": Parts::of(settings).shown(),
    })
}

/// What is to be other than before.
pub(super) fn changes(fields: &Fields, before: &AppSettings) -> Result<AppChanges, Refusal> {
    let schedule = match fields.inner("schedule")? {
        None => None,
        Some(inner) => {
            let now = Parts::of(before);
            let changed = now.changed(&inner)?;
            // What was only shown and sent back is let be, also when no cron part can say it.
            if sends_back(&now, &inner)? {
                None
            } else {
                Some((changed.schedule(&inner)?, changed.shown()))
            }
        }
    };
    Ok(AppChanges {
        enabled: fields.truth("enabled")?,
        schedule,
        retention: fields
            .number("retention")?
            .map(|most| kept(fields, most))
            .transpose()?,
        place: fields.text("path")?,
        paths: paths(fields, before)?,
        include_recordings: fields.truth("include_recordings")?,
    })
}

fn sends_back(now: &Parts, sent: &Fields) -> Result<bool, Refusal> {
    let shown = now.shown();
    for (name, value) in shown.as_object().into_iter().flatten() {
        if sent
            .text(name)?
            .is_some_and(|text| Some(text.as_str()) != value.as_str())
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Nothing and less keep everything.
fn kept(fields: &Fields, most: i64) -> Result<u32, Refusal> {
    u32::try_from(most.max(0))
        .ok()
        .filter(|most| *most < u32::MAX)
        .ok_or_else(|| Refusal::field(&fields.called("retention"), "is too large."))
}

/// A source that is nothing but folders cannot do without any.
fn paths(fields: &Fields, before: &AppSettings) -> Result<Option<Vec<String>>, Refusal> {
    let Some(paths) = fields.list("extra_paths")? else {
        return Ok(None);
    };
    if paths == before.paths {
        return Ok(None);
    }
    if paths.is_empty() {
        let why = "must name a folder, since nothing else of this source is backed up.";
        return Err(Refusal::field(&fields.called("extra_paths"), why));
    }
    Ok(Some(paths))
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;

    fn settings() -> AppSettings {
        AppSettings {
            enabled: true,
            schedule: "every 36h".parse().expect("a schedule"),
            words: None,
            retention: 3,
            place: String::new(),
            paths: vec!["/srv/app".to_owned(), "/srv/logos".to_owned()],
            include_recordings: true,
        }
    }

    fn changed(sent: &str) -> Result<AppChanges, Refusal> {
        let fields = Fields::read(&Bytes::copy_from_slice(sent.as_bytes()))?;
        changes(&fields, &settings())
    }

    #[test]
    fn what_was_shown_and_is_sent_back_changes_nothing() {
        let sent = shown(&settings()).to_string();
        let changes = changed(&sent).expect("readable");
        assert_eq!((changes.schedule, changes.paths), (None, None));
        assert_eq!(changed("{}").expect("readable"), AppChanges::default());
    }

    #[test]
    fn less_than_one_backup_means_all() {
        for most in ["0", "-1", "\"-5\""] {
            let changes = changed(&format!("{{\"retention\":{most}}}")).expect(most);
            assert_eq!(changes.retention, Some(0));
        }
        assert!(changed(r#"{"retention":"many"}"#).is_err());
        assert!(changed(r#"{"retention":99999999999}"#).is_err());
    }

    #[test]
    fn the_folder_for_archives_and_what_is_backed_up_are_changed_apart() {
        let changes = changed(r#"{"path":"/srv/archives"}"#).expect("readable");
        assert_eq!(
            (changes.place.as_deref(), changes.paths),
            (Some("/srv/archives"), None)
        );
        let changes = changed(r#"{"extra_paths":["/srv/app"]}"#).expect("readable");
        assert_eq!(
            (changes.place, changes.paths),
            (None, Some(vec!["/srv/app".to_owned()]))
        );
        assert_eq!(
            changed(r#"{"path":""}"#).expect("readable").place.as_deref(),
            Some("")
        );
        assert!(changed(r#"{"extra_paths":[]}"#).is_err());
    }
}
