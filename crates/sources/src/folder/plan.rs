//! What a restore would do to a folder.
//!
//! The living folder and the backup are walked side by side. Kind, size, times, mode, owner, attributes, link targets and which names are
//! one file decide; contents only when asked for. What the ignore rules leave out is neither counted nor deleted. A fingerprint of what is
//! there goes into every item that would touch something.
//!
//! What stays whatever the backup holds (`stays`): what cannot be looked into, what the backup was made without, and a folder whose listing in the
//! backup is damaged, with everything in it. What could not be read by a safety backup is named in the draft; asked to, the plan leaves it alone.

mod compare;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compare::Change;
use model::{Action, Draft, Item, MANIFEST_FILE, Meta, Mode, Problem, Result, Unsaved};

use super::beneath::{Place, Root};
use super::capture::options;
use super::ignore_rules::IgnoreRules;
use super::items::{data, detail, fingerprint, word};
use super::stays::{Stays, WasLacking};
use super::walk::{Walked, root_meta, walk_root};
use super::{Folder, Part};
use crate::{Context, Entry, Tree, Wanted};

/// Rough speed for the estimate: bytes a second.
const SPEED: u64 = 200 << 20;
/// Warnings of one sort that are written out.
const TOLD: usize = 20;

pub(super) fn plan(folder: &Folder, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Draft> {
    let mut draft = Draft {
        leaves_unsaved: wanted.leave_unsaved,
        ..Draft::default()
    };
    let lacking = WasLacking::of(&cx.recorded.lacks)?;
    for part in held(folder, tree, wanted, &mut draft)? {
        let root = living_root(part)?;
        if let Some(root) = &root {
            draft.folders.insert(part.name.clone(), root.stat().st_ino);
        }
        let comparison = Comparison {
            part,
            root,
            tree,
            wanted,
            cx,
            rules: options(folder, part, cx)?.ignore,
            lacking: &lacking,
        };
        comparison.plan(folder, &mut draft)?;
    }
    // Deletions first, of what lies deepest first; then everything else from the top down.
    draft
        .items
        .sort_by_cached_key(|item| (item.action != Action::Delete, item.part.clone()));
    draft.seconds_estimate = draft.bytes / SPEED + draft.items.len() as u64 / 20_000;
    Ok(draft)
}

/// The parts that are meant. When none is named, those that the backup holds: the others stay as they are.
fn held<'a>(
    folder: &'a Folder,
    tree: &dyn Tree,
    wanted: &Wanted,
    draft: &mut Draft,
) -> Result<Vec<&'a Part>> {
    let mut parts = folder.chosen(&wanted.parts)?;
    let is_whole = parts.iter().any(|part| part.tree == Path::new(""));
    if is_whole || !wanted.parts.is_empty() {
        return Ok(parts);
    }
    let top = tree.list(Path::new(""))?;
    let (found, missing): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .partition(|part| top.iter().any(|entry| entry.path == part.tree));
    parts = found;
    if parts.is_empty() {
        // Asked for by name, it is said which one.
        return Ok(missing);
    }
    let stays = |part: &&Part| format!("{}: not in the backup, stays as it is", part.name);
    draft.warnings.extend(missing.iter().map(stays));
    let is_known =
        |path: &Path| path == Path::new(MANIFEST_FILE) || parts.iter().any(|part| part.tree == path);
    let strangers = top.iter().filter(|entry| !is_known(&entry.path));
    let left_out = strangers.map(|entry| {
        format!(
            "{}: not a part of this source, is not restored",
            entry.path.display()
        )
    });
    draft.warnings.extend(left_out);
    Ok(parts)
}

/// The target, opened for the plan; nothing when there is none yet.
pub(super) fn living_root(part: &Part) -> Result<Option<Arc<Root>>> {
    let problem = |error| Problem::io(format!("cannot look at {}", part.root.display()), error);
    let place = match Place::of(&part.root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(problem)?,
    };
    match place.is_folder().map_err(problem)? {
        None => Ok(None),
        Some(true) => place.open_root().map(Some).map_err(problem),
        Some(false) => Err(Problem::new(
            model::Kind::Conflict,
            format!("{} is no folder", part.root.display()),
        )
        .hint("move it away, or restore elsewhere with --to")),
    }
}

