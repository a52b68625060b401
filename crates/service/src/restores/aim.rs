//! Where what somebody asked for meets the tree of the backup, and the parts of the target: the one place for it, for every kind and door.
//!
//! Nouns: an *aim* is the tree as the target sees it, and what is wanted in the target's words.
//! Rules: a part or path that the backup does not hold is an error that names what may have been meant, and never an empty plan. In a folder
//! that the backup is unpacked into, a part is a path. A backup of another source, or one that was taken in from
//! outside, has its parts by their names there; where one part goes
//! into a source that has one part, it is that one, whatever the two are called.

mod seen_as;

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use model::{Kind, MANIFEST_FILE, Manifest, Mode, Problem, Reason, Result, nearest};
use seen_as::SeenAs;
use sources::{Context, Recorded, Source, Tree, Wanted};

use crate::Service;
use crate::backups::Watched;
use crate::orders::Target;

/// A manifest is not larger.
const LARGEST_MANIFEST: u64 = 64 << 20;
/// So many names are listed where none is near.
const LISTED: usize = 8;

pub(super) struct Aim {
    pub(super) tree: Box<dyn Tree>,
    pub(super) wanted: Wanted,
    /// With what was recorded in the backup, in the target's words as well.
    pub(super) cx: Context,
}

/// What is wanted, found in the backup and in the target.
fn aim(target: &Target, source: &dyn Source, tree: Watched, wanted: &Wanted, cx: Context) -> Result<Aim> {
    let recorded = match tree.recorded() {
        // What deletes nothing need not know what the backup was made without.
        Err(problem) if problem.kind() == Kind::Damaged && wanted.mode == Mode::Merge => Recorded::default(),
        Err(problem) if problem.kind() == Kind::Damaged => {
            return Err(problem.context("nobody knows what this backup was made without").hint(
                "with --mode merge, which deletes nothing, everything of it that is whole can be restored",
            ));
        }
        other => other?,
    };
    let mut wanted = Wanted {
        paths: insides(&wanted.paths)?,
        ..wanted.clone()
    };
    let held = parts_of(&tree)?;
    check_parts(&wanted.parts, &held)?;
    check_paths(&wanted, &tree, &held)?;
    let tree: Box<dyn Tree> = Box::new(tree);
    match target {
        Target::Dir(_) => {
            let parts = std::mem::take(&mut wanted.parts);
            if wanted.paths.is_empty() {
                wanted.paths = parts.iter().map(PathBuf::from).collect();
            }
            Ok(Aim::of(tree, wanted, recorded, cx))
        }
        Target::Source(id) => match manifest_of(&*tree) {
            Some(manifest) if is_from_elsewhere(&manifest, id) => {
                into_another(source, Aim::of(tree, wanted, recorded, cx), &held)
            }
            _ => Ok(Aim::of(tree, wanted, recorded, cx)),
        },
    }
}

/// Of another source, or taken in from outside: then its parts may have other names than those of the target.
fn is_from_elsewhere(manifest: &Manifest, target: &str) -> bool {
    manifest.source.id.to_string() != target || manifest.reason == Reason::Imported
}

impl Aim {
    fn of(tree: Box<dyn Tree>, wanted: Wanted, recorded: Recorded, cx: Context) -> Self {
        let recorded = recorded.into();
        Aim {
            tree,
            wanted,
            cx: Context { recorded, ..cx },
        }
    }

    /// With the backup's one part under the name that it has in the target.
    fn renamed(self, own: &str, name: &str) -> Self {
        let recorded = Recorded {
            lacks: self.cx.recorded.lacks.with_part_renamed(own, name),
            facts: self.cx.recorded.facts.clone(),
        };
        let seen = SeenAs::new(self.tree, own, name);
        let wanted = Wanted {
            parts: self.wanted.parts.iter().map(|_| name.to_owned()).collect(),
            paths: self.wanted.paths.iter().map(|path| seen.seen(path)).collect(),
            ..self.wanted
        };
        Aim::of(Box::new(seen), wanted, recorded, self.cx)
    }
}

fn into_another(source: &dyn Source, aim: Aim, held: &[String]) -> Result<Aim> {
    let there = source.inspect(&aim.cx)?.parts;
    let meant = meant_parts(&aim.wanted, held);
    if let ([one], [other]) = (meant.as_slice(), there.as_slice()) {
        return Ok(aim.renamed(one, &other.name));
    }
    let is_there = |name: &String| there.iter().any(|part| part.name == *name);
    if meant.iter().any(is_there) {
        return Ok(aim);
    }
    let names: Vec<&str> = there.iter().map(|part| part.name.as_str()).collect();
    let message = format!(
        "the backup holds {}, and the source has {}: no part fits another by its name",
        meant.join(", "),
        names.join(", ")
    );
    Err(Problem::invalid(message)
        .hint("choose one part with --part where the source has one, or unpack into a folder with --to DIR"))
}

/// The parts that are chosen, by their own names or by what is wanted of them.
fn meant_parts(wanted: &Wanted, held: &[String]) -> Vec<String> {
    if !wanted.parts.is_empty() {
        return wanted.parts.clone();
    }
    let first = |path: &PathBuf| Some(path.iter().next()?.to_string_lossy().into_owned());
    let mut named: Vec<String> = wanted.paths.iter().filter_map(first).collect();
    named.dedup();
    if named.is_empty() { held.to_vec() } else { named }
}

/// As people write paths: with or without `/` or `./` in front. The root is everything.
pub(super) fn insides(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let paths = paths
        .iter()
        .map(|path| inside(path))
        .collect::<Result<Vec<_>>>()?;
    let is_everything = paths.iter().any(|path| path.as_os_str().is_empty());
    Ok(if is_everything { Vec::new() } else { paths })
}

