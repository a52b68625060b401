//! Moves the old away and the new into place, one item at a time; each move can be done again.
//!
//! Rule: only the version that the plan saw is moved away. What somebody changed or put there since is in no safety backup, and stays.

use model::{Action, Result};

use super::super::beneath::Place;
use super::super::broken_off::disturb_if_asked;
use super::super::items::living_fingerprint;
use super::{Made, Step, Swap, io};

/// Why an item is left as it is.
pub(super) enum Left {
    Filled,
    Strange,
}

impl Left {
    pub(super) fn why(&self) -> &'static str {
        match self {
            Left::Filled => "a folder is in its place, with files in it that are left alone",
            Left::Strange => {
                "it was changed, or put there, since it was backed up for this restore, and is left alone"
            }
        }
    }
}

impl Swap<'_> {
    /// Nothing, or what is in the way and must stay.
    pub(super) fn change(&self, step: &Step, made: &Made) -> Result<Option<Left>> {
        let target = self.target(&step.path);
        let place = match self.place(&step.path) {
            // What it lay in is gone, or is no folder any more, by an earlier item or run.
            Err(error) if step.action == Action::Delete && is_gone(&error) => return Ok(None),
            other => other.map_err(io("cannot reach", &target))?,
        };
        let done = match (step.action, step.is_dir) {
            (Action::Delete, true) => remove_empty(&place).map(|()| None),
            (Action::Delete, false) => self.move_away(step, made, &place),
            (_, true) => self.make_folder(step, made, &place),
            (_, false) => self.move_in(step, made, &place),
        };
        done.map_err(io("cannot put into place or remove", &target))
    }

    fn move_away(&self, step: &Step, made: &Made, place: &Place) -> std::io::Result<Option<Left>> {
        let Some(there) = place.stat()? else {
            // Moved already, by an earlier item or run.
            return Ok(None);
        };
        let old = made.old_place(step.number)?;
        let is_moved = old.stat()?.is_some();
        if is_moved && step.action == Action::Delete {
            // It is done; what is there now came later.
            return Ok(None);
        }
        if is_moved || living_fingerprint(&there) != step.fingerprint {
            return Ok(Some(Left::Strange));
        }
        disturb_if_asked(&format!("{}-seen", step.number), self.cx);
        match place.move_to(&old) {
            Err(error) if is_gone(&error) => return Ok(None),
            other => other?,
        }
        // It may have been replaced between the look and the move.
        if old
            .stat()?
            .is_some_and(|moved| living_fingerprint(&moved) == step.fingerprint)
        {
            return Ok(None);
        }
        old.move_to(place).map(|()| Some(Left::Strange))
    }

    fn move_in(&self, step: &Step, made: &Made, place: &Place) -> std::io::Result<Option<Left>> {
        if place.is_filled()? {
            return Ok(Some(Left::Filled));
        }
        let new = made.new_place(step.number)?;
        if new.stat()?.is_none() {
            return Ok(None);
        }
        match place.is_folder()? {
            Some(true) => remove_empty(place)?,
            Some(false) => {
                if let Some(left) = self.move_away(step, made, place)? {
                    return Ok(Some(left));
                }
            }
            None => {}
        }
        disturb_if_asked(&format!("{}-half", step.number), self.cx);
        match new.move_to(place) {
            // Somebody put it there since the old was moved away.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Some(Left::Strange)),
            other => other.map(|()| None),
        }
    }

    fn make_folder(&self, step: &Step, made: &Made, place: &Place) -> std::io::Result<Option<Left>> {
        match place.is_folder()? {
            Some(true) => return Ok(None),
            Some(false) => {
                if let Some(left) = self.move_away(step, made, place)? {
                    return Ok(Some(left));
                }
            }
            None => {}
        }
        place.make_folder().map(|()| None)
    }
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
