//! The service behind the items: gives ids, demands order, takes its time, breaks when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Clock, Lapse};
use serde::{Deserialize, Serialize};

use super::kept;
use crate::FakeClock;

/// Calls that are answered in a window.
const CALLS: u32 = 5;
const WINDOW: Lapse = Lapse::seconds(10);

/// No id is ever given twice, in whatever world.
const IDS_OF_A_WORLD: u64 = 1000;
static NEXT_WORLD: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: u64,
    pub part: String,
    pub name: String,
    pub text: String,
    pub parent: Option<u64>,
    pub refers: Vec<u64>,
    /// What whoever made it wrote beside it; nothing that a backup holds.
    #[serde(skip)]
    pub marker: String,
}

/// An item to be made.
#[derive(Clone, Debug, Default)]
pub struct New<'a> {
    pub part: &'a str,
    pub name: &'a str,
    pub text: &'a str,
    pub parent: Option<u64>,
    pub refers: &'a [u64],
    pub marker: &'a str,
}

/// What the world says instead of doing what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not now; ask again after this time.
    Busy(Lapse),
    Gone,
    Refused(String),
    /// No answer; nobody knows whether it was done.
    Broken,
}

/// Clones are one world.
#[derive(Clone, Debug)]
pub struct World {
    state: Arc<Mutex<State>>,
    clock: FakeClock,
    /// Where it lies between the processes that visit it.
    file: Option<PathBuf>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) items: BTreeMap<u64, Item>,
    pub(super) last_id: u64,
    pub(super) locked: bool,
    gone: bool,
    unreadable: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// Number of the effect that breaks, and whether it happens all the same.
    breach: Option<(usize, bool)>,
    effects: usize,
    window: i64,
    calls: u32,
}

impl World {
    pub fn new() -> Self {
        let world = World {
            state: Arc::default(),
            clock: FakeClock::new(),
            file: None,
        };
        world.state().last_id = NEXT_WORLD.fetch_add(IDS_OF_A_WORLD, SeqCst);
        world
    }

    /// A world that outlives the process: it lies in this file, and is made there when there is none.
    pub fn in_file(file: &Path) -> Self {
        let world = World {
            file: Some(file.to_path_buf()),
            ..World::new()
        };
        let mut state = world.state();
        if !file.exists() {
            kept::save(file, &state);
        }
        kept::load(file, &mut state);
        drop(state);
        world
    }

