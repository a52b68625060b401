//! The kind `items` of the testkit keeps what every kind promises, and what only its sort can promise.

use model::{Cancel, Kind, Mode, Plan, Result};
use sources::{Context, Hold, Outcome, Request, Source, Wanted};
use testkit::conformance::Worlds;
use testkit::items::{Items, World};
use testkit::memory::{Breach, MemoryJournal, MemorySink, MemoryTree, Moment};

use crate::items_worlds::{ItemsWorlds, delete, make, named};

testkit::conforms!(ItemsWorlds);

fn cx() -> Context {
    Context {
        job: "job".to_owned(),
        ..Context::default()
    }
}

fn captured(world: &World, parts: &[String]) -> Result<MemoryTree> {
    let mut sink = MemorySink::new();
    Items::new(world).capture(parts, &mut sink, &cx())?;
    sink.into_tree()
}

fn planned(world: &World, tree: &MemoryTree, wanted: &Wanted) -> Result<Plan> {
    let draft = Items::new(world).plan(tree, wanted, &cx())?;
    Ok(Plan {
        id: String::new(),
        backup: String::new(),
        target: String::new(),
        parts: wanted.parts.clone(),
        paths: Vec::new(),
        mode: wanted.mode,
        deep: wanted.deep,
        hash: String::new(),
        created: 0,
        expires: 0,
        draft,
    })
}

fn apply(world: &World, tree: &MemoryTree, plan: &Plan, journal: &mut MemoryJournal) -> Result<Outcome> {
    let wanted = Wanted::default();
    let request = Request {
        plan,
        wanted: &wanted,
    };
    Items::new(world).apply(&request, tree, journal, &cx())
}

#[test]
fn what_is_still_right_stays_with_its_id() -> Result<()> {
    let world = ItemsWorlds.populated();
    let ids = |world: &World| world.items().iter().map(|item| item.id).collect::<Vec<_>>();
    let (before, tree) = (ids(&world), captured(&world, &[])?);
    let attic = named(&world, "attic").unwrap().id;
    delete(&world, "attic");
    let plan = planned(&world, &tree, &Wanted::default())?;
    let outcome = apply(&world, &tree, &plan, &mut MemoryJournal::new())?;
    let mut expected: Vec<u64> = before.into_iter().filter(|id| *id != attic).collect();
    expected.push(named(&world, "attic").unwrap().id);
    assert_eq!(ids(&world), expected);
    assert_eq!(
        outcome.ids,
        [(attic.to_string(), expected.last().unwrap().to_string())]
    );
    Ok(())
}

#[test]
fn a_creation_whose_answer_was_lost_is_not_done_twice() -> Result<()> {
    let tree = captured(&ItemsWorlds.populated(), &[])?;
    let world = World::new();
    let plan = planned(&world, &tree, &Wanted::default())?;
    let mut journal = MemoryJournal::new();
    world.break_effect(3, true);
    let lost = apply(&world, &tree, &plan, &mut journal).unwrap_err();
    assert_eq!(lost.kind(), Kind::Unavailable);
    assert_eq!(world.items().len(), 4, "the fourth was made, and nobody was told");
    apply(&world, &tree, &plan, &mut journal)?;
    assert_eq!(
        ItemsWorlds.look(&world),
        ItemsWorlds.look(&ItemsWorlds.populated())
    );
    Ok(())
}

#[test]
fn an_item_that_is_refused_is_skipped_with_what_lies_in_it_and_the_others_are_made() -> Result<()> {
    let tree = captured(&ItemsWorlds.populated(), &[])?;
    let world = World::new();
    world.refuse("hall");
    let plan = planned(&world, &tree, &Wanted::default())?;
    let outcome = apply(&world, &tree, &plan, &mut MemoryJournal::new())?;
    let skipped: Vec<&str> = outcome
        .skipped
        .iter()
        .map(|skipped| skipped.name.as_str())
        .collect();
    assert_eq!(
        skipped,
        [
            "rooms/hall",
            "rooms/attic",
            "notes/rules",
            "notes/twin",
            "notes/twin"
        ]
    );
    assert_eq!(outcome.applied.create, 7);
    assert_eq!(world.items().len(), 7);
    Ok(())
}

