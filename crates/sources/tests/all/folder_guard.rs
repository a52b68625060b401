//! A folder whose server is watched: the guard in its settings, and what every kind promises of a hold.

use model::{Kind, Result};
use serde_json::json;
use sources::folder::{Folder, FolderSettings};
use sources::{Context, Hold, Source};
use testkit::conformance::{Look, Worlds};
use testkit::memory::MemoryJournal;

use crate::fake_programs::FakePrograms;

/// A folder in which a unit lives.
struct GuardedWorlds(&'static str);

fn settings(fake: &FakePrograms, when_running: Option<&str>) -> FolderSettings {
    let guard =
        when_running.map(|word| json!({ "probe": { "by": "unit", "unit": "game" }, "when_running": word }));
    let settings = json!({ "paths": [fake.at("world")], "guard": guard });
    FolderSettings::from_json(&settings).unwrap()
}

fn folder(fake: &FakePrograms, when_running: Option<&str>) -> Folder {
    let folder = Folder::new(settings(fake, when_running), &[]).unwrap();
    folder.with_programs(&fake.programs()).unwrap()
}

impl Worlds for GuardedWorlds {
    type World = FakePrograms;

    fn populated(&self) -> FakePrograms {
        FakePrograms::with_unit(self.0)
    }

    fn empty(&self) -> FakePrograms {
        self.populated()
    }

    fn drift(&self, _world: &FakePrograms) {}

    fn spoil(&self, _world: &FakePrograms, _part: &str) {}

    fn source(&self, world: &FakePrograms) -> Box<dyn Source> {
        Box::new(folder(world, Some("stop")))
    }

    fn look(&self, world: &FakePrograms) -> Look {
        Look::from([("state".to_owned(), world.get("state"))])
    }
}

#[test]
fn a_guarded_folder_is_held_and_released_like_every_kind() -> Result<()> {
    for state in ["active", "inactive"] {
        testkit::conformance::holding_and_releasing_change_nothing(&GuardedWorlds(state))?;
        testkit::conformance::a_hold_is_released_by_another_process(&GuardedWorlds(state))?;
    }
    Ok(())
}

#[test]
fn a_guard_refuses_unless_it_is_told_to_stop_the_server() {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    let problem = folder(&fake, Some("refuse"))
        .hold(&mut journal, &Context::default())
        .unwrap_err();
    assert_eq!(problem.kind(), Kind::Conflict);
    let bare = json!({ "paths": ["/srv"], "guard": { "probe": { "by": "unit", "unit": "game" } } });
    let settings = FolderSettings::from_json(&bare).unwrap();
    assert_eq!(
        serde_json::to_value(settings.guard).unwrap(),
        json!({ "probe": { "by": "unit", "unit": "game" }, "when_running": "refuse", "timeout": "2m" })
    );
}

#[test]
fn a_guard_that_was_taken_away_meanwhile_is_not_passed_over() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::with_unit("active"), MemoryJournal::new());
    folder(&fake, Some("stop")).hold(&mut journal, &Context::default())?;
    let problem = folder(&fake, None)
        .release(&mut journal, &Context::default())
        .unwrap_err();
    assert_eq!(problem.kind(), Kind::Conflict);
    assert!(
        problem.message().contains("the unit game was stopped"),
        "{problem}"
    );
    assert!(Hold::of(&journal).is_some());
    Ok(())
}

#[test]
fn a_folder_without_a_guard_is_held_by_nothing() -> Result<()> {
    let (fake, mut journal) = (FakePrograms::new(), MemoryJournal::new());
    let folder = folder(&fake, None);
    folder.hold(&mut journal, &Context::default())?;
    folder.release(&mut journal, &Context::default())?;
    assert_eq!(journal.records(), 0);
    Ok(())
}

#[test]
fn a_guard_that_cannot_tell_is_an_obstacle_that_blocks_no_backup() -> Result<()> {
    let fake = FakePrograms::with_unit("unheard of");
    std::fs::create_dir(fake.at("world")).unwrap();
    let inspection = folder(&fake, Some("refuse")).inspect(&Context::default())?;
    let [obstacle] = inspection.obstacles.as_slice() else {
        panic!("{inspection:?}")
    };
    assert!(
        !obstacle.blocking
            && obstacle
                .message
                .starts_with("cannot tell whether the unit game is running")
    );
    fake.set("state", "active");
    let inspection = folder(&fake, Some("refuse")).inspect(&Context::default())?;
    assert!(
        inspection.obstacles.is_empty(),
        "a running server is backed up as it is"
    );
    Ok(())
}
