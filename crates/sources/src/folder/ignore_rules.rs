//! Which entries are left out: patterns in `.gitignore` syntax.
//!
//! The patterns of the source's settings come first; files inside the folder (`.cairnignore`, `.pteroignore`), where they are enabled, add
//! to them for what lies beside and below them. Once a folder is left out, so is everything in it.
//!
//! Whoever can write into a folder writes its ignore files, so every pattern is bounded before it is compiled: in length, in number, and in
//! how deep its braces go. A line of an ignore file that cannot be used leaves nothing out, which loses nothing, and is told with each
//! backup; one in the settings is refused.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use model::{Problem, Result};

use super::beneath::read_small;

/// Bytes; larger ignore files are not meant to be ones.
const LARGEST: u64 = 32 << 10;
/// Bytes of one pattern.
const LONGEST: usize = 4 << 10;
/// Bytes of all patterns that are compiled together.
const LARGEST_ALL: usize = 128 << 10;
/// Braces within braces.
const DEEPEST: usize = 8;
/// Lines that are told of.
const TOLD: usize = 5;
const FILES: [&str; 2] = [".cairnignore", ".pteroignore"];

/// Rules of one folder.
#[derive(Clone, Debug)]
pub struct IgnoreRules {
    root: PathBuf,
    rules: Gitignore,
    empty: bool,
    patterns: Vec<String>,
    unusable: Vec<String>,
}

impl IgnoreRules {
    /// Leaves nothing out.
    pub fn none() -> Self {
        IgnoreRules {
            root: PathBuf::new(),
            rules: Gitignore::empty(),
            empty: true,
            patterns: Vec::new(),
            unusable: Vec::new(),
        }
    }

    /// Can these be used, wherever the folder lies?
    pub fn check(patterns: &[String]) -> Result<()> {
        Self::new(Path::new("/"), patterns, false).map(|_| ())
    }

    /// Patterns of the settings, then those of the files in the folder's root.
    pub fn new(root: &Path, patterns: &[String], with_files: bool) -> Result<Self> {
        let mut rules = Building::below(root);
        for pattern in patterns {
            rules.add(pattern, "the source's settings")?;
        }
        if with_files {
            for name in FILES {
                rules.add_file(root, name)?;
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

    /// What stands in an ignore file and leaves nothing out, with the reason; the first ones.
    pub fn unusable(&self) -> &[String] {
        &self.unusable
    }
}

struct Building {
    root: PathBuf,
    builder: GitignoreBuilder,
    patterns: Vec<String>,
    bytes: usize,
    unusable: Vec<String>,
}

impl Building {
    fn below(root: &Path) -> Self {
        Building {
            root: root.to_path_buf(),
            builder: GitignoreBuilder::new(root),
            patterns: Vec::new(),
            bytes: 0,
            unusable: Vec::new(),
        }
    }

    fn add_file(&mut self, root: &Path, name: &str) -> Result<()> {
        let path = root.join(name);
        let text = read_small(root, name, LARGEST)
            .map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?;
        let Some(text) = text else { return Ok(()) };
        if text.len() as u64 > LARGEST {
            self.tell(format!(
                "{}: has more than {LARGEST} bytes, and is not used",
                path.display()
            ));
            return Ok(());
        }
        for line in String::from_utf8_lossy(&text).lines() {
            if let Err(problem) = self.add(line, &path.display().to_string()) {
                self.tell(format!("{}; it leaves nothing out", problem.message()));
            }
        }
        Ok(())
    }

    fn tell(&mut self, unusable: String) {
        if self.unusable.len() < TOLD {
            self.unusable.push(unusable);
        }
    }

    fn add(&mut self, line: &str, place: &str) -> Result<()> {
        let wrong = |why: &str| {
            let shown: String = line.chars().take(60).collect();
            let more = if shown.len() < line.len() { "…" } else { "" };
            Problem::invalid(format!(
                "“{shown}{more}” in {place} is not an ignore pattern: {why}"
            ))
            .hint("the syntax is that of .gitignore")
        };
        if line.len() > LONGEST {
            return Err(wrong(&format!("it has more than {LONGEST} bytes")));
        }
        if self.bytes + line.len() > LARGEST_ALL {
            return Err(wrong(&format!(
                "all patterns together have more than {LARGEST_ALL} bytes"
            )));
        }
        if depth_of_braces(line) > DEEPEST {
            return Err(wrong(&format!("its braces go more than {DEEPEST} deep")));
        }
        self.builder
            .add_line(None, line)
            .map_err(|error| wrong(&error.to_string()))?;
        self.bytes += line.len();
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
            unusable: self.unusable,
        })
    }
}

/// Counted at least: what is escaped, or within brackets, is counted as well.
fn depth_of_braces(line: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in line.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_bounded_in_length_in_number_and_in_the_depth_of_its_braces() {
        let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        let check = |pattern: String| IgnoreRules::check(&[pattern]);
        check("*.log".to_owned()).expect("usable");
        check(nested(DEEPEST)).expect("usable");
        check("a".repeat(LONGEST)).expect("usable");
        for (pattern, why) in [
            (nested(DEEPEST + 1), "braces go more than 8 deep"),
            ("{".repeat(20_000), "more than 4096 bytes"),
            ("a".repeat(LONGEST + 1), "more than 4096 bytes"),
        ] {
            let problem = check(pattern).expect_err(why);
            assert!(problem.message().contains(why), "{problem}");
            assert!(problem.message().len() < 300, "the pattern is not repeated whole");
        }
        let many = vec!["a".repeat(LONGEST); LARGEST_ALL / LONGEST + 1];
        let problem = IgnoreRules::check(&many).expect_err("too many");
        assert!(problem.message().contains("all patterns together"), "{problem}");
    }

    #[test]
    fn what_cannot_be_used_in_an_ignore_file_leaves_nothing_out_and_is_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(".cairnignore");
        let text = [
            b"*.log\n".to_vec(),
            "{".repeat(20_000).into_bytes(),
            b"\n\xff{a\ncache/\n".to_vec(),
        ]
        .concat();
        std::fs::write(&path, text).expect("written");
        let rules = IgnoreRules::new(dir.path(), &[], true).expect("usable");
        assert_eq!(rules.patterns(), ["*.log", "cache/"]);
        assert_eq!(rules.unusable().len(), 2, "{:?}", rules.unusable());
        assert!(rules.matches(Path::new("a.log"), false) && !rules.matches(Path::new("a"), false));
        std::fs::write(&path, "a\n".repeat(20_000)).expect("written");
        let rules = IgnoreRules::new(dir.path(), &[], true).expect("usable");
        assert!(rules.is_empty() && rules.unusable()[0].contains("more than 32768 bytes"));
    }
}
