//! A living thing that is no folder: items behind a slow, moody service.
//!
//! Nouns: the [`World`] is the service. It gives every item its id when it is made, so that one made anew has a new one; an
//! item lies in a *part*, may have a *parent* and may *refer* to others by id, all of which must be there first. It answers
//! so many calls in a window of time and no more, and can be made to fail, to lose an answer, to refuse or to vanish.
//! [`Items`] is the source over it.
//!
//! Rules: time is the world's own clock, moved by waiting; nothing sleeps. A creation carries a *marker* made of job and
//! step, so that one whose answer was lost is found again and never done twice.

mod apply;
mod capture;
mod kept;
mod kind;
mod matching;
mod plan;
mod world;

use std::path::PathBuf;

use model::{Draft, Kind, Lapse, Problem, Result};
use serde_json::json;
use sources::{Captured, Context, Hold, Inspection, Journal, Outcome, Request, Sink, Source, Tree, Wanted};

pub use kind::{ITEMS, ItemsKind};
pub use world::{Answer, Item, New, World};

/// The parts, in the order in which they depend on each other: rooms have rooms and name roles, notes lie in rooms.
pub const PARTS: [&str; 3] = ["roles", "rooms", "notes"];

/// A world as a source. Several may stand for one world, as several processes would.
#[derive(Clone, Debug)]
pub struct Items {
    world: World,
}

impl Items {
    pub fn new(world: &World) -> Self {
        Items { world: world.clone() }
    }

    /// Asks until the world has time to answer; looks at the cancel once a second.
    fn patiently<T>(&self, cx: &Context, ask: impl Fn(&World) -> Result<T, Answer>) -> Result<T, Trouble> {
        loop {
            cx.cancel.check().map_err(Trouble::Problem)?;
            match ask(&self.world) {
                Ok(answer) => return Ok(answer),
                Err(Answer::Busy(wait)) => self.world.pass(wait.min(Lapse::seconds(1))),
                Err(Answer::Gone) => return Err(Trouble::Gone),
                Err(Answer::Refused(why)) => return Err(Trouble::Refused(why)),
                Err(Answer::Broken) => {
                    let problem = Problem::new(Kind::Unavailable, "the world of items does not answer");
                    return Err(Trouble::Problem(problem.hint("try again")));
                }
            }
        }
    }
}

/// Why a call did not do what was asked.
enum Trouble {
    Gone,
    Refused(String),
    Problem(Problem),
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        match trouble {
            Trouble::Gone => Problem::not_found("the world of items, or an item of it, is gone")
                .hint("restore to another world"),
            Trouble::Refused(why) => Problem::new(Kind::Refused, why),
            Trouble::Problem(problem) => problem,
        }
    }
}

/// The parts that are meant, in the order of their dependence.
fn chosen(wanted: &[String]) -> Result<Vec<&'static str>> {
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.contains(&name.as_str())) {
        return Err(Problem::invalid(format!("there is no part “{unknown}”"))
            .hint(format!("the parts are: {}", PARTS.join(", "))));
    }
    let is_meant = |part: &&str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    Ok(PARTS.into_iter().filter(is_meant).collect())
}

impl Source for Items {
    fn inspect(&self, cx: &Context) -> Result<Inspection> {
        capture::inspect(self, cx)
    }

    fn capture(&self, parts: &[String], sink: &mut dyn Sink, cx: &Context) -> Result<Captured> {
        capture::capture(self, parts, sink, cx)
    }

    fn plan(&self, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Draft> {
        plan::plan(self, tree, wanted, cx)
    }

    fn find_saved(&self, item: &model::Item, capture: &dyn Tree) -> Result<Option<PathBuf>> {
        plan::find_saved(item, capture)
    }

    fn apply(
        &self,
        request: &Request<'_>,
        tree: &dyn Tree,
        journal: &mut dyn Journal,
        cx: &Context,
    ) -> Result<Outcome> {
        apply::apply(self, request, tree, journal, cx)
    }

    /// Locks the world, unless somebody else has.
    fn hold(&self, journal: &mut dyn Journal, cx: &Context) -> Result<()> {
        if Hold::of(journal).is_none() {
            if self.world.is_locked() {
                return Err(
                    Problem::new(Kind::Conflict, "the world is locked by somebody else")
                        .hint("wait until they are done"),
                );
            }
            let hold = Hold {
                data: json!({ "locked": true }),
            };
            hold.begin(journal)?;
        }
        Ok(self.patiently(cx, |world| world.lock(true))?)
    }

    fn release(&self, journal: &mut dyn Journal, _cx: &Context) -> Result<()> {
        let Some(hold) = Hold::of(journal) else {
            return Ok(());
        };
        // Whoever was cancelled must still let go.
        self.patiently(&Context::default(), |world| world.lock(false))?;
        hold.end(journal)
    }
}
