//! Puts a backup back into a folder: stage, then swap.
//!
//! Nouns: the *staging folder* `.cairn-restore-<job>` lies beside the target on the same file system; in `new/` lies what will come, by
//! number of the plan's item, in `old/` what was moved away. It is its own journal: an item whose `new/` is gone is in
//! place, one whose `old/` exists was moved away. So a run that was killed anywhere is finished by running it again.
//!
//! Rules: everything new is written, verified and durable before the first thing is moved; the target is untouched when staging fails or is
//! cancelled; a swap that is cancelled says so, and is finished by the next run; what was moved away is deleted only at the very end.
//! What the tree could not give whole is left as it is there, with everything below it, and is named; the journal keeps which that is.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use model::{Action, Item, Kind, Problem, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::beneath::Place;
use super::broken_off::disturb_if_asked;
use super::metadata::apply_to_folder;
use super::plan::{free_bytes, path_of};
use super::{Folder, Part};
use crate::{Context, Journal, Materialize, Outcome, Request, Skipped, Tree, Unwritten};

/// Kept free beyond what is written.
const MARGIN: u64 = 16 << 20;

pub(super) fn apply(
    folder: &Folder,
    request: &Request<'_>,
    tree: &dyn Tree,
    journal: &mut dyn Journal,
    cx: &Context,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for part in folder.chosen(&request.wanted.parts)? {
        let items: Vec<&Item> = request
            .plan
            .draft
            .items
            .iter()
            .filter(|item| item.part == part.name)
            .collect();
        if items.is_empty() {
            continue;
        }
        let done = Swap::new(part, &items, tree, cx)?.run(journal)?;
        outcome.applied.create += done.applied.create;
        outcome.applied.update += done.applied.update;
        outcome.applied.delete += done.applied.delete;
        outcome.skipped.extend(done.skipped);
    }
    outcome.applied.keep = request.plan.draft.keep;
    Ok(outcome)
}

struct Swap<'a> {
    part: &'a Part,
    items: Vec<(usize, Action, PathBuf, bool)>,
    tree: &'a dyn Tree,
    cx: &'a Context,
    staging: PathBuf,
}

fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Problem {
    let text = format!("{what} {}", path.display());
    move |error| Problem::io(text, error)
}

/// Where the staging folder of a job lies.
pub(super) fn staging_of(part: &Part, job: &str) -> PathBuf {
    let parent = part.root.parent().unwrap_or(Path::new("/"));
    let name = part.root.file_name().unwrap_or_default().to_string_lossy();
    parent.join(format!(".cairn-restore-{job}-{name}"))
}

impl<'a> Swap<'a> {
    fn new(part: &'a Part, items: &[&Item], tree: &'a dyn Tree, cx: &'a Context) -> Result<Self> {
        let staging = staging_of(part, &cx.job);
        let numbered = items
            .iter()
            .enumerate()
            .map(|(number, item)| Ok((number, item.action, path_of(item)?, item.kind == "folder")));
        Ok(Swap {
            part,
            items: numbered.collect::<Result<_>>()?,
            tree,
            cx,
            staging,
        })
    }

    fn run(&self, journal: &mut dyn Journal) -> Result<Outcome> {
        let key = |step: &str| format!("{step}:{}", self.part.name);
        if let Some(step) = journal.find(&key("finished")).filter(|step| step.done) {
            let malformed = |error| Problem::damaged("the journal is malformed").caused_by(error);
            let outcome = Outcome::deserialize(&step.data).map_err(malformed)?;
            // The run that recorded it may have ended before it had cleaned up.
            return self.clean_up().map(|()| outcome);
        }
        let is_staged = journal.find(&key("staged")).is_some_and(|step| step.done);
        let known = journal.find(&key("unwritten"));
        let mut unwritten = known.map_or_else(Vec::new, |step| unwritten_of(&step.data));
        // Somebody may have tidied it away since.
        if !is_staged || self.staging.symlink_metadata().is_err() {
            let was_known = known.is_some();
            unwritten = self.stage().inspect_err(|_| {
                // The target is untouched; what was staged is worth nothing.
                let _ = fs::remove_dir_all(&self.staging);
            })?;
            if was_known || !unwritten.is_empty() {
                journal.record(&key("unwritten"), true, json!(unwritten))?;
            }
            journal.record(&key("staged"), true, Value::Null)?;
            if self.cx.cancel.is_cancelled() {
                journal.record(&key("staged"), false, Value::Null)?;
                self.clean_up()?;
            }
            self.cx.cancel.check()?;
        }
        journal.changing()?;
        let outcome = self.swap(&unwritten)?;
        self.finish_folders()?;
        journal.record(&key("finished"), true, json!(outcome))?;
        self.clean_up().map(|()| outcome)
    }

