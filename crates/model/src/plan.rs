//! What a restore would do, as data: shown, approved, carried out and audited as one object.
//!
//! A source makes a [`Draft`]; the service gives it an id, an expiry and a hash: the [`Plan`].
//! Rules: *replace* ends in the state of the backup with the fewest changes, *merge* deletes nothing,
//! *rebuild* deletes everything chosen and creates it anew. Deletions come first.
//! What cannot be saved before is named, and decides together with the items.
//! The hash covers mode, parts, items and the fingerprints of what they would touch, and what cannot be saved, but no time and
//! no estimate: two plans with one hash do the same to the same things.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A plan can be carried out for an hour.
pub const PLAN_LIFETIME_MS: i64 = 3_600_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Replace,
    Merge,
    Rebuild,
}

impl Mode {
    pub fn word(self) -> &'static str {
        match self {
            Mode::Replace => "replace",
            Mode::Merge => "merge",
            Mode::Rebuild => "rebuild",
        }
    }
}

/// In the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Delete,
    Create,
    Update,
    Keep,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Action::Delete => "delete",
            Action::Create => "create",
            Action::Update => "update",
            Action::Keep => "keep",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub action: Action,
    /// The part it belongs to.
    pub part: String,
    /// What it is, in the source's words: `file`, `folder`, `role`, `row`.
    pub kind: String,
    /// How a person calls it; for files the path inside the part.
    pub name: String,
    /// What will change, for a person: `12 KiB → 14 KiB`.
    pub detail: String,
    /// State of the living thing that this item was computed against; part of the hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// What only the source understands (ids, raw paths). Stored with the plan, part of the hash.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    pub keep: u64,
}

impl Counts {
    pub fn add(&mut self, action: Action) {
        let counter = match action {
            Action::Delete => &mut self.delete,
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Keep => &mut self.keep,
        };
        *counter += 1;
    }

    /// How many things would change.
    pub fn changes(&self) -> u64 {
        self.create + self.update + self.delete
    }
}

/// Items of a plan that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub action: Action,
    pub part: String,
    pub kind: String,
    pub count: u64,
    /// The first of them.
    pub names: Vec<String>,
}

impl Group {
    fn of(item: &Item) -> Self {
        Group {
            action: item.action,
            part: item.part.clone(),
            kind: item.kind.clone(),
            count: 0,
            names: Vec::new(),
        }
    }

    fn holds(&self, item: &Item) -> bool {
        (self.action, &self.part, &self.kind) == (item.action, &item.part, &item.kind)
    }
}

/// Something that the restore would delete or overwrite, and that no safety backup can hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsaved {
    pub part: String,
    /// How a person calls it; for files the path inside the part.
    pub name: String,
    pub why: String,
}

/// A plan as a source computes it: nothing has been changed, nothing is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What will change, deletions first. What is kept is only counted.
    pub items: Vec<Item>,
    pub keep: u64,
    /// What cannot be restored and why, and what a person should know first.
    pub warnings: Vec<String>,
    /// What would be touched and can be saved by no backup before: the restore is refused, or leaves it alone where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsaved: Vec<Unsaved>,
    /// It is left alone: that was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_unsaved: bool,
    /// What will not be as in the backup, since something that stays is in its place: each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    pub seconds_estimate: u64,
    /// Bytes that will be written.
    pub bytes: u64,
    /// By part, the number of the folder that the plan was made for: another one in its place is not what was looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub folders: BTreeMap<String, u64>,
    /// What the backup itself cannot give back, because it is damaged there; what is living of it stays.
    #[serde(default)]
    pub damaged: Vec<String>,
}

impl Item {
    /// Does it delete or overwrite something that is there?
    pub fn touches(&self) -> bool {
        match self.action {
            Action::Delete | Action::Update => true,
            // Made anew in the place of what is there.
            Action::Create => !self.fingerprint.is_empty(),
            Action::Keep => false,
        }
    }
}

impl Draft {
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            keep: self.keep,
            ..Counts::default()
        };
        for item in &self.items {
            counts.add(item.action);
        }
        counts
    }

    pub fn is_empty(&self) -> bool {
        self.items.iter().all(|item| item.action == Action::Keep)
    }

    /// Does it delete or overwrite anything?
    pub fn is_destructive(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item.action, Action::Delete | Action::Update))
    }

    /// What would be lost: it is in no copy, and nobody asked to leave it alone.
    pub fn would_lose(&self) -> &[Unsaved] {
        if self.leaves_unsaved { &[] } else { &self.unsaved }
    }

    /// What is done to which part, how often, and to what for example: for people who cannot read every line. In the order of the items.
    pub fn groups(&self, examples: usize) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for item in &self.items {
            let at = groups.iter().position(|group| group.holds(item));
            let at = at.unwrap_or_else(|| {
                groups.push(Group::of(item));
                groups.len() - 1
            });
            let group = &mut groups[at];
            group.count += 1;
            if group.names.len() < examples {
                group.names.push(item.name.clone());
            }
        }
        groups
    }

    /// 64 hex digits over everything that decides what would be done.
    pub fn hash(&self, backup: &str, target: &str, mode: Mode, parts: &[String]) -> String {
        let mut hasher = Sha256::new();
        let mut field = |text: &[u8]| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        field(backup.as_bytes());
        field(target.as_bytes());
        field(format!("{mode:?}").as_bytes());
        field(parts.len().to_string().as_bytes());
        for part in parts {
            field(part.as_bytes());
        }
        for (part, number) in &self.folders {
            field(part.as_bytes());
            field(&number.to_le_bytes());
        }
        for item in &self.items {
            field(format!("{:?}", item.action).as_bytes());
            for text in [&item.part, &item.kind, &item.name, &item.fingerprint] {
                field(text.as_bytes());
            }
            field(item.data.to_string().as_bytes());
        }
        let fate = if self.leaves_unsaved {
            "left alone"
        } else {
            "unsaved"
        };
        for unsaved in &self.unsaved {
            for text in [fate, &unsaved.part, &unsaved.name] {
                field(text.as_bytes());
            }
        }
        hex::encode(hasher.finalize())
    }
}

/// A stored plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub id: String,
    pub backup: String,
    /// The source it acts on, by id, or a folder as `dir:/path`.
    pub target: String,
    pub parts: Vec<String>,
    /// Chosen paths inside the parts; empty = everything.
    #[serde(default)]
    pub paths: Vec<String>,
    pub mode: Mode,
    /// Contents are compared, not only sizes and times.
    #[serde(default)]
    pub deep: bool,
    pub hash: String,
    /// Milliseconds since 1970 UTC.
    pub created: i64,
    pub expires: i64,
    #[serde(flatten)]
    pub draft: Draft,
}

impl Plan {
    pub fn is_expired(&self, now_ms: i64) -> bool {
        now_ms >= self.expires
    }
}
