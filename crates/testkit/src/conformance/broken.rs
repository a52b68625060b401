//! What a run that breaks promises: the next one with the same journal ends where one undisturbed run would have ended.

use model::{Cancel, Kind, Mode, Problem, Result};
use sources::{Context, Tree};

use super::scene::{Ended, MODES, Scene, assert_same, context, in_mode, is_of, only, parts};
use super::{Kept, Look, Worlds};
use crate::memory::{Breach, MemoryJournal, Moment, WatchedTree};

/// What one undisturbed run makes of a scene, and what it takes.
struct Goal {
    look: Look,
    records: usize,
    readings: usize,
}

fn goal<W: Worlds>(worlds: &W, mode: Mode) -> Result<Goal> {
    let scene = Scene::drifted(worlds, in_mode(mode))?;
    let (tree, mut journal) = (WatchedTree::new(&scene.tree), MemoryJournal::new());
    let ended = scene.run(&tree, &mut journal, &context());
    assert!(ended.is_done(), "an undisturbed run ended so: {ended:?}");
    let goal = Goal {
        look: scene.look(),
        records: journal.records(),
        readings: tree.calls(),
    };
    assert!(goal.records > 0, "an apply remembers its steps");
    Ok(goal)
}

/// Runs a scene into a breach, then finishes it.
fn broken_and_finished<W: Worlds>(
    scene: &Scene<'_, W>,
    tree: &dyn Tree,
    mut journal: MemoryJournal,
    goal: &Goal,
    when: &str,
) -> Kept {
    let ended = scene.run(tree, &mut journal, &context());
    assert!(!ended.is_done(), "{when}: nobody noticed");
    finished(scene, &mut journal, goal, when)
}

fn finished<W: Worlds>(scene: &Scene<'_, W>, journal: &mut MemoryJournal, goal: &Goal, when: &str) -> Kept {
    let again = scene.finish(journal);
    again.map_err(|problem| problem.context(format!("{when}, run again")))?;
    assert_same(&scene.look(), &goal.look, when);
    Ok(())
}

pub fn a_run_that_is_done_does_nothing_when_it_is_run_again<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        let scene = Scene::drifted(worlds, in_mode(mode))?;
        let mut journal = MemoryJournal::new();
        let once = scene.finish(&mut journal)?;
        let twice = scene.finish(&mut journal)?;
        assert_eq!(twice.ids, once.ids, "{mode:?}: what was made is still known");
        assert_same(&scene.look(), &goal.look, &format!("{mode:?}, run twice"));
    }
    Ok(())
}

pub fn a_run_that_breaks_at_any_record_is_finished_by_the_next<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        for at in 0..goal.records {
            for moment in [Moment::Before, Moment::After] {
                for breach in [Breach::Fails, Breach::Dies] {
                    let when = format!("{mode:?}, {breach:?} {moment:?} record {at}");
                    let scene = Scene::drifted(worlds, in_mode(mode))?;
                    let journal = MemoryJournal::breaking(at, moment, breach);
                    broken_and_finished(&scene, &scene.tree, journal, &goal, &when)?;
                }
            }
        }
    }
    Ok(())
}

pub fn a_run_that_breaks_at_any_reading_is_finished_by_the_next<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        for at in 0..goal.readings {
            for breach in [Breach::Fails, Breach::Dies] {
                let when = format!("{mode:?}, {breach:?} at reading {at}");
                let scene = Scene::drifted(worlds, in_mode(mode))?;
                let tree = WatchedTree::breaking(&scene.tree, at, breach);
                broken_and_finished(&scene, &tree, MemoryJournal::new(), &goal, &when)?;
            }
        }
    }
    Ok(())
}