struct Comparison<'a> {
    part: &'a Part,
    /// When there is one.
    root: Option<Arc<Root>>,
    tree: &'a dyn Tree,
    wanted: &'a Wanted,
    cx: &'a Context,
    rules: IgnoreRules,
    lacking: &'a WasLacking,
}

type Living = BTreeMap<PathBuf, Meta>;
type Backup = BTreeMap<PathBuf, Entry>;

impl Comparison<'_> {
    fn plan(&self, folder: &Folder, draft: &mut Draft) -> Result<()> {
        let (living, walked) = self.living(folder)?;
        let (mut stays, mut notes) = (Stays::default(), Notes::default());
        let backup = self.backup(&mut stays, draft)?;
        self.keep_unseen(&walked, &backup, &mut stays, &mut notes, draft);
        self.keep_what_was_lacking(&living, &backup, &mut stays, &mut notes);
        let mut changes = self.changes(&living, &backup, &stays, draft)?;
        keep(&mut changes, &stays, draft);
        self.check_readable(&changes, &mut stays, draft)?;
        // What stays because it cannot be read keeps the folders that it lies in, too.
        keep(&mut changes, &stays, draft);
        for change in &changes {
            self.item(draft, change);
        }
        notes.add_unsaved(draft, &self.part.name);
        notes.tell(draft);
        self.warn_about_space(draft);
        Ok(())
    }

    /// What the walk could not look at, or into, stays: nobody knows what it is.
    fn keep_unseen(
        &self,
        walked: &Walked,
        backup: &Backup,
        stays: &mut Stays,
        notes: &mut Notes,
        draft: &mut Draft,
    ) {
        let is_meant = |path: &Path| self.is_chosen(path) || self.is_above_a_chosen(path);
        for (path, why) in walked.skipped.iter().filter(|(path, _)| is_meant(path)) {
            stays.fix(path, why);
            match self.would_stay(path, backup) {
                Some(note) => notes.add(path, &note),
                None => self.name_unsaved(draft, path, why),
            }
        }
        for (path, why) in walked.left_out.iter().filter(|(path, _)| is_meant(path)) {
            stays.fix(path, why);
            let below = compare::is_or_lies_below(backup, path);
            if backup.get(path).is_some_and(|entry| !entry.meta.is_dir()) {
                self.name_unsaved(draft, path, why);
            } else if below || self.wanted.mode != Mode::Merge {
                notes.add(path, why);
            }
        }
    }

    /// Why nothing would be done to this place anyway.
    fn would_stay(&self, path: &Path, backup: &Backup) -> Option<String> {
        let mut below = compare::from(backup, path).take_while(|(found, _)| found.starts_with(path));
        let is_known = below.any(|(found, entry)| found != path || !entry.meta.is_dir());
        if is_known {
            return None;
        }
        let was_lacking = self.lacking.why(&self.part.tree.join(path), true);
        let merges = self.wanted.mode == Mode::Merge && !backup.contains_key(path);
        was_lacking.or_else(|| merges.then(|| "it cannot be read".to_owned()))
    }

    fn keep_what_was_lacking(&self, living: &Living, backup: &Backup, stays: &mut Stays, notes: &mut Notes) {
        if self.wanted.mode == Mode::Merge {
            return;
        }
        for (path, meta) in living {
            if path.as_os_str().is_empty() || backup.contains_key(path) || stays.is_fixed(path) {
                continue;
            }
            if let Some(why) = self.lacking.why(&self.part.tree.join(path), meta.is_dir()) {
                notes.add(path, &why);
                stays.fix(path, why);
            }
        }
    }

    /// Can everything that would be deleted or overwritten be read, so that a safety backup can hold it?
    fn check_readable(&self, changes: &[Change<'_>], stays: &mut Stays, draft: &mut Draft) -> Result<()> {
        for change in changes {
            if !change.now.is_some_and(|now| now.is_file() && now.size > 0) {
                continue;
            }
            self.cx.cancel.check()?;
            // What is gone by now makes the plan differ when it is computed again.
            if let Err(error) = self.open_living(change.path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                self.name_unsaved(draft, change.path, &error.to_string());
                if self.wanted.leave_unsaved {
                    stays.fix(change.path, error.to_string());
                }
            }
        }
        Ok(())
    }

    fn name_unsaved(&self, draft: &mut Draft, path: &Path, why: &str) {
        draft.unsaved.push(Unsaved {
            part: self.part.name.clone(),
            name: path.display().to_string(),
            why: why.to_owned(),
        });
    }

    fn is_chosen(&self, relative: &Path) -> bool {
        let full = self.part.tree.join(relative);
        self.wanted.paths.is_empty() || self.wanted.paths.iter().any(|path| full.starts_with(path))
    }

    /// Folders above a chosen path are made when they are missing, and otherwise let be.
    fn is_above_a_chosen(&self, relative: &Path) -> bool {
        let full = self.part.tree.join(relative);
        self.wanted
            .paths
            .iter()
            .any(|path| path.starts_with(&full) && *path != full)
    }

    fn living(&self, folder: &Folder) -> Result<(Living, Walked)> {
        let mut living = Living::new();
        let Some(root) = &self.root else {
            return Ok((living, Walked::default()));
        };
        if self.is_chosen(Path::new("")) && self.part.tree != Path::new("") {
            living.insert(PathBuf::new(), root_meta(root));
        }
        let walked = walk_root(
            root,
            &self.part.root,
            &options(folder, self.part, self.cx)?,
            &mut |path, meta, _| {
                if self.is_chosen(path) || self.is_above_a_chosen(path) {
                    living.insert(path.to_path_buf(), meta);
                }
                Ok(())
            },
        )?;
        Ok((living, walked))
    }

    fn open_living(&self, relative: &Path) -> std::io::Result<std::fs::File> {
        let root = self.root.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
        root.open_file(relative)
    }

    fn item(&self, draft: &mut Draft, change: &Change<'_>) {
        let (action, meta) = (change.action, change.meta());
        if action != Action::Delete && meta.is_file() {
            draft.bytes = draft.bytes.saturating_add(meta.size);
        }
        draft.items.push(Item {
            action,
            part: self.part.name.clone(),
            kind: word(meta).to_owned(),
            name: change.path.display().to_string(),
            detail: detail(action, meta, change.now),
            fingerprint: change.now.map(fingerprint).unwrap_or_default(),
            data: data(change.path),
        });
    }

    fn warn_about_space(&self, draft: &mut Draft) {
        if let Some(free) = free_bytes(&self.part.root)
            && draft.bytes > free
        {
            draft.warnings.push(format!(
                "{} are needed beside {}, and {} are free: the restore will be refused",
                model::Size(draft.bytes),
                self.part.root.display(),
                model::Size(free)
            ));
        }
    }
}

