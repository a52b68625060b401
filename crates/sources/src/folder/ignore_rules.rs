//! Which entries are left out: patterns in `.gitignore` syntax.
//!
//! The patterns of the source's settings come first; files inside the folder (`.cairnignore`, `.pteroignore`), where they are enabled, add
//! to them for what lies beside and below them. Once a folder is left out, so is everything in it.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use model::{Problem, Result};

/// Larger ignore files are not meant to be ones.
const LARGEST: u64 = 32 << 10;
const FILES: [&str; 2] = [".cairnignore", ".pteroignore"];

/// Rules of one folder.
#[derive(Clone, Debug)]
pub struct IgnoreRules {
    root: PathBuf,
    rules: Gitignore,
    empty: bool,
    patterns: Vec<String>,
}

impl IgnoreRules {
    /// Leaves nothing out.
    pub fn none() -> Self {
        IgnoreRules {
            root: PathBuf::new(),
            rules: Gitignore::empty(),
            empty: true,
            patterns: Vec::new(),
        }
    }

    /// Patterns of the settings, then those of the files in the folder's root.
    pub fn new(root: &Path, patterns: &[String], with_files: bool) -> Result<Self> {
        let mut rules = Building::below(root);
        for pattern in patterns {
            rules.add(pattern, "the source's settings")?;
        }
        if with_files {
            for name in FILES {
                let path = root.join(name);
                let text = super::beneath::read_small(root, name, LARGEST);
                if let Some(text) =
                    text.map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?
                {
                    text.lines()
                        .try_for_each(|line| rules.add(line, &path.display().to_string()))?;
                }
            }
        }
        rules.finish()
    }

    /// The patterns that held when a backup was made, as its manifest names them.
    pub fn recorded(patterns: &[String]) -> Result<Self> {
        let mut rules = Building::below(Path::new("/"));
        for pattern in patterns {
            rules.add(pattern, "the manifest of the backup")?;
        }
        rules.finish()
    }

    /// All of them, in the order in which they count.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Is the entry at this path (relative to the root) left out by a rule of its own? Its parents are asked by who walks.
    pub fn matches(&self, relative: &Path, is_dir: bool) -> bool {
        !self.empty && self.rules.matched(self.root.join(relative), is_dir).is_ignore()
    }

    /// Is the entry, or any folder above it, left out?
    pub fn leaves_out(&self, relative: &Path, is_dir: bool) -> bool {
        !self.empty
            && self
                .rules
                .matched_path_or_any_parents(self.root.join(relative), is_dir)
                .is_ignore()
    }

    pub fn is_empty(&self) -> bool {
        self.empty
    }
}

struct Building {
    root: PathBuf,
    builder: GitignoreBuilder,
    patterns: Vec<String>,
}

impl Building {
    fn below(root: &Path) -> Self {
        Building {
            root: root.to_path_buf(),
            builder: GitignoreBuilder::new(root),
            patterns: Vec::new(),
        }
    }

    fn add(&mut self, line: &str, place: &str) -> Result<()> {
        self.builder.add_line(None, line).map_err(|error| {
            Problem::invalid(format!("“{line}” in {place} is not an ignore pattern: {error}"))
                .hint("the syntax is that of .gitignore")
        })?;
        if !line.trim().is_empty() && !line.starts_with('#') {
            self.patterns.push(line.to_owned());
        }
        Ok(())
    }

    fn finish(self) -> Result<IgnoreRules> {
        let rules = self
            .builder
            .build()
            .map_err(|error| Problem::invalid(format!("the ignore patterns are not usable: {error}")))?;
        Ok(IgnoreRules {
            root: self.root,
            empty: rules.is_empty(),
            rules,
            patterns: self.patterns,
        })
    }
}
