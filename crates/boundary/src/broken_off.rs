//! A restore that was broken off, before it goes on: what stands as its plan was made for, what it has done, and what is neither.
//!
//! Noun: a *doubt* is an item of the plan whose thing is neither as the plan was made for nor as in the backup. Either the restore itself
//! left it half-way, which only its kind can tell ([`crate::Source::changed_since`]), or somebody changed it since.
//! Rule: a thing is known by part and data, which therefore name it in the same way in every plan of one kind.

use std::collections::HashMap;

use model::{Action, Draft, Item};

/// See above.
#[derive(Clone, Copy, Debug)]
pub struct Doubt<'a> {
    /// The number of the item in the plan.
    pub number: usize,
    /// As it was planned.
    pub planned: &'a Item,
    /// As a plan would be made now.
    pub now: &'a Item,
}

/// What a plan that is made now does not account for by what was done or not done of the earlier one.
pub fn doubts<'a>(planned: &'a Draft, now: &'a Draft) -> Vec<Doubt<'a>> {
    // What is made anew is deleted and created: two items about one thing.
    let thing = |item: &'a Item| {
        let is_deletion = item.action == Action::Delete;
        (item.part.as_str(), is_deletion, item.data.to_string())
    };
    let now: HashMap<_, _> = now.items.iter().map(|item| (thing(item), item)).collect();
    let doubt = |(number, planned): (usize, &'a Item)| {
        // What needs no change is as in the backup.
        let now = now.get(&thing(planned)).copied()?;
        let is_untouched = (now.action, &now.kind, &now.fingerprint)
            == (planned.action, &planned.kind, &planned.fingerprint);
        (!is_untouched).then_some(Doubt { number, planned, now })
    };
    planned.items.iter().enumerate().filter_map(doubt).collect()
}

/// How people call an item.
pub fn name_of(item: &Item) -> String {
    if item.name.is_empty() {
        item.part.clone()
    } else {
        format!("{}/{}", item.part, item.name)
    }
}
