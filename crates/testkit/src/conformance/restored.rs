//! What a restore promises: the same thing again, in every mode, for everything or for chosen parts, and back.

use model::{Action, Mode, Problem, Result};
use sources::{Context, Tree, Wanted};

use super::scene::{MODES, Scene, assert_same, capture, changes, context, in_mode, is_of, only, parts, plan};
use super::{Kept, Worlds};

pub fn a_plan_changes_nothing_and_tells_drift<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let scene = Scene::drifted(worlds, in_mode(mode))?;
        assert_eq!(
            scene.replan(mode)?.hash,
            scene.plan.hash,
            "{mode:?}: planned twice"
        );
        assert_same(&scene.look(), &scene.before, "after planning");
        let untouched = worlds.populated();
        let source = worlds.source(&untouched);
        let tree = capture(&*source, &[], &context())?;
        let early = plan(&*source, &tree, &scene.wanted, &context())?;
        worlds.drift(&untouched);
        let late = plan(&*source, &tree, &scene.wanted, &context())?;
        assert_ne!(early.hash, late.hash, "{mode:?}: a drift changes the plan's hash");
    }
    Ok(())
}

pub fn a_backup_restored_to_an_empty_place_is_the_same_thing<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let scene = Scene::elsewhere(worlds, in_mode(mode))?;
        let outcome = scene.apply()?;
        assert_eq!(outcome.skipped, [], "{mode:?}");
        assert_eq!(
            outcome.applied.delete, 0,
            "{mode:?}: nothing was there to be deleted"
        );
        assert_same(
            &scene.look(),
            &scene.captured,
            &format!("{mode:?} to an empty place"),
        );
    }
    Ok(())
}

pub fn a_drifted_thing_is_mended_by_replace<W: Worlds>(worlds: &W) -> Kept {
    let scene = Scene::drifted(worlds, in_mode(Mode::Replace))?;
    let outcome = scene.apply()?;
    let planned = scene.plan.draft.counts();
    assert_eq!(
        (
            outcome.applied.create,
            outcome.applied.update,
            outcome.applied.delete
        ),
        (planned.create, planned.update, planned.delete),
        "what was done is what was planned"
    );
    assert_same(&scene.look(), &scene.captured, "replace");
    Ok(())
}

pub fn merge_deletes_nothing<W: Worlds>(worlds: &W) -> Kept {
    let scene = Scene::drifted(worlds, in_mode(Mode::Merge))?;
    assert_eq!(scene.plan.draft.counts().delete, 0);
    scene.apply()?;
    let mut wanted = scene.before.clone();
    wanted.extend(scene.captured.clone());
    for name in worlds.kept_by_merge() {
        let kept = scene.before.get(&name).cloned().unwrap_or_default();
        wanted.insert(name, kept);
    }
    assert_same(&scene.look(), &wanted, "merge");
    Ok(())
}

pub fn a_rebuilt_thing_is_the_same_thing<W: Worlds>(worlds: &W) -> Kept {
    let scene = Scene::drifted(worlds, in_mode(Mode::Rebuild))?;
    scene.apply()?;
    assert_same(&scene.look(), &scene.captured, "rebuild");
    Ok(())
}

pub fn what_was_just_restored_has_an_empty_plan<W: Worlds>(worlds: &W) -> Kept {
    let no_change: Vec<String> = Vec::new();
    for mode in MODES {
        let scenes = [
            Scene::drifted(worlds, in_mode(mode))?,
            Scene::elsewhere(worlds, in_mode(mode))?,
        ];
        for scene in scenes {
            scene.apply()?;
            if mode != Mode::Merge {
                assert_eq!(
                    changes(&scene.replan(Mode::Replace)?),
                    no_change,
                    "after {mode:?}"
                );
            }
            assert_eq!(changes(&scene.replan(Mode::Merge)?), no_change, "after {mode:?}");
        }
    }
    Ok(())
}

pub fn only_chosen_parts_are_restored<W: Worlds>(worlds: &W) -> Kept {
    for part in parts(&*worlds.source(&worlds.populated()))? {
        for mode in [Mode::Replace, Mode::Rebuild] {
            let wanted = Wanted {
                parts: vec![part.clone()],
                ..in_mode(mode)
            };
            let scene = Scene::drifted(worlds, wanted)?;
            scene.apply()?;
            let (inside, outside) = (|name: &str| is_of(name, &part), |name: &str| !is_of(name, &part));
            let when = format!("{mode:?} of the part {part}");
            assert_same(
                &only(&scene.look(), inside),
                &only(&scene.captured, inside),
                &when,
            );
            assert_same(
                &only(&scene.look(), outside),
                &only(&scene.before, outside),
                &when,
            );
        }
    }
    Ok(())
}

pub fn a_restore_is_undone_by_what_was_before<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        undo(&Scene::drifted(worlds, in_mode(mode))?, mode)?;
        undo(&Scene::elsewhere(worlds, in_mode(mode))?, mode)?;
    }
    Ok(())
}

fn undo<W: Worlds>(scene: &Scene<'_, W>, mode: Mode) -> Result<()> {
    let source = scene.worlds.source(&scene.world);
    let before = Context {
        absent_is_empty: true,
        ..context()
    };
    let safety = capture(&*source, &[], &before)?;
    scene.apply()?;
    let wanted = in_mode(Mode::Replace);
    let plan = plan(&*source, &safety, &wanted, &context())?;
    let request = sources::Request {
        plan: &plan,
        wanted: &wanted,
    };
    let undoing = Context {
        job: "job-2".to_owned(),
        ..context()
    };
    source.apply(
        &request,
        &safety,
        &mut crate::memory::MemoryJournal::new(),
        &undoing,
    )?;
    assert_same(&scene.look(), &scene.before, &format!("{mode:?}, undone"));
    Ok(())
}

pub fn what_the_safety_backup_lacks_is_noticed<W: Worlds>(worlds: &W) -> Kept {
    for mode in MODES {
        let scene = Scene::drifted(worlds, in_mode(mode))?;
        let source = worlds.source(&scene.world);
        let before = Context {
            absent_is_empty: true,
            ..context()
        };
        let safety = capture(&*source, &[], &before)?;
        for item in scene.plan.draft.items.iter().filter(|item| item.touches()) {
            let when = format!("{mode:?}: {:?} {}/{}", item.action, item.part, item.name);
            let Some(path) = source.find_saved(item, &safety)? else {
                return Err(Problem::internal(format!(
                    "{when} is not found in a backup of what is there"
                )));
            };
            assert!(
                safety.stat(&path)?.is_some(),
                "{when} is said to lie at {}",
                path.display()
            );
            let lacking = safety.without(&path);
            assert_eq!(
                source.find_saved(item, &lacking)?,
                None,
                "{when}, in a backup without it"
            );
            let was_there = scene
                .captured
                .contains_key(&format!("{}/{}", item.part, item.name));
            if item.action == Action::Delete && mode == Mode::Replace && !was_there {
                assert_eq!(
                    source.find_saved(item, &scene.tree)?,
                    None,
                    "{when}, in a backup from before it came to be"
                );
            }
        }
    }
    Ok(())
}
