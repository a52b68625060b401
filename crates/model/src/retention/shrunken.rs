//! Is a new backup so much smaller than the last good ones that something must have gone wrong?
//!
//! Nouns: the *extent* of a backup is how much it holds, part by part, and what was left out for it alone. Rules: like is compared with like:
//! each part with the newest good backup that holds this part, made with the same patterns where there is one. A part that holds nothing where
//! it held something is always suspicious: its disk may not be mounted. Else the parts together are, when they hold fewer items or
//! fewer bytes than a share of what was there before; the policy says which share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Problem, Result, Size, counted};

/// Percent of what was there before; 0 = off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub struct Share(u8);

impl Share {
    pub const OFF: Share = Share(0);
    pub const HALF: Share = Share(50);

    fn is_more_than(self, new: u64, before: u64) -> bool {
        u128::from(new) * 100 < u128::from(before) * u128::from(self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl From<Share> for Value {
    fn from(share: Share) -> Value {
        share.0.into()
    }
}

impl TryFrom<Value> for Share {
    type Error = Problem;
    fn try_from(value: Value) -> Result<Self> {
        let text = value.as_str().map(str::trim);
        let number = match text {
            Some("off") => Some(0),
            Some(text) => text.trim_end_matches('%').trim_end().parse().ok(),
            None => value.as_u64(),
        };
        let percent = number.and_then(|number| u8::try_from(number).ok());
        match percent {
            Some(percent) if percent <= 100 => Ok(Share(percent)),
            _ => Err(no_share(&value)),
        }
    }
}

fn no_share(value: &Value) -> Problem {
    Problem::invalid(format!("{value} is not a share")).hint("write percent from 0 to 100, or \"off\"")
}

/// How much a part holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    pub items: u64,
    pub bytes: u64,
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        self.items = self.items.saturating_add(other.items);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub parts: BTreeMap<String, Amount>,
    /// Patterns that were given for this backup alone.
    pub ignore: BTreeSet<String>,
}

/// Why a new backup is suspicious beside the good ones before it, the newest first; `None`: it is not.
pub fn shrunken(new: &Extent, good: &[Extent], below: Share) -> Option<String> {
    let (mut now, mut then) = (Amount::default(), Amount::default());
    for (name, size) in &new.parts {
        let Some(before) = last_like(name, &new.ignore, good) else {
            continue;
        };
        if size.items == 0 && before.items > 0 {
            return Some(format!(
                "“{name}” holds nothing, and held {} in the last good backup (is its disk mounted?)",
                items(before.items)
            ));
        }
        now += *size;
        then += before;
    }
    let is_small = below.is_more_than(now.items, then.items) || below.is_more_than(now.bytes, then.bytes);
    is_small.then(|| {
        format!(
            "it holds {} and {}, less than {below} of the {} and {} of the last good backup",
            items(now.items),
            Size(now.bytes),
            items(then.items),
            Size(then.bytes)
        )
    })
}

fn items(count: u64) -> String {
    counted(count, "item", "items")
}

fn last_like(part: &str, ignore: &BTreeSet<String>, good: &[Extent]) -> Option<Amount> {
    let with_part = |extent: &&Extent| extent.parts.contains_key(part);
    let like = good
        .iter()
        .find(|extent| extent.ignore == *ignore && with_part(extent));
    let newest = like.or_else(|| good.iter().find(with_part));
    newest.map(|extent| extent.parts[part])
}
