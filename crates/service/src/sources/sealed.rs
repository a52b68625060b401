//! The settings of sources between people, the catalog and the kinds: checked, sealed, shown.
//!
//! Nouns: the *stored* settings are the JSON document in a source's row. In it the value of a secret field is an object: `{"sealed": TEXT}`,
//! or `{"sealed": null}` for one that was lost with the catalog and must be entered again. *Opened* settings hold the secrets themselves.
//!
//! Rules: whatever writes a row's settings gets them from [`Service::checked_settings`], [`Service::edited_settings`] or
//! [`Service::found_settings`], which seal; whatever shows them, or puts them into a manifest, an event or the audit log, takes
//! [`shown`], which needs no key and cannot leak; only [`Service::settings_of`] opens them, for the kind alone. What a person gives never looks
//! like something sealed. The placeholder `{"set": true}` stands for the secret that is there.

use catalog::sources::SourceRow;
use model::{Description, Kind, Problem, Result};
use serde_json::{Map, Value, json};
use sources::{Env, Kinds, Source};

use crate::Service;

const SEALED: &str = "sealed";
const SET: &str = "set";

/// What is bound into a sealed secret: it opens in this field of this source only.
fn place(source: &str, field: &str) -> String {
    format!("sources/{source}/settings/{field}")
}

/// Is it the stored form of a secret?
fn is_sealed(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.len() == 1 && object.contains_key(SEALED))
}

/// Does it stand for the secret that is there?
fn is_placeholder(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.len() == 1 && object.get(SET).is_some_and(Value::is_boolean))
}

/// Stored settings as everybody may see them: of a secret only whether it is there.
pub(crate) fn shown(stored: &str) -> Value {
    let mut settings = serde_json::from_str(stored).unwrap_or(Value::Null);
    if let Some(fields) = settings.as_object_mut() {
        for value in fields.values_mut().filter(|value| is_sealed(value)) {
            *value = json!({ SET: !value[SEALED].is_null() });
        }
    }
    settings
}

/// What somebody changed, for the audit log: without the secrets.
pub(crate) fn told(described: &Description, changes: &Value) -> Value {
    let mut changes = changes.clone();
    if let Some(fields) = changes.as_object_mut() {
        for (key, value) in fields {
            // Under a key that no field has, anything may have been typed.
            if described.field(key).is_none_or(|field| field.secret) {
                *value = json!({ SET: !value.is_null() });
            }
        }
    }
    changes
}

/// The secrets that a source lost, by name.
pub(crate) fn lost_secrets(stored: &str) -> Vec<String> {
    let settings: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
    let lost = settings
        .into_iter()
        .filter(|(_, value)| is_sealed(value) && value[SEALED].is_null());
    lost.map(|(key, _)| key).collect()
}

fn stored_of(row: &SourceRow) -> Result<Map<String, Value>> {
    serde_json::from_str(&row.settings).map_err(|_| {
        Problem::damaged(format!(
            "the settings of “{}” in the catalog are malformed",
            row.name
        ))
    })
}

/// Nobody hands in what looks like a stored secret.
fn check_given(given: &Value) -> Result<()> {
    let fields = given.as_object().into_iter().flatten();
    match fields.into_iter().find(|(_, value)| is_sealed(value)) {
        None => Ok(()),
        Some((key, _)) => Err(Problem::invalid(format!(
            "“{key}” looks like a sealed secret, and is no value"
        ))
        .hint("give the secret itself; it is sealed when it is stored")),
    }
}

impl Service {
    /// The kinds of sources that this instance knows.
    pub fn kinds(&self) -> &Kinds {
        &self.options.kinds
    }

    pub(crate) fn env(&self) -> Env {
        Env {
            forbidden: self.forbidden(),
        }
    }

    /// Settings of a new source as they are stored: complete, openable, sealed.
    pub(crate) fn checked_settings(&self, kind: &str, source: &str, given: &Value) -> Result<String> {
        check_given(given)?;
        self.stored_settings(kind, source, given.clone(), Map::new())
    }

    /// Settings after some of them were changed, as they are stored. What is not named stays, and so does a secret for which the
    /// placeholder stands; null takes a setting away.
    pub(crate) fn edited_settings(&self, row: &SourceRow, changes: &Value) -> Result<String> {
        check_given(changes)?;
        let described = self.kinds().get(&row.kind)?.description();
        let (stored, mut sealed) = (stored_of(row)?, Map::new());
        let given = changes.as_object().cloned().unwrap_or_default();
        let stays = |key: &String| {
            let is_secret = described.field(key).is_some_and(|field| field.secret);
            given
                .get(key)
                .is_none_or(|value| is_secret && is_placeholder(value))
        };
        let mut settings = Map::new();
        for (key, value) in stored.into_iter().filter(|(key, _)| stays(key)) {
            if is_sealed(&value) {
                settings.insert(key.clone(), self.open_secret(row, &key, &value)?);
                sealed.insert(key, value);
            } else {
                settings.insert(key, value);
            }
        }
        let is_new = |(key, _): &(String, Value)| !settings.contains_key(key);
        let new: Vec<(String, Value)> = given.clone().into_iter().filter(is_new).collect();
        settings.extend(new);
        self.stored_settings(&row.kind, &row.id, Value::Object(settings), sealed)
    }

    /// Checks opened settings and seals them; what is in `sealed` is stored as it was.
    fn stored_settings(
        &self,
        kind: &str,
        source: &str,
        settings: Value,
        sealed: Map<String, Value>,
    ) -> Result<String> {
        let kind = self.kinds().get(kind)?;
        check_secrets_given(kind.description(), &settings)?;
        let complete = kind.description().complete(settings)?;
        kind.open(&complete, &self.env())?;
        let mut stored = self.seal_settings(kind.description(), source, complete)?;
        stored.extend(sealed);
        Ok(Value::Object(stored).to_string())
    }

