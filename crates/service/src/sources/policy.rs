//! The policy of a source: read, change, and see beforehand what it would do.
//!
//! Rules: a policy is changed as a whole or key by key; what cannot be read is refused by name and nothing is saved. Saving one moves the
//! schedule; it deletes nothing by itself: that comes after the next backup, and is shown by `simulate` before.

use catalog::sources::SourceRow;
use model::{Held, Hooks, Judged, Lapse, Permission, Policy, Preset, Problem, Result, Terms, Zone};
use serde::Serialize;
use serde_json::Value;

use crate::Service;
use crate::instance::{bad_json, policy_of};

/// What becomes of a backup under a policy, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fate {
    pub id: String,
    pub created: String,
    pub reason: String,
    pub name: String,
    pub kept: bool,
    pub because: Vec<String>,
    #[serde(skip)]
    pub created_ms: i64,
}

/// A key of a policy that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    /// `retention.last`
    pub key: String,
    pub before: Value,
    pub after: Value,
}

/// What a preset made of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresetUsed {
    #[serde(flatten)]
    pub policy: Policy,
    pub changed: Vec<KeyChange>,
}

impl Service {
    /// Whom it tells, and what it runs, is shown to those who may change it: addresses and commands may hold secrets.
    pub async fn policy(&self, wanted: &str) -> Result<Policy> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        let policy = policy_of(&row)?;
        if self.could(Permission::EditPolicy, Some(&row.id)).await? {
            return Ok(policy);
        }
        Ok(Policy {
            notify: Vec::new(),
            hooks: Hooks::default(),
            ..policy
        })
    }

    pub(crate) async fn save_policy(&self, mut row: SourceRow, policy: &Policy) -> Result<()> {
        let before = policy_of(&row)?;
        if before.hooks != policy.hooks || before.notify != policy.notify {
            // They run programs, call addresses and read files of this machine.
            self.may(Permission::Settings, None).await?;
        }
        let before = before.schedule;
        let value = serde_json::to_value(policy).map_err(bad_json)?;
        // Read back as the catalog will be read, before it is there.
        Policy::from_json(value.clone())?;
        row.policy = value.to_string();
        self.catalog.update_source(&row).await?;
        self.reschedule(&row.id, &before, &policy.schedule).await?;
        self.audit("policy.change", &row.name, &row.policy).await
    }

    /// Changes some keys; `null` puts a key back to its default.
    pub async fn change_policy(&self, wanted: &str, changes: &Value) -> Result<Policy> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::EditPolicy, Some(&row.id)).await?;
        let policy = changed(&row, changes)?;
        self.save_policy(row, &policy).await?;
        Ok(policy)
    }

    /// Changes what the preset is about; the policy as it is then, and what is new in it.
    pub async fn use_preset(&self, wanted: &str, preset: Preset, zone: &Zone) -> Result<PresetUsed> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::EditPolicy, Some(&row.id)).await?;
        let before = policy_of(&row)?;
        let policy = preset.applied_to(before.clone(), zone);
        let value = |policy: &Policy| serde_json::to_value(policy).map_err(bad_json);
        let mut changed = Vec::new();
        compare("", &value(&before)?, &value(&policy)?, &mut changed);
        self.save_policy(row, &policy).await?;
        Ok(PresetUsed { policy, changed })
    }

    /// What the retention of a policy would keep and delete now; with `changes`, before they are saved.
    pub async fn simulate(&self, wanted: &str, changes: &Value) -> Result<Vec<Fate>> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        let policy = changed(&row, changes)?;
        let plan = self.plan_of(&row.id).await?;
        let rows = self.catalog.list_backups(Some(&row.id), i64::MAX).await?;
        let rows: Vec<_> = rows.into_iter().filter(|row| row.state == "ok").collect();
        let held = rows.iter().map(held).collect::<Result<Vec<Held>>>()?;
        let terms = Terms {
            zone: &policy.schedule.zone,
            now_ms: self.now_ms(),
            max_age: plan.retention_days.map(|days| Lapse::days(days.into())),
        };
        let judged = policy.retention.judge(&held, &terms);
        Ok(judged
            .into_iter()
            .filter_map(|judged| fate(&rows, judged))
            .collect())
    }
}

fn changed(row: &SourceRow, changes: &Value) -> Result<Policy> {
    let mut value = serde_json::to_value(policy_of(row)?).map_err(bad_json)?;
    if !changes.is_object() {
        return Err(Problem::invalid(
            "a policy is changed by an object of keys and values",
        ));
    }
    merge(&mut value, changes);
    Policy::from_json(value)
}

/// The keys that differ; objects key by key.
fn compare(key: &str, before: &Value, after: &Value, changed: &mut Vec<KeyChange>) {
    if before == after {
        return;
    }
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        changed.push(KeyChange {
            key: key.to_owned(),
            before: before.clone(),
            after: after.clone(),
        });
        return;
    };
    let added = new.keys().filter(|name| !old.contains_key(*name));
    for name in old.keys().chain(added) {
        let inner = if key.is_empty() {
            name.clone()
        } else {
            format!("{key}.{name}")
        };
        let value = |of: &serde_json::Map<String, Value>| of.get(name).cloned().unwrap_or(Value::Null);
        compare(&inner, &value(old), &value(new), changed);
    }
}

/// Objects are merged key by key, `null` takes a key away, everything else is replaced.
fn merge(value: &mut Value, changes: &Value) {
    let (Some(fields), Some(changes)) = (value.as_object_mut(), changes.as_object()) else {
        value.clone_from(changes);
        return;
    };
    for (key, change) in changes {
        match (change, fields.get_mut(key)) {
            (Value::Null, _) => {
                fields.remove(key);
            }
            (Value::Object(_), Some(inner)) if inner.is_object() => merge(inner, change),
            _ => {
                fields.insert(key.clone(), change.clone());
            }
        }
    }
}

fn fate(rows: &[catalog::backups::BackupRow], judged: Judged) -> Option<Fate> {
    let id = judged.id.to_string();
    let row = rows.iter().find(|row| row.id == id)?;
    Some(Fate {
        created: model::moment_text(row.created),
        created_ms: row.created,
        reason: row.reason.clone(),
        name: row.name.clone(),
        kept: judged.kept,
        because: judged.because,
        id,
    })
}

/// A backup as retention and limits see it.
pub(crate) fn held(row: &catalog::backups::BackupRow) -> Result<Held> {
    Ok(Held {
        id: row.id.parse()?,
        created: row.created,
        reason: row.reason.parse()?,
        locked: row.locked != 0,
        verified: row.verified.is_some(),
        good: row.is_good(),
        person: row.person.clone(),
    })
}