/// An effect that fails may be tried again or passed over by the source; whatever it does, the next run must end well.
pub fn a_run_that_breaks_at_any_effect_is_finished_by_the_next<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        for lost in [false, true] {
            for at in 0.. {
                let when = format!("{mode:?}, effect {at} breaks, answer lost: {lost}");
                let scene = Scene::drifted(worlds, in_mode(mode))?;
                if !worlds.break_effect(&scene.world, at, lost) {
                    return Ok(());
                }
                let mut journal = MemoryJournal::new();
                let ended = scene.run(&scene.tree, &mut journal, &context());
                assert_eq!(ended.is_done(), !worlds.broke(&scene.world), "{when}: {ended:?}");
                finished(&scene, &mut journal, &goal, &when)?;
                if ended.is_done() {
                    break;
                }
            }
        }
    }
    Ok(())
}

pub fn a_cancel_at_any_record_leaves_a_truthful_outcome<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        for at in 0..goal.records {
            let cancel = Cancel::new();
            let scene = Scene::drifted(worlds, in_mode(mode))?;
            let journal = MemoryJournal::breaking(at, Moment::After, Breach::Cancels(cancel.clone()));
            let when = format!("{mode:?}, cancelled after record {at}");
            cancelled(&scene, &scene.tree, journal, cancel, &goal, &when)?;
        }
    }
    Ok(())
}

pub fn a_cancel_at_any_reading_leaves_a_truthful_outcome<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        for at in 0..goal.readings {
            let cancel = Cancel::new();
            let scene = Scene::drifted(worlds, in_mode(mode))?;
            let tree = WatchedTree::breaking(&scene.tree, at, Breach::Cancels(cancel.clone()));
            let when = format!("{mode:?}, cancelled at reading {at}");
            cancelled(&scene, &tree, MemoryJournal::new(), cancel, &goal, &when)?;
        }
    }
    Ok(())
}

/// Either it says that it was cancelled, and goes on when asked; or it was done.
fn cancelled<W: Worlds>(
    scene: &Scene<'_, W>,
    tree: &dyn Tree,
    mut journal: MemoryJournal,
    cancel: Cancel,
    goal: &Goal,
    when: &str,
) -> Kept {
    let cx = Context { cancel, ..context() };
    match scene.run(tree, &mut journal, &cx) {
        Ended::Done(_) => assert_same(&scene.look(), &goal.look, when),
        Ended::Failed(problem) => assert_eq!(problem.kind(), Kind::Cancelled, "{when}: {problem}"),
        Ended::Died => return Err(Problem::internal(format!("{when}: it fell over"))),
    }
    finished(scene, &mut journal, goal, when)
}

/// Who is told beforehand can stop it.
pub fn a_run_that_may_not_change_anything_changes_nothing<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let scene = Scene::drifted(worlds, in_mode(mode))?;
        let mut journal = MemoryJournal::forbidding();
        let ended = scene.run(&scene.tree, &mut journal, &context());
        assert!(!ended.is_done(), "{mode:?}: nobody asked whether it may");
        // What lies ready beside the living thing is none of it.
        let parts = parts(&*worlds.source(&scene.world))?;
        let living = |look: &Look| only(look, |name| parts.iter().any(|part| is_of(name, part)));
        assert_same(
            &living(&scene.look()),
            &living(&scene.before),
            &format!("{mode:?}, forbidden"),
        );
        scene.finish(&mut journal)?;
    }
    Ok(())
}

/// Where nobody changed anything since, nothing is taken for somebody's change.
pub fn what_a_broken_run_left_is_known_as_its_own<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let goal = goal(worlds, mode)?;
        for at in 0..goal.records {
            for moment in [Moment::Before, Moment::After] {
                let scene = Scene::drifted(worlds, in_mode(mode))?;
                let mut journal = MemoryJournal::breaking(at, moment, Breach::Fails);
                scene.run(&scene.tree, &mut journal, &context());
                let changed = scene.changed_since(&journal)?;
                assert_eq!(changed, Vec::<String>::new(), "{mode:?}, {moment:?} record {at}");
            }
        }
    }
    Ok(())
}
