//! Any folder becomes any other: whatever lay there, whatever was backed up, and wherever the run breaks.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use model::{Mode, Result};
use proptest::prelude::*;
use testkit::conformance::Look;
use testkit::memory::{Breach, MemoryJournal, WatchedTree};

use crate::folder_scene::{Scene, cx};
use crate::folder_worlds::look_at;

/// What is put somewhere, in this order; what does not fit any more is left out.
#[derive(Clone, Debug)]
enum Put {
    File(String, u8, u32),
    Folder(String, u32),
    Link(String, String),
    /// Another name of a file.
    Name(String, String),
}

/// Few names, so that they meet: `a`, `b/a`, `a/b/a` …
fn path() -> impl Strategy<Value = String> {
    "[ab](/[ab]){0,2}"
}

fn put() -> impl Strategy<Value = Put> {
    let mode = prop_oneof![Just(0o644_u32), Just(0o600), Just(0o444)];
    let folder_mode = prop_oneof![Just(0o755_u32), Just(0o700)];
    prop_oneof![
        4 => (path(), 0..3_u8, mode).prop_map(|(path, text, mode)| Put::File(path, text, mode)),
        3 => (path(), folder_mode).prop_map(|(path, mode)| Put::Folder(path, mode)),
        1 => (path(), path()).prop_map(|(path, to)| Put::Link(path, to)),
        1 => (path(), path()).prop_map(|(path, to)| Put::Name(path, to)),
    ]
}

fn puts() -> impl Strategy<Value = Vec<Put>> {
    prop::collection::vec(put(), 0..8)
}

fn fill(root: &Path, puts: &[Put], seconds: u64) {
    fs::create_dir_all(root).unwrap();
    for put in puts {
        // Whatever is in the way stays.
        let _ = place(root, put);
    }
    settle(root, seconds);
}

fn place(root: &Path, put: &Put) -> std::io::Result<()> {
    let (Put::File(path, ..) | Put::Folder(path, _) | Put::Link(path, _) | Put::Name(path, _)) = put;
    let path = root.join(path);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let set_mode = |mode: u32| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
    match put {
        Put::File(_, text, mode) => fs::write(&path, [*text]).and_then(|()| set_mode(*mode)),
        Put::Folder(_, mode) => fs::create_dir_all(&path).and_then(|()| set_mode(*mode)),
        Put::Link(_, to) => symlink(to, &path),
        Put::Name(_, to) => fs::hard_link(root.join(to), &path),
    }
}

/// Files alone: a folder's time is that of what was put into it last.
fn settle(dir: &Path, seconds: u64) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            settle(&entry.path(), seconds);
        } else if kind.is_file() {
            let file = fs::File::open(entry.path()).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
        }
    }
}

fn look(scene: &Scene) -> Look {
    look_at(&scene.at(""), "world")
}

fn refill(scene: &Scene, puts: &[Put], seconds: u64) -> Look {
    fs::remove_dir_all(scene.at("")).unwrap();
    fill(&scene.at(""), puts, seconds);
    look(scene)
}

fn becomes(then: &[Put], now: &[Put], same_times: bool) -> Result<()> {
    let scene = Scene::new(&[]);
    fill(&scene.at(""), then, 0);
    let (wanted, tree) = (look(&scene), scene.capture());
    for mode in [Mode::Replace, Mode::Rebuild, Mode::Merge] {
        let before = refill(&scene, now, u64::from(!same_times));
        scene.restore(&tree, mode)?;
        let after = look(&scene);
        if mode == Mode::Merge {
            let lost: Vec<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();
            assert!(lost.is_empty(), "a merge deleted {lost:?}");
        } else {
            assert_eq!(after, wanted, "{mode:?}");
        }
        let again = if mode == Mode::Merge { mode } else { Mode::Replace };
        assert!(scene.draft(&tree, again)?.is_empty(), "after {mode:?}");
        assert_eq!(
            fs::read_dir(scene.0.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }
    Ok(())
}

/// Breaks at a reading, then goes on.
fn becomes_although(then: &[Put], now: &[Put], at: usize, breach: Breach) -> Result<()> {
    let scene = Scene::new(&[]);
    fill(&scene.at(""), then, 0);
    let (wanted, tree) = (look(&scene), scene.capture());
    refill(&scene, now, 1);
    let (plan, mut journal) = (scene.plan(&tree, Mode::Replace)?, MemoryJournal::new());
    let broken = WatchedTree::breaking(&tree, at, breach);
    let run = || scene.apply(&plan, &broken, &mut journal, &cx());
    let _ = catch_unwind(AssertUnwindSafe(run));
    scene.apply(&plan, &tree, &mut journal, &cx())?;
    assert_eq!(look(&scene), wanted, "broken at {at}");
    Ok(())
}

/// Whatever is called `b`, or lies in something so called, is ignored.
fn ignored(look: &Look) -> Look {
    let is_ignored = |name: &str| name.split('/').any(|part| part == "b");
    let kept = look.iter().filter(|(name, _)| is_ignored(name));
    kept.map(|(name, told)| (name.clone(), told.clone())).collect()
}

fn leaves_alone(then: &[Put], now: &[Put]) -> Result<()> {
    // A name that is ignored may stand for a file that is not.
    let unlinked = |puts: &[Put]| -> Vec<Put> {
        let kept = puts.iter().filter(|put| !matches!(put, Put::Name(..)));
        kept.cloned().collect()
    };
    let (then, now) = (&unlinked(then), &unlinked(now));
    let scene = Scene::new(&["b"]);
    fill(&scene.at(""), then, 0);
    let tree = scene.capture();
    for mode in [Mode::Replace, Mode::Merge, Mode::Rebuild] {
        let before = refill(&scene, now, 1);
        scene.restore(&tree, mode)?;
        assert_eq!(ignored(&look(&scene)), ignored(&before), "{mode:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn any_folder_becomes_any_other(then in puts(), now in puts(), same_times in any::<bool>()) {
        becomes(&then, &now, same_times).unwrap();
    }

    #[test]
    fn any_folder_becomes_any_other_although_the_run_breaks(
        then in puts(), now in puts(), at in 0..40_usize, dies in any::<bool>(),
    ) {
        becomes_although(&then, &now, at, if dies { Breach::Dies } else { Breach::Fails }).unwrap();
    }

    #[test]
    fn what_is_ignored_is_left_alone_by_any_restore(then in puts(), now in puts()) {
        leaves_alone(&then, &now).unwrap();
    }
}
