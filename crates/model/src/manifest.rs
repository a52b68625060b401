//! The manifest of a backup: `manifest.json` at the root of its tree.
//!
//! It says everything that is needed to understand the backup without Cairn's catalog: what was captured
//! from where, why, when and by whom, part by part, and the settings and the policy of the source without their
//! secrets, so that `recover` can rebuild source and backup.
//! Rules: `format` is always `cairn`; `version` rises when an older reader could misunderstand; unknown
//! fields are ignored; a newer version is refused. A part's name is one component of a path.
//! Invariant: `decode(encode(m)) == m`, and what `decode` returns has safe, distinct part names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{BackupId, JobId, Kind, Lacks, Problem, Reason, Result, SourceId};

pub const MANIFEST_FILE: &str = "manifest.json";
const FORMAT: &str = "cairn";
const VERSION: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub version: u64,
    /// The Cairn that wrote it: `0.1.0`.
    pub cairn: String,
    pub source: ManifestSource,
    pub backup: BackupId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub reason: Reason,
    /// Written as RFC 3339.
    #[serde(with = "crate::clock::as_text")]
    pub created: i64,
    /// Nobody when the scheduler made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Author>,
    /// Of a safety backup: the restore that it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<JobId>,
    pub parts: Vec<ManifestPart>,
    /// What was left out on purpose, for people.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// What may have been there and is not in the backup, for restores. Manifests of older versions say nothing of it.
    #[serde(default, skip_serializing_if = "Lacks::is_empty")]
    pub lacks: Lacks,
    /// What only the source understands.
    #[serde(default)]
    pub facts: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSource {
    pub id: SourceId,
    pub name: String,
    pub kind: String,
    /// Without secrets.
    #[serde(default)]
    pub settings: Value,
    /// Without what may hold secrets; nothing when it is the default, and in manifests of older versions.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub policy: Value,
    /// What the policy had beside it: `hooks`, `notify`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_lacks: Vec<String>,
}

/// A person, as another system may know him (a Discord user has no `PersonId`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPart {
    pub name: String,
    #[serde(default)]
    pub category: String,
    /// For people: `20,412 files`.
    #[serde(default)]
    pub holds: String,
    #[serde(default)]
    pub items: u64,
    #[serde(default)]
    pub bytes: u64,
    /// Identity of the part's content in the repository; empty when unknown.
    #[serde(default)]
    pub checksum: String,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What is known when a capture begins; the rest is filled in as it becomes known.
#[derive(Clone, Debug)]
pub struct Beginning {
    pub cairn: String,
    pub source: ManifestSource,
    pub backup: BackupId,
    pub reason: Reason,
    pub created: i64,
}

impl Manifest {
    pub fn begin(with: Beginning) -> Self {
        Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            cairn: with.cairn,
            source: with.source,
            backup: with.backup,
            name: None,
            reason: with.reason,
            created: with.created,
            by: None,
            undoes: None,
            parts: Vec::new(),
            left_out: Vec::new(),
            lacks: Lacks::default(),
            facts: Value::Null,
        }
    }

    /// Readable JSON, ending in a newline; the same manifest gives the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("strings, numbers and JSON values can be written");
        bytes.push(b'\n');
        bytes
    }

    /// Reads what anybody may have written.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| not_ours().caused_by(error))?;
        check_version(&value)?;
        let manifest: Manifest = serde_path_to_error::deserialize(value).map_err(|error| {
            Problem::invalid(format!("{MANIFEST_FILE}: {}: {}", error.path(), error.inner()))
                .hint("the file was changed by hand or is not whole; take an untouched copy")
        })?;
        check_parts(&manifest.parts)?;
        Ok(manifest)
    }

    pub fn part(&self, name: &str) -> Option<&ManifestPart> {
        self.parts.iter().find(|part| part.name == name)
    }

    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Every warning with the part that it belongs to.
    pub fn warnings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts
            .iter()
            .flat_map(|part| part.warnings.iter().map(|w| (part.name.as_str(), w.as_str())))
    }
}

fn not_ours() -> Problem {
    Problem::invalid(format!("{MANIFEST_FILE} is not the manifest of a Cairn backup"))
        .hint("archives of other programs are imported with a source of their kind: `cairn import FILE --source NAME`")
}

fn check_version(value: &Value) -> Result<()> {
    if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(not_ours());
    }
    match value.get("version").and_then(Value::as_u64) {
        Some(1..=VERSION) => Ok(()),
        Some(newer) if newer > VERSION => {
            let message =
                format!("{MANIFEST_FILE} has version {newer}; this Cairn knows versions up to {VERSION}");
            Err(Problem::new(Kind::TooNew, message)
                .hint("use the Cairn that made this backup, or a newer one"))
        }
        _ => Err(not_ours()),
    }
}

fn check_parts(parts: &[ManifestPart]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for part in parts {
        if !is_part_name(&part.name) {
            return Err(Problem::invalid(format!(
                "{MANIFEST_FILE}: “{}” cannot be the name of a part",
                part.name
            )));
        }
        if !seen.insert(&part.name) {
            return Err(Problem::invalid(format!(
                "{MANIFEST_FILE}: the part “{}” is there twice",
                part.name
            )));
        }
    }
    Ok(())
}

/// One component of a path that is not special anywhere and not the manifest itself.
pub fn is_part_name(name: &str) -> bool {
    !matches!(name, "" | "." | ".." | MANIFEST_FILE) && !name.contains(['/', '\\', '\0'])
}
