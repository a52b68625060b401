//! What a restore that was broken off left in a folder and beside it: is it its own doing, and may it go?
//!
//! Rules: the staging folder shows how far the swap came: an item whose `old/` is there was moved away, one whose `new/` is gone is in place.
//! What neither it nor the backup explains is somebody's change. What lies in `old/` is thrown away only when all of it is as the plan was
//! made for, and that in a verified backup.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use model::{Action, Draft, Item, Problem, Result};

use super::beneath::Root;
use super::items::{fingerprint, is_as_then, path_of};
use super::plan::living_root;
use super::staging::{Made, Staging};
use super::walk::{WalkOptions, entry_meta, walk_root};
use super::{Folder, Part};
use crate::{Context, Doubt, Journal, Request, Tree, doubts, name_of};

/// The mode with which a swap makes folders, before it gives them their own.
const HALF_MADE: u32 = 0o700;

pub(super) fn changed_since(
    folder: &Folder,
    request: &Request<'_>,
    now: &Draft,
    tree: &dyn Tree,
    journal: &dyn Journal,
    cx: &Context,
) -> Result<Vec<String>> {
    let planned = &request.plan.draft;
    let doubts = doubts(planned, now);
    let mut changed = Vec::new();
    for part in folder.chosen(&request.wanted.parts)? {
        let is_done = |step: &str| {
            let found = journal.find(&format!("{step}:{}", part.name));
            found.is_some_and(|step| step.done)
        };
        if is_done("finished") {
            // Nothing of it is touched any more.
            continue;
        }
        let staged = journal.find(&format!("staged:{}", part.name));
        let made = match staged.filter(|step| step.done) {
            Some(step) => Staging::of(part, &cx.job)?.open(Some(&step.data))?,
            None => None,
        };
        let trail = Trail {
            part,
            tree,
            root: living_root(part)?,
            staging: made,
            numbers: numbers(planned, part),
        };
        for doubt in doubts.iter().filter(|doubt| doubt.planned.part == part.name) {
            if !trail.explains(doubt)? {
                changed.push(name_of(doubt.planned));
            }
        }
        changed.extend(trail.changed_ways(planned, now)?);
    }
    Ok(changed)
}

/// Number in the plan → number in the part.
fn numbers(planned: &Draft, part: &Part) -> HashMap<usize, usize> {
    let all = planned.items.iter().enumerate();
    let ours = all.filter(|(_, item)| item.part == part.name);
    ours.enumerate()
        .map(|(ours, (number, _))| (number, ours))
        .collect()
}

/// A folder's fingerprint is its mode alone.
fn is_of_folder(fingerprint: &str) -> bool {
    !fingerprint.is_empty() && !fingerprint.contains('-')
}

/// How far the earlier run came with one part.
struct Trail<'a> {
    part: &'a Part,
    tree: &'a dyn Tree,
    /// When everything lay in it, and it is still there.
    staging: Option<Made>,
    root: Option<Arc<Root>>,
    numbers: HashMap<usize, usize>,
}

impl Trail<'_> {
    /// Did the earlier run leave it like this?
    fn explains(&self, doubt: &Doubt<'_>) -> Result<bool> {
        let (Some(staging), Some(number)) = (&self.staging, self.numbers.get(&doubt.number)) else {
            return Ok(false);
        };
        let was_moved_away = staging.lies_in_old(*number);
        let waits = staging.lies_in_new(*number);
        let path = path_of(doubt.planned)?;
        let before = &doubt.planned.fingerprint;
        let is_folder = doubt.planned.kind == "folder";
        match (doubt.planned.action, doubt.now.action) {
            (Action::Create | Action::Update, Action::Create) if is_folder => Ok(was_moved_away),
            // A folder made way, with nothing in it, and the file is not there yet.
            (Action::Create | Action::Update, Action::Create) => {
                Ok(was_moved_away || (waits && is_of_folder(before)))
            }
            (Action::Create | Action::Update, Action::Update) if is_folder => {
                let had_room = before.is_empty() || is_of_folder(before) || was_moved_away;
                Ok(had_room && self.is_own_folder(&path, doubt.now)?)
            }
            // Written anew for the sake of other names of the same file, which are not in place yet.
            (Action::Create | Action::Update, Action::Update) => Ok(!waits && self.is_in_place(&path)?),
            _ => Ok(false),
        }
    }

    fn is_own_folder(&self, path: &Path, now: &Item) -> Result<bool> {
        let then = self.tree.stat(&self.part.tree.join(path))?;
        let modes = [Some(HALF_MADE), then.map(|entry| entry.meta.mode)];
        Ok(modes
            .into_iter()
            .flatten()
            .any(|mode| now.fingerprint == format!("{mode:o}")))
    }

    fn is_in_place(&self, path: &Path) -> Result<bool> {
        let then = self.tree.stat(&self.part.tree.join(path))?;
        let Some(root) = &self.root else {
            return Ok(false);
        };
        let now = entry_meta(root, path).map_err(|error| {
            let shown = self.part.root.join(path);
            Problem::io(format!("cannot look at {}", shown.display()), error)
        })?;
        Ok(matches!((now, then), (Some(now), Some(then)) if is_as_then(&now, &then.meta)))
    }

    /// Folders that the plan does not name, but in which it would change something, and to which it would give mode and times again.
    fn changed_ways(&self, planned: &Draft, now: &Draft) -> Result<Vec<String>> {
        let (mut ways, mut parents, mut named) = (HashSet::new(), HashSet::new(), HashSet::new());
        for item in planned.items.iter().filter(|item| item.part == self.part.name) {
            let path = path_of(item)?;
            ways.extend(path.ancestors().skip(1).map(Path::to_path_buf));
            parents.extend(path.parent().map(Path::to_path_buf));
            named.insert(path);
        }
        let mut changed = Vec::new();
        for item in now.items.iter().filter(|item| item.part == self.part.name) {
            let path = path_of(item)?;
            if item.action != Action::Update || named.contains(&path) || !ways.contains(&path) {
                continue;
            }
            let is_ours = is_of_folder(&item.fingerprint)
                && (!parents.contains(&path) || self.is_own_folder(&path, item)?);
            if !is_ours {
                changed.push(name_of(item));
            }
        }
        Ok(changed)
    }
}

