//! The arrows inside a crate: between the wings of `service`, and between the interfaces of `cairn`.
//!
//! [`WINGS`] is the drawing in `ARCHITECTURE.md` as data. A wing is a folder of a crate's `src` with a head file of the same name. It uses
//! wings that its row names, by path (`crate::jobs::…`) or by a method of `Service` that another wing defines. Files beside the wings are the
//! roof: they know every wing and every wing knows them, so they hold types and hand things on, and nothing else. An arrow that is not in
//! the table is forbidden, and the table has no circle.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Delimiter;

use super::finding::Finding;
use super::project::Project;
use super::tokens::Token;

const PAGE: &str = "ARCHITECTURE.md, \"The wings\"";
const WHY: &str = "a wing that knows those above it cannot be understood, tested or replaced without them";

struct Wing {
    within: &'static str,
    name: &'static str,
    may_use: &'static [&'static str],
}

/// Of `service`, from the ground up: each may use all before it.
const SERVICE: [&str; 12] = [
    "instance",
    "orders",
    "repositories",
    "access",
    "jobs",
    "notices",
    "people",
    "sources",
    "backups",
    "restores",
    "care",
    "app_backups",
];

/// Of `cairn`: the interfaces do not know each other.
const CAIRN: [(&str, &[&str]); 6] = [
    ("configuration", &[]),
    ("http", &[]),
    ("api", &["http"]),
    ("panel", &["http"]),
    ("app_backups", &["http"]),
    ("web", &["http"]),
];
/// Starts all others.
const CLI: &[&str] = &["configuration", "http", "api"];

fn wings() -> Vec<Wing> {
    let mut wings: Vec<Wing> = SERVICE
        .iter()
        .enumerate()
        .map(|(at, name)| Wing {
            within: "crates/service/src/",
            name,
            may_use: &SERVICE[..at],
        })
        .collect();
    let cairn = CAIRN.iter().chain([&("cli", CLI)]);
    wings.extend(cairn.map(|(name, may_use)| Wing {
        within: "crates/cairn/src/",
        name,
        may_use,
    }));
    wings
}

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let wings = wings();
    let mut found = Vec::new();
    for within in ["crates/service/src/", "crates/cairn/src/"] {
        let rows: Vec<&Wing> = wings.iter().filter(|wing| wing.within == within).collect();
        found.extend(unknown_folders(project, within, &rows));
        let methods = methods(project, within, &rows);
        for (file, tokens) in project.rust() {
            let Some(wing) = wing_of(&file.path, &rows) else {
                continue;
            };
            let arrows = paths(tokens, &rows).chain(calls(tokens, &methods));
            for (line, other, by) in arrows {
                if other != wing.name && !wing.may_use.contains(&other.as_str()) {
                    found.push(forbidden(&file.path, line, wing, &other, &by));
                }
            }
        }
    }
    found
}

fn wing_of<'a>(path: &str, rows: &[&'a Wing]) -> Option<&'a Wing> {
    rows.iter().copied().find(|wing| {
        let rest = path
            .strip_prefix(wing.within)
            .and_then(|rest| rest.strip_prefix(wing.name));
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

/// `crate::wing`, outside tests: line, wing, and how it is reached.
fn paths<'a>(
    tokens: &'a [Token],
    rows: &'a [&'a Wing],
) -> impl Iterator<Item = (usize, String, String)> + 'a {
    tokens.windows(4).filter_map(move |here| {
        let [root, one, two, name] = here else { return None };
        let is_path = root.is_word("crate") && one.is_sign(':') && two.is_sign(':') && !root.in_test;
        let name = name.word().filter(|_| is_path)?;
        let known = rows.iter().any(|wing| wing.name == name);
        known.then(|| (root.line, name.to_owned(), format!("crate::{name}")))
    })
}

/// The methods of `Service`, and the wings that define one of this name; nothing for those of the roof.
fn methods(project: &Project, within: &str, rows: &[&Wing]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, tokens) in project.rust().filter(|(file, _)| file.path.starts_with(within)) {
        let wing = wing_of(&file.path, rows).map_or("", |wing| wing.name);
        for (begin, end) in impls_of_service(tokens) {
            let names = tokens[begin..end].windows(2).filter_map(|pair| {
                let name = pair[1].word().filter(|_| pair[0].is_word("fn"))?;
                Some(name.to_owned())
            });
            for name in names {
                found.entry(name).or_default().insert(wing.to_owned());
            }
        }
    }
    found
}

