//! A folder's restore that breaks off anywhere: untouched before the swap, finished by the next run after it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Cancel, Meta, Mode, Plan, Problem, Progress, Result};
use repository::format::key_file::Cost;
use repository::storage::Memory;
use repository::{Options, Repository, SnapshotMeta};
use sources::folder::{Folder, FolderSettings};
use sources::{
    Context, Entry, Journal, Lacking, Materialize, Need, ReadSeek, Request, Sink, Source, Step, Tree,
    Unwritten, Wanted,
};

/// A repository's tree that fails from a chosen call on, as if the process had died there.
struct Breaking {
    tree: repository::Tree,
    calls: AtomicUsize,
    at: usize,
}

fn died() -> Problem {
    Problem::internal("the process died, for a test")
}

impl Breaking {
    fn call(&self) -> Result<()> {
        if self.calls.fetch_add(1, Ordering::SeqCst) >= self.at {
            Err(died())
        } else {
            Ok(())
        }
    }
}

fn entry(found: repository::Entry) -> Entry {
    Entry {
        content_id: found.identity(),
        path: found.path,
        meta: found.meta,
    }
}

impl Tree for Breaking {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        self.call()?;
        Ok(self.tree.list(dir)?.into_iter().map(entry).collect())
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        self.call()?;
        Ok(self.tree.stat(path)?.map(entry))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        self.call()?;
        Ok(Box::new(self.tree.open(path)?))
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.call()?;
        self.tree.same_content(path, stream, &cx.cancel)
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        self.call()?;
        self.tree
            .materialize(&order.entries, &order.into, &cx.progress, &cx.cancel)
            .map(|_| Vec::new())
    }
}

/// A journal that outlives the runs, and breaks off after a chosen record.
struct Remembered {
    steps: Vec<Step>,
    breaks_after: usize,
}

impl Journal for Remembered {
    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn record(&mut self, key: &str, done: bool, data: serde_json::Value) -> Result<()> {
        self.record_all(vec![Step {
            key: key.to_owned(),
            done,
            data,
        }])
    }

    fn record_all(&mut self, steps: Vec<Step>) -> Result<()> {
        self.steps.extend(steps);
        if self.steps.len() == self.breaks_after {
            Err(died())
        } else {
            Ok(())
        }
    }
}

struct ToWriter(repository::Writer);

impl Sink for ToWriter {
    fn entry(&mut self, path: &Path, meta: Meta, content: model::Content, _: Need) -> Result<()> {
        self.0.entry(path, meta, content)
    }

    fn vanished(&mut self, path: &Path, why: String) {
        panic!("{}: {why}", path.display());
    }

    fn left_out(&mut self, path: &Path, why: String) {
        panic!("{}: {why}", path.display());
    }

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        self.0.settle().map(|_| Vec::new())
    }

    fn skipped(&mut self, path: &Path, why: String) {
        panic!("{}: {why}", path.display());
    }
}

fn look(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut seen = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for found in fs::read_dir(&dir).expect("a folder") {
            let path = found.expect("an entry").path();
            let bytes = if path.is_file() {
                fs::read(&path).expect("a file")
            } else {
                Vec::new()
            };
            if path.is_dir() {
                open.push(path.clone());
            }
            seen.push((path, bytes));
        }
    }
    seen.sort();
    seen
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the file is written");
}

fn make(world: &Path) {
    fs::create_dir_all(world.join("region/deep")).expect("made");
    for (name, text) in [
        ("level.dat", "one"),
        ("region/a", "aaa"),
        ("region/deep/c", "ccc"),
        ("file", "f"),
    ] {
        write(&world.join(name), text);
    }
}

fn spoil(world: &Path) {
    write(&world.join("level.dat"), "two!");
    fs::remove_dir_all(world.join("region/deep")).expect("removed");
    write(&world.join("region/deep"), "a file where a folder was");
    fs::remove_file(world.join("file")).expect("removed");
    fs::create_dir_all(world.join("file/below")).expect("made");
    write(&world.join("extra"), "extra");
}

/// A backup of a folder, and the folder as it has drifted since.
struct Scene {
    dir: tempfile::TempDir,
    folder: Folder,
    tree: repository::Tree,
    good: Vec<(PathBuf, Vec<u8>)>,
}

fn scene() -> Result<Scene> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let world = dir.path().join("world");
    make(&world);
    let settings = FolderSettings {
        paths: vec![world.clone()],
        ..FolderSettings::default()
    };
    let folder = Folder::new(settings, &[])?;
    let options = Options {
        cost: Cost::GENERATED,
        threads: 1,
        ..Options::default()
    };
    let repository = Repository::create(Arc::new(Memory::new()), "a password", options)?;
    let mut sink = ToWriter(repository.writer(None, &Progress::new(), &Cancel::new())?);
    folder.capture(&[], &mut sink, &Context::default())?;
    let snapshot = sink.0.finish(&SnapshotMeta::default())?;
    let tree = repository.tree(&snapshot)?;
    let good = look(&world);
    spoil(&world);
    Ok(Scene {
        dir,
        folder,
        tree,
        good,
    })
}

