//! A file is named after what is in it.

use super::finding::Finding;
use super::project::Project;

const SAY_NOTHING: [&str; 9] = [
    "util", "utils", "helper", "helpers", "common", "misc", "types", "manager", "managers",
];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let code = project
        .files
        .iter()
        .filter(|file| file.is_rust() || file.ends_in("js"));
    let named = code.filter_map(|file| Some((file, empty_name(&file.path)?)));
    named
        .map(|(file, name)| Finding {
            path: file.path.clone(),
            line: 1,
            what: format!("the name `{name}` does not say what is in here"),
            why: "such a file has no reason ever to stop growing, and nobody finds anything in it",
            remedy: "name it after the one noun or verb that it holds; where there are several, make a file for each"
                .to_owned(),
        })
        .collect()
}

/// The first folder or file whose name, or last word of a name, says nothing.
fn empty_name(path: &str) -> Option<&str> {
    let names = path.split('/').map(|name| name.split('.').next().unwrap_or(name));
    names
        .into_iter()
        .find(|name| SAY_NOTHING.contains(&name.rsplit(['_', '-']).next().unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_folder_that_say_nothing_are_found_and_pages_are_not() {
        let paths = [
            "a/src/utils.rs",
            "a/src/common/lock.rs",
            "a/src/lock_manager.rs",
            "a/src/lock.rs",
            "docs/types.md",
        ];
        let files: Vec<(&str, &str)> = paths.map(|path| (path, "//! Head.")).to_vec();
        let found: Vec<String> = check(&Project::sample(&files))
            .into_iter()
            .map(|finding| finding.path)
            .collect();
        assert_eq!(found, paths[..3]);
    }
}
