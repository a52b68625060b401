//! The settings object, and what a client changes in it.

use serde_json::{Value, json};
use service::{AppChanges, AppSettings};

use super::cron::Parts;
use super::errors::Refusal;
use super::fields::Fields;

pub(super) fn shown(settings: &AppSettings) -> Value {
    let (path, extra_paths) = match settings.paths.split_first() {
        Some((path, extra)) => (path.as_str(), extra),
        None => ("", [].as_slice()),
    };
    json!({
        "enabled": settings.enabled,
        "retention": settings.retention,
        "path": path,
        "extra_paths": extra_paths,
        "include_recordings": settings.include_recordings,
        "schedule": Parts::of(&settings.schedule).shown(),
    })
}

/// What is to be other than before.
pub(super) fn changes(fields: &Fields, before: &AppSettings) -> Result<AppChanges, Refusal> {
    let schedule = match fields.inner("schedule")? {
        None => None,
        Some(inner) => {
            let now = Parts::of(&before.schedule);
            let changed = now.changed(&inner)?;
            // What was only shown and sent back is let be, also when no cron part can say it.
            if sends_back(&now, &inner)? {
                None
            } else {
                Some(changed.schedule(&inner)?)
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

fn paths(fields: &Fields, before: &AppSettings) -> Result<Option<Vec<String>>, Refusal> {
    let (path, extra) = (fields.text("path")?, fields.list("extra_paths")?);
    if path.is_none() && extra.is_none() {
        return Ok(None);
    }
    let (first, others) = match before.paths.split_first() {
        Some((first, others)) => (first.clone(), others.to_vec()),
        None => (String::new(), Vec::new()),
    };
    let mut paths = vec![path.unwrap_or(first)];
    paths.extend(extra.unwrap_or(others));
    if paths.iter().all(String::is_empty) {
        paths.clear();
    }
    if paths == before.paths {
        return Ok(None);
    }
    match paths.first() {
        Some(path) if !path.is_empty() => Ok(Some(paths)),
        _ => Err(Refusal::field(
            &fields.called("path"),
            "must be the path of a folder.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;

    fn settings() -> AppSettings {
        AppSettings {
            enabled: true,
            schedule: "every 36h".parse().expect("a schedule"),
            retention: 3,
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
    fn the_first_path_and_the_others_are_changed_apart() {
        let paths = |sent: &str| changed(sent).expect(sent).paths.expect(sent);
        assert_eq!(paths(r#"{"path":"/srv/new"}"#), ["/srv/new", "/srv/logos"]);
        assert_eq!(paths(r#"{"extra_paths":[]}"#), ["/srv/app"]);
        assert!(changed(r#"{"path":""}"#).is_err());
    }
}
