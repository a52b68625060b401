//! Where a folder may lie: not at the root of everything, and neither in nor around Cairn's own places.
//!
//! A place is compared as it is written and as it really is: with links above it followed and `..` gone. The last name itself is
//! not followed; a link there is refused when it is read.

use std::path::{Component, Path, PathBuf};

use model::{Problem, Result};

/// The place as it is meant, checked.
pub(super) fn checked(path: &Path, forbidden: &[PathBuf]) -> Result<PathBuf> {
    let written = std::path::absolute(path)
        .map_err(|error| Problem::io(format!("cannot resolve {}", path.display()), error))?;
    let real = resolved(&written);
    let root = if written.components().any(|part| part == Component::ParentDir) {
        real.clone()
    } else {
        written
    };
    for place in [&root, &real, &followed(&real)] {
        check(place, forbidden)?;
    }
    Ok(root)
}

/// Links above the last name followed, `..` gone.
fn resolved(path: &Path) -> PathBuf {
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Component::Normal(name))) => followed(parent).join(name),
        _ => followed(path),
    }
}

/// All links followed, as far as the path exists.
fn followed(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let Some(parent) = path.parent() else {
        return path.to_path_buf();
    };
    match path.components().next_back() {
        Some(Component::ParentDir) => {
            let above = followed(parent);
            above.parent().map_or(above.clone(), Path::to_path_buf)
        }
        Some(Component::Normal(name)) => followed(parent).join(name),
        _ => followed(parent),
    }
}

fn check(root: &Path, forbidden: &[PathBuf]) -> Result<()> {
    if root.parent().is_none() {
        return Err(Problem::invalid("the whole file system cannot be a source")
            .hint("name the folders that matter, each as a path of its own"));
    }
    let collides = |place: &&PathBuf| {
        let real = followed(place);
        [place.as_path(), &real]
            .iter()
            .any(|place| place.starts_with(root) || root.starts_with(place))
    };
    match forbidden.iter().find(collides) {
        Some(place) => Err(Problem::invalid(format!(
            "{} and Cairn's own {} lie inside each other",
            root.display(),
            place.display()
        ))
        .hint("put the data directory elsewhere with --data, or leave it out by naming other folders")),
        None => Ok(()),
    }
}
