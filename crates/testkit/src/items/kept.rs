//! A world in a file, for worlds that several processes visit one after the other.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::world::{Item, State};

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Each with its marker, which is no part of what a backup holds.
    items: Vec<(Item, String)>,
    last_id: u64,
    locked: bool,
}

pub(super) fn load(file: &Path, state: &mut State) -> Option<()> {
    let kept: Kept = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let marked = kept
        .items
        .into_iter()
        .map(|(item, marker)| (item.id, Item { marker, ..item }));
    state.items = marked.collect();
    (state.last_id, state.locked) = (kept.last_id, kept.locked);
    Some(())
}

pub(super) fn save(file: &Path, state: &State) -> Option<()> {
    let items = state.items.values();
    let kept = Kept {
        items: items.map(|item| (item.clone(), item.marker.clone())).collect(),
        last_id: state.last_id,
        locked: state.locked,
    };
    fs::write(file, serde_json::to_vec(&kept).ok()?).ok()
}
