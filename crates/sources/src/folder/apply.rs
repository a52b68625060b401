//! Puts a backup back into a folder: stage, then swap.
//!
//! Nouns: the *staging folder* `.cairn-restore-<job>` lies beside the target, or in it (`staging`); in `new/` lies what will come, by
//! number of the plan's item, in `old/` what was moved away. It is its own journal: an item whose `new/` is gone is in
//! place, one whose `old/` exists was moved away. So a run that was killed anywhere is finished by running it again.
//!
//! Rules: everything new is written, verified and durable before the first thing is moved; the target is untouched when staging fails or is
//! cancelled; a swap that is cancelled says so, and is finished by the next run; what was moved away is deleted only at the very end.
//! What the tree could not give whole is left as it is there, with everything below it, and is named; the journal keeps which that is.

mod stage;
mod swap;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Action, Item, Kind, Problem, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::above::above;
use super::beneath::{Place, Root};
use super::broken_off::disturb_if_asked;
use super::items::path_of;
use super::metadata::apply_to_folder;
use super::plan::living_root;
use super::staging::{Made, Staging, check_mounts, kept_time, put_back_time, time_of};
use super::{Folder, Part};
use crate::{Context, Journal, Outcome, Request, Skipped, Tree, Unwritten};

/// Kept free beyond what is written.
const MARGIN: u64 = 16 << 20;