impl Scene {
    fn breaking(&self, at: usize) -> Breaking {
        Breaking {
            tree: self.tree.clone(),
            calls: AtomicUsize::new(0),
            at,
        }
    }

    fn world(&self) -> PathBuf {
        self.dir.path().join("world")
    }

    fn plan(&self) -> Result<Plan> {
        let draft = self.folder.plan(
            &self.breaking(usize::MAX),
            &Wanted::default(),
            &Context::default(),
        )?;
        let (id, backup, target, hash) = Default::default();
        let (parts, paths) = Default::default();
        Ok(Plan {
            id,
            backup,
            target,
            parts,
            paths,
            mode: Mode::Replace,
            deep: false,
            hash,
            created: 0,
            expires: 0,
            draft,
        })
    }

    fn apply(&self, plan: &Plan, at: usize, journal: &mut Remembered, cancel: Cancel) -> Result<()> {
        let cx = Context {
            job: "job".to_owned(),
            cancel,
            ..Context::default()
        };
        let wanted = Wanted::default();
        let request = Request {
            plan,
            wanted: &wanted,
        };
        self.folder
            .apply(&request, &self.breaking(at), journal, &cx)
            .map(|_| ())
    }

    fn finish(&self, plan: &Plan, journal: &mut Remembered) -> Result<()> {
        journal.breaks_after = usize::MAX;
        self.apply(plan, usize::MAX, journal, Cancel::new())
    }

    fn assert_mended(&self) -> Result<()> {
        assert_eq!(look(&self.world()), self.good);
        let again = Wanted {
            deep: true,
            ..Wanted::default()
        };
        let left = self
            .folder
            .plan(&self.breaking(usize::MAX), &again, &Context::default())?;
        assert_eq!(left.items, [], "nothing is left to do");
        Ok(())
    }
}

fn new_journal(breaks_after: usize) -> Remembered {
    Remembered {
        steps: Vec::new(),
        breaks_after,
    }
}

#[test]
fn l11_a_restore_that_breaks_off_at_any_read_is_finished_by_the_next_run() -> Result<()> {
    for at in 0.. {
        let scene = scene()?;
        let (plan, spoiled) = (scene.plan()?, look(&scene.world()));
        let mut journal = new_journal(usize::MAX);
        let done = scene.apply(&plan, at, &mut journal, Cancel::new());
        if done.is_err() && journal.steps.is_empty() {
            assert_eq!(
                look(&scene.world()),
                spoiled,
                "broken off at call {at}, before the swap: untouched"
            );
        }
        if done.is_err() {
            scene.finish(&plan, &mut journal)?;
        }
        scene.assert_mended()?;
        if done.is_ok() {
            assert!(at > 3, "a restore reads more than that");
            break;
        }
    }
    Ok(())
}

#[test]
fn l11_a_restore_that_breaks_off_at_any_record_of_its_journal_is_finished_by_the_next_run() -> Result<()> {
    for after in 1..=2 {
        let scene = scene()?;
        let plan = scene.plan()?;
        let mut journal = new_journal(after);
        assert!(
            scene
                .apply(&plan, usize::MAX, &mut journal, Cancel::new())
                .is_err()
        );
        scene.finish(&plan, &mut journal)?;
        scene.assert_mended()?;
    }
    Ok(())
}

#[test]
fn a_restore_whose_swap_was_half_done_is_finished() -> Result<()> {
    let scene = scene()?;
    let plan = scene.plan()?;
    let mut journal = new_journal(1);
    assert!(
        scene
            .apply(&plan, usize::MAX, &mut journal, Cancel::new())
            .is_err()
    );
    // What a killed swap leaves: some of the old moved away, nothing new in its place yet.
    let old = scene.dir.path().join(".cairn-restore-job-world/old");
    for name in ["level.dat", "extra"] {
        let number = plan
            .draft
            .items
            .iter()
            .position(|item| item.name == name)
            .expect("it is in the plan");
        fs::rename(scene.world().join(name), old.join(number.to_string())).expect("moved away");
    }
    scene.finish(&plan, &mut journal)?;
    scene.assert_mended()
}

#[test]
fn a_cancelled_restore_leaves_the_folder_as_it_was() -> Result<()> {
    let scene = scene()?;
    let (plan, spoiled) = (scene.plan()?, look(&scene.world()));
    let cancel = Cancel::new();
    cancel.cancel();
    let refused = scene
        .apply(&plan, usize::MAX, &mut new_journal(usize::MAX), cancel)
        .map_err(|problem| problem.kind());
    assert_eq!(refused, Err(model::Kind::Cancelled));
    assert_eq!(look(&scene.world()), spoiled);
    assert_eq!(
        fs::read_dir(scene.dir.path()).expect("a folder").count(),
        1,
        "nothing is left beside it"
    );
    Ok(())
}
