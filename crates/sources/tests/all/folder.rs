//! The kind `folder` keeps what every kind promises, and what only files need.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use model::{Content, Kind, Meta, Mode, Problem, Result};
use sources::{Context, Entry, Lacking, Materialize, Need, ReadSeek, Sink, Source, Tree, Unwritten};
use testkit::conformance::Worlds;
use testkit::memory::{Breach, MemoryJournal, MemorySink, MemoryTree, Moment};

use crate::folder_scene::{Scene, cx};
use crate::folder_worlds::FolderWorlds;

testkit::conforms!(FolderWorlds);

/// A tree whose files say that they are larger than any disk.
struct Huge(MemoryTree);

fn enlarged(mut entry: Entry) -> Entry {
    if entry.meta.is_file() {
        entry.meta.size = 1 << 62;
    }
    entry
}

impl Tree for Huge {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        Ok(self.0.list(dir)?.into_iter().map(enlarged).collect())
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        Ok(self.0.stat(path)?.map(enlarged))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        self.0.open(path)
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.0.same_content(path, stream, cx)
    }

    fn materialize(&self, _order: &Materialize, _cx: &Context) -> Result<Vec<Unwritten>> {
        Err(Problem::internal("something was written after all"))
    }
}

#[test]
fn too_little_space_is_told_in_the_plan_and_refused_before_anything_is_written() -> Result<()> {
    let scene = Scene::new(&[]);
    for name in ["a", "b", "c", "d"] {
        scene.write(name, "then");
    }
    let tree = Huge(scene.capture());
    scene.write("a", "now, and longer");
    let draft = scene.draft(&tree, Mode::Replace)?;
    assert!(
        draft.warnings[0].ends_with("the restore will be refused"),
        "{:?}",
        draft.warnings
    );
    let problem = scene.restore(&tree, Mode::Replace).unwrap_err();
    assert_eq!(problem.kind(), Kind::NoSpace);
    assert!(problem.hint_text().unwrap().contains("nothing was changed"));
    assert_eq!(fs::read_to_string(scene.at("a")).unwrap(), "now, and longer");
    let beside: Vec<_> = fs::read_dir(scene.0.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "nothing is left beside the folder");
    Ok(())
}

/// A tree that asks for a cancel when everything is staged.
struct CancelledLate(MemoryTree, model::Cancel);

impl Tree for CancelledLate {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        self.0.list(dir)
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        self.0.stat(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        self.0.open(path)
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.0.same_content(path, stream, cx)
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        let done = self.0.materialize(order, cx);
        self.1.cancel();
        done
    }
}

#[test]
fn a_cancel_before_the_swap_leaves_the_folder_as_it_was_and_nothing_beside_it() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("a", "then");
    let tree = CancelledLate(scene.capture(), model::Cancel::new());
    scene.write("a", "now, and longer");
    let plan = scene.plan(&tree, Mode::Replace)?;
    let mut journal = MemoryJournal::new();
    let late = Context {
        cancel: tree.1.clone(),
        ..cx()
    };
    let ended = scene.apply(&plan, &tree, &mut journal, &late).unwrap_err();
    assert_eq!(ended.kind(), Kind::Cancelled);
    assert_eq!(fs::read_to_string(scene.at("a")).unwrap(), "now, and longer");
    assert_eq!(fs::read_dir(scene.0.path()).unwrap().count(), 1);
    scene.apply(&plan, &tree.0, &mut journal, &cx())?;
    assert_eq!(fs::read_to_string(scene.at("a")).unwrap(), "then");
    Ok(())
}

#[test]
fn a_cancel_half_way_through_the_swap_says_so_and_the_next_run_finishes_it() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("a", "then");
    let tree = scene.capture();
    scene.write("a", "now, and longer");
    let plan = scene.plan(&tree, Mode::Replace)?;
    // An earlier run got as far as having staged everything.
    let mut journal = MemoryJournal::breaking(0, Moment::After, Breach::Fails);
    assert!(scene.apply(&plan, &tree, &mut journal, &cx()).is_err());
    journal.mend();
    let cancelled = cx();
    cancelled.cancel.cancel();
    let ended = scene.apply(&plan, &tree, &mut journal, &cancelled).unwrap_err();
    assert_eq!(ended.kind(), Kind::Cancelled);
    assert!(
        ended.message().starts_with("cancelled half-way: 0 of "),
        "{ended}"
    );
    scene.apply(&plan, &tree, &mut journal, &cx())?;
    assert_eq!(fs::read_to_string(scene.at("a")).unwrap(), "then");
    Ok(())
}

