//! Several folders as one source: which of them a restore is about.

use std::fs;
use std::path::PathBuf;

use sources::folder::{Folder, FolderSettings};
use sources::{Source, Wanted};

use crate::folder_scene::{Scene, cx};

#[test]
fn d04_parts_that_the_backup_does_not_hold_stay_as_they_are_unless_they_are_named() {
    let scene = Scene::new(&[]);
    scene.write("logo.png", "one");
    let tree = scene.capture();
    let recordings = scene.0.path().join("recordings");
    fs::create_dir(&recordings).unwrap();
    let settings = |paths: Vec<PathBuf>| FolderSettings {
        paths,
        ..FolderSettings::default()
    };
    let both = Folder::new(
        settings(vec![scene.0.path().join("world"), recordings.clone()]),
        &[],
    )
    .unwrap();
    scene.write("logo.png", "two");
    fs::write(recordings.join("film"), "film").unwrap();
    let draft = both.plan(&tree, &Wanted::default(), &cx()).unwrap();
    assert!(draft.items.iter().all(|item| item.part == "world"), "{draft:?}");
    assert_eq!(draft.warnings, ["recordings: not in the backup, stays as it is"]);
    let named = Wanted {
        parts: vec!["recordings".to_owned()],
        ..Wanted::default()
    };
    assert!(both.plan(&tree, &named, &cx()).is_err());
    let other = Folder::new(settings(vec![recordings]), &[]).unwrap();
    assert!(
        other.plan(&tree, &Wanted::default(), &cx()).is_err(),
        "nothing of it belongs here"
    );
}
