//! Somebody who owns a folder on the way puts a link, or another folder, in its place while a job runs.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use model::{Content, Kind, Meta, Mode, Plan, Result};
use sources::{
    Context, Entry, Journal, Lacking, Materialize, Need, Outcome, ReadSeek, Request, Sink, Source, Step,
    Tree, Unwritten, Wanted,
};
use testkit::memory::{MemoryJournal, MemorySink, MemoryTree};

use crate::folder_scene::{Scene, cx};

type Meddle<'a> = &'a mut dyn FnMut();

/// Keeps what is announced; somebody meddles when the first entry is.
struct Keeping<'a> {
    entries: Vec<(PathBuf, Content)>,
    skipped: Vec<PathBuf>,
    meddle: Meddle<'a>,
}

impl<'a> Keeping<'a> {
    fn new(meddle: Meddle<'a>) -> Self {
        Keeping {
            entries: Vec::new(),
            skipped: Vec::new(),
            meddle,
        }
    }
}

impl Sink for Keeping<'_> {
    fn entry(&mut self, path: &Path, _meta: Meta, content: Content, _need: Need) -> Result<()> {
        if self.entries.is_empty() {
            (self.meddle)();
        }
        self.entries.push((path.to_path_buf(), content));
        Ok(())
    }

    fn skipped(&mut self, path: &Path, _why: String) {
        self.skipped.push(path.to_path_buf());
    }

    fn vanished(&mut self, _path: &Path, _why: String) {}

    fn left_out(&mut self, _path: &Path, _why: String) {}

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        Ok(Vec::new())
    }
}

/// A tree at whose writing somebody meddles.
struct Meddled<'a>(&'a MemoryTree, &'a (dyn Fn() + Send + Sync));

impl Tree for Meddled<'_> {
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
        (self.1)();
        self.0.materialize(order, cx)
    }
}

/// A journal after whose step “staged” somebody meddles.
struct Meddling<'a>(MemoryJournal, Meddle<'a>);

impl Journal for Meddling<'_> {
    fn steps(&self) -> &[Step] {
        self.0.steps()
    }

    fn record(&mut self, key: &str, done: bool, data: serde_json::Value) -> Result<()> {
        self.0.record(key, done, data)?;
        if key.starts_with("staged") {
            (self.1)();
        }
        Ok(())
    }

    fn record_all(&mut self, steps: Vec<Step>) -> Result<()> {
        self.0.record_all(steps)
    }
}

fn apply(scene: &Scene, plan: &Plan, tree: &dyn Tree, journal: &mut dyn Journal) -> Result<Outcome> {
    let wanted = Wanted {
        mode: plan.mode,
        ..Wanted::default()
    };
    let wanted = &wanted;
    scene
        .source()
        .apply(&Request { plan, wanted }, tree, journal, &cx())
}

impl Scene {
    fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn staging(&self) -> PathBuf {
        self.beside(".cairn-restore-job-1-world")
    }

    /// The folder outside that a link is to lead to, with something secret at the same names.
    fn outside(&self) -> PathBuf {
        let outside = self.beside("outside");
        fs::create_dir_all(outside.join("inner")).unwrap();
        for name in ["a", "inner/b", "extra"] {
            fs::write(outside.join(name), "secret").unwrap();
        }
        outside
    }

    /// A backup of some files, which were spoiled since.
    fn spoiled(&self) -> MemoryTree {
        self.write("a", "then");
        self.write("inner/b", "then");
        let tree = self.capture();
        self.write("a", "now, and longer");
        self.write("inner/b", "now, and longer");
        self.write("extra", "new");
        tree
    }
}

fn look(dir: &Path) -> Vec<(PathBuf, String, u32)> {
    let mut seen = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let meta = entry.symlink_metadata().unwrap();
        let mode = meta.permissions().mode();
        if meta.is_dir() {
            seen.push((entry.clone(), String::new(), mode));
            seen.extend(look(&entry));
        } else {
            seen.push((entry.clone(), fs::read_to_string(&entry).unwrap(), mode));
        }
    }
    seen.sort();
    seen
}

fn read(content: Content) -> std::io::Result<String> {
    let Content::Beneath { root, path, .. } = content else {
        panic!("a living file is reached beneath its root");
    };
    let mut text = String::new();
    let mut file: File = root.open(&path)?;
    file.read_to_string(&mut text).map(|_| text)
}