#[test]
fn what_was_staged_and_then_tidied_away_by_somebody_is_staged_again() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("a", "then");
    let tree = scene.capture();
    scene.write("a", "now, and longer");
    let plan = scene.plan(&tree, Mode::Replace)?;
    let mut journal = MemoryJournal::breaking(0, Moment::After, Breach::Fails);
    assert!(scene.apply(&plan, &tree, &mut journal, &cx()).is_err());
    journal.mend();
    fs::remove_dir_all(scene.0.path().join(".cairn-restore-job-1-world")).unwrap();
    scene.apply(&plan, &tree, &mut journal, &cx())?;
    assert_eq!(fs::read_to_string(scene.at("a")).unwrap(), "then");
    Ok(())
}

#[test]
fn a_link_that_took_a_folders_place_leads_no_run_out_of_the_folder() -> Result<()> {
    let scene = Scene::new(&[]);
    let outside = scene.0.path().join("outside");
    fs::create_dir_all(outside.join("empty")).unwrap();
    fs::write(outside.join("file"), "not ours").unwrap();
    symlink("../outside", scene.at("x")).unwrap();
    let tree = scene.capture();
    fs::remove_file(scene.at("x")).unwrap();
    fs::create_dir_all(scene.at("x/empty")).unwrap();
    scene.write("x/file", "ours, and goes");
    let plan = scene.plan(&tree, Mode::Replace)?;
    // The first run gets as far as its last record; the next one finds the link where the folder was.
    let mut journal = MemoryJournal::breaking(1, Moment::Before, Breach::Fails);
    assert!(scene.apply(&plan, &tree, &mut journal, &cx()).is_err());
    assert!(scene.at("x").is_symlink());
    journal.mend();
    scene.apply(&plan, &tree, &mut journal, &cx())?;
    assert!(
        outside.join("empty").exists(),
        "an empty folder elsewhere was removed through the link"
    );
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "not ours");
    Ok(())
}

#[test]
fn somebody_who_puts_a_link_in_a_folders_place_meanwhile_gains_nothing() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("x/file", "then");
    let tree = scene.capture();
    scene.write("x/file", "now, and longer");
    let plan = scene.plan(&tree, Mode::Replace)?;
    let outside = scene.0.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "not ours").unwrap();
    fs::remove_dir_all(scene.at("x")).unwrap();
    symlink("../outside", scene.at("x")).unwrap();
    assert!(
        scene
            .apply(&plan, &tree, &mut MemoryJournal::new(), &cx())
            .is_err()
    );
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "not ours");
    Ok(())
}

/// A sink that does something to the folder after the first file.
struct Meddling<F: FnMut()>(MemorySink, F);

impl<F: FnMut()> Sink for Meddling<F> {
    fn entry(&mut self, path: &Path, meta: Meta, content: Content, need: Need) -> Result<()> {
        let is_file = meta.is_file();
        self.0.entry(path, meta, content, need)?;
        if is_file {
            (self.1)();
        }
        Ok(())
    }

    fn skipped(&mut self, path: &Path, why: String) {
        self.0.skipped(path, why);
    }

    fn vanished(&mut self, path: &Path, why: String) {
        self.0.vanished(path, why);
    }

    fn left_out(&mut self, path: &Path, why: String) {
        self.0.left_out(path, why);
    }

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        self.0.settle()
    }
}

#[test]
fn a_folder_that_vanishes_while_it_is_read_vetoes_the_backup() {
    let scene = Scene::new(&[]);
    for name in ["a", "b/c", "d"] {
        scene.write(name, "there");
    }
    let (world, away) = (scene.at(""), scene.0.path().join("away"));
    let mut sink = Meddling(MemorySink::new(), || {
        let _ = fs::rename(&world, &away);
    });
    let problem = scene.source().capture(&[], &mut sink, &cx()).unwrap_err();
    assert!(
        matches!(problem.kind(), Kind::Unavailable | Kind::Io),
        "{problem:?}"
    );
}

