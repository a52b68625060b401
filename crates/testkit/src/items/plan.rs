//! What a restore would do to a world of items: deletions with children first, creations with parents first, changes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use model::{Action, Draft, Mode, Result};
use serde_json::json;
use sources::{Context, Tree, Wanted};

use super::matching::{self, ById, Pairs, backup, in_order, is_same, living, pairs, translated};
use super::{Item, Items, capture, chosen};

pub(super) fn plan(source: &Items, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Draft> {
    let parts = chosen(&wanted.parts)?;
    let (then, now) = (backup(tree, cx)?, living(source, cx)?);
    let comparison = Comparison {
        pairs: pairs(&then, &now),
        then,
        now,
        parts,
        mode: wanted.mode,
    };
    Ok(comparison.draft())
}

struct Comparison {
    then: ById,
    now: ById,
    pairs: Pairs,
    parts: Vec<&'static str>,
    mode: Mode,
}

impl Comparison {
    fn is_chosen(&self, item: &Item) -> bool {
        self.parts.contains(&item.part.as_str())
    }

    fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        if self.mode != Mode::Merge {
            self.deletions(&mut draft);
        }
        let mut changes = Vec::new();
        for item in in_order(&self.then)
            .into_iter()
            .filter(|item| self.is_chosen(item))
        {
            let living = self.pairs.get(&item.id).and_then(|id| self.now.get(id));
            match living.filter(|_| self.mode != Mode::Rebuild) {
                None => draft.items.push(self.creation(item)),
                Some(now) if is_same(now, &self.expected(item, now.id)) => draft.keep += 1,
                Some(now) => changes.push(planned(Action::Update, item, Some(now))),
            }
            self.warn(item, &mut draft);
        }
        draft.items.extend(changes);
        draft.seconds_estimate = draft.items.len() as u64 * 2;
        draft
    }

    fn deletions(&self, draft: &mut Draft) {
        let kept: BTreeSet<u64> = if self.mode == Mode::Rebuild {
            BTreeSet::new()
        } else {
            self.pairs.values().copied().collect()
        };
        let gone = in_order(&self.now).into_iter().rev();
        let gone: Vec<&Item> = gone
            .filter(|item| self.is_chosen(item) && !kept.contains(&item.id))
            .collect();
        for item in gone {
            draft.items.push(planned(Action::Delete, item, Some(item)));
        }
    }

    fn creation(&self, item: &Item) -> model::Item {
        let replaced = self.pairs.get(&item.id).and_then(|id| self.now.get(id));
        planned(Action::Create, item, replaced)
    }

    /// As it should be, where everything that it names is there or will be made.
    fn expected(&self, item: &Item, id: u64) -> Item {
        let mut pairs = self.pairs.clone();
        let made = self.then.values().filter(|item| self.is_chosen(item));
        for other in made {
            // Any id that no living item has: it makes the item differ from what is there.
            pairs.entry(other.id).or_insert(u64::MAX);
        }
        translated(item, id, &pairs)
    }

    fn warn(&self, item: &Item, draft: &mut Draft) {
        let names = item.parent.iter().chain(&item.refers);
        let is_nowhere = |id: &&u64| {
            !self.pairs.contains_key(id) && !self.then.get(id).is_some_and(|other| self.is_chosen(other))
        };
        let lost = names.filter(is_nowhere).count() as u64;
        if lost > 0 {
            let what = model::counted(lost, "reference", "references");
            draft
                .warnings
                .push(format!("{} loses {what} to items that are gone", item.name));
        }
    }
}

fn fingerprint(now: &Item) -> String {
    format!("{}/{}/{:?}/{:?}", now.name, now.text, now.parent, now.refers)
}

/// The file of the living item, when it holds it as the plan saw it.
pub(super) fn find_saved(item: &model::Item, capture: &dyn Tree) -> Result<Option<PathBuf>> {
    let Some(id) = item.data["living"].as_u64() else {
        return Ok(None);
    };
    let path = capture::place(&item.part, id);
    if capture.stat(&path)?.is_none() {
        return Ok(None);
    }
    let held = matching::read(capture, &path)?;
    Ok((fingerprint(&held) == item.fingerprint).then_some(path))
}

fn planned(action: Action, item: &Item, living: Option<&Item>) -> model::Item {
    model::Item {
        action,
        part: item.part.clone(),
        kind: "item".to_owned(),
        name: item.name.clone(),
        detail: match living {
            Some(now) if action == Action::Update => format!("“{}” → “{}”", now.text, item.text),
            _ => String::new(),
        },
        fingerprint: living.map(fingerprint).unwrap_or_default(),
        data: json!({ "then": item.id, "living": living.map(|now| now.id) }),
    }
}
