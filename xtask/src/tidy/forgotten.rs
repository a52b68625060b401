//! No file is forgotten: each Rust file is reached by `mod` from the root of a target.
//!
//! A test file without its `mod` compiles nowhere and tests nothing, silently. Each crate has one binary of integration
//! tests, `tests/all/main.rs`; a second one would be linked anew for every change.

use std::collections::BTreeSet;

use proc_macro2::Delimiter;

use super::finding::Finding;
use super::project::Project;
use super::tokens::Token;
use crate::files::File;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let roots = project.files.iter().filter(|file| is_root(&file.path));
    for root in roots {
        follow(project, &root.path, &mut reached);
    }
    let rust = project.files.iter().filter(|file| file.is_rust());
    let mut found: Vec<Finding> = rust
        .filter(|file| !reached.contains(&file.path))
        .map(|file| forgotten(&file.path))
        .collect();
    found.extend(
        project
            .files
            .iter()
            .filter(|file| is_second_binary(file))
            .map(|file| second(&file.path)),
    );
    found
}

/// `src/lib.rs`, `src/main.rs`, `src/bin/…`, `examples/…`, `benches/…`, `tests/all/main.rs`, fuzz targets.
fn is_root(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else {
        return false;
    };
    let whole_folder = ["/src/bin", "/examples", "/benches", "/fuzz_targets"];
    let target = matches!(name, "lib.rs" | "main.rs") && (folder.ends_with("/src") || folder == "src");
    let build = name == "build.rs" && !folder.contains("/src");
    let program = whole_folder.iter().any(|part| {
        folder.ends_with(part)
            || (name == "main.rs" && folder.rsplit_once('/').is_some_and(|up| up.0.ends_with(part)))
    });
    target || build || program || path.ends_with("/tests/all/main.rs")
}

fn is_second_binary(file: &File) -> bool {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    file.is_rust() && folder.ends_with("/tests") && !folder.contains("/src/")
}

fn follow(project: &Project, path: &str, reached: &mut BTreeSet<String>) {
    let Some((file, tokens)) = project.rust().find(|(file, _)| file.path == path) else {
        return;
    };
    if !reached.insert(file.path.clone()) {
        return;
    }
    let folder = children_folder(path);
    for name in declared(tokens) {
        follow(project, &format!("{folder}/{name}.rs"), reached);
        follow(project, &format!("{folder}/{name}/mod.rs"), reached);
    }
    let beside = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for name in placed(tokens) {
        follow(project, &format!("{beside}/{name}"), reached);
    }
}

/// Where the children of a module lie.
fn children_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name == "mod.rs" || is_root(path) {
        folder.to_owned()
    } else {
        path.trim_end_matches(".rs").to_owned()
    }
}

/// The names in `mod name;`, with those of `mod outer { mod name; }` as `outer/name`.
fn declared(tokens: &[Token]) -> Vec<String> {
    let mut outer: Vec<(usize, &str)> = Vec::new();
    let mut found = Vec::new();
    for (place, window) in tokens.windows(3).enumerate() {
        outer.retain(|(end, _)| place < *end);
        let Some(name) = window[1].word().filter(|_| window[0].is_word("mod")) else {
            continue;
        };
        if window[2].is_sign(';') {
            let path: Vec<&str> = outer.iter().map(|(_, name)| *name).chain([name]).collect();
            found.push(path.join("/"));
        } else if let Some(end) = window[2].opens(Delimiter::Brace) {
            outer.push((end, name));
        }
    }
    found
}

/// The files in `#[path = "file"]`.
fn placed(tokens: &[Token]) -> impl Iterator<Item = &str> {
    let attributes = tokens.windows(4).filter(|window| {
        window[0].opens(Delimiter::Bracket).is_some() && window[1].is_word("path") && window[2].is_sign('=')
    });
    attributes.filter_map(|window| window[3].text())
}

fn forgotten(path: &str) -> Finding {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    Finding {
        path: path.to_owned(),
        line: 1,
        what: "no `mod` leads to this file: it is not compiled".to_owned(),
        why: "a test that is not compiled proves nothing, and code that is not compiled rots",
        remedy: format!(
            "add `mod {name};` to the file above it (for tests: tests/all/main.rs), or delete the file"
        ),
    }
}

fn second(path: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        line: 1,
        what: "a second binary of integration tests".to_owned(),
        why: "each binary links the whole product again; one per crate keeps the tests quick to build",
        remedy: "move the file into tests/all/ and add its `mod` to tests/all/main.rs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Project::sample(files))
            .into_iter()
            .map(|finding| finding.path)
            .collect()
    }

    #[test]
    fn a_test_file_that_main_does_not_include_is_found() {
        let files = [
            ("crates/a/tests/all/main.rs", "mod lock;\nmod prune;"),
            ("crates/a/tests/all/lock.rs", ""),
            ("crates/a/tests/all/prune.rs", "mod plan;"),
            ("crates/a/tests/all/prune/plan.rs", ""),
            ("crates/a/tests/all/forgotten.rs", ""),
        ];
        assert_eq!(found(&files), ["crates/a/tests/all/forgotten.rs"]);
    }

    #[test]
    fn modules_inside_modules_and_both_styles_of_folders_are_followed() {
        let files = [
            (
                "crates/a/src/lib.rs",
                "mod b; mod c { mod d; } #[path = \"b/g.rs\"] mod f;",
            ),
            ("crates/a/src/b/g.rs", ""),
            ("crates/a/src/b/mod.rs", "mod e;"),
            ("crates/a/src/b/e.rs", ""),
            ("crates/a/src/c/d.rs", ""),
            ("crates/a/examples/engine.rs", ""),
        ];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn a_second_test_binary_is_found() {
        let files = [("crates/a/tests/lock.rs", "")];
        assert_eq!(found(&files), ["crates/a/tests/lock.rs"; 2]);
    }
}
