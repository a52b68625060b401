//! Where a folder may lie, however that is written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use model::{Kind, Mode, Problem, Result};
use sources::folder::{Folder, FolderSettings};
use sources::{Context, Source};
use testkit::memory::MemorySink;

use crate::folder_scene::{Scene, cx};

fn refused(path: &Path, forbidden: &[PathBuf]) -> Problem {
    let settings = FolderSettings {
        paths: vec![path.to_path_buf()],
        ..FolderSettings::default()
    };
    let problem = Folder::new(settings, forbidden).unwrap_err();
    assert_eq!(problem.kind(), Kind::Invalid);
    assert!(problem.hint_text().is_some());
    assert!(
        Folder::unpacked(path, forbidden).is_err(),
        "nor as a place to restore to"
    );
    problem
}

#[test]
fn the_whole_file_system_is_refused_however_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    symlink("/", dir.path().join("all")).unwrap();
    for path in ["/", "/usr/..", "/nothing/here/../..", "/usr/./../"] {
        assert!(
            refused(Path::new(path), &[])
                .message()
                .contains("whole file system"),
            "{path}"
        );
    }
    refused(&dir.path().join("all"), &[]);
    refused(&dir.path().join("all/usr/.."), &[]);
}

#[test]
fn a_folder_in_or_around_cairns_own_place_is_refused_however_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let own = base.join("srv/cairn/data");
    fs::create_dir_all(&own).unwrap();
    fs::create_dir_all(base.join("srv/game")).unwrap();
    symlink(base.join("srv"), base.join("link")).unwrap();
    symlink(&own, base.join("data")).unwrap();
    for path in [
        "srv",
        "srv/cairn",
        "srv/cairn/data",
        "srv/cairn/data/below",
        "srv/game/..",
        "srv/game/../cairn",
        "link/cairn",
        "link/cairn/data/below",
        "data/below",
    ] {
        let problem = refused(&base.join(path), std::slice::from_ref(&own));
        assert!(
            problem.message().contains("lie inside each other"),
            "{path}: {problem}"
        );
    }
    // The other way round: Cairn's place is named by a link.
    refused(&base.join("srv/cairn"), &[base.join("data")]);
    let beside = FolderSettings {
        paths: vec![
            base.join("srv/game"),
            base.join("srv/cairn-game"),
            base.join("link/game"),
        ],
        ..FolderSettings::default()
    };
    assert!(Folder::new(beside, &[own]).is_ok());
}

#[test]
fn a_link_in_the_place_of_the_folder_is_neither_read_nor_restored_into() {
    let scene = Scene::new(&[]);
    scene.write("a", "then");
    let tree = scene.capture();
    fs::rename(scene.at(""), scene.0.path().join("elsewhere")).unwrap();
    symlink("elsewhere", scene.0.path().join("world")).unwrap();
    let read = scene
        .source()
        .capture(&[], &mut MemorySink::new(), &cx())
        .unwrap_err();
    assert!(
        read.message().ends_with("is a link") && read.hint_text().is_some(),
        "{read}"
    );
    let planned = scene.draft(&tree, Mode::Replace).unwrap_err();
    assert_eq!(planned.kind(), Kind::Conflict);
    assert!(planned.hint_text().is_some());
}

#[test]
fn an_absent_folder_is_empty_to_an_undo_and_vetoes_any_other_backup() -> Result<()> {
    let scene = Scene::new(&[]);
    fs::remove_dir(scene.at("")).unwrap();
    assert!(
        scene
            .source()
            .capture(&[], &mut MemorySink::new(), &cx())
            .is_err()
    );
    let before = Context {
        absent_is_empty: true,
        ..cx()
    };
    let mut sink = MemorySink::new();
    scene.source().capture(&[], &mut sink, &before)?;
    assert_eq!(sink.into_tree().unwrap().paths(), [PathBuf::from("world")]);
    Ok(())
}
