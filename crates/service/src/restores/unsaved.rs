//! What no safety backup can hold, in words: for those who are refused, and for those who force a restore.

use std::collections::HashSet;

use model::{Draft, Kind, Problem, Result, Unsaved};

/// Things that are named in a text; the plan has all of them.
const NAMED: usize = 10;

/// Would the restore lose something that no safety backup can hold?
pub(super) fn check_no_loss(draft: &Draft) -> Result<()> {
    match draft.would_lose() {
        [] => Ok(()),
        unsaved => Err(not_saved(unsaved)),
    }
}

pub(super) fn not_saved(unsaved: &[Unsaved]) -> Problem {
    let what = model::counted(unsaved.len() as u64, "thing", "things");
    let message = format!(
        "{what} that this restore would delete or overwrite cannot be backed up first: {}; nothing was changed",
        named(unsaved)
    );
    Problem::new(Kind::Refused, message).hint(
        "make them readable (or stop what is writing there), then try again; or leave them as they are and restore the rest: --leave-unsaved",
    )
}

/// The first ones with their reasons, and how many more.
pub(super) fn named(unsaved: &[Unsaved]) -> String {
    let one = |unsaved: &Unsaved| format!("{}/{} ({})", unsaved.part, unsaved.name, unsaved.why);
    let mut names: Vec<String> = unsaved.iter().take(NAMED).map(one).collect();
    if unsaved.len() > NAMED {
        names.push(format!("and {} more", unsaved.len() - NAMED));
    }
    names.join(", ")
}

/// For whoever forces the restore: what is in no copy. What nobody can look into stays even then.
pub(super) fn warn_of_loss(draft: &mut Draft) {
    let touched: HashSet<(&str, &str)> = draft
        .items
        .iter()
        .filter(|item| item.touches())
        .map(|item| (item.part.as_str(), item.name.as_str()))
        .collect();
    let is_lost = |one: &&Unsaved| touched.contains(&(one.part.as_str(), one.name.as_str()));
    let lost: Vec<Unsaved> = draft.would_lose().iter().filter(is_lost).cloned().collect();
    if !lost.is_empty() {
        let names = named(&lost);
        draft.warnings.push(format!(
            "in no copy, and lost when this restore is forced: {names}"
        ));
    }
}
