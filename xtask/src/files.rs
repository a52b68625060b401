//! The text files of the project, read once and handed to the rules of `tidy`.
//!
//! A [`File`] has a path relative to the root, with `/` between its names, and its text. Build output, version
//! control and the corpora of fuzzing are no part of the project.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Outcome;

const NOT_OURS: [&str; 6] = [
    "target",
    ".git",
    "corpus",
    "artifacts",
    "node_modules",
    "__pycache__",
];
const TEXT: [&str; 15] = [
    "rs", "toml", "md", "js", "css", "html", "txt", "sh", "py", "yml", "yaml", "sql", "service", "json",
    "svg",
];

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.ends_in("rs")
    }

    pub(crate) fn ends_in(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|own| own == extension)
    }

    /// Code that is compiled for tests, examples and benches only.
    pub(crate) fn is_for_tests(&self) -> bool {
        let parts = ["/tests/", "/tests.rs", "/benches/", "/examples/"];
        parts.iter().any(|part| self.path.contains(part)) || self.path.starts_with("crates/testkit/")
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
///
/// Asked at run time first: two clones that share a target directory share this binary, too.
pub(crate) fn root() -> Outcome<PathBuf> {
    let told = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = told.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let root = here
        .parent()
        .ok_or("xtask has no folder above it; run it from a clone of the project")?;
    Ok(root.to_path_buf())
}

/// Every text file below the root, ordered by path.
pub(crate) fn read_all(root: &Path) -> Outcome<Vec<File>> {
    let mut found = Vec::new();
    collect(root, root, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<File>) -> Outcome {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            collect(root, &entry.path(), found)?;
        } else if kind.is_file() && is_text(&entry.path()) {
            found.extend(read_one(root, &entry.path())?);
        }
    }
    Ok(())
}

/// Extensions that hold text; files without one (`LICENSE`, `.ci/run`) do so too.
fn is_text(path: &Path) -> bool {
    path.extension()
        .is_none_or(|extension| TEXT.iter().any(|known| extension == *known))
}

/// A file that goes away between listing and reading, or is no UTF-8, is not there for the rules.
fn read_one(root: &Path, path: &Path) -> Outcome<Option<File>> {
    let relative = path.strip_prefix(root).map_err(|error| error.to_string())?;
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok().map(|text| File {
            path: relative.to_string_lossy().replace('\\', "/"),
            text,
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}
