//! A crate's `Cargo.toml`, as far as the rules ask for it.
//!
//! *Ours* are the crates of this workspace; everything else is foreign.

use toml::{Table, Value};

use super::project::Project;
use crate::files::File;

pub(crate) struct Manifest<'a> {
    pub(crate) file: &'a File,
    pub(crate) name: String,
    table: Table,
}

/// When a dependency is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Normal,
    Development,
    Build,
}

pub(crate) struct Dependency<'a> {
    pub(crate) section: Section,
    /// The name of the package, even when the crate is renamed.
    pub(crate) name: &'a str,
    pub(crate) from_workspace: bool,
}

impl Manifest<'_> {
    /// Every dependency, those for single platforms included.
    pub(crate) fn dependencies(&self) -> Vec<Dependency<'_>> {
        let mut found = sections(&self.table);
        for platform in self
            .table
            .get("target")
            .and_then(Value::as_table)
            .into_iter()
            .flat_map(Table::values)
        {
            found.extend(platform.as_table().map(sections).unwrap_or_default());
        }
        found
    }

    pub(crate) fn inherits_lints(&self) -> bool {
        self.table.get("lints").and_then(|lints| lints.get("workspace")) == Some(&Value::Boolean(true))
    }

    /// The first line that speaks of a dependency.
    pub(crate) fn line_of(&self, dependency: &str) -> usize {
        line_of(&self.file.text, dependency)
    }
}

/// The line of the key `name` in a TOML text; the first line when it stands nowhere.
pub(crate) fn line_of(text: &str, name: &str) -> usize {
    let starts = |line: &str| {
        line.trim_start()
            .trim_start_matches('"')
            .strip_prefix(name)
            .is_some_and(|rest| {
                !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-' || next == '_')
            })
    };
    text.lines().position(starts).map_or(1, |position| position + 1)
}

fn sections(table: &Table) -> Vec<Dependency<'_>> {
    let kinds = [
        ("dependencies", Section::Normal),
        ("dev-dependencies", Section::Development),
        ("build-dependencies", Section::Build),
    ];
    let of = |(key, section): (&str, Section)| {
        let rows = table.get(key).and_then(Value::as_table).into_iter().flatten();
        rows.map(move |(key, value)| Dependency {
            section,
            name: value.get("package").and_then(Value::as_str).unwrap_or(key),
            from_workspace: value.get("workspace") == Some(&Value::Boolean(true)),
        })
        .collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of).collect()
}

/// The manifests of our crates. One that is not TOML is cargo's to complain about.
pub(crate) fn all(project: &Project) -> Vec<Manifest<'_>> {
    let ours = project.files.iter().filter(|file| {
        file.path == "xtask/Cargo.toml"
            || (file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"))
    });
    ours.filter_map(|file| {
        let table: Table = file.text.parse().ok()?;
        let name = table.get("package")?.get("name")?.as_str()?.to_owned();
        Some(Manifest { file, name, table })
    })
    .collect()
}

/// The keys of `[workspace.dependencies]` that are not ours, in the order of the text.
pub(crate) fn foreign_dependencies(project: &Project) -> Vec<String> {
    let Some(table) = project
        .file("Cargo.toml")
        .and_then(|file| file.text.parse::<Table>().ok())
    else {
        return Vec::new();
    };
    let rows = table
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(Value::as_table);
    let foreign = rows
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none());
    foreign.map(|(name, _)| name.clone()).collect()
}