/// The insides of `impl Service { … }`, outside tests.
fn impls_of_service(tokens: &[Token]) -> impl Iterator<Item = (usize, usize)> + '_ {
    (2..tokens.len()).filter_map(|at| {
        let is_impl = tokens[at - 2].is_word("impl") && tokens[at - 1].is_word("Service");
        let end = tokens[at].opens(Delimiter::Brace)?;
        (is_impl && !tokens[at].in_test).then_some((at, end))
    })
}

/// Calls of a method of `Service` that only other wings define: line, wing, and the method.
fn calls(tokens: &[Token], methods: &BTreeMap<String, BTreeSet<String>>) -> Vec<(usize, String, String)> {
    let own: Vec<(usize, usize)> = impls_of_service(tokens).collect();
    let mut found = Vec::new();
    for at in 2..tokens.len().saturating_sub(1) {
        let [who, dot, name, open] = [&tokens[at - 2], &tokens[at - 1], &tokens[at], &tokens[at + 1]];
        let is_self = who.is_word("self") && own.iter().any(|(begin, end)| (*begin..*end).contains(&at));
        let is_service = is_self || who.is_word("service") || who.is_word("house");
        let is_call = dot.is_sign('.') && open.opens(Delimiter::Parenthesis).is_some() && !name.in_test;
        let Some(wings) = name
            .word()
            .filter(|_| is_service && is_call)
            .and_then(|name| methods.get(name))
        else {
            continue;
        };
        // Of several with one name nobody knows here which is meant.
        if let [wing] = wings.iter().collect::<Vec<_>>()[..]
            && !wing.is_empty()
        {
            let by = format!("`{}`", name.word().unwrap_or_default());
            found.push((name.line, wing.clone(), by));
        }
    }
    found
}

fn forbidden(path: &str, line: usize, wing: &Wing, other: &str, by: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        line,
        what: format!(
            "the arrow {} → {other} ({by}) is not in the drawing of the wings",
            wing.name
        ),
        why: WHY,
        remedy: format!(
            "move what both need into a wing below them, or hand it on through a file of the roof ({PAGE}; the table is in \
             xtask/src/tidy/wings.rs)"
        ),
    }
}

/// A folder that is no wing.
fn unknown_folders(project: &Project, within: &str, rows: &[&Wing]) -> Vec<Finding> {
    let folders: BTreeSet<&str> = project
        .files
        .iter()
        .filter_map(|file| file.path.strip_prefix(within)?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let unknown = folders
        .into_iter()
        .filter(|folder| !rows.iter().any(|wing| wing.name == *folder));
    unknown
        .map(|folder| Finding {
            path: format!("{within}{folder}"),
            line: 1,
            what: format!("the folder {folder} is no wing in the drawing"),
            why: "a room that is on no plan is not kept in order",
            remedy: format!("draw it ({PAGE}) and give it a row in xtask/src/tidy/wings.rs"),
        })
        .collect()
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

    const JOBS: &str = "crates/service/src/jobs/queue.rs";
    const BACKUPS: &str = "crates/service/src/backups/create.rs";

    #[test]
    fn a_path_to_a_higher_wing_is_found_and_one_to_a_lower_is_not() {
        let files = [
            (JOBS, "use crate::backups::Making;"),
            (BACKUPS, "use crate::jobs::Order;"),
        ];
        assert_eq!(found(&files), [(JOBS.to_owned(), 1)]);
    }

    #[test]
    fn a_method_of_a_higher_wing_is_found_by_who_defines_it() {
        let made = "impl Service { pub(crate) fn make(&self) {} }";
        let calls = "impl Service { fn go(&self) { self.make() } }\nfn f(house: &Service) {\n house.make() }";
        let others = "impl Reserve { fn go(&self) { self.make() } }";
        let files = [
            (BACKUPS, made),
            (JOBS, calls),
            ("crates/service/src/jobs/view.rs", others),
        ];
        assert_eq!(found(&files), [(JOBS.to_owned(), 1), (JOBS.to_owned(), 3)]);
        let roof = (
            "crates/service/src/registry.rs",
            "fn f(house: &Service) { house.make() }",
        );
        assert!(found(&[(BACKUPS, made), roof]).is_empty());
    }

    #[test]
    fn interfaces_do_not_know_each_other() {
        let files = [("crates/cairn/src/api/jobs.rs", "use crate::panel::X;")];
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn a_folder_that_is_no_wing_is_found() {
        let files = [("crates/service/src/misc/a.rs", "")];
        assert_eq!(found(&files), [("crates/service/src/misc".to_owned(), 1)]);
    }
}
