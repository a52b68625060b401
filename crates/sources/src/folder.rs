//! Kind `folder`: files as a file system holds them.
//!
//! Nouns: each configured path is a *part*, named after its folder. Capture walks it; plan compares it with a backup; apply stages what
//! differs beside the target and swaps it in.
//!
//! Rules: links are never followed; what the ignore rules name is neither captured nor touched by a restore, and neither is what cannot
//! be read, or what the backup was made without; nothing living is moved away before what replaces it lies complete beside it.

mod above;
mod apply;
mod beneath;
mod broken_off;
mod capture;
pub mod ignore_rules;
mod items;
mod kind;
mod links;
mod metadata;
mod owners;
mod place;
mod plan;
mod settings;
mod staging;
mod stays;
pub mod walk;

use std::path::{Path, PathBuf};

use model::{Draft, Item, Kind, Problem, Result};

pub use kind::FolderKind;
pub use settings::FolderSettings;

use crate::guard::Guard;
use crate::hooks::Programs;
use crate::{
    Captured, Context, Hold, Inspection, Journal, Obstacle, Outcome, Request, Sink, Source, Tree, Wanted,
};

/// A folder, or several, as a source.
#[derive(Clone, Debug)]
pub struct Folder {
    parts: Vec<Part>,
    settings: FolderSettings,
    guard: Option<Guard>,
}

/// One configured path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    /// Where it lies in the tree; the root of the tree for a folder that holds an unpacked backup.
    pub(crate) tree: PathBuf,
}

impl Folder {
    /// `forbidden` are places that must lie neither in nor around the folders: Cairn's own.
    pub fn new(settings: FolderSettings, forbidden: &[PathBuf]) -> Result<Self> {
        let parts = settings.parts(forbidden)?;
        ignore_rules::IgnoreRules::check(&settings.ignore)?;
        let folder = Folder {
            parts,
            settings,
            guard: None,
        };
        folder.with_programs(&Programs::default())
    }

    /// The same, but the guard finds its programs here.
    pub fn with_programs(self, programs: &Programs) -> Result<Self> {
        let settings = self.settings.guard.clone();
        let guard = settings
            .map(|settings| Guard::new(settings, programs.clone()))
            .transpose()?;
        Ok(Folder { guard, ..self })
    }

    /// A folder into which a whole backup is unpacked: manifest and parts lie directly in it.
    pub fn unpacked(dir: &Path, forbidden: &[PathBuf]) -> Result<Self> {
        let root = place::checked(dir, forbidden)?;
        let name = root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let settings = FolderSettings {
            paths: vec![root.clone()],
            ..FolderSettings::default()
        };
        Ok(Folder {
            parts: vec![Part {
                name,
                root,
                tree: PathBuf::new(),
            }],
            settings,
            guard: None,
        })
    }

    /// The parts that are meant, all when none is named.
    fn chosen(&self, wanted: &[String]) -> Result<Vec<&Part>> {
        if wanted.is_empty() || self.parts.iter().all(|part| part.tree == Path::new("")) {
            return Ok(self.parts.iter().collect());
        }
        let find = |name: &String| {
            self.parts.iter().find(|part| part.name == *name).ok_or_else(|| {
                let names: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
                Problem::invalid(format!("there is no part “{name}”"))
                    .hint(format!("the parts are: {}", names.join(", ")))
            })
        };
        wanted.iter().map(find).collect()
    }
}

impl Source for Folder {
    fn inspect(&self, cx: &Context) -> Result<Inspection> {
        let mut inspection = capture::inspect(self);
        let asked = self.guard.as_ref().map(|guard| guard.state(&cx.cancel));
        if let Some(Err(problem)) = asked {
            inspection.obstacles.push(Obstacle {
                part: None,
                message: problem.message().to_owned(),
                hint: problem.hint_text().unwrap_or("mend the guard").to_owned(),
                // Backups are made all the same; restores are not.
                blocking: false,
            });
        }
        Ok(inspection)
    }

    fn capture(&self, parts: &[String], sink: &mut dyn Sink, cx: &Context) -> Result<Captured> {
        capture::capture(self, parts, sink, cx)
    }

    fn plan(&self, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Draft> {
        plan::plan(self, tree, wanted, cx)
    }

    fn find_saved(&self, item: &Item, capture: &dyn Tree) -> Result<Option<PathBuf>> {
        items::find_saved(self, item, capture)
    }

    fn apply(
        &self,
        request: &Request<'_>,
        tree: &dyn Tree,
        journal: &mut dyn Journal,
        cx: &Context,
    ) -> Result<Outcome> {
        apply::apply(self, request, tree, journal, cx)
    }

    fn changed_since(
        &self,
        request: &Request<'_>,
        now: &Draft,
        tree: &dyn Tree,
        journal: &dyn Journal,
        cx: &Context,
    ) -> Result<Vec<String>> {
        broken_off::changed_since(self, request, now, tree, journal, cx)
    }

    fn tidy(&self, request: &Request<'_>, is_safe: bool, cx: &Context) -> Result<Vec<String>> {
        broken_off::tidy(self, request, is_safe, cx)
    }

    fn is_guarded(&self) -> bool {
        self.guard.is_some()
    }

    fn check_hold(&self, cx: &Context) -> Result<()> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.check(cx))
    }

    fn hold(&self, journal: &mut dyn Journal, cx: &Context) -> Result<()> {
        self.guard
            .as_ref()
            .map_or(Ok(()), |guard| guard.hold(journal, cx))
    }

    fn release(&self, journal: &mut dyn Journal, cx: &Context) -> Result<()> {
        match (&self.guard, Hold::of(journal)) {
            (Some(guard), _) => guard.release(journal, cx),
            (None, None) => Ok(()),
            (None, Some(hold)) => Err(Problem::new(
                Kind::Conflict,
                format!(
                    "{} was stopped and is not started again",
                    hold.data["stopped"].as_str().unwrap_or("the server")
                ),
            )
            .hint("its guard was taken out of the settings meanwhile; start the server by hand")),
        }
    }
}
