//! The kinds of sources, as a table.
//!
//! Nouns: a [`Kind`] describes its settings and opens a source from them; [`Kinds`] is the list that an instance of Cairn works with. It is
//! handed to the service when that is opened: the product gives [`kinds`], tests give more.
//!
//! Rules: whatever depends on a kind is asked of it here; nobody else compares the names of kinds to decide what to do. The flags of the
//! command line, the checks of the API, the forms, the documentation and the sealing of secrets come from [`Kind::description`].
//! A new kind is one line in [`kinds`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Description, Problem, Result, nearest};
use serde_json::Value;

use crate::Source;
use crate::folder::{Folder, FolderKind};

/// What a source may need of the instance that opens it.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// Places that must lie neither in nor around what is protected: Cairn's own.
    pub forbidden: Vec<PathBuf>,
}

/// A kind of source: one static value each.
pub trait Kind: std::fmt::Debug + Send + Sync {
    fn description(&self) -> &'static Description;

    /// Opens a source from complete settings, secrets included.
    fn open(&self, settings: &Value, env: &Env) -> Result<Box<dyn Source>>;

    /// What a short text of the command line stands for, where a setting has such a form.
    fn shorthand(&self, _field: &str, _text: &str) -> Option<Result<Value>> {
        None
    }

    /// The settings of a source that is just this folder of the machine, for kinds that protect folders.
    fn at_path(&self, _path: &Path) -> Option<Value> {
        None
    }
}

/// The kinds that an instance knows, by name.
#[derive(Clone, Debug)]
pub struct Kinds(Arc<[&'static dyn Kind]>);

/// The kinds of the product.
pub fn kinds() -> Kinds {
    let all: [&'static dyn Kind; 1] = [&FolderKind];
    Kinds(Arc::new(all))
}

impl Kinds {
    /// The same and one more.
    #[must_use]
    pub fn with(&self, kind: &'static dyn Kind) -> Kinds {
        Kinds(self.iter().chain([kind]).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Kind> + '_ {
        self.0.iter().copied()
    }

    pub fn descriptions(&self) -> impl Iterator<Item = &'static Description> + '_ {
        self.iter().map(Kind::description)
    }

    pub fn get(&self, name: &str) -> Result<&'static dyn Kind> {
        let found = self.iter().find(|kind| kind.description().kind == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.descriptions().map(|described| described.kind).collect();
            let near = nearest(name, names.iter().copied()).map(|near| format!("did you mean “{near}”? "));
            Problem::invalid(format!("“{name}” is not a kind of source")).hint(format!(
                "{}the kinds are: {}",
                near.unwrap_or_default(),
                names.join(", ")
            ))
        })
    }
}

/// A directory of the machine into which backups of any kind are unpacked, like their portable archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(pub PathBuf);

impl Directory {
    /// The directory as what a restore is planned against.
    pub fn open(&self, env: &Env) -> Result<Box<dyn Source>> {
        Ok(Box::new(Folder::unpacked(&self.0, &env.forbidden)?))
    }

    /// The kind and the settings by which what lies there now is backed up. Whatever lies there may be overwritten, also what an ignore
    /// file in it names.
    pub fn as_source(&self) -> (&'static str, Value) {
        let settings = serde_json::json!({ "paths": [self.0], "ignore_files": false });
        (FolderKind.description().kind, settings)
    }
}