#[test]
fn a_file_that_vanishes_while_the_folder_is_read_is_told_and_the_rest_is_kept() -> Result<()> {
    let scene = Scene::new(&[]);
    for name in ["a", "b", "c"] {
        scene.write(name, "there");
    }
    let gone = scene.at("b");
    let mut sink = Meddling(MemorySink::new(), || {
        let _ = fs::remove_file(&gone);
    });
    let captured = scene.source().capture(&[], &mut sink, &cx())?;
    assert_eq!(sink.0.skipped, [], "what was deleted is not lacking");
    assert_eq!(sink.0.vanished[0].0, Path::new("world/b"));
    assert_eq!(captured.parts[0].warnings.len(), 1);
    assert_eq!(sink.0.into_tree()?.paths().len(), 3);
    Ok(())
}

#[test]
fn ignored_files_stay_also_where_a_file_would_take_their_folders_place() -> Result<()> {
    let scene = Scene::new(&["*.log"]);
    scene.write("logs", "once a file");
    scene.write("level", "one");
    let tree = scene.capture();
    fs::remove_file(scene.at("logs")).unwrap();
    scene.write("logs/today.log", "kept");
    scene.write("logs/other", "goes");
    scene.write("level", "another");
    let outcome = scene.restore(&tree, Mode::Replace)?;
    let skipped: Vec<&str> = outcome
        .skipped
        .iter()
        .map(|skipped| skipped.name.as_str())
        .collect();
    assert_eq!(skipped, ["world/logs"]);
    assert_eq!(fs::read_to_string(scene.at("logs/today.log")).unwrap(), "kept");
    assert!(!scene.at("logs/other").exists());
    assert_eq!(fs::read_to_string(scene.at("level")).unwrap(), "one");
    Ok(())
}

#[test]
fn a_merge_tells_which_folder_did_not_make_way() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("x", "once a file");
    let tree = scene.capture();
    fs::remove_file(scene.at("x")).unwrap();
    scene.write("x/y", "new");
    let draft = scene.draft(&tree, Mode::Merge)?;
    assert_eq!(
        draft.warnings,
        ["x: a folder that is not in the backup is in its place, and stays"]
    );
    assert_eq!(draft.unmet, draft.warnings, "it will not be as in the backup");
    Ok(())
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// For each name the first one that is the same file.
type Grouping = [usize; 4];

/// Every way in which four names can stand for one file, or several.
fn groupings() -> Vec<Grouping> {
    let all = (0..256_usize).map(|code| [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3]);
    all.filter(|first| (0..4).all(|name| first[name] <= name && first[first[name]] == first[name]))
        .collect()
}

fn group(scene: &Scene, grouping: Grouping) {
    for name in NAMES {
        let _ = fs::remove_file(scene.at(name));
    }
    for (name, first) in grouping.into_iter().enumerate() {
        if first == name {
            scene.write(NAMES[name], "the same");
            // What is one file and what is not must not be told by the time.
            fs::File::open(scene.at(NAMES[name]))
                .unwrap()
                .set_modified(std::time::UNIX_EPOCH)
                .unwrap();
        } else {
            fs::hard_link(scene.at(NAMES[first]), scene.at(NAMES[name])).unwrap();
        }
    }
}

fn grouped(scene: &Scene) -> Grouping {
    let inodes = NAMES.map(|name| fs::metadata(scene.at(name)).unwrap().ino());
    inodes.map(|inode| inodes.iter().position(|other| *other == inode).unwrap())
}

#[test]
fn names_of_one_file_are_one_file_again_and_others_are_not() -> Result<()> {
    let all = groupings();
    assert_eq!(all.len(), 15);
    for then in &all {
        let scene = Scene::new(&[]);
        group(&scene, *then);
        let tree = scene.capture();
        for now in &all {
            group(&scene, *now);
            scene.restore(&tree, Mode::Replace)?;
            assert_eq!(grouped(&scene), *then, "from {now:?}");
            assert!(
                scene.draft(&tree, Mode::Replace)?.is_empty(),
                "{now:?} to {then:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn what_every_kind_is_tried_on_holds_everything_that_a_file_system_holds() {
    let world = FolderWorlds.populated();
    let look = FolderWorlds.look(&world);
    for word in [
        "link to nowhere",
        "fifo",
        "Some(\"world/first name\")",
        "123456789",
        "folder 500",
    ] {
        assert!(look.values().any(|told| told.contains(word)), "{word}: {look:?}");
    }
}
