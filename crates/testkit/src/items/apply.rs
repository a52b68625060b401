//! Puts a backup back into a world of items.
//!
//! Steps of the journal: `map` says which living item is which before anything is changed; `item:N` is the item of the plan with this number, begun
//! before a creation and done with the id that it got; `linked` ends it. A reference to what is made later is set at the
//! end, and whoever referred to an item that was made anew refers to the new one.

use std::collections::BTreeMap;

use model::{Action, Problem, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use sources::{Context, Journal, Outcome, Request, Skipped, Tree};

use super::matching::{ById, Pairs, backup, is_same, living, pairs, translated};
use super::{Items, New, Trouble};

/// What the plan says of an item.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Told {
    then: u64,
    living: Option<u64>,
}

struct Applying<'a> {
    source: &'a Items,
    cx: &'a Context,
    journal: &'a mut dyn Journal,
    then: ById,
    pairs: Pairs,
    /// Living id before → living id now, of what was made anew in another's place.
    moved: BTreeMap<u64, u64>,
    outcome: Outcome,
}

pub(super) fn apply(
    source: &Items,
    request: &Request<'_>,
    tree: &dyn Tree,
    journal: &mut dyn Journal,
    cx: &Context,
) -> Result<Outcome> {
    let then = backup(tree, cx)?;
    let pairs = settled_pairs(source, &then, journal, cx)?;
    let mut applying = Applying {
        source,
        cx,
        journal,
        then,
        pairs,
        moved: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    let items = &request.plan.draft.items;
    cx.progress.phase("applying");
    cx.progress.expect(items.len() as u64, 0);
    if !items.is_empty() {
        applying.journal.changing()?;
    }
    // What is made anew is not what was there, for whoever comes after it.
    for item in items.iter().filter(|item| item.action == Action::Create) {
        applying.pairs.remove(&told(item)?.then);
    }
    for (number, item) in items.iter().enumerate() {
        applying.step(&format!("item:{number}"), item)?;
        cx.progress.items(1);
    }
    applying.link(items)?;
    applying.outcome.applied.keep = request.plan.draft.keep;
    Ok(applying.outcome)
}

/// As they were before the first run changed anything.
fn settled_pairs(source: &Items, then: &ById, journal: &mut dyn Journal, cx: &Context) -> Result<Pairs> {
    let malformed = |error| Problem::damaged("the journal's map is malformed").caused_by(error);
    if let Some(step) = journal.find("map") {
        return Pairs::deserialize(&step.data).map_err(malformed);
    }
    let pairs = pairs(then, &living(source, cx)?);
    journal.record("map", true, json!(pairs))?;
    Ok(pairs)
}

fn told(item: &model::Item) -> Result<Told> {
    Told::deserialize(&item.data).map_err(|error| Problem::damaged("the plan is malformed").caused_by(error))
}

impl Applying<'_> {
    fn step(&mut self, key: &str, item: &model::Item) -> Result<()> {
        let told = told(item)?;
        let known = self.journal.find(key).map(|step| (step.done, step.data.clone()));
        let data = match known {
            Some((true, data)) => data,
            known => {
                let data = match item.action {
                    Action::Delete => self.delete(told),
                    Action::Create => self.create(key, told, known.is_some()),
                    Action::Update => self.update(told),
                    Action::Keep => Ok(Value::Null),
                };
                let data = data.or_else(skipped)?;
                self.journal.record(key, true, data.clone())?;
                data
            }
        };
        self.count(item, told, &data);
        Ok(())
    }

    fn count(&mut self, item: &model::Item, told: Told, data: &Value) {
        if let Some(why) = data.get("skipped").and_then(Value::as_str) {
            self.outcome.skipped.push(Skipped {
                name: format!("{}/{}", item.part, item.name),
                why: why.to_owned(),
            });
            return;
        }
        self.outcome.applied.add(item.action);
        if let Some(id) = data.get("id").and_then(Value::as_u64) {
            self.pairs.insert(told.then, id);
            self.outcome.ids.push((told.then.to_string(), id.to_string()));
            if let Some(before) = told.living {
                self.moved.insert(before, id);
            }
        }
    }

    fn delete(&self, told: Told) -> Result<Value, Trouble> {
        let deleted = self.source.patiently(self.cx, |world| world.delete(told.then));
        match deleted {
            // Gone already, by an earlier run whose answer was lost or by somebody else: it is as it should be.
            Ok(()) | Err(Trouble::Gone) => Ok(Value::Null),
            Err(trouble) => Err(trouble),
        }
    }

    /// Recorded as begun before it is done; when an earlier run began it, looked for before it is done again.
    fn create(&mut self, key: &str, told: Told, begun: bool) -> Result<Value, Trouble> {
        let marker = format!("{}/{key}", self.cx.job);
        if begun {
            let found = self.source.patiently(self.cx, |world| world.find(&marker))?;
            if let Some(id) = found {
                return Ok(json!({ "id": id }));
            }
        } else {
            let recorded = self.journal.record(key, false, Value::Null);
            recorded.map_err(Trouble::Problem)?;
        }
        let item = translated(self.wanted(told)?, 0, &self.pairs);
        if item.parent.is_none()
            && self
                .wanted(told)?
                .parent
                .is_some_and(|parent| self.then.contains_key(&parent))
        {
            return Err(Trouble::Refused("what it lies in could not be made".to_owned()));
        }
        let new = New {
            part: &item.part,
            name: &item.name,
            text: &item.text,
            parent: item.parent,
            refers: &item.refers,
            marker: &marker,
        };
        let id = self.source.patiently(self.cx, |world| world.create(&new))?;
        Ok(json!({ "id": id }))
    }

    fn update(&self, told: Told) -> Result<Value, Trouble> {
        let id = told.living.unwrap_or(told.then);
        let item = translated(self.wanted(told)?, id, &self.pairs);
        self.source.patiently(self.cx, |world| world.change(&item))?;
        Ok(Value::Null)
    }

    fn wanted(&self, told: Told) -> Result<&super::Item, Trouble> {
        let missing = || Trouble::Problem(Problem::damaged("the plan names an item that the backup lacks"));
        self.then.get(&told.then).ok_or_else(missing)
    }

    /// Sets what could not be set before everything was there.
    fn link(&mut self, items: &[model::Item]) -> Result<()> {
        if self.journal.find("linked").is_some_and(|step| step.done) {
            return Ok(());
        }
        let now = living(self.source, self.cx)?;
        let mut wanted = ById::new();
        for item in now.values() {
            let follow = |id: u64| self.moved.get(&id).copied().unwrap_or(id);
            let followed = super::Item {
                parent: item.parent.map(follow),
                refers: item.refers.iter().copied().map(follow).collect(),
                ..item.clone()
            };
            wanted.insert(item.id, followed);
        }
        for item in items.iter().filter(|item| item.action != Action::Delete) {
            let then = told(item)?.then;
            if let (Some(id), Some(item)) = (self.pairs.get(&then), self.then.get(&then)) {
                wanted.insert(*id, translated(item, *id, &self.pairs));
            }
        }
        for (id, item) in wanted {
            if now.get(&id).is_some_and(|living| !is_same(living, &item)) {
                self.link_one(&item)?;
            }
        }
        self.journal.record("linked", true, Value::Null)
    }

    fn link_one(&mut self, item: &super::Item) -> Result<()> {
        match self.source.patiently(self.cx, |world| world.change(item)) {
            Err(Trouble::Problem(problem)) => Err(problem),
            Err(Trouble::Refused(why)) => {
                self.outcome
                    .warnings
                    .push(format!("{}/{}: {why}", item.part, item.name));
                Ok(())
            }
            Ok(()) | Err(Trouble::Gone) => Ok(()),
        }
    }
}

/// An item that cannot be done does not stop the others.
fn skipped(trouble: Trouble) -> Result<Value> {
    match trouble {
        Trouble::Refused(why) => Ok(json!({ "skipped": why })),
        Trouble::Gone => Ok(json!({ "skipped": "it is gone" })),
        Trouble::Problem(problem) => Err(problem),
    }
}