    /// Settings that a manifest tells of, as they are stored; the secrets are to be entered again.
    pub(crate) fn found_settings(&self, kind: &str, source: &str, found: &Value) -> Result<String> {
        let Ok(kind) = self.kinds().get(kind) else {
            return Ok(found.to_string());
        };
        let mut settings = found.clone();
        if let Some(fields) = settings.as_object_mut() {
            for (key, value) in fields {
                let is_secret = kind.description().field(key).is_some_and(|field| field.secret);
                if is_secret && is_placeholder(value) {
                    *value = json!({ SEALED: null });
                }
            }
        }
        let stored = self.seal_settings(kind.description(), source, settings)?;
        Ok(Value::Object(stored).to_string())
    }

    fn seal_settings(
        &self,
        described: &Description,
        source: &str,
        settings: Value,
    ) -> Result<Map<String, Value>> {
        let halves = described.split(settings);
        let mut stored = halves.open;
        for (key, value) in halves.secret {
            let value = if is_sealed(&value) {
                value
            } else {
                let text = value.to_string();
                let sealed = self
                    .sealer()?
                    .seal(&text, &place(source, &key), &self.options.random)?;
                json!({ SEALED: sealed })
            };
            stored.insert(key, value);
        }
        Ok(stored)
    }

    fn open_secret(&self, row: &SourceRow, key: &str, value: &Value) -> Result<Value> {
        let Some(sealed) = value[SEALED].as_str() else {
            return Err(Problem::new(
                Kind::Refused,
                format!("the secret “{key}” of “{}” was lost with its catalog", row.name),
            )
            .hint("enter it again with `cairn source edit`"));
        };
        let text = self.sealer()?.open(sealed, &place(&row.id, key))?;
        serde_json::from_str(&text).map_err(|_| Problem::damaged("a sealed secret is malformed"))
    }

    /// The settings of a source with its secrets: for its kind alone.
    fn settings_of(&self, row: &SourceRow) -> Result<Value> {
        let mut settings = stored_of(row)?;
        for (key, value) in settings.iter_mut().filter(|(_, value)| is_sealed(value)) {
            *value = self.open_secret(row, key, value)?;
        }
        Ok(Value::Object(settings))
    }

    pub(crate) fn open_source(&self, row: &SourceRow) -> Result<Box<dyn Source>> {
        self.open_source_with(row, &Map::new())
    }

    /// The source, with more in some of its lists: for one backup.
    pub(crate) fn open_source_with(
        &self,
        row: &SourceRow,
        more: &Map<String, Value>,
    ) -> Result<Box<dyn Source>> {
        let kind = self.kinds().get(&row.kind)?;
        let mut settings = self.settings_of(row)?;
        for (key, added) in more {
            check_per_backup(kind.description(), key, added)?;
            let mut items = settings[key].as_array().cloned().unwrap_or_default();
            items.extend(added.as_array().cloned().unwrap_or_default());
            settings[key] = Value::Array(items);
        }
        kind.open(&settings, &self.env())
    }

    /// Secrets that an earlier version stored plainly are sealed.
    pub(crate) async fn seal_plain_settings(&self) -> Result<()> {
        for row in self.catalog.list_sources().await? {
            let (Ok(kind), Ok(stored)) = (self.kinds().get(&row.kind), stored_of(&row)) else {
                continue;
            };
            let described = kind.description();
            let is_plain = |(key, value): (&String, &Value)| {
                described.field(key).is_some_and(|field| field.secret) && !is_sealed(value)
            };
            if stored.iter().any(is_plain) {
                let sealed = self.seal_settings(described, &row.id, Value::Object(stored))?;
                let settings = Value::Object(sealed).to_string();
                self.catalog.update_source(&SourceRow { settings, ..row }).await?;
            }
        }
        Ok(())
    }
}

/// The placeholder stands for nothing where no secret is there yet.
fn check_secrets_given(described: &Description, settings: &Value) -> Result<()> {
    let secrets = described.fields.iter().filter(|field| field.secret);
    match secrets
        .into_iter()
        .find(|field| is_placeholder(&settings[field.name]))
    {
        None => Ok(()),
        Some(field) => Err(Problem::invalid(format!(
            "“{}” says that a secret is set, and none is",
            field.name
        ))
        .hint(format!("give it: {}", field.flags().join(" or ")))),
    }
}

fn check_per_backup(described: &Description, key: &str, added: &Value) -> Result<()> {
    if !described.field(key).is_some_and(|field| field.per_backup) {
        return Err(Problem::invalid(format!(
            "“{key}” cannot be given for one backup of a {}",
            described.kind
        ))
        .hint("change the settings of the source instead"));
    }
    match described
        .wrong(&json!({ key: added }))
        .into_iter()
        .find(|wrong| wrong.key == key)
    {
        None => Ok(()),
        Some(wrong) => Err(wrong.problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_shown_as_set_and_what_was_lost_as_not_set() {
        let stored = json!({"key": {"sealed": "v1:00"}, "old": {"sealed": null}, "world": "w"}).to_string();
        let expected = json!({"key": {"set": true}, "old": {"set": false}, "world": "w"});
        assert_eq!(shown(&stored), expected);
        assert_eq!(lost_secrets(&stored), ["old"]);
    }

    #[test]
    fn nobody_hands_in_what_looks_sealed() {
        assert!(check_given(&json!({"key": {"sealed": "v1:00"}})).is_err());
        assert!(check_given(&json!({"key": "sealed"})).is_ok());
    }
}
