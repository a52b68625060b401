//! Which living item is which of the backup.
//!
//! First by id; then, since what was made anew has a new one, by part, name and place. One living item stands for one of the
//! backup at most.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use model::{Problem, Result};
use sources::{Context, Tree};

use super::{Item, Items, PARTS, capture};

/// Items by id.
pub(super) type ById = BTreeMap<u64, Item>;

/// Id in the backup → id in the world.
pub(super) type Pairs = BTreeMap<u64, u64>;

/// All parts of the world.
pub(super) fn living(source: &Items, cx: &Context) -> Result<ById> {
    let mut found = ById::new();
    for part in PARTS {
        let items = capture::read(source, part, cx).map_err(Problem::from)?;
        found.extend(items.into_iter().map(|item| (item.id, item)));
    }
    Ok(found)
}

/// All parts that the backup holds.
pub(super) fn backup(tree: &dyn Tree, cx: &Context) -> Result<ById> {
    let mut found = ById::new();
    for part in PARTS {
        if tree.stat(Path::new(part))?.is_none() {
            continue;
        }
        for entry in tree.list(Path::new(part))? {
            cx.cancel.check()?;
            let item = read(tree, &entry.path)?;
            found.insert(item.id, item);
        }
    }
    Ok(found)
}

pub(super) fn read(tree: &dyn Tree, path: &Path) -> Result<Item> {
    let mut text = String::new();
    let damaged = || Problem::damaged(format!("{} is no item", path.display()));
    tree.open(path)?
        .read_to_string(&mut text)
        .map_err(|error| damaged().caused_by(error))?;
    serde_json::from_str(&text).map_err(|error| damaged().caused_by(error))
}

pub(super) fn pairs(then: &ById, now: &ById) -> Pairs {
    let is_same = |item: &Item| now.get(&item.id).is_some_and(|living| living.part == item.part);
    let mut pairs: Pairs = then
        .values()
        .filter(|item| is_same(item))
        .map(|item| (item.id, item.id))
        .collect();
    let mut taken: BTreeSet<u64> = pairs.values().copied().collect();
    for item in in_order(then) {
        if pairs.contains_key(&item.id) {
            continue;
        }
        let place = item.parent.map(|parent| pairs.get(&parent).copied());
        let fits = |living: &&Item| {
            (&living.part, &living.name) == (&item.part, &item.name)
                && place.is_none_or(|place| place.is_some() && place == living.parent)
                && !taken.contains(&living.id)
        };
        if let Some(living) = now.values().find(fits) {
            taken.insert(living.id);
            pairs.insert(item.id, living.id);
        }
    }
    pairs
}

/// Parents before their children, parts before those that need them.
pub(super) fn in_order(items: &ById) -> Vec<&Item> {
    let depth = |item: &Item| {
        std::iter::successors(item.parent, |parent| items.get(parent)?.parent)
            .take(items.len())
            .count()
    };
    let part = |item: &Item| PARTS.iter().position(|part| *part == item.part);
    let mut sorted: Vec<&Item> = items.values().collect();
    sorted.sort_by_key(|item| (part(item), depth(item), item.id));
    sorted
}

/// The item as it should be in the world, naming others by the ids that they have there; what is nowhere is left out.
pub(super) fn translated(item: &Item, id: u64, pairs: &Pairs) -> Item {
    Item {
        id,
        parent: item.parent.and_then(|parent| pairs.get(&parent).copied()),
        refers: item
            .refers
            .iter()
            .filter_map(|other| pairs.get(other).copied())
            .collect(),
        ..item.clone()
    }
}

/// Equal in everything that a backup holds.
pub(super) fn is_same(living: &Item, wanted: &Item) -> bool {
    (&living.name, &living.text, &living.parent, &living.refers)
        == (&wanted.name, &wanted.text, &wanted.parent, &wanted.refers)
}
