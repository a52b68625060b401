//! Every Rust file opens with what lives in it: its nouns, its rules, its invariants.

use super::finding::Finding;
use super::project::Project;
use crate::files::File;

/// Fewer letters than this cannot say anything.
const SHORTEST: usize = 20;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let rust = project.files.iter().filter(|file| file.is_rust());
    rust.filter(|file| head(file).len() < SHORTEST)
        .map(|file| Finding {
            path: file.path.clone(),
            line: 1,
            what: "the file does not begin with a head comment".to_owned(),
            why: "a reader must learn what a module is for, and what always holds in it, before reading its code",
            remedy: "begin the file with `//!` lines: what lives here, its nouns, its rules and its invariants".to_owned(),
        })
        .collect()
}

fn head(file: &File) -> String {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("//!"));
    lines
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_missed_when_it_is_absent_late_or_empty() {
        let files = [
            ("a.rs", "//! Keeps the locks of a repository.\nfn a() {}"),
            ("b.rs", "fn a() {}"),
            ("c.rs", "use std::fs;\n//! Keeps the locks of a repository."),
            ("d.rs", "//! Locks."),
        ];
        let found: Vec<String> = check(&Project::sample(&files))
            .into_iter()
            .map(|finding| finding.path)
            .collect();
        assert_eq!(found, ["b.rs", "c.rs", "d.rs"]);
    }
}