fn inside(path: &Path) -> Result<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                let message = format!("“{}” is not a path inside a backup", path.display());
                return Err(Problem::invalid(message).hint("write it as `cairn ls` does, without `..`"));
            }
            _ => {}
        }
    }
    Ok(clean)
}

/// What lies at the root of a backup, its manifest excepted.
fn parts_of(tree: &dyn Tree) -> Result<Vec<String>> {
    let entries = tree.list(Path::new(""))?;
    let names = entries
        .iter()
        .map(|entry| entry.path.to_string_lossy().into_owned());
    Ok(names.filter(|name| name != MANIFEST_FILE).collect())
}

fn check_parts(wanted: &[String], held: &[String]) -> Result<()> {
    match wanted.iter().find(|part| !held.contains(part)) {
        None => Ok(()),
        Some(part) => {
            let names = || held.iter().map(String::as_str);
            let near = nearest(part, names()).map(|near| format!("did you mean “{near}”? "));
            let listed = names().take(LISTED).collect::<Vec<_>>().join(", ");
            Err(Problem::not_found(format!("the backup holds no part “{part}”"))
                .hint(format!("{}its parts are: {listed}", near.unwrap_or_default())))
        }
    }
}

fn check_paths(wanted: &Wanted, tree: &dyn Tree, held: &[String]) -> Result<()> {
    for path in &wanted.paths {
        if tree.stat(path)?.is_none() {
            return Err(not_in(path, tree, held)?);
        }
        let is_in = |part: &String| path.starts_with(part);
        if !wanted.parts.is_empty() && !wanted.parts.iter().any(is_in) {
            let message = format!(
                "“{}” lies in none of the chosen parts: {}",
                path.display(),
                wanted.parts.join(", ")
            );
            return Err(Problem::invalid(message).hint("leave --part out, or name its part as well"));
        }
    }
    Ok(())
}

/// With what may have been meant: the same below a part, or what lies in the deepest folder that there is.
fn not_in(path: &Path, tree: &dyn Tree, held: &[String]) -> Result<Problem> {
    let problem = Problem::not_found(format!("“{}” is not in this backup", path.display()));
    for part in held {
        let below = Path::new(part).join(path);
        if tree.stat(&below)?.is_some() {
            return Ok(problem.hint(format!("did you mean “{}”?", below.display())));
        }
    }
    let mut folder = PathBuf::new();
    for name in path {
        let next = folder.join(name);
        let found = tree.stat(&next)?;
        if found.is_some_and(|found| found.meta.is_dir()) {
            folder = next;
            continue;
        }
        let inside = tree.list(&folder)?;
        let names: Vec<String> = inside
            .iter()
            .filter_map(|entry| Some(entry.path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        if let Some(near) = nearest(&name.to_string_lossy(), names.iter().map(String::as_str)) {
            let near = folder.join(near);
            return Ok(problem.hint(format!("did you mean “{}”?", near.display())));
        }
        let listed = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
        let place = if folder.as_os_str().is_empty() {
            "at its root".to_owned()
        } else {
            format!("in “{}”", folder.display())
        };
        return Ok(problem.hint(format!(
            "{place} there are: {listed}; `cairn ls` lists everything"
        )));
    }
    Ok(problem.hint("`cairn ls` lists what is"))
}

fn manifest_of(tree: &dyn Tree) -> Option<Manifest> {
    let path = Path::new(MANIFEST_FILE);
    tree.stat(path).ok()?.filter(|entry| entry.meta.is_file())?;
    let mut bytes = Vec::new();
    let opened = tree.open(path).ok()?;
    opened.take(LARGEST_MANIFEST).read_to_end(&mut bytes).ok()?;
    Manifest::decode(&bytes).ok()
}

/// Only a thing of its own kind can be made like a backup.
pub(super) fn check_kind(backup: &str, target: &str, name: &str) -> Result<()> {
    if backup == target {
        return Ok(());
    }
    let message = format!("the backup is of the kind {backup}, and “{name}” is of the kind {target}");
    Err(Problem::invalid(message)
        .hint("restore it into a source of its own kind, or unpack it into a folder with --to DIR"))
}

impl Service {
    /// The chosen parts, as the target calls them.
    pub(super) async fn parts_there(
        &self,
        target: &Target,
        snapshot: &str,
        wanted: &Wanted,
    ) -> Result<Vec<String>> {
        if wanted.parts.is_empty() {
            return Ok(Vec::new());
        }
        let parts = |_: &dyn Source, aim: Aim| Ok(aim.wanted.parts);
        self.aimed(target, snapshot, wanted, Context::default(), parts)
            .await
    }

    /// Work on a target and the tree of a snapshot, as the target sees it.
    pub(super) async fn aimed<T: Send + 'static>(
        &self,
        target: &Target,
        snapshot: &str,
        wanted: &Wanted,
        cx: Context,
        work: impl FnOnce(&dyn Source, Aim) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let source = self.open_target(target).await?;
        let (target, wanted) = (target.clone(), wanted.clone());
        self.with_tree(snapshot, move |tree| {
            let aim = aim(&target, &*source, tree, &wanted, cx)?;
            work(&*source, aim)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_into_a_source_of_another_kind_is_refused() {
        assert!(check_kind("folder", "folder", "world").is_ok());
        let refused = check_kind("sqlite", "folder", "world").expect_err("refused");
        assert!(refused.message().contains("sqlite") && refused.hint_text().is_some());
    }

    #[test]
    fn a_path_may_begin_as_people_write_it_and_may_not_lead_out() {
        for written in ["/world/a", "./world/a", "world//a/"] {
            assert_eq!(inside(Path::new(written)).ok(), Some(PathBuf::from("world/a")));
        }
        assert!(inside(Path::new("world/../a")).is_err());
    }
}
