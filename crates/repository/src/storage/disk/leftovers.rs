//! Unfinished files that killed writers left in a repository's folder.
//!
//! Nouns: a *leftover* is a file whose name is that of a target with `-tmp-` and sixteen hexadecimal digits behind it, beside that target: only
//! this storage makes such names (stock restic's unfinished files end in decimal digits, at most ten of them).
//! Rules: nothing else is ever found here, no link and no folder whatever its name, no name in a folder where it does not belong. How old
//! one must be before it goes is the caller's affair: one that is young may be somebody's who is writing it now.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use model::{Problem, Result};

use super::{Class, Disk, folder, read_folder, stored, sub_folders};
use crate::Id;
use crate::storage::Leftover;

const BETWEEN: &str = "-tmp-";
const SALT_DIGITS: usize = 16;

/// The name of a file while it is being written.
pub(super) fn name(target: &str, salt: [u8; SALT_DIGITS / 2]) -> String {
    format!("{target}{BETWEEN}{}", hex::encode(salt))
}

/// Whose unfinished file is it? Nobody's, if the name is not one of ours.
fn target(name: &str) -> Option<&str> {
    let (target, salt) = name.split_once(BETWEEN)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (salt.len() == SALT_DIGITS && salt.bytes().all(is_digit)).then_some(target)
}

fn is_id(target: &str) -> bool {
    Id::parse(target).is_ok_and(|id| id.hex() == target)
}

impl Disk {
    pub(super) fn find_leftovers(&self) -> Result<Vec<Leftover>> {
        let mut found = Vec::new();
        self.look_for_leftovers(&self.root, &|target| target == "config", &mut found)?;
        for class in [
            Class::Key,
            Class::Snapshot,
            Class::Index,
            Class::Lock,
            Class::Damage,
        ] {
            self.look_for_leftovers(&self.root.join(folder(class)), &is_id, &mut found)?;
        }
        for dir in sub_folders(&self.root.join(folder(Class::Pack)))? {
            let begin = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let belongs = |target: &str| is_id(target) && target.starts_with(&begin);
            self.look_for_leftovers(&dir, &belongs, &mut found)?;
        }
        found.sort();
        Ok(found)
    }

    fn look_for_leftovers(
        &self,
        dir: &Path,
        belongs: &dyn Fn(&str) -> bool,
        found: &mut Vec<Leftover>,
    ) -> Result<()> {
        for entry in read_folder(dir)? {
            let name = entry.file_name();
            if !name.to_str().and_then(target).is_some_and(belongs) {
                continue;
            }
            // Of the entry itself: a link is not followed.
            let Ok(meta) = entry.metadata() else { continue };
            if !meta.is_file() {
                continue;
            }
            let about = stored(Id::default(), &meta);
            let path = entry.path();
            found.push(Leftover {
                place: path.strip_prefix(&self.root).unwrap_or(&path).to_path_buf(),
                size: about.size,
                modified_ms: about.modified_ms,
            });
        }
        Ok(())
    }

    pub(super) fn remove_leftover(&self, place: &Path) -> Result<()> {
        let path: PathBuf = self.root.join(place);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
        if !is_file {
            return Ok(());
        }
        match self.changes.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Problem::io(format!("cannot delete {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }
}
