//! What a restore of a folder leaves as it is: what nobody could save, and what the backup was made without.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use model::{Action, Draft, Ignored, Lacked, Lacks, Mode, Result};
use sources::folder::{Folder, FolderSettings};
use sources::{Context, Recorded, Source, Tree, Wanted};
use testkit::memory::{MemoryJournal, MemorySink};

use crate::folder_scene::{Scene, cx};

fn lacking(lacks: Lacks) -> Context {
    Context {
        recorded: Arc::new(Recorded {
            lacks,
            ..Recorded::default()
        }),
        ..cx()
    }
}

fn draft(scene: &Scene, tree: &dyn Tree, cx: &Context) -> Result<Draft> {
    scene.source().plan(tree, &Wanted::default(), cx)
}

fn deleted(draft: &Draft) -> Vec<&str> {
    let items = draft.items.iter();
    items
        .filter(|item| item.action == Action::Delete)
        .map(|item| item.name.as_str())
        .collect()
}

#[test]
fn what_the_backup_was_made_without_stays_with_the_folders_it_is_in() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("kept", "then");
    let tree = scene.capture();
    for name in [
        "a/skipped",
        "a/goes",
        "b/c/x.log",
        "b/c/goes",
        "mounted/below/it",
        "goes",
    ] {
        scene.write(name, "now");
    }
    let lacks = Lacks {
        skipped: vec![Lacked::new(Path::new("world/a/skipped"), "Permission denied")],
        left_out: vec![Lacked::new(
            Path::new("world/mounted"),
            "another file system is mounted here",
        )],
        ignored: vec![Ignored {
            part: "world".to_owned(),
            patterns: vec!["*.log".to_owned()],
        }],
        ..Lacks::default()
    };
    let plan = draft(&scene, &tree, &lacking(lacks))?;
    assert_eq!(deleted(&plan), ["goes", "b/c/goes", "a/goes"]);
    assert!(
        ["a/skipped", "b/c/x.log", "mounted"]
            .iter()
            .all(|name| plan.warnings.iter().any(|warning| warning.starts_with(name))),
        "{:?}",
        plan.warnings
    );
    // A backup from before this was written down deletes as it did.
    assert_eq!(deleted(&draft(&scene, &tree, &cx())?).len(), 11);
    Ok(())
}

#[test]
fn the_patterns_of_a_capture_are_those_that_held_then() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write(".cairnignore", "# a remark\n\ncache/\n!cache/kept\n");
    let settings = FolderSettings {
        paths: vec![scene.at("").components().collect()],
        ignore: vec!["*.tmp".to_owned()],
        ignore_files: true,
        ..FolderSettings::default()
    };
    let source = Folder::new(settings, &[])?;
    let captured = source.capture(&[], &mut MemorySink::new(), &cx())?;
    assert_eq!(
        captured.lacks.ignored,
        [Ignored {
            part: "world".to_owned(),
            patterns: ["*.tmp", "cache/", "!cache/kept"].map(str::to_owned).to_vec(),
        }]
    );
    Ok(())
}

#[test]
fn a_socket_in_a_files_place_cannot_be_saved_and_stays() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("x", "then");
    let tree = scene.capture();
    fs::remove_file(scene.at("x")).unwrap();
    let _listening = UnixListener::bind(scene.at("x")).unwrap();
    let plan = draft(&scene, &tree, &cx())?;
    assert!(plan.items.iter().all(|item| item.name != "x"), "{:?}", plan.items);
    assert_eq!(plan.would_lose().len(), 1);
    let wanted = Wanted {
        leave_unsaved: true,
        ..Wanted::default()
    };
    let plan = scene.source().plan(&tree, &wanted, &cx())?;
    assert!(plan.would_lose().is_empty() && plan.unsaved.len() == 1);
    assert!(plan.warnings.iter().any(|warning| warning.starts_with("x: ")));
    Ok(())
}

#[test]
fn a_socket_keeps_the_folders_that_it_is_in() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.capture();
    scene.write("run/deep/goes", "now");
    let _listening = UnixListener::bind(scene.at("run/deep/socket")).unwrap();
    let plan = draft(&scene, &tree, &cx())?;
    assert_eq!(deleted(&plan), ["run/deep/goes"]);
    assert!(plan.would_lose().is_empty());
    scene.restore(&tree, Mode::Replace)?;
    assert!(scene.at("run/deep/socket").exists());
    let left: Vec<_> = draft(&scene, &tree, &cx())?
        .items
        .into_iter()
        .map(|item| item.name)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn what_somebody_changes_or_puts_there_after_the_plan_stays_and_is_told() -> Result<()> {
    let scene = Scene::new(&[]);
    for name in ["changed", "gone", "typed"] {
        scene.write(name, "then");
    }
    let tree = scene.capture();
    scene.write("changed", "now, and longer");
    scene.write("deleted", "now");
    fs::remove_file(scene.at("gone")).unwrap();
    fs::remove_file(scene.at("typed")).unwrap();
    symlink("nowhere", scene.at("typed")).unwrap();
    let plan = scene.plan(&tree, Mode::Replace)?;
    for name in ["changed", "deleted", "gone"] {
        scene.write(name, "written after the plan, in no backup");
    }
    let outcome = scene.apply(&plan, &tree, &mut MemoryJournal::new(), &cx())?;
    let mut told: Vec<&str> = outcome.skipped.iter().map(|one| one.name.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["world/changed", "world/deleted", "world/gone"]);
    for name in ["changed", "deleted", "gone"] {
        let found = fs::read_to_string(scene.at(name)).unwrap();
        assert_eq!(found, "written after the plan, in no backup", "{name}");
    }
    assert_eq!(fs::read_to_string(scene.at("typed")).unwrap(), "then");
    Ok(())
}

#[test]
fn staging_folders_are_neither_captured_nor_planned_away() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.capture();
    scene.write(".cairn-restore-1/old/0", "moved away");
    scene.write("deep/.cairn-restore-2-world/new/0", "prepared");
    assert_eq!(deleted(&draft(&scene, &tree, &cx())?), ["deep"]);
    assert_eq!(
        scene.capture().paths().len(),
        2,
        "the part, and the folder “deep”"
    );
    scene.restore(&tree, Mode::Replace)?;
    assert!(scene.at("deep/.cairn-restore-2-world/new/0").exists());
    Ok(())
}
