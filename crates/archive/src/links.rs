//! Where symbolic links lead, found out without a file system.
//!
//! Rules: a link is followed component by component through the other links of the archive, as a kernel would do it;
//! `..` above the root, or an absolute target, is outside. A link that goes in circles, or through more links than a
//! kernel follows, leads nowhere and so not outside. The work for all links together is bounded.

use std::path::{Component, Path};

use model::{Cancel, FileKind, Result};

use super::index::Index;
use super::names::raw;
use super::refusal::{refuse, shown, too_large};

/// What Linux follows before it says ELOOP.
const HOPS: usize = 40;
/// Components looked at for the links of a whole archive.
const STEPS: u64 = 4_000_000;

/// Refuses the first link that leads outside.
pub(super) fn check(index: &Index, cancel: &Cancel) -> Result<()> {
    let mut steps = 0;
    for (path, target) in symlinks(index) {
        cancel.check()?;
        if leads_outside(index, path, target, &mut steps) {
            let why = format!("is a link to “{}”, outside the archive", shown(raw(target)));
            return Err(refuse(raw(path), why));
        }
        if steps > STEPS {
            return Err(too_large("its links lead through one another without end"));
        }
    }
    Ok(())
}

pub(super) fn symlinks(index: &Index) -> impl Iterator<Item = (&Path, &Path)> {
    index.iter().filter_map(|(path, meta)| match &meta.kind {
        FileKind::Symlink { target } => Some((path, target.as_path())),
        _ => None,
    })
}

fn leads_outside(index: &Index, link: &Path, target: &Path, steps: &mut u64) -> bool {
    let mut at = link.parent().unwrap_or(Path::new("")).to_path_buf();
    let mut todo = Vec::new();
    let mut hops = 0;
    queue(target, &mut todo);
    while let Some(component) = todo.pop() {
        *steps += 1;
        if *steps > STEPS {
            return false;
        }
        match component {
            Component::Prefix(_) | Component::RootDir => return true,
            Component::CurDir => {}
            Component::ParentDir => {
                if !at.pop() {
                    return true;
                }
            }
            Component::Normal(name) => at.push(name),
        }
        if let Some(next) = link_at(index, &at, component) {
            hops += 1;
            if hops > HOPS {
                return false;
            }
            at.pop();
            queue(next, &mut todo);
        }
    }
    false
}

fn queue<'a>(target: &'a Path, todo: &mut Vec<Component<'a>>) {
    todo.extend(target.components().rev());
}

fn link_at<'a>(index: &'a Index, at: &Path, component: Component<'_>) -> Option<&'a Path> {
    if !matches!(component, Component::Normal(_)) {
        return None;
    }
    match &index.get(at)?.kind {
        FileKind::Symlink { target } => Some(target),
        _ => None,
    }
}
