//! What a restore leaves as it is, and why.
//!
//! Nouns: a *fixed* path is neither changed nor deleted, and nothing below it is; a folder that a fixed path lies in remains a folder.
//! What *was lacking* is what the manifest of the backup names: it may have been there, and the backup says nothing about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use model::{Lacks, Meta, Result};

use super::ignore_rules::IgnoreRules;

#[derive(Debug, Default)]
pub(super) struct Stays {
    fixed: BTreeMap<PathBuf, String>,
    folders: BTreeSet<PathBuf>,
}

impl Stays {
    pub(super) fn fix(&mut self, path: &Path, why: impl Into<String>) {
        self.fixed.insert(path.to_path_buf(), why.into());
        let above = path.ancestors().skip(1).map(Path::to_path_buf);
        self.folders.extend(above);
    }

    /// Is this path, or a folder that it lies in, fixed?
    pub(super) fn is_fixed(&self, path: &Path) -> bool {
        !self.fixed.is_empty() && path.ancestors().any(|above| self.fixed.contains_key(above))
    }

    /// Would something fixed go with this folder? `then` is what takes its place.
    pub(super) fn needs(&self, path: &Path, now: &Meta, then: Option<&Meta>) -> bool {
        now.is_dir() && !then.is_some_and(Meta::is_dir) && self.folders.contains(path)
    }
}

/// What the backup lacks, to be asked path by path.
#[derive(Debug)]
pub(super) struct WasLacking {
    paths: BTreeMap<PathBuf, String>,
    /// By the part's place in the tree.
    rules: Vec<(PathBuf, IgnoreRules)>,
}

impl WasLacking {
    pub(super) fn of(lacks: &Lacks) -> Result<Self> {
        let told = |why: &str| format!("the backup was made without it ({why})");
        let paths = lacks
            .paths()
            .filter_map(|lacked| Some((lacked.path()?, told(&lacked.why))))
            .collect();
        let rules = lacks.ignored.iter().map(|ignored| {
            let rules = IgnoreRules::recorded(&ignored.patterns)?;
            Ok((PathBuf::from(&ignored.part), rules))
        });
        Ok(WasLacking {
            paths,
            rules: rules.collect::<Result<_>>()?,
        })
    }

    /// Why what lies at this path of the tree may have been there without being in the backup.
    pub(super) fn why(&self, path: &Path, is_dir: bool) -> Option<String> {
        if !self.paths.is_empty()
            && let Some(why) = path.ancestors().find_map(|above| self.paths.get(above))
        {
            return Some(why.clone());
        }
        let is_ignored = self.rules.iter().any(|(part, rules)| {
            path.strip_prefix(part)
                .is_ok_and(|below| !below.as_os_str().is_empty() && rules.leaves_out(below, is_dir))
        });
        is_ignored.then(|| "an ignore pattern left it out of the backup".to_owned())
    }
}