/// Takes away the changes of what stays.
fn keep(changes: &mut Vec<Change<'_>>, stays: &Stays, draft: &mut Draft) {
    changes.retain(|change| {
        let is_needed = |now: &Meta| stays.needs(change.path, now, change.then);
        let is_fixed = stays.is_fixed(change.path);
        let is_kept = is_fixed || change.now.is_some_and(is_needed);
        if is_kept && !is_fixed && change.then.is_some() {
            draft.warnings.push(format!(
                "{}: a folder with things in it that stay is in its place, and stays",
                change.path.display()
            ));
        }
        draft.keep += u64::from(is_kept && change.now.is_some());
        !is_kept
    });
}

/// Notes about what stays: the first ones, and how many more.
#[derive(Default)]
struct Notes {
    told: Vec<String>,
    more: u64,
}

impl Notes {
    fn add(&mut self, path: &Path, why: &str) {
        if self.told.len() < TOLD {
            self.told
                .push(format!("{}: {why}; it stays as it is", path.display()));
        } else {
            self.more += 1;
        }
    }

    /// What is left alone because that was asked for.
    fn add_unsaved(&mut self, draft: &Draft, part: &str) {
        let unsaved = draft.unsaved.iter().filter(|one| one.part == part);
        for one in unsaved.filter(|_| draft.leaves_unsaved) {
            self.add(
                Path::new(&one.name),
                &format!("no backup can hold it first ({})", one.why),
            );
        }
    }

    fn tell(self, draft: &mut Draft) {
        draft.warnings.extend(self.told);
        if self.more > 0 {
            let more = model::counted(self.more, "more thing stays", "more things stay");
            draft
                .warnings
                .push(format!("{more} as they are, for the same reasons"));
        }
    }
}

/// Free bytes of the file system on which the folder lies, or will lie.
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|path| path.exists())?;
    let stat = rustix::fs::statvfs(existing).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}
