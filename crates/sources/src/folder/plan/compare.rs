//! The living folder and the backup, side by side: which changes lead from one to the other.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use model::{Action, Draft, Kind, Meta, Mode, Problem, Result};

use super::super::items::is_as_then;
use super::super::links::regrouped;
use super::super::stays::Stays;
use super::{Backup, Comparison, Living};
use crate::Entry;

/// A path that is to change.
pub(super) struct Change<'a> {
    pub(super) action: Action,
    pub(super) path: &'a Path,
    /// What will be there.
    pub(super) then: Option<&'a Meta>,
    pub(super) now: Option<&'a Meta>,
}

impl<'a> Change<'a> {
    /// What it is about: what will be there, or what goes.
    pub(super) fn meta(&self) -> &'a Meta {
        self.then
            .or(self.now)
            .expect("a change is made of something that is there now or then")
    }
}

/// The entries from this path on, in order.
pub(super) fn from<'a, T>(
    entries: &'a BTreeMap<PathBuf, T>,
    path: &Path,
) -> impl Iterator<Item = (&'a PathBuf, &'a T)> {
    entries.range::<Path, _>((Bound::Included(path), Bound::Unbounded))
}

pub(super) fn is_or_lies_below<T>(entries: &BTreeMap<PathBuf, T>, path: &Path) -> bool {
    from(entries, path)
        .next()
        .is_some_and(|(found, _)| found.starts_with(path))
}

impl Comparison<'_> {
    /// What differs and does not stay: what will come from the top down, then deletions from the bottom up.
    pub(super) fn changes<'a>(
        &self,
        living: &'a Living,
        backup: &'a Backup,
        stays: &Stays,
        draft: &mut Draft,
    ) -> Result<Vec<Change<'a>>> {
        let without_room: HashSet<&Path> = backup
            .iter()
            .filter(|(path, entry)| self.has_no_room(path, entry, living))
            .map(|(path, _)| path.as_path())
            .collect();
        let restored = backup
            .iter()
            .filter(|(path, _)| !without_room.contains(path.as_path()));
        let regrouped = regrouped(
            living,
            restored.map(|(path, entry)| (path.as_path(), &entry.meta)),
        );
        let mut changes = Vec::new();
        for (path, entry) in backup {
            let (path, now) = (path.as_path(), living.get(path));
            let action = match now {
                _ if stays.is_fixed(path) => Action::Keep,
                None => Action::Create,
                Some(_) if without_room.contains(path) => {
                    let stays = "a folder that is not in the backup is in its place, and stays";
                    let told = format!("{}: {stays}", path.display());
                    draft.warnings.push(told.clone());
                    draft.unmet.push(told);
                    continue;
                }
                Some(_) if regrouped.contains(path) => Action::Update,
                Some(now) if self.wanted.mode == Mode::Rebuild && !now.is_dir() => Action::Update,
                Some(now) if self.is_same(path, now, entry)? => Action::Keep,
                Some(_) => Action::Update,
            };
            if action == Action::Keep {
                draft.keep += u64::from(now.is_some());
            } else {
                changes.push(Change {
                    action,
                    path,
                    then: Some(&entry.meta),
                    now,
                });
            }
        }
        if self.wanted.mode != Mode::Merge {
            changes.extend(deletions(living, backup));
        }
        Ok(changes)
    }

    /// A merge deletes nothing, so a folder with something in it does not make way for a file.
    fn has_no_room(&self, path: &Path, entry: &Entry, living: &Living) -> bool {
        let above = (Bound::Excluded(path), Bound::Unbounded);
        let is_filled = || {
            living
                .range::<Path, _>(above)
                .next()
                .is_some_and(|(next, _)| next.starts_with(path))
        };
        let is_folder = living.get(path).is_some_and(Meta::is_dir);
        self.wanted.mode == Mode::Merge && is_folder && !entry.meta.is_dir() && is_filled()
    }

    /// What the backup holds. A folder of which nobody knows what it held stays as it is.
    pub(super) fn backup(&self, stays: &mut Stays, draft: &mut Draft) -> Result<Backup> {
        let mut found = Backup::new();
        let top = self.tree.stat(&self.part.tree)?.ok_or_else(|| {
            Problem::not_found(format!("the backup holds no part “{}”", self.part.name))
                .hint("`cairn show` lists the parts of a backup")
        })?;
        if self.part.tree != Path::new("") && self.is_chosen(Path::new("")) {
            found.insert(PathBuf::new(), top);
        }
        let mut open = vec![self.part.tree.clone()];
        while let Some(dir) = open.pop() {
            self.cx.cancel.check()?;
            let within = |path: &Path| path.strip_prefix(&self.part.tree).unwrap_or(path).to_path_buf();
            let listed = match self.tree.list(&dir) {
                Err(problem) if problem.kind() == Kind::Damaged && dir != self.part.tree => {
                    let told = format!(
                        "{}: what was in this folder cannot be restored, and stays as it is: {}",
                        dir.display(),
                        problem.message()
                    );
                    draft.warnings.push(told.clone());
                    draft.damaged.push(told);
                    found.remove(&within(&dir));
                    stays.fix(&within(&dir), "its listing in the backup is damaged");
                    continue;
                }
                other => other?,
            };
            for entry in listed {
                let relative = within(&entry.path);
                let (chosen, above) = (self.is_chosen(&relative), self.is_above_a_chosen(&relative));
                if self.rules.leaves_out(&relative, entry.meta.is_dir()) || !(chosen || above) {
                    continue;
                }
                if entry.meta.is_dir() {
                    open.push(entry.path.clone());
                }
                found.insert(relative, entry);
            }
        }
        self.check_all_found(&found)?;
        Ok(found)
    }

    /// What was asked for by name is in the plan, or it is said why not.
    fn check_all_found(&self, found: &Backup) -> Result<()> {
        for path in &self.wanted.paths {
            let Ok(relative) = path.strip_prefix(&self.part.tree) else {
                continue;
            };
            if found.contains_key(relative) {
                continue;
            }
            let shown = path.display();
            return Err(match self.tree.stat(path)? {
                None => Problem::not_found(format!("“{shown}” is not in this backup"))
                    .hint("`cairn ls` lists what is"),
                Some(_) => Problem::invalid(format!(
                    "“{shown}” is left out by the ignore rules of the source"
                ))
                .hint("take the pattern out of its settings, or unpack it into a folder with --to DIR"),
            });
        }
        Ok(())
    }

    fn is_same(&self, relative: &Path, now: &Meta, entry: &Entry) -> Result<bool> {
        let then = &entry.meta;
        if self.is_above_a_chosen(relative) && now.is_dir() && then.is_dir() {
            return Ok(true);
        }
        let same = is_as_then(now, then);
        if !same || !self.wanted.deep || !now.is_file() {
            return Ok(same);
        }
        match self.open_living(relative) {
            Ok(mut file) => self.tree.same_content(&entry.path, &mut file, self.cx),
            // Nobody can tell that it is the same; whether it can be saved is asked of everything that would be touched.
            Err(_) => Ok(false),
        }
    }
}

fn deletions<'a>(living: &'a Living, backup: &'a Backup) -> impl Iterator<Item = Change<'a>> {
    let gone = living
        .iter()
        .rev()
        .filter(|(path, _)| !backup.contains_key(*path) && !path.as_os_str().is_empty());
    gone.map(|(path, now)| Change {
        action: Action::Delete,
        path,
        then: None,
        now: Some(now),
    })
}
