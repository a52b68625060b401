//! Every foreign crate is chosen once, for a reason that is written down.
//!
//! The versions stand in the root `Cargo.toml`; the reasons in the table of `ARCHITECTURE.md` under "Dependencies",
//! whose first column names crates as `` `name` ``. Both lists hold the same names.

use super::finding::Finding;
use super::manifest::{self, Manifest};
use super::project::Project;

const PAGE: &str = "ARCHITECTURE.md";
const WHY: &str = "a dependency is code that the house answers for; who adds one says what it replaces";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let mut found: Vec<Finding> = manifest::all(project).iter().flat_map(own_choices).collect();
    let chosen = manifest::foreign_dependencies(project);
    let argued = project
        .file(PAGE)
        .map(|page| argued(&page.text))
        .unwrap_or_default();
    let names: Vec<&str> = argued.iter().map(|(_, name)| *name).collect();
    let unargued = chosen.iter().filter(|name| !names.contains(&name.as_str()));
    found.extend(unargued.map(|name| without_reason(project, name)));
    let gone = argued
        .iter()
        .filter(|(_, name)| !chosen.iter().any(|chosen| chosen == name));
    found.extend(gone.map(|(line, name)| reason_without_crate(*line, name)));
    found
}

/// Line and name of each crate in the first column of the table.
fn argued(page: &str) -> Vec<(usize, &str)> {
    let numbered = page.lines().enumerate().map(|(index, line)| (index + 1, line));
    let section = numbered
        .skip_while(|(_, line)| *line != "## Dependencies")
        .skip(1);
    let rows = section
        .take_while(|(_, line)| !line.starts_with("## "))
        .filter(|(_, line)| line.starts_with("| `"));
    rows.flat_map(|(number, line)| {
        let column = line.trim_start_matches('|').split('|').next().unwrap_or_default();
        column
            .split('`')
            .skip(1)
            .step_by(2)
            .map(move |name| (number, name))
    })
    .collect()
}

fn own_choices(manifest: &Manifest<'_>) -> Vec<Finding> {
    let dependencies = manifest.dependencies();
    let own = dependencies
        .iter()
        .filter(|dependency| !dependency.from_workspace);
    let mut found: Vec<Finding> = own
        .map(|dependency| Finding {
            path: manifest.file.path.clone(),
            line: manifest.line_of(dependency.name),
            what: format!(
                "`{}` is chosen here and not in the root Cargo.toml",
                dependency.name
            ),
            why: "one version of each crate serves the whole house",
            remedy: format!(
                "write `{0}.workspace = true` here and the version into [workspace.dependencies]",
                dependency.name
            ),
        })
        .collect();
    if !manifest.inherits_lints() {
        found.push(Finding {
            path: manifest.file.path.clone(),
            line: 1,
            what: "the lints of the workspace do not hold here".to_owned(),
            why: "no room has laxer rules than another",
            remedy: "add `[lints]` with `workspace = true`".to_owned(),
        });
    }
    found
}

fn without_reason(project: &Project, name: &str) -> Finding {
    Finding {
        path: "Cargo.toml".to_owned(),
        line: project
            .file("Cargo.toml")
            .map_or(1, |file| manifest::line_of(&file.text, name)),
        what: format!("the dependency `{name}` has no reason in {PAGE}"),
        why: WHY,
        remedy: format!(
            "add a row | `{name}` | what it is for and what it replaces | to {PAGE} under \"Dependencies\""
        ),
    }
}

fn reason_without_crate(line: usize, name: &str) -> Finding {
    Finding {
        path: PAGE.to_owned(),
        line,
        what: format!("`{name}` is argued for, but is no dependency of the workspace"),
        why: "a page that is not true is not read",
        remedy: format!("remove `{name}` from the table, or add it to [workspace.dependencies]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str =
        "[workspace.dependencies]\nmodel = { path = \"crates/model\" }\nhex = \"1\"\nzip = \"1\"\n";

    fn found(page: &str, crate_manifest: &str) -> Vec<Finding> {
        let files = [
            ("Cargo.toml", ROOT),
            ("ARCHITECTURE.md", page),
            ("crates/a/Cargo.toml", crate_manifest),
        ];
        check(&Project::sample(&files))
    }

    const FINE: &str = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n";

    #[test]
    fn a_row_may_name_several_crates() {
        assert!(
            found(
                "## Dependencies\n| crate | for |\n|---|---|\n| `hex`, `zip` | texts |\n",
                FINE
            )
            .is_empty()
        );
    }

    #[test]
    fn a_crate_without_a_reason_and_a_reason_without_a_crate_are_found() {
        let found = found(
            "## Dependencies\n| `hex` | text |\n| `syn` | code |\n## Next\n| `zip` | x |",
            FINE,
        );
        assert_eq!(
            found.iter().map(|finding| finding.line).collect::<Vec<_>>(),
            [4, 3]
        );
    }

    #[test]
    fn a_version_of_its_own_and_missing_lints_are_found() {
        let page = "## Dependencies\n| `hex`, `zip` | texts |\n";
        let found = found(page, "[package]\nname = \"a\"\n[dependencies]\nhex = \"0.4\"\n");
        assert_eq!(found.len(), 2);
        assert!(found[0].remedy.contains("hex.workspace = true"));
    }
}