#[test]
fn a_folder_that_became_a_link_between_listing_and_reading_is_not_followed() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("a", "ours");
    scene.write("inner/b", "ours");
    let outside = scene.outside();
    let (mut nothing, mut read_at_last) = (|| {}, Vec::new());
    let mut sink = Keeping::new(&mut nothing);
    scene.source().capture(&[], &mut sink, &cx())?;
    fs::rename(scene.at("inner"), scene.beside("moved")).unwrap();
    symlink(outside.join("inner"), scene.at("inner")).unwrap();
    fs::remove_file(scene.at("a")).unwrap();
    symlink(outside.join("a"), scene.at("a")).unwrap();
    for (path, content) in sink.entries {
        if path.ends_with("a") || path.ends_with("b") {
            read_at_last.push((path, read(content).is_err()));
        }
    }
    let refused = ["world/a", "world/inner/b"].map(|path| (PathBuf::from(path), true));
    assert_eq!(read_at_last, refused);
    Ok(())
}

#[test]
fn a_source_that_became_a_link_while_it_was_listed_is_read_nowhere_else() {
    let scene = Scene::new(&[]);
    scene.write("ours", "ours");
    let outside = scene.outside();
    let mut swap = || {
        fs::rename(scene.at(""), scene.beside("moved")).unwrap();
        symlink(&outside, scene.beside("world")).unwrap();
    };
    let mut sink = Keeping::new(&mut swap);
    let problem = scene.source().capture(&[], &mut sink, &cx()).unwrap_err();
    let place = scene.beside("world").display().to_string();
    assert!(
        problem.message().contains(&place) && problem.message().contains("was replaced"),
        "{problem}"
    );
    let told: Vec<&Path> = sink.entries.iter().map(|(path, _)| path.as_path()).collect();
    assert_eq!(told, [Path::new("world"), Path::new("world/ours")]);
    let content = sink.entries.pop().unwrap().1;
    assert_eq!(read(content).unwrap(), "ours", "of the folder that it was");
}

#[test]
fn a_link_in_an_ignore_files_place_is_not_read() -> Result<()> {
    let scene = Scene::new(&[]);
    scene.write("secret", "everything");
    symlink(scene.outside().join("a"), scene.at(".cairnignore")).unwrap();
    let captured = scene.source().capture(&[], &mut MemorySink::new(), &cx())?;
    assert_eq!(captured.lacks.ignored, []);
    Ok(())
}

#[test]
fn a_target_that_became_a_link_after_staging_changes_nothing_where_the_link_leads() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.spoiled();
    let (outside, plan) = (scene.outside(), scene.plan(&tree, Mode::Replace)?);
    let before = look(&outside);
    let mut swap = || {
        fs::rename(scene.at(""), scene.beside("moved")).unwrap();
        symlink(&outside, scene.beside("world")).unwrap();
    };
    let mut journal = Meddling(MemoryJournal::new(), &mut swap);
    apply(&scene, &plan, &tree, &mut journal)?;
    assert_eq!(look(&outside), before);
    let moved = scene.beside("moved");
    assert_eq!(fs::read_to_string(moved.join("inner/b")).unwrap(), "then");
    assert!(
        !moved.join("extra").exists(),
        "the folder that was planned for is restored"
    );
    assert!(!scene.staging().exists());
    Ok(())
}

#[test]
fn a_folder_in_the_target_that_became_a_link_after_staging_is_not_followed() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.spoiled();
    let (outside, plan) = (scene.outside(), scene.plan(&tree, Mode::Replace)?);
    let before = look(&outside);
    let mut swap = || {
        fs::rename(scene.at("inner"), scene.beside("moved")).unwrap();
        symlink(outside.join("inner"), scene.at("inner")).unwrap();
    };
    let mut journal = Meddling(MemoryJournal::new(), &mut swap);
    let ended = apply(&scene, &plan, &tree, &mut journal);
    assert_eq!(look(&outside), before);
    let told = match ended {
        Err(problem) => problem.message().to_owned(),
        Ok(outcome) => format!("{:?}", outcome.skipped),
    };
    assert!(told.contains("inner"), "{told}");
    let kept = fs::read_to_string(scene.beside("moved/b")).unwrap();
    assert_eq!(kept, "now, and longer", "nothing is lost");
    Ok(())
}

