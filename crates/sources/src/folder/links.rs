//! Which files are one file under several names, there and in the backup.
//!
//! Files with the same device and inode are one. Where the names of a file are grouped differently than in the backup, every
//! name concerned is written anew, so that they are one file again, or several.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use model::Meta;

type File = (u64, u64);

/// Names by the file that they stand for; a file with one name is not in it.
fn groups<'a>(entries: impl Iterator<Item = (&'a Path, &'a Meta)>) -> HashMap<File, Vec<&'a Path>> {
    let mut groups: HashMap<File, Vec<&Path>> = HashMap::new();
    for (path, meta) in entries {
        if meta.links > 1 && meta.inode != 0 && !meta.is_dir() {
            groups.entry((meta.device, meta.inode)).or_default().push(path);
        }
    }
    groups.retain(|_, names| names.len() > 1);
    groups
}

/// The names that are to be written anew.
pub(super) fn regrouped<'a>(
    living: &'a BTreeMap<PathBuf, Meta>,
    backup: impl Iterator<Item = (&'a Path, &'a Meta)>,
) -> HashSet<&'a Path> {
    let (now, then) = (
        groups(living.iter().map(|(path, meta)| (path.as_path(), meta))),
        groups(backup),
    );
    let mut changed = differing(&then, &now);
    let others = differing(&now, &then);
    // A name that has to leave its group there takes along those that belong to it in the backup.
    for names in then.values() {
        if names.iter().any(|name| others.contains(name)) {
            changed.extend(names);
        }
    }
    changed.extend(others);
    changed
}

/// The names of those groups that are no group, or part of a group, among the others.
fn differing<'a>(
    ours: &HashMap<File, Vec<&'a Path>>,
    others: &HashMap<File, Vec<&'a Path>>,
) -> HashSet<&'a Path> {
    let file_of: HashMap<&Path, File> = others
        .iter()
        .flat_map(|(file, names)| names.iter().map(|name| (*name, *file)))
        .collect();
    let is_split = |names: &&Vec<&Path>| {
        let first = names.first().and_then(|name| file_of.get(name));
        first.is_none() || names.iter().any(|name| file_of.get(name) != first)
    };
    ours.values().filter(is_split).flatten().copied().collect()
}
