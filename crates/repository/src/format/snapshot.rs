//! The JSON of a snapshot: when, what, and the root tree.
//!
//! Rules: a snapshot's id is the hash of its file and not inside; fields that are not known are kept when it is written
//! again. Times are written in UTC.

use model::{Problem, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::go_time::{parse_time, push_time};
use crate::Id;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name of the file; not part of the JSON.
    #[serde(skip)]
    pub id: Id,
    pub time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Id>,
    pub tree: Id,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub paths: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uid: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gid: u32,
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub excludes: Vec<String>,
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Id>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

/// What a backup did, as restic counts it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    pub backup_start: String,
    pub backup_end: String,
    pub files_new: u64,
    pub files_changed: u64,
    pub files_unmodified: u64,
    pub dirs_new: u64,
    pub dirs_changed: u64,
    pub dirs_unmodified: u64,
    pub data_blobs: u64,
    pub tree_blobs: u64,
    pub data_added: u64,
    pub data_added_packed: u64,
    pub total_files_processed: u64,
    pub total_bytes_processed: u64,
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Snapshot {
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always serialise")
    }

    pub fn decode(id: Id, json: &[u8]) -> Result<Self> {
        let snapshot: Snapshot = serde_json::from_slice(json).map_err(|error| {
            Problem::damaged(format!("the snapshot {} is malformed", id.short())).caused_by(error)
        })?;
        snapshot.time_ms()?;
        Ok(Snapshot { id, ..snapshot })
    }

    /// Milliseconds since 1970 UTC.
    pub fn time_ms(&self) -> Result<i64> {
        parse_ms(&self.time)
    }
}

/// RFC 3339 in UTC.
pub fn time_text(ms: i64) -> String {
    let time = Timestamp {
        seconds: ms.div_euclid(1000),
        nanos: (ms.rem_euclid(1000) * 1_000_000) as u32,
    };
    let mut text = Vec::with_capacity(32);
    push_time(time, 0, &mut text);
    String::from_utf8_lossy(&text[1..text.len() - 1]).into_owned()
}

/// Milliseconds since 1970 UTC of an RFC 3339 time.
pub fn parse_ms(text: &str) -> Result<i64> {
    let time = parse_time(text)?;
    Ok(time.seconds * 1000 + i64::from(time.nanos / 1_000_000))
}