pub(super) fn apply(
    folder: &Folder,
    request: &Request<'_>,
    tree: &dyn Tree,
    journal: &mut dyn Journal,
    cx: &Context,
) -> Result<Outcome> {
    let mut swaps = Vec::new();
    for part in folder.chosen(&request.wanted.parts)? {
        let items = &request.plan.draft.items;
        let items: Vec<&Item> = items.iter().filter(|item| item.part == part.name).collect();
        if !items.is_empty() {
            swaps.push(Swap::new(part, &items, request, tree, cx)?);
        }
    }
    swaps.iter().try_for_each(Swap::check_mounts)?;
    let mut outcome = Outcome::default();
    for swap in swaps {
        let done = swap.run(journal)?;
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
    steps: Vec<Step>,
    tree: &'a dyn Tree,
    cx: &'a Context,
    staging: Staging,
    /// The target, held from the beginning, or from when it is made.
    root: OnceCell<Arc<Root>>,
    /// The number of the folder that the plan was made for.
    planned: Option<u64>,
}

/// An item of the plan.
struct Step {
    number: usize,
    action: Action,
    path: PathBuf,
    is_dir: bool,
    /// Of what the plan saw there; empty when nothing was.
    fingerprint: String,
}

fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Problem {
    let text = format!("{what} {}", path.display());
    move |error| Problem::io(text, error)
}

impl<'a> Swap<'a> {
    fn new(
        part: &'a Part,
        items: &[&Item],
        request: &Request<'_>,
        tree: &'a dyn Tree,
        cx: &'a Context,
    ) -> Result<Self> {
        let step = |(number, item): (usize, &&Item)| {
            Ok(Step {
                number,
                action: item.action,
                path: path_of(item)?,
                is_dir: item.kind == "folder",
                fingerprint: item.fingerprint.clone(),
            })
        };
        Ok(Swap {
            part,
            steps: items.iter().enumerate().map(step).collect::<Result<_>>()?,
            tree,
            cx,
            staging: Staging::of(part, &cx.job)?,
            root: living_root(part)?.map_or_else(OnceCell::new, OnceCell::from),
            planned: request.plan.draft.folders.get(&part.name).copied(),
        })
    }

    fn check_mounts(&self) -> Result<()> {
        let moved = self.steps.iter().filter(|step| {
            let type_changes = step.action == Action::Update && step.fingerprint.contains('-');
            !step.is_dir || type_changes
        });
        let folders = moved.filter_map(|step| step.path.parent()).collect();
        let root = self.root.get();
        root.map_or(Ok(()), |root| check_mounts(root, &self.part.root, &folders))
    }

    /// The target; `NotFound` while there is none.
    fn root(&self) -> std::io::Result<&Arc<Root>> {
        if self.root.get().is_none() {
            let opened = Place::of(&self.part.root)?.open_root()?;
            // It was made a moment ago, by this run.
            if opened.stat().st_uid != rustix::process::geteuid().as_raw() {
                return Err(std::io::Error::other("another folder was put in its place"));
            }
            return Ok(self.root.get_or_init(|| opened));
        }
        Ok(self.root.get().ok_or(std::io::ErrorKind::NotFound)?)
    }

    /// Whoever owns the folder above the target may have put another one there since the plan was made.
    fn check_target(&self) -> Result<()> {
        let (Some(planned), Some(root)) = (self.planned, self.root.get()) else {
            return Ok(());
        };
        if root.stat().st_ino == planned {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Drifted,
            format!(
                "{} is another folder than the one that the plan was made for; nothing was changed",
                self.part.root.display()
            ),
        )
        .hint("find out who replaced it, then make a new plan"))
    }

    fn run(&self, journal: &mut dyn Journal) -> Result<Outcome> {
        let key = |step: &str| format!("{step}:{}", self.part.name);
        let staged = journal.find(&key("staged")).filter(|step| step.done);
        let is_staged = staged.is_some();
        let time = staged.map_or_else(
            || time_of(self.root.get().map(AsRef::as_ref)),
            |step| step.data.clone(),
        );
        if let Some(step) = journal.find(&key("finished")).filter(|step| step.done) {
            let malformed = |error| Problem::damaged("the journal is malformed").caused_by(error);
            let outcome = Outcome::deserialize(&step.data).map_err(malformed)?;
            // The run that recorded it may have ended before it had cleaned up.
            let made = self.staging.open(Some(&time))?;
            return self
                .clean_up(made.as_ref(), &self.time_after(time)?)
                .map(|()| outcome);
        }
        self.check_target()?;
        let known = journal.find(&key("unwritten"));
        let mut unwritten = known.map_or_else(Vec::new, |step| unwritten_of(&step.data));
        // Somebody may have tidied it away since.
        let there = self.staging.open(is_staged.then_some(&time))?;
        let made = if let Some(made) = there.filter(|_| is_staged) {
            made
        } else {
            let was_known = known.is_some();
            let (made, lacking) = self.stage(&time)?;
            unwritten = lacking;
            if was_known || !unwritten.is_empty() {
                journal.record(&key("unwritten"), true, json!(unwritten))?;
            }
            journal.record(&key("staged"), true, recorded(&time, &made))?;
            if self.cx.cancel.is_cancelled() {
                journal.record(&key("staged"), false, Value::Null)?;
                self.clean_up(Some(&made), &time)?;
            }
            self.cx.cancel.check()?;
            made
        };
        journal.changing()?;
        let outcome = self.swap(&made, &unwritten)?;
        self.finish_folders()?;
        journal.record(&key("finished"), true, json!(outcome))?;
        self.clean_up(Some(&made), &self.time_after(time)?)
            .map(|()| outcome)
    }

    fn target(&self, relative: &Path) -> PathBuf {
        if relative.as_os_str().is_empty() {
            self.part.root.clone()
        } else {
            self.part.root.join(relative)
        }
    }

    /// Paths that could not be written, and why: they stay as they are, with all that would make room for them.
    fn hindered<'u>(&self, unwritten: &'u [Unwritten]) -> HashMap<&Path, &'u str> {
        let numbered: HashMap<PathBuf, &Unwritten> =
            unwritten.iter().map(|one| (one.to.clone(), one)).collect();
        let found = self.steps.iter().filter_map(|step| {
            let one = numbered.get(Path::new(&step.number.to_string()))?;
            Some((step.path.as_path(), one.why.as_str()))
        });
        found.collect()
    }

    /// Moves the old away and the new into place, item by item; each move is idempotent.
    fn swap(&self, made: &Made, unwritten: &[Unwritten]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let hindered = self.hindered(unwritten);
        self.cx.progress.phase("swapping");
        if self.root.get().is_none() && self.part.tree == Path::new("") {
            // A new folder to unpack into has no item of its own in the plan.
            self.make_root().map_err(io("cannot make", &self.part.root))?;
        }
        self.cx.progress.expect(self.steps.len() as u64, 0);
        for step in &self.steps {
            disturb_if_asked(&step.number.to_string(), self.cx);
            self.check_cancel(&outcome)?;
            if let Some(why) = step.path.ancestors().find_map(|path| hindered.get(path)) {
                self.leave(
                    step,
                    format!("cannot be restored, and stays as it is: {why}"),
                    &mut outcome,
                );
            } else if let Some(left) = self.change(step, made)? {
                self.leave(step, left.why().to_owned(), &mut outcome);
            } else {
                outcome.applied.add(step.action);
            }
            self.cx.progress.items(1);
        }
        Ok(outcome)
    }

    fn make_root(&self) -> std::io::Result<()> {
        let place = above(&self.part.root, true)?;
        match place.make_folder_for_all() {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let opened = place.open_root()?;
        self.root.get_or_init(|| opened);
        Ok(())
    }

    /// Where an entry of the target lies, or the target itself.
    fn place(&self, relative: &Path) -> std::io::Result<Place> {
        if relative.as_os_str().is_empty() {
            Place::of(&self.part.root)
        } else {
            Place::below(self.root()?, relative)
        }
    }

    fn leave(&self, step: &Step, why: String, outcome: &mut Outcome) {
        let name = format!("{}/{}", self.part.name, step.path.display());
        outcome.skipped.push(Skipped { name, why });
    }

    /// Truthful: from here on the target is neither the old nor the new.
    fn check_cancel(&self, so_far: &Outcome) -> Result<()> {
        if !self.cx.cancel.is_cancelled() {
            return Ok(());
        }
        let message = format!(
            "cancelled half-way: {} of {} changes of “{}” are in place",
            so_far.applied.changes(),
            self.steps.len(),
            self.part.name
        );
        Err(Problem::new(Kind::Cancelled, message).hint("resume the restore to finish it, or undo it"))
    }

    /// Mode, owner and times of folders, deepest first: also of those in which something was changed.
    fn finish_folders(&self) -> Result<()> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for step in &self.steps {
            if step.is_dir && step.action != Action::Delete {
                folders.push(step.path.clone());
            }
            folders.extend(step.path.parent().map(Path::to_path_buf));
        }
        folders.sort_unstable_by(|a, b| b.cmp(a));
        folders.dedup();
        for relative in folders {
            let in_tree = self.part.tree.join(&relative);
            if in_tree.as_os_str().is_empty() {
                continue;
            }
            if let Some(entry) = self.tree.stat(&in_tree)?.filter(|entry| entry.meta.is_dir()) {
                let place = if relative.as_os_str().is_empty() {
                    self.root().and_then(|root| Place::itself(root))
                } else {
                    self.place(&relative)
                };
                place
                    .and_then(|place| apply_to_folder(&place.open_folder()?, &entry.meta))
                    .map_err(io("cannot set owner, mode or times of", &self.target(&relative)))?;
            }
        }
        Ok(())
    }

    /// The time that the target itself has in the end: as in the backup when something in it was changed, or what it was before.
    fn time_after(&self, before: Value) -> Result<Value> {
        let is_root = |path: &Path| path.as_os_str().is_empty();
        let changed = |step: &Step| is_root(&step.path) || step.path.parent().is_some_and(is_root);
        if is_root(&self.part.tree) || !self.steps.iter().any(changed) {
            return Ok(before);
        }
        let entry = self.tree.stat(&self.part.tree)?;
        Ok(entry.map_or(before, |entry| kept_time(entry.meta.mtime)))
    }

    /// `time` is what the target itself gets when something was staged in it.
    fn clean_up(&self, made: Option<&Made>, time: &Value) -> Result<()> {
        made.map_or(Ok(()), Made::remove)?;
        if let (true, Some(root)) = (self.staging.is_inside, self.root.get()) {
            put_back_time(root, time);
        }
        Ok(())
    }
}

/// The target's own time, and which staging folder it is that everything lies in.
fn recorded(time: &Value, made: &Made) -> Value {
    let mut recorded = time.clone();
    if recorded.is_null() {
        recorded = json!({});
    }
    recorded["staging"] = json!(made.inode());
    recorded
}

/// As the journal has it.
fn unwritten_of(data: &Value) -> Vec<Unwritten> {
    Vec::deserialize(data).unwrap_or_default()
}
