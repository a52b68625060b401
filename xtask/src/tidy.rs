//! The rules of the house that neither rustc nor clippy knows: `cargo xtask tidy`.
//!
//! A rule is a pure function from the [`Project`] (all text files, all Rust files as tokens) to [`Finding`]s. A finding
//! names a place, says what is wrong there, why that matters and what to do. One finding fails the run.
//!
//! A rule has no list of exceptions: what cannot keep it is either written otherwise, or the rule is wrong and is changed.

mod dependencies;
mod docs_index;
mod edges;
mod finding;
mod forgotten;
mod heads;
mod lengths;
mod manifest;
mod names;
mod panics;
mod project;
mod shortcuts;
mod sql;
mod tokens;
mod wings;
mod words;

use std::path::Path;

use finding::Finding;
use project::Project;

use crate::files;
use crate::run::Outcome;

type Rule = fn(&Project) -> Vec<Finding>;

const RULES: [Rule; 12] = [
    edges::check,
    wings::check,
    dependencies::check,
    lengths::check,
    names::check,
    heads::check,
    panics::check,
    shortcuts::check,
    sql::check,
    words::check,
    forgotten::check,
    docs_index::check,
];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let project = Project::new(files::read_all(root)?);
    let mut findings: Vec<Finding> = project.unreadable();
    findings.extend(RULES.iter().flat_map(|rule| rule(&project)));
    findings
        .retain(|finding| arguments.is_empty() || arguments.iter().any(|part| finding.path.contains(part)));
    findings.sort();
    for finding in &findings {
        println!("{finding}\n");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing to find fault with", project.files.len());
            Ok(())
        }
        1 => Err("tidy has found one thing; what to do is written above".to_owned()),
        count => Err(format!(
            "tidy has found {count} things; what to do is written above each"
        )),
    }
}