/// Removes the staging folders of a restore that will never go on, where that loses nothing; the others are named.
pub(super) fn tidy(
    folder: &Folder,
    request: &Request<'_>,
    is_safe: bool,
    cx: &Context,
) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for part in folder.chosen(&request.wanted.parts)? {
        let made = match Staging::of(part, &cx.job).and_then(|staging| staging.open(None)) {
            Ok(Some(made)) => made,
            Ok(None) => continue,
            Err(problem) => {
                left.push(problem.message().to_owned());
                continue;
            }
        };
        let items = request.plan.draft.items.iter();
        let ours: Vec<&Item> = items.filter(|item| item.part == part.name).collect();
        let why = why_it_stays(&made, &ours, is_safe)?;
        let kept = match why {
            None => made.remove().err().map(|problem| problem.to_string()),
            Some(why) => Some(format!("{} {why}", made.dir.display())),
        };
        left.extend(kept);
    }
    Ok(left)
}

/// Nothing is said when all that was moved away may go.
fn why_it_stays(made: &Made, items: &[&Item], is_safe: bool) -> Result<Option<&'static str>> {
    const STRANGE: &str = "holds something that is not as the restore moved it there";
    if !made.is_plain().unwrap_or(false) {
        return Ok(Some(STRANGE));
    }
    let Some(old) = made.old() else {
        return Ok(None);
    };
    let (mut count, mut strangers) = (0_u64, 0_u64);
    let walked = walk_root(old, &made.dir, &WalkOptions::default(), &mut |path, meta, _| {
        let number = path.to_str().and_then(|name| name.parse::<usize>().ok());
        let item = number.and_then(|number| items.get(number));
        count += 1;
        // A moved file keeps everything by which it is known.
        if item.is_none_or(|item| item.fingerprint != fingerprint(&meta)) {
            strangers += 1;
        }
        Ok(())
    })?;
    Ok(match (count, strangers + walked.skipped.len() as u64) {
        (0, 0) => None,
        (_, 0) if is_safe => None,
        (_, 0) => Some("holds what was there before, which is in no verified backup"),
        _ => Some(STRANGE),
    })
}

/// For tests of what a process leaves that is killed, or told to leave, in the middle of a swap, and of what others do meanwhile.
#[cfg(debug_assertions)]
pub(super) fn disturb_if_asked(here: &str, cx: &Context) {
    let Ok(asked) = std::env::var("CAIRN_TEST_AT_SWAP") else {
        return;
    };
    if asked == format!("die-{here}") {
        std::process::abort();
    }
    // Two names are exchanged, as somebody would who waits for this moment.
    if let Some(names) = asked.strip_prefix(&format!("exchange-{here}:"))
        && let Some((one, other)) = names.split_once(':')
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
    }
    if asked == format!("leave-{here}") {
        let told = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
        while told.is_ok() && !cx.cancel.is_cancelled() {
            std::thread::yield_now();
        }
    }
}

#[cfg(not(debug_assertions))]
pub(super) fn disturb_if_asked(_here: &str, _cx: &Context) {}
