//! Which folders of a foreign snapshot are the parts of a backup.
//!
//! Rules: whoever names them is right. Else they are the folders that were backed up, as the snapshot's `paths` say: the tree of
//! `/home/me/world` holds `home/me/world`, that of a relative path only `world`, that of `.` what lies in it. Only when all that the
//! snapshot holds is in them is that beyond doubt; else somebody has to say it.

use std::path::{Path, PathBuf};

use model::{Problem, Result};
use repository::{Piece, Snapshot, Tree};

/// A folder inside a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) piece: Piece,
    /// Where it was backed up from, when that is known.
    pub(super) origin: Option<PathBuf>,
}

/// What the folder that was backed up is called.
pub(super) fn plain_name(snapshot: &Snapshot) -> String {
    let last = snapshot.paths.first().map(PathBuf::from);
    last.as_deref().and_then(Path::file_name).map_or_else(
        || "snapshot".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

pub(super) fn choose(tree: &Tree, snapshot: &Snapshot, wanted: &[PathBuf]) -> Result<Vec<Chosen>> {
    let chosen = if wanted.is_empty() {
        by_itself(tree, snapshot)?
    } else {
        let one = |path: &PathBuf| named(tree, snapshot, path);
        wanted.iter().map(one).collect::<Result<Vec<_>>>()?
    };
    let mut names: Vec<&str> = chosen.iter().map(|one| one.piece.name.as_str()).collect();
    names.sort_unstable();
    if let Some([twice, _]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(
            Problem::invalid(format!("two of the folders are called “{twice}”"))
                .hint("adopt one at a time, each with --path and a --source of its own"),
        );
    }
    Ok(chosen)
}

fn named(tree: &Tree, snapshot: &Snapshot, path: &Path) -> Result<Chosen> {
    let inside = path.strip_prefix("/").unwrap_or(path);
    let name = match inside.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => plain_name(snapshot),
    };
    match tree.stat(inside)? {
        Some(entry) if entry.meta.is_dir() => {}
        Some(_) => {
            let message = format!("“{}” is no folder", path.display());
            return Err(Problem::invalid(message).hint("choose the folder that it is in"));
        }
        None => {
            let message = format!("“{}” is not in this snapshot", path.display());
            return Err(Problem::not_found(message).hint("`cairn ls` with the snapshot's id lists what is"));
        }
    }
    let origin = Path::new("/").join(inside);
    let is_absolute = snapshot
        .paths
        .iter()
        .any(|backed_up| origin.starts_with(backed_up) || Path::new(backed_up).starts_with(&origin));
    Ok(Chosen {
        piece: Piece {
            path: inside.to_path_buf(),
            name,
        },
        origin: is_absolute.then_some(origin),
    })
}

fn by_itself(tree: &Tree, snapshot: &Snapshot) -> Result<Vec<Chosen>> {
    let mut found = Vec::new();
    for path in &snapshot.paths {
        found.extend(suffix(tree, Path::new(path))?);
    }
    if found.len() == snapshot.paths.len() && !found.is_empty() && is_all(tree, Path::new(""), &found)? {
        return Ok(found);
    }
    // Backed up as `.`: the root is the folder itself.
    if let [only] = snapshot.paths.as_slice() {
        let origin = Path::new(only).is_absolute().then(|| PathBuf::from(only));
        let is_the_file = tree.list(Path::new(""))?.len() == 1 && found.is_empty() && !has_folder(tree)?;
        if !is_the_file {
            let piece = Piece {
                path: PathBuf::new(),
                name: plain_name(snapshot),
            };
            return Ok(vec![Chosen { piece, origin }]);
        }
    }
    let names: Vec<String> = tree
        .list(Path::new(""))?
        .iter()
        .map(|entry| entry.path.display().to_string())
        .collect();
    Err(
        Problem::invalid("the snapshot does not say which of its folders was backed up").hint(format!(
            "name it with --path; at its root there are: {}",
            names.join(", ")
        )),
    )
}

fn has_folder(tree: &Tree) -> Result<bool> {
    Ok(tree.list(Path::new(""))?.iter().any(|entry| entry.meta.is_dir()))
}

/// The path, or as much of its end as the tree begins with.
fn suffix(tree: &Tree, path: &Path) -> Result<Option<Chosen>> {
    let names: Vec<_> = path.iter().filter(|name| *name != "/").collect();
    for begin in 0..names.len() {
        let inside: PathBuf = names[begin..].iter().collect();
        if tree.stat(&inside)?.is_some_and(|entry| entry.meta.is_dir()) {
            let name = inside
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return Ok(Some(Chosen {
                piece: Piece { path: inside, name },
                origin: path.is_absolute().then(|| path.to_path_buf()),
            }));
        }
    }
    Ok(None)
}

/// Does everything below this folder lie in one of those that were found, or on the way there?
fn is_all(tree: &Tree, dir: &Path, found: &[Chosen]) -> Result<bool> {
    for entry in tree.list(dir)? {
        let is_found = found.iter().any(|one| entry.path == one.piece.path);
        let is_above = found.iter().any(|one| one.piece.path.starts_with(&entry.path));
        if !(is_found || is_above && is_all(tree, &entry.path, found)?) {
            return Ok(false);
        }
    }
    Ok(true)
}
