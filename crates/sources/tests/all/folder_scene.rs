//! A small folder to back up and restore, for what only files need.

use std::fs;
use std::path::PathBuf;

use model::{Draft, Mode, Plan, Result};
use sources::folder::{Folder, FolderSettings};
use sources::{Context, Outcome, Request, Source, Tree, Wanted};
use tempfile::TempDir;
use testkit::memory::{MemoryJournal, MemorySink, MemoryTree};

use crate::folder_worlds::in_memory;

pub(crate) fn cx() -> Context {
    Context {
        job: "job-1".to_owned(),
        ..Context::default()
    }
}

/// A folder `world` in a place of its own, with what ignore rules are given.
pub(crate) struct Scene(pub(crate) TempDir, Vec<String>);

impl Scene {
    pub(crate) fn new(ignore: &[&str]) -> Self {
        let scene = Scene(
            in_memory(),
            ignore.iter().map(|pattern| (*pattern).to_owned()).collect(),
        );
        fs::create_dir(scene.at("")).unwrap();
        scene
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join("world").join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    pub(crate) fn source(&self) -> Folder {
        let settings = FolderSettings {
            paths: vec![self.0.path().join("world")],
            ignore: self.1.clone(),
            ..FolderSettings::default()
        };
        Folder::new(settings, &[]).unwrap()
    }

    pub(crate) fn capture(&self) -> MemoryTree {
        let mut sink = MemorySink::new();
        self.source().capture(&[], &mut sink, &cx()).unwrap();
        sink.into_tree().expect("everything can be read")
    }

    pub(crate) fn draft(&self, tree: &dyn Tree, mode: Mode) -> Result<Draft> {
        let wanted = Wanted {
            mode,
            deep: true,
            ..Wanted::default()
        };
        self.source().plan(tree, &wanted, &cx())
    }

    pub(crate) fn plan(&self, tree: &dyn Tree, mode: Mode) -> Result<Plan> {
        Ok(Plan {
            id: String::new(),
            backup: String::new(),
            target: String::new(),
            parts: Vec::new(),
            paths: Vec::new(),
            mode,
            deep: false,
            hash: String::new(),
            created: 0,
            expires: 0,
            draft: self.draft(tree, mode)?,
        })
    }

    pub(crate) fn apply(
        &self,
        plan: &Plan,
        tree: &dyn Tree,
        journal: &mut MemoryJournal,
        cx: &Context,
    ) -> Result<Outcome> {
        let wanted = Wanted {
            mode: plan.mode,
            ..Wanted::default()
        };
        let request = Request {
            plan,
            wanted: &wanted,
        };
        self.source().apply(&request, tree, journal, cx)
    }

    pub(crate) fn restore(&self, tree: &dyn Tree, mode: Mode) -> Result<Outcome> {
        self.apply(&self.plan(tree, mode)?, tree, &mut MemoryJournal::new(), &cx())
    }
}
