//! What a backup does not hold although it may have been there when the backup was made.
//!
//! Nouns: a [`Lacked`] is a path in the tree and why nothing, or nothing of what is below it, is in the backup; an [`Ignored`] is the
//! patterns, in `.gitignore` syntax, that held for a part when it was captured.
//! Rule: the backup says nothing about what it lacks, so a restore of it neither deletes nor overwrites what is there now.
//! Invariant: at most [`Lacks::MOST`] paths are recorded; when there are more, the folders that they lie in stand for them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacks {
    /// What could not be read: the backup is incomplete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Lacked>,
    /// What was deleted while the backup was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vanished: Vec<Lacked>,
    /// What does not belong into a backup: sockets, and what is mounted on a folder where other file systems are not entered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Lacked>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacked {
    /// In the tree, beginning with the part.
    pub path: String,
    /// The path's bytes in hex, where they are no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    #[serde(default)]
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    pub part: String,
    pub patterns: Vec<String>,
}

impl Lacked {
    pub fn new(path: &Path, why: impl Into<String>) -> Self {
        let raw = match path.to_str() {
            Some(_) => None,
            None => Some(hex::encode(path.as_os_str().as_bytes())),
        };
        Lacked {
            path: path.display().to_string(),
            raw,
            why: why.into(),
        }
    }

    /// The path that is meant; nothing when it is none inside a tree, since anybody may have written it.
    pub fn path(&self) -> Option<PathBuf> {
        let path = match &self.raw {
            Some(raw) => PathBuf::from(OsStr::from_bytes(&hex::decode(raw).ok()?)),
            None => PathBuf::from(&self.path),
        };
        let is_plain = path
            .components()
            .all(|component| matches!(component, Component::Normal(_)));
        is_plain.then_some(path)
    }
}

impl Lacks {
    /// So many paths are recorded of each sort.
    pub const MOST: usize = 20_000;

    pub fn is_empty(&self) -> bool {
        self.skipped.is_empty()
            && self.vanished.is_empty()
            && self.left_out.is_empty()
            && self.ignored.is_empty()
    }

    /// Every path, with why it is lacking.
    pub fn paths(&self) -> impl Iterator<Item = &Lacked> {
        self.skipped.iter().chain(&self.vanished).chain(&self.left_out)
    }

    /// The same where a part of the tree has another name.
    #[must_use]
    pub fn with_part_renamed(&self, own: &str, name: &str) -> Self {
        let rename = |lacked: &Lacked| match lacked.path() {
            Some(path) => match path.strip_prefix(own) {
                Ok(rest) if rest.as_os_str().is_empty() => Lacked::new(Path::new(name), &*lacked.why),
                Ok(rest) => Lacked::new(&Path::new(name).join(rest), &*lacked.why),
                Err(_) => lacked.clone(),
            },
            None => lacked.clone(),
        };
        let ignored = |ignored: &Ignored| Ignored {
            part: if ignored.part == own {
                name.to_owned()
            } else {
                ignored.part.clone()
            },
            patterns: ignored.patterns.clone(),
        };
        Lacks {
            skipped: self.skipped.iter().map(rename).collect(),
            vanished: self.vanished.iter().map(rename).collect(),
            left_out: self.left_out.iter().map(rename).collect(),
            ignored: self.ignored.iter().map(ignored).collect(),
        }
    }

    /// The same with no more paths than are recorded.
    #[must_use]
    pub fn bounded(self) -> Self {
        Lacks {
            skipped: bounded(self.skipped),
            vanished: bounded(self.vanished),
            left_out: bounded(self.left_out),
            ignored: self.ignored,
        }
    }
}

/// Deepest folders first, until few enough are left. A folder that stands for its entries keeps more than they would, never less.
fn bounded(lacked: Vec<Lacked>) -> Vec<Lacked> {
    if lacked.len() <= Lacks::MOST {
        return lacked;
    }
    let paths = lacked
        .iter()
        .filter_map(|one| Some((one.path()?, one.why.clone())));
    let mut paths: BTreeMap<PathBuf, String> = paths.collect();
    let depth = |path: &Path| path.components().count();
    let mut deepest = paths.keys().map(|path| depth(path)).max().unwrap_or_default();
    while paths.len() > Lacks::MOST && deepest > 1 {
        let (deep, mut rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            paths.into_iter().partition(|(path, _)| depth(path) == deepest);
        for (path, why) in deep {
            let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
            rest.entry(folder)
                .or_insert(format!("in it, among others: {why}"));
        }
        paths = rest;
        deepest -= 1;
    }
    paths.iter().map(|(path, why)| Lacked::new(path, why)).collect()
}