    fn new_place(&self, number: usize) -> PathBuf {
        self.staging.join("new").join(number.to_string())
    }

    fn old_place(&self, number: usize) -> PathBuf {
        self.staging.join("old").join(number.to_string())
    }

    fn target(&self, relative: &Path) -> PathBuf {
        if relative.as_os_str().is_empty() {
            self.part.root.clone()
        } else {
            self.part.root.join(relative)
        }
    }

    /// Writes everything that will come, and gives back what could not be written whole.
    fn stage(&self) -> Result<Vec<Unwritten>> {
        self.cx.progress.phase("staging");
        if self.staging.exists() {
            fs::remove_dir_all(&self.staging).map_err(io("cannot remove the unfinished", &self.staging))?;
        }
        let entries: Vec<(PathBuf, PathBuf)> = self
            .items
            .iter()
            .filter(|(_, action, _, is_dir)| *action != Action::Delete && !is_dir)
            .map(|(number, _, path, _)| (self.part.tree.join(path), PathBuf::from(number.to_string())))
            .collect();
        self.check_space(&entries)?;
        for dir in [
            self.staging.clone(),
            self.staging.join("new"),
            self.staging.join("old"),
        ] {
            let parent = dir.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(parent).map_err(io("cannot make", parent))?;
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&dir)
                .map_err(io("cannot make", &dir))?;
        }
        let unwritten = self.tree.materialize(
            &Materialize {
                into: self.staging.join("new"),
                entries,
            },
            self.cx,
        )?;
        self.make_durable().map(|()| unwritten)
    }

    /// Paths that could not be written, and why: they stay as they are, with all that would make room for them.
    fn hindered<'u>(&self, unwritten: &'u [Unwritten]) -> HashMap<&Path, &'u str> {
        let numbered: HashMap<PathBuf, &Unwritten> =
            unwritten.iter().map(|one| (one.to.clone(), one)).collect();
        let found = self.items.iter().filter_map(|(number, _, path, _)| {
            let one = numbered.get(Path::new(&number.to_string()))?;
            Some((path.as_path(), one.why.as_str()))
        });
        found.collect()
    }

    fn check_space(&self, entries: &[(PathBuf, PathBuf)]) -> Result<()> {
        let mut needed = MARGIN;
        for (from, _) in entries {
            let size = self.tree.stat(from)?.map_or(0, |entry| entry.meta.size);
            needed = needed.saturating_add(size);
        }
        match free_bytes(&self.part.root) {
            Some(free) if free < needed => Err(Problem::new(
                Kind::NoSpace,
                format!(
                    "{} are needed beside {}, and {} are free",
                    model::Size(needed),
                    self.part.root.display(),
                    model::Size(free)
                ),
            )
            .hint("free some space, or restore less at a time with --path; nothing was changed")),
            _ => Ok(()),
        }
    }

    /// Only when something living will be moved away: what replaces it must survive a power cut.
    fn make_durable(&self) -> Result<()> {
        if self.items.iter().all(|(_, action, ..)| *action == Action::Create) {
            return Ok(());
        }
        let dir = fs::File::open(&self.staging).map_err(io("cannot open", &self.staging))?;
        rustix::fs::syncfs(&dir).map_err(|error| io("cannot write through", &self.staging)(error.into()))
    }

    /// Moves the old away and the new into place, item by item; each move is idempotent.
    fn swap(&self, unwritten: &[Unwritten]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let hindered = self.hindered(unwritten);
        self.cx.progress.phase("swapping");
        if self.part.root.symlink_metadata().is_err() && self.part.tree == Path::new("") {
            // A new folder to unpack into has no item of its own in the plan.
            fs::create_dir_all(&self.part.root).map_err(io("cannot make", &self.part.root))?;
        }
        self.cx.progress.expect(self.items.len() as u64, 0);
        for (number, action, relative, is_dir) in &self.items {
            disturb_if_asked(&number.to_string(), self.cx);
            self.check_cancel(&outcome)?;
            if let Some(why) = relative.ancestors().find_map(|path| hindered.get(path)) {
                outcome.skipped.push(Skipped {
                    name: format!("{}/{}", self.part.name, relative.display()),
                    why: format!("cannot be restored, and stays as it is: {why}"),
                });
            } else if self.change(*number, *action, relative, *is_dir)? {
                outcome.applied.add(*action);
            } else {
                outcome.skipped.push(Skipped {
                    name: format!("{}/{}", self.part.name, relative.display()),
                    why: "a folder is in its place, with files in it that are left alone".to_owned(),
                });
            }
            self.cx.progress.items(1);
        }
        Ok(outcome)
    }

    /// `false`: something is in the way that must stay.
    fn change(&self, number: usize, action: Action, relative: &Path, is_dir: bool) -> Result<bool> {
        let target = self.target(relative);
        let place = match Place::below(&self.part.root, relative) {
            // What it lay in is gone, or is no folder any more, by an earlier item or run.
            Err(error) if action == Action::Delete && is_gone(&error) => return Ok(true),
            other => other.map_err(io("cannot reach", &target))?,
        };
        let done = match (action, is_dir) {
            (Action::Delete, true) => remove_empty(&place),
            (Action::Delete, false) => self.move_away(number, &place),
            (_, true) => self.make_folder(number, &place),
            (_, false) => match place.is_filled() {
                Ok(true) => return Ok(false),
                Ok(false) => self.move_in(number, &place),
                Err(error) => Err(error),
            },
        };
        done.map(|()| true)
            .map_err(io("cannot put into place or remove", &target))
    }

    /// Truthful: from here on the target is neither the old nor the new.
    fn check_cancel(&self, so_far: &Outcome) -> Result<()> {
        if !self.cx.cancel.is_cancelled() {
            return Ok(());
        }
        let message = format!(
            "cancelled half-way: {} of {} changes of “{}” are in place",
            so_far.applied.changes(),
            self.items.len(),
            self.part.name
        );
        Err(Problem::new(Kind::Cancelled, message).hint("resume the restore to finish it, or undo it"))
    }

    fn move_away(&self, number: usize, place: &Place) -> std::io::Result<()> {
        let old = self.old_place(number);
        if old.symlink_metadata().is_ok() {
            return Ok(());
        }
        match place.move_to(&old) {
            // Moved already, by an earlier item or run.
            Err(error) if is_gone(&error) => Ok(()),
            other => other,
        }
    }

    fn move_in(&self, number: usize, place: &Place) -> std::io::Result<()> {
        let new = self.new_place(number);
        if new.symlink_metadata().is_err() {
            return Ok(());
        }
        match place.is_folder()? {
            Some(true) => remove_empty(place)?,
            Some(false) => self.move_away(number, place)?,
            None => {}
        }
        disturb_if_asked(&format!("{number}-half"), self.cx);
        place.take_from(&new)
    }

    fn make_folder(&self, number: usize, place: &Place) -> std::io::Result<()> {
        match place.is_folder()? {
            Some(true) => return Ok(()),
            Some(false) => self.move_away(number, place)?,
            None => {}
        }
        place.make_folder()
    }

    /// Mode, owner and times of folders, deepest first: also of those in which something was changed.
    fn finish_folders(&self) -> Result<()> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for (_, action, relative, is_dir) in &self.items {
            if *is_dir && *action != Action::Delete {
                folders.push(relative.clone());
            }
            folders.extend(relative.parent().map(Path::to_path_buf));
        }
        folders.sort_unstable_by(|a, b| b.cmp(a));
        folders.dedup();
        for relative in folders {
            let in_tree = self.part.tree.join(&relative);
            if in_tree.as_os_str().is_empty() {
                continue;
            }
            if let Some(entry) = self.tree.stat(&in_tree)?.filter(|entry| entry.meta.is_dir()) {
                let place = Place::below(&self.part.root, &relative);
                place
                    .and_then(|place| apply_to_folder(&place.open_folder()?, &entry.meta))
                    .map_err(io("cannot set owner, mode or times of", &self.target(&relative)))?;
            }
        }
        Ok(())
    }

    fn clean_up(&self) -> Result<()> {
        remove_staging(&self.staging)
    }
}

pub(super) fn remove_staging(staging: &Path) -> Result<()> {
    make_removable(staging);
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io("cannot remove", staging)(error))
        }
        _ => Ok(()),
    }
}

/// As the journal has it.
fn unwritten_of(data: &Value) -> Vec<Unwritten> {
    Vec::deserialize(data).unwrap_or_default()
}

/// Nothing is there, or what lay above it is no folder any more.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

/// What the ignore rules leave out stays, and so does the folder that it is in.
fn remove_empty(place: &Place) -> std::io::Result<()> {
    // No folder any more: an earlier run has put a file in its place.
    use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match place.remove_folder() {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | DirectoryNotEmpty) => Ok(()),
        other => other,
    }
}

/// Read-only folders that were moved away would resist their removal.
fn make_removable(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700));
            make_removable(&entry.path());
        }
    }
}
