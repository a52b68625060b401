//! The arrows between the rooms of the house.
//!
//! [`ROOMS`] is the drawing in `ARCHITECTURE.md` as data: what a crate may depend on in the product, and what besides
//! in its tests. [`CONFINED`] says which foreign crates belong to certain rooms. Every arrow that is not in these
//! tables is forbidden.

use super::finding::Finding;
use super::manifest::{self, Dependency, Manifest, Section};
use super::project::Project;

const PAGE: &str = "ARCHITECTURE.md, \"The house\"";
const WHY: &str =
    "each room of the house can be understood, tested and replaced without the rooms that it must not know";

struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
}

const ROOMS: [Room; 11] = [
    Room {
        name: "model",
        may_use: &[],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "boundary",
        may_use: &["model"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "archive",
        may_use: &["model", "boundary"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "outbound",
        may_use: &["model"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "repository",
        may_use: &["model"],
        tests_may_use: &["sources", "testkit"],
    },
    Room {
        name: "sources",
        may_use: &["model", "boundary", "archive", "outbound"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "catalog",
        may_use: &["model"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "service",
        may_use: &["model", "archive", "outbound", "repository", "sources", "catalog"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "cairn",
        may_use: &["model", "service"],
        tests_may_use: &["testkit"],
    },
    Room {
        name: "testkit",
        may_use: &["model", "repository", "sources", "catalog"],
        tests_may_use: &["cairn"],
    },
    Room {
        name: "xtask",
        may_use: &[],
        tests_may_use: &[],
    },
];

/// Foreign crates that only some rooms may use in the product, and what they stand for.
const CONFINED: [(&str, &[&str], &str); 12] = [
    ("sqlx", &["catalog", "sources", "testkit"], "SQL"),
    ("rusqlite", &["sources", "testkit"], "foreign SQLite files"),
    ("object_store", &["repository"], "the storage"),
    ("axum", &["cairn", "testkit"], "HTTP"),
    ("reqwest", &["outbound", "repository"], "calls over HTTP"),
    ("lettre", &["outbound"], "mail"),
    ("zip", &["archive"], "archives"),
    ("tar", &["archive"], "archives"),
    ("askama", &["cairn"], "pages"),
    ("clap", &["cairn"], "the command line"),
    ("indicatif", &["cairn"], "the terminal"),
    (
        "tokio",
        &[
            "outbound",
            "repository",
            "sources",
            "catalog",
            "service",
            "cairn",
            "testkit",
        ],
        "waiting",
    ),
];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let manifests = manifest::all(project);
    let ours: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    manifests
        .iter()
        .flat_map(|manifest| check_one(manifest, &ours))
        .collect()
}

fn check_one(manifest: &Manifest<'_>, ours: &[&str]) -> Vec<Finding> {
    let Some(room) = ROOMS.iter().find(|room| room.name == manifest.name) else {
        return vec![unknown_room(manifest)];
    };
    let dependencies = manifest.dependencies();
    let arrows = dependencies
        .iter()
        .filter(|dependency| ours.contains(&dependency.name));
    let mut found: Vec<Finding> = arrows
        .filter_map(|arrow| forbidden_arrow(manifest, room, arrow))
        .collect();
    found.extend(
        dependencies
            .iter()
            .filter_map(|dependency| out_of_its_room(manifest, dependency)),
    );
    found
}

fn forbidden_arrow(manifest: &Manifest<'_>, room: &Room, arrow: &Dependency<'_>) -> Option<Finding> {
    let for_tests = arrow.section == Section::Development && room.tests_may_use.contains(&arrow.name);
    if room.may_use.contains(&arrow.name) || for_tests {
        return None;
    }
    let (from, to) = (room.name, arrow.name);
    let allowed = if room.may_use.is_empty() {
        "nothing of ours".to_owned()
    } else {
        room.may_use.join(", ")
    };
    Some(Finding {
        path: manifest.file.path.clone(),
        line: manifest.line_of(to),
        what: format!("the arrow {from} → {to} is not in the drawing of the house; {from} may use {allowed}"),
        why: WHY,
        remedy: format!(
            "remove `{to}` from {from}'s dependencies and let `service` join the two, or hand in what is needed as a \
             value of `model` ({PAGE})"
        ),
    })
}

fn out_of_its_room(manifest: &Manifest<'_>, dependency: &Dependency<'_>) -> Option<Finding> {
    let (name, rooms, what) = CONFINED.iter().find(|(name, ..)| *name == dependency.name)?;
    let at_home = rooms.contains(&manifest.name.as_str()) || dependency.section == Section::Development;
    (!at_home).then(|| Finding {
        path: manifest.file.path.clone(),
        line: manifest.line_of(name),
        what: format!(
            "`{name}` ({what}) belongs to {}, not to {}",
            rooms.join(", "),
            manifest.name
        ),
        why: WHY,
        remedy: format!("remove `{name}` and ask the room that owns {what} for what is needed ({PAGE})"),
    })
}

fn unknown_room(manifest: &Manifest<'_>) -> Finding {
    Finding {
        path: manifest.file.path.clone(),
        line: manifest.line_of("name"),
        what: format!("the crate `{}` is not in the drawing of the house", manifest.name),
        why: WHY,
        remedy: format!("draw it in {PAGE} and give it a row in `ROOMS` of xtask/src/tidy/edges.rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, dependencies: &str) -> Vec<Finding> {
        let path = format!("crates/{name}/Cargo.toml");
        let text = format!("[package]\nname = \"{name}\"\n{dependencies}");
        let other = |name| format!("[package]\nname = \"{name}\"");
        let mut files = vec![(path, text)];
        for other_name in ["model", "repository", "sources", "catalog", "service", "testkit"] {
            if other_name != name {
                files.push((format!("crates/{other_name}/Cargo.toml"), other(other_name)));
            }
        }
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        check(&Project::sample(&files))
    }

    #[test]
    fn the_drawn_arrows_pass() {
        assert!(
            found(
                "service",
                "[dependencies]\nmodel.workspace = true\ncatalog.workspace = true"
            )
            .is_empty()
        );
        assert!(found("repository", "[dev-dependencies]\nsources.workspace = true").is_empty());
    }

    #[test]
    fn a_door_that_reaches_past_the_service_is_found_with_its_line() {
        let found = found(
            "cairn",
            "[dependencies]\nmodel.workspace = true\ncatalog.workspace = true",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 5);
        assert!(found[0].what.contains("cairn → catalog"));
        assert!(found[0].remedy.contains("remove `catalog`"));
    }

    #[test]
    fn a_platform_section_and_a_new_name_hide_no_arrow() {
        let found = found(
            "sources",
            "[target.'cfg(unix)'.dependencies]\nstore = { path = \"..\", package = \"repository\" }",
        );
        assert!(found[0].what.contains("sources → repository"));
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert!(found("service", "[dev-dependencies]\ntestkit.workspace = true").is_empty());
        assert_eq!(
            found("service", "[dependencies]\ntestkit.workspace = true").len(),
            1
        );
    }

    #[test]
    fn sql_stays_in_its_room() {
        let found = found("service", "[dependencies]\nsqlx.workspace = true");
        assert!(found[0].what.contains("`sqlx` (SQL) belongs to catalog"));
    }

    #[test]
    fn a_new_crate_must_be_drawn() {
        assert!(
            found("kitchen", "")[0]
                .what
                .contains("`kitchen` is not in the drawing")
        );
    }
}
