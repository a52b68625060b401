//! A world that was captured, then drifted, with a plan to mend it; and ways to run that plan.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use model::{Action, Mode, Plan, Problem, Result};
use sources::{Context, Journal, Outcome, Request, Source, Tree, Wanted};

use super::{Look, Worlds};
use crate::FakeClock;
use crate::memory::{MemoryJournal, MemorySink, MemoryTree};

pub(super) const MODES: [Mode; 3] = [Mode::Replace, Mode::Merge, Mode::Rebuild];

/// What accompanies every call of one job.
pub(super) fn context() -> Context {
    Context {
        now_ms: FakeClock::START_MS,
        job: "job-1".to_owned(),
        ..Context::default()
    }
}

pub(super) fn in_mode(mode: Mode) -> Wanted {
    Wanted {
        mode,
        deep: true,
        ..Wanted::default()
    }
}

pub(super) fn capture(source: &dyn Source, parts: &[String], cx: &Context) -> Result<MemoryTree> {
    let mut sink = MemorySink::new();
    source.capture(parts, &mut sink, cx)?;
    sink.into_tree()
}

/// A stored plan, as the service would make it.
pub(super) fn plan(source: &dyn Source, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Plan> {
    let draft = source.plan(tree, wanted, cx)?;
    Ok(Plan {
        id: "plan-1".to_owned(),
        backup: "backup-1".to_owned(),
        target: "target-1".to_owned(),
        parts: wanted.parts.clone(),
        paths: Vec::new(),
        mode: wanted.mode,
        deep: wanted.deep,
        hash: draft.hash("backup-1", "target-1", wanted.mode, &wanted.parts),
        created: FakeClock::START_MS,
        expires: FakeClock::START_MS + model::PLAN_LIFETIME_MS,
        draft,
    })
}

/// The names of the parts.
pub(super) fn parts(source: &dyn Source) -> Result<Vec<String>> {
    let inspection = source.inspect(&context())?;
    Ok(inspection.parts.into_iter().map(|part| part.name).collect())
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ended {
    Done(Outcome),
    Failed(Problem),
    Died,
}

impl Ended {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Ended::Done(_))
    }
}

pub(super) struct Scene<'a, W: Worlds> {
    pub(super) worlds: &'a W,
    pub(super) world: W::World,
    /// The world's look when it was captured.
    pub(super) captured: Look,
    /// Its look before the restore.
    pub(super) before: Look,
    pub(super) tree: MemoryTree,
    pub(super) wanted: Wanted,
    pub(super) plan: Plan,
}

impl<'a, W: Worlds> Scene<'a, W> {
    /// Captured, then drifted.
    pub(super) fn drifted(worlds: &'a W, wanted: Wanted) -> Result<Self> {
        let world = worlds.populated();
        let captured = worlds.look(&world);
        let tree = capture(&*worlds.source(&world), &[], &context())?;
        worlds.drift(&world);
        let before = worlds.look(&world);
        assert_drifted(&captured, &before, &parts(&*worlds.source(&world))?);
        let plan = plan(&*worlds.source(&world), &tree, &wanted, &context())?;
        Ok(Scene {
            worlds,
            world,
            captured,
            before,
            tree,
            wanted,
            plan,
        })
    }

    /// Captured, to be restored elsewhere, where nothing is.
    pub(super) fn elsewhere(worlds: &'a W, wanted: Wanted) -> Result<Self> {
        let model = worlds.populated();
        let tree = capture(&*worlds.source(&model), &[], &context())?;
        let world = worlds.empty();
        let plan = plan(&*worlds.source(&world), &tree, &wanted, &context())?;
        Ok(Scene {
            worlds,
            before: worlds.look(&world),
            world,
            captured: worlds.look(&model),
            tree,
            wanted,
            plan,
        })
    }

    pub(super) fn look(&self) -> Look {
        self.worlds.look(&self.world)
    }

    /// Runs the plan as a new process would.
    pub(super) fn run(&self, tree: &dyn Tree, journal: &mut dyn Journal, cx: &Context) -> Ended {
        let source = self.worlds.source(&self.world);
        let request = Request {
            plan: &self.plan,
            wanted: &self.wanted,
        };
        match catch_unwind(AssertUnwindSafe(|| source.apply(&request, tree, journal, cx))) {
            Ok(Ok(outcome)) => Ended::Done(outcome),
            Ok(Err(problem)) => Ended::Failed(problem),
            Err(_) => Ended::Died,
        }
    }

    /// Runs it undisturbed, with what an earlier run left in the journal.
    pub(super) fn finish(&self, journal: &mut MemoryJournal) -> Result<Outcome> {
        journal.mend();
        match self.run(&self.tree, journal, &context()) {
            Ended::Done(outcome) => Ok(outcome),
            Ended::Failed(problem) => Err(problem),
            Ended::Died => Err(Problem::internal("an undisturbed run fell over")),
        }
    }

    /// What somebody seems to have changed since a run broke off.
    pub(super) fn changed_since(&self, journal: &MemoryJournal) -> Result<Vec<String>> {
        let source = self.worlds.source(&self.world);
        let now = source.plan(&self.tree, &self.wanted, &context())?;
        let request = Request {
            plan: &self.plan,
            wanted: &self.wanted,
        };
        source.changed_since(&request, &now, &self.tree, journal, &context())
    }

    pub(super) fn apply(&self) -> Result<Outcome> {
        self.finish(&mut MemoryJournal::new())
    }

    pub(super) fn replan(&self, mode: Mode) -> Result<Plan> {
        let wanted = Wanted {
            mode,
            ..self.wanted.clone()
        };
        plan(&*self.worlds.source(&self.world), &self.tree, &wanted, &context())
    }
}

/// Fails with what is missing, what is too much and what differs.
pub(super) fn assert_same(now: &Look, wanted: &Look, when: &str) {
    let names: BTreeSet<&String> = now.keys().chain(wanted.keys()).collect();
    let differences: Vec<String> = names
        .into_iter()
        .filter(|name| now.get(*name) != wanted.get(*name))
        .map(|name| format!("{name}: is {:?}, should be {:?}", now.get(name), wanted.get(name)))
        .collect();
    assert!(differences.is_empty(), "{when}:\n{}", differences.join("\n"));
}

pub(super) fn is_of(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| rest.starts_with('/'))
}

/// Those of one part, or all others.
pub(super) fn only(look: &Look, keep: impl Fn(&str) -> bool) -> Look {
    let kept = look.iter().filter(|(name, _)| keep(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A drift that does not touch a part in every way proves little.
fn assert_drifted(then: &Look, now: &Look, parts: &[String]) {
    for part in parts {
        let (then, now) = (
            only(then, |name| is_of(name, part)),
            only(now, |name| is_of(name, part)),
        );
        let added = now.keys().any(|name| !then.contains_key(name));
        let removed = then.keys().any(|name| !now.contains_key(name));
        let changed = then
            .iter()
            .any(|(name, value)| now.get(name).is_some_and(|now| now != value));
        assert!(
            added && removed && changed,
            "the drift of the part {part} adds, removes and changes something"
        );
    }
}

/// Nothing that a plan would change.
pub(super) fn changes(plan: &Plan) -> Vec<String> {
    let items = plan.draft.items.iter().filter(|item| item.action != Action::Keep);
    items
        .map(|item| format!("{:?} {}/{} ({})", item.action, item.part, item.name, item.detail))
        .collect()
}
