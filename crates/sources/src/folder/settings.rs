//! What is set of a folder source: one JSON document.

use std::path::PathBuf;

use model::{Problem, Result};
use serde::{Deserialize, Serialize};

use super::{Part, place};
use crate::guard::GuardSettings;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    pub paths: Vec<PathBuf>,
    /// Patterns in `.gitignore` syntax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Read `.cairnignore` and `.pteroignore` in the folders, too.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub ignore_files: bool,
    #[serde(default, skip_serializing_if = "is_no")]
    pub one_file_system: bool,
    /// What watches whether the server that lives here is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardSettings>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_no(value: &bool) -> bool {
    !*value
}

impl FolderSettings {
    pub fn from_json(settings: &serde_json::Value) -> Result<Self> {
        Self::deserialize(settings)
            .map_err(|error| Problem::invalid(format!("the settings of a folder source: {error}")))
    }

    /// One part per path, named after its folder; two folders of one name get their numbers.
    pub(super) fn parts(&self, forbidden: &[PathBuf]) -> Result<Vec<Part>> {
        if self.paths.is_empty() {
            return Err(Problem::invalid("a folder source needs a path"));
        }
        let mut parts: Vec<Part> = Vec::new();
        for path in &self.paths {
            let root = place::checked(path, forbidden)?;
            let plain = root
                .file_name()
                .map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
            let plain = if plain == "manifest.json" {
                "manifest.json-folder".to_owned()
            } else {
                plain
            };
            let taken = |name: &str| parts.iter().any(|part| part.name == name);
            let numbered = (2..).map(|number| format!("{plain}-{number}"));
            let name = std::iter::once(plain.clone())
                .chain(numbered)
                .find(|name| !taken(name))
                .unwrap_or(plain);
            parts.push(Part {
                tree: PathBuf::from(&name),
                name,
                root,
            });
        }
        Ok(parts)
    }
}