#[test]
fn a_staging_folder_that_was_taken_away_is_written_to_wherever_it_lies_and_what_took_its_place_stays()
-> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.spoiled();
    let (outside, plan) = (scene.outside(), scene.plan(&tree, Mode::Replace)?);
    let before = look(&outside);
    let swap = || {
        fs::rename(scene.staging(), scene.beside("taken")).unwrap();
        symlink(&outside, scene.staging()).unwrap();
    };
    let meddled = Meddled(&tree, &swap);
    apply(&scene, &plan, &meddled, &mut MemoryJournal::new())?;
    assert_eq!(look(&outside), before);
    assert_eq!(fs::read_to_string(scene.at("a")).unwrap(), "then");
    assert_eq!(fs::read_dir(scene.beside("taken")).unwrap().count(), 0);
    assert!(scene.staging().is_symlink(), "it is not the restore's own");
    Ok(())
}

#[test]
fn a_target_that_was_replaced_since_the_plan_is_left_alone_and_named() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.spoiled();
    let plan = scene.plan(&tree, Mode::Replace)?;
    fs::rename(scene.at(""), scene.beside("moved")).unwrap();
    fs::rename(scene.outside(), scene.beside("world")).unwrap();
    let before = look(&scene.at(""));
    let problem = apply(&scene, &plan, &tree, &mut MemoryJournal::new()).unwrap_err();
    assert_eq!(problem.kind(), Kind::Drifted);
    let place = scene.beside("world").display().to_string();
    assert!(problem.message().contains(&place) && problem.hint_text().is_some());
    assert_eq!(look(&scene.at("")), before);
    assert!(!scene.staging().exists());
    Ok(())
}

#[test]
fn a_staging_folder_that_is_not_the_recorded_one_is_refused_by_name() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.spoiled();
    let (outside, plan) = (scene.outside(), scene.plan(&tree, Mode::Replace)?);
    let before = (look(&outside), look(&scene.at("")));
    let mut journal = MemoryJournal::new();
    journal.record("staged:world", true, serde_json::json!({ "staging": 1 }))?;
    let put: [&dyn Fn(); 3] = [
        &|| symlink(&outside, scene.staging()).unwrap(),
        &|| fs::write(scene.staging(), "a file").unwrap(),
        &|| fs::create_dir(scene.staging()).unwrap(),
    ];
    for put in put {
        put();
        let problem = apply(&scene, &plan, &tree, &mut journal).unwrap_err();
        assert_eq!(problem.kind(), Kind::Refused, "{problem}");
        let place = scene.staging().display().to_string();
        assert!(problem.message().contains(&place) && problem.hint_text().is_some());
        assert_eq!((look(&outside), look(&scene.at(""))), before);
        if scene.staging().is_dir() && !scene.staging().is_symlink() {
            fs::remove_dir(scene.staging()).unwrap();
        } else {
            fs::remove_file(scene.staging()).unwrap();
        }
    }
    Ok(())
}

#[test]
fn a_staging_folder_that_others_may_write_to_is_refused_even_unrecorded() -> Result<()> {
    let scene = Scene::new(&[]);
    let tree = scene.spoiled();
    let plan = scene.plan(&tree, Mode::Replace)?;
    fs::create_dir(scene.staging()).unwrap();
    fs::set_permissions(scene.staging(), PermissionsExt::from_mode(0o777)).unwrap();
    fs::write(scene.staging().join("theirs"), "theirs").unwrap();
    let problem = apply(&scene, &plan, &tree, &mut MemoryJournal::new()).unwrap_err();
    assert_eq!(problem.kind(), Kind::Refused, "{problem}");
    assert!(scene.staging().join("theirs").exists());
    Ok(())
}

#[test]
fn a_strangers_link_above_a_source_leads_only_to_what_is_theirs() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scene = Scene::new(&[]);
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(65534), Some(65534)).unwrap();
    let (secret, theirs) = (scene.beside("secret"), scene.beside("theirs"));
    for dir in [&secret, &theirs] {
        fs::create_dir_all(dir.join("world")).unwrap();
        fs::write(dir.join("world/a"), "content").unwrap();
    }
    give(&theirs);
    let link = scene.beside("link");
    let capture = |to: &Path, stranger: bool| {
        let _ = fs::remove_file(&link);
        symlink(to, &link).unwrap();
        if stranger {
            give(&link);
        }
        let settings = sources::folder::FolderSettings {
            paths: vec![link.join("world")],
            ..Default::default()
        };
        let folder = sources::folder::Folder::new(settings, &[]).unwrap();
        folder.capture(&[], &mut MemorySink::new(), &cx())
    };
    assert!(capture(&theirs, true).is_ok());
    assert!(capture(&secret, false).is_ok(), "root's own link is followed");
    let problem = capture(&secret, true).unwrap_err();
    assert!(
        problem.message().contains(&link.display().to_string()),
        "{problem}"
    );
}