#[test]
fn what_vanishes_between_plan_and_apply_is_told() -> Result<()> {
    let world = ItemsWorlds.populated();
    let tree = captured(&world, &[])?;
    ItemsWorlds.drift(&world);
    let plan = planned(&world, &tree, &Wanted::default())?;
    delete(&world, "rules");
    let outcome = apply(&world, &tree, &plan, &mut MemoryJournal::new())?;
    assert_eq!(outcome.skipped.len(), 1);
    assert_eq!(
        (outcome.skipped[0].name.as_str(), outcome.skipped[0].why.as_str()),
        ("notes/rules", "it is gone")
    );
    Ok(())
}

#[test]
fn a_world_that_vanished_vetoes_a_backup_and_is_empty_to_an_undo() -> Result<()> {
    let world = ItemsWorlds.populated();
    world.vanish();
    let gone = captured(&world, &[]).unwrap_err();
    assert_eq!(gone.kind(), Kind::NotFound);
    let before = Context {
        absent_is_empty: true,
        ..cx()
    };
    let mut sink = MemorySink::new();
    Items::new(&world).capture(&[], &mut sink, &before)?;
    assert_eq!(sink.into_tree()?.paths().len(), 3, "three empty parts");
    Ok(())
}

#[test]
fn a_reference_to_an_unchosen_item_that_is_gone_is_lost_and_told() -> Result<()> {
    let world = ItemsWorlds.populated();
    let tree = captured(&world, &[])?;
    delete(&world, "guest");
    let wanted = Wanted {
        parts: vec!["rooms".to_owned()],
        ..Wanted::default()
    };
    let plan = planned(&world, &tree, &wanted)?;
    assert_eq!(
        plan.draft.warnings,
        ["hall loses 1 reference to items that are gone"]
    );
    Ok(())
}

#[test]
fn who_refers_to_an_item_made_anew_refers_to_the_new_one() -> Result<()> {
    let world = ItemsWorlds.populated();
    let tree = captured(&world, &[])?;
    let wanted = Wanted {
        mode: Mode::Rebuild,
        parts: vec!["rooms".to_owned()],
        ..Wanted::default()
    };
    let plan = planned(&world, &tree, &wanted)?;
    let before = named(&world, "hall").unwrap().id;
    apply(&world, &tree, &plan, &mut MemoryJournal::new())?;
    let hall = named(&world, "hall").unwrap().id;
    assert_ne!(hall, before);
    assert_eq!(named(&world, "rules").unwrap().parent, Some(hall));
    Ok(())
}

#[test]
fn a_world_that_somebody_else_locked_is_refused_and_stays_locked() -> Result<()> {
    let world = ItemsWorlds.populated();
    world.lock(true).unwrap();
    let (source, mut journal) = (Items::new(&world), MemoryJournal::new());
    let refused = source.hold(&mut journal, &cx()).unwrap_err();
    assert_eq!(refused.kind().http_status(), 409);
    source.release(&mut journal, &cx())?;
    assert!(world.is_locked());
    Ok(())
}

#[test]
fn a_cancelled_job_lets_go_of_what_it_held() -> Result<()> {
    let world = World::new();
    make(&world, "roles", "admin", None, &[]);
    let (source, mut journal) = (Items::new(&world), MemoryJournal::new());
    source.hold(&mut journal, &cx())?;
    assert!(world.is_locked() && Hold::of(&journal).is_some());
    let cancel = Cancel::new();
    cancel.cancel();
    source.release(&mut journal, &Context { cancel, ..cx() })?;
    assert!(!world.is_locked() && Hold::of(&journal).is_none());
    Ok(())
}

#[test]
fn a_hold_is_remembered_before_anything_is_locked() {
    let world = ItemsWorlds.populated();
    let mut journal = MemoryJournal::breaking(0, Moment::After, Breach::Fails);
    assert!(Items::new(&world).hold(&mut journal, &cx()).is_err());
    assert!(Hold::of(&journal).is_some() && !world.is_locked());
}