    /// The last state stands, whatever befell who held the lock: a world outlives its visitors.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that takes its place in the window.
    fn called(&self) -> Result<MutexGuard<'_, State>, Answer> {
        let (mut state, now) = (self.state(), self.clock.now_ms());
        if let Some(file) = &self.file {
            kept::load(file, &mut state).ok_or(Answer::Gone)?;
        }
        if now - state.window >= WINDOW.ms() {
            (state.window, state.calls) = (now, 0);
        }
        if state.calls == CALLS {
            return Err(Answer::Busy(Lapse::millis(state.window + WINDOW.ms() - now)));
        }
        state.calls += 1;
        if state.gone { Err(Answer::Gone) } else { Ok(state) }
    }

    fn effect<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Answer>) -> Result<T, Answer> {
        let mut state = self.called()?;
        let number = state.effects;
        state.effects += 1;
        let answer = match state.breach {
            Some((at, false)) if at == number => Err(Answer::Broken),
            Some((at, true)) if at == number => {
                act(&mut state)?;
                Err(Answer::Broken)
            }
            _ => act(&mut state),
        };
        if let Some(file) = &self.file {
            kept::save(file, &state).ok_or(Answer::Broken)?;
        }
        answer
    }

    /// Items of a part with ids above one, in ascending order.
    pub fn page(&self, part: &str, above: u64, limit: usize) -> Result<Vec<Item>, Answer> {
        let state = self.called()?;
        if state.unreadable.contains(part) {
            return Err(Answer::Refused(format!("{part} may not be read")));
        }
        let found = state.items.range(above + 1..).map(|(_, item)| item);
        Ok(found
            .filter(|item| item.part == part)
            .take(limit)
            .cloned()
            .collect())
    }

    pub fn find(&self, marker: &str) -> Result<Option<u64>, Answer> {
        let state = self.called()?;
        let found = state.items.values().find(|item| item.marker == marker);
        Ok(found.map(|item| item.id))
    }

    pub fn create(&self, new: &New<'_>) -> Result<u64, Answer> {
        self.effect(|state| {
            state.allows(new.name, new.parent, new.refers)?;
            state.last_id += 1;
            let item = Item {
                id: state.last_id,
                part: new.part.to_owned(),
                name: new.name.to_owned(),
                text: new.text.to_owned(),
                parent: new.parent,
                refers: new.refers.to_vec(),
                marker: new.marker.to_owned(),
            };
            state.items.insert(item.id, item);
            Ok(state.last_id)
        })
    }

    /// Makes an item be as this one; it keeps its id, its part and its marker.
    pub fn change(&self, to: &Item) -> Result<(), Answer> {
        self.effect(|state| {
            let known = state.items.get(&to.id).ok_or(Answer::Gone)?;
            // Whom it named before may be gone since.
            let parent = to.parent.filter(|_| to.parent != known.parent);
            let refers: Vec<u64> = to
                .refers
                .iter()
                .filter(|id| !known.refers.contains(id))
                .copied()
                .collect();
            state.allows(&to.name, parent, &refers)?;
            let item = state.items.get_mut(&to.id).ok_or(Answer::Gone)?;
            let (part, marker) = (item.part.clone(), item.marker.clone());
            *item = Item {
                part,
                marker,
                ..to.clone()
            };
            Ok(())
        })
    }

    /// Who refers to it goes on doing so, into nothing.
    pub fn delete(&self, id: u64) -> Result<(), Answer> {
        self.effect(|state| state.items.remove(&id).map(|_| ()).ok_or(Answer::Gone))
    }

    pub fn lock(&self, locked: bool) -> Result<(), Answer> {
        self.effect(|state| {
            state.locked = locked;
            Ok(())
        })
    }

    pub fn is_locked(&self) -> bool {
        self.state().locked
    }

    /// Lets time pass.
    pub fn pass(&self, time: Lapse) {
        self.clock.advance(time);
    }

    /// Everything that is there, without a call.
    pub fn items(&self) -> Vec<Item> {
        self.state().items.values().cloned().collect()
    }

    /// How many calls had an effect, or were to have one.
    pub fn effects(&self) -> usize {
        self.state().effects
    }

    /// The effect with this number from now on gets no answer, done or not.
    pub fn break_effect(&self, number: usize, answer_lost: bool) {
        let mut state = self.state();
        state.breach = Some((state.effects + number, answer_lost));
    }

    pub fn broke(&self) -> bool {
        let state = self.state();
        state.breach.is_some_and(|(at, _)| state.effects > at)
    }

    /// Nothing with this name is made or changed any more.
    pub fn refuse(&self, name: &str) {
        self.state().refused.insert(name.to_owned());
    }

    pub fn make_unreadable(&self, part: &str) {
        self.state().unreadable.insert(part.to_owned());
    }

    /// It is gone, with everything in it.
    pub fn vanish(&self) {
        let mut state = self.state();
        state.gone = true;
        state.items.clear();
    }
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

impl State {
    fn allows(&self, name: &str, parent: Option<u64>, refers: &[u64]) -> Result<(), Answer> {
        if self.refused.contains(name) {
            return Err(Answer::Refused(format!("{name} is not allowed here")));
        }
        match parent
            .iter()
            .chain(refers)
            .find(|id| !self.items.contains_key(id))
        {
            Some(id) => Err(Answer::Refused(format!("there is no item {id}"))),
            None => Ok(()),
        }
    }
}
