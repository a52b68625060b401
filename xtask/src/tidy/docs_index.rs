//! Every page of the documentation is found from `docs/README.md`, and no link leads nowhere.

use super::finding::Finding;
use super::project::Project;
use crate::files::File;

const INDEX: &str = "docs/README.md";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let pages: Vec<&File> = project.files.iter().filter(|file| file.ends_in("md")).collect();
    let listed: Vec<String> = project
        .file(INDEX)
        .map(targets)
        .unwrap_or_default()
        .into_iter()
        .map(|(_, to)| to)
        .collect();
    let docs = pages
        .iter()
        .filter(|page| page.path.starts_with("docs/") && page.path != INDEX);
    let mut found: Vec<Finding> = docs
        .filter(|page| !listed.contains(&page.path))
        .map(|page| unlisted(&page.path))
        .collect();
    for page in pages {
        let dead = targets(page).into_iter().filter(|(_, to)| is_dead(project, to));
        found.extend(dead.map(|(line, to)| dead_link(&page.path, line, &to)));
    }
    found
}

/// Line and target of each link to a place inside the project, relative to the root.
fn targets(page: &File) -> Vec<(usize, String)> {
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (index, line) in page.text.lines().enumerate() {
        for part in line.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, resolve(folder, target)));
            }
        }
    }
    found
}

fn resolve(folder: &str, target: &str) -> String {
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

/// Neither a file that the rules see nor a folder of one.
fn is_dead(project: &Project, target: &str) -> bool {
    let seen = |file: &File| file.path == target || file.path.starts_with(&format!("{target}/"));
    let picture = [".png", ".jpg", ".gif", ".webp"]
        .iter()
        .any(|ending| target.ends_with(ending));
    !picture && !project.files.iter().any(seen)
}

fn unlisted(path: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        line: 1,
        what: format!("the page is not listed in {INDEX}"),
        why: "a page that nobody finds helps nobody",
        remedy: format!("add a line to {INDEX} with a link to it and the question that it answers"),
    }
}

fn dead_link(path: &str, line: usize, target: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        line,
        what: format!("the link to {target} leads nowhere"),
        why: "a reader who needs that page is in trouble already",
        remedy: "write the page, or mend or remove the link".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        check(&Project::sample(files))
            .into_iter()
            .map(|finding| (finding.path, finding.line))
            .collect()
    }

    #[test]
    fn a_page_that_the_index_does_not_link_is_found() {
        let files = [
            (INDEX, "- [locks](locking.md#who)"),
            ("docs/locking.md", ""),
            ("docs/format.md", ""),
        ];
        assert_eq!(found(&files), [("docs/format.md".to_owned(), 1)]);
    }

    #[test]
    fn a_dead_link_is_found_and_links_to_folders_and_the_web_are_not() {
        let text = "[a](docs/gone.md)\n[b](crates/model) [c](https://example.org/x.md) [d](#here)";
        let files = [("README.md", text), ("crates/model/Cargo.toml", "")];
        assert_eq!(found(&files), [("README.md".to_owned(), 1)]);
    }
}
