//! Where a restore goes.
//!
//! A target is a source or a directory. Its text form stands in plans and in the names of hidden sources; it is written and read here alone.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sources::Directory;

/// In the text form it stands before the path of a directory. No id of a source begins like this.
const DIR: &str = "dir:";

/// Where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A source, by id.
    Source(String),
    /// A folder, into which the backup is unpacked.
    Dir(PathBuf),
}

impl Target {
    /// As plans name it.
    pub(crate) fn text(&self) -> String {
        match self {
            Target::Source(id) => id.clone(),
            Target::Dir(dir) => format!("{DIR}{}", dir.display()),
        }
    }

    pub(crate) fn of_text(text: &str) -> Target {
        match text.strip_prefix(DIR) {
            Some(dir) => Target::Dir(PathBuf::from(dir)),
            None => Target::Source(text.to_owned()),
        }
    }

    /// Is it the name of the hidden source that stands for a directory?
    pub(crate) fn is_name_of_dir(name: &str) -> bool {
        name.starts_with(DIR)
    }

    pub(crate) fn directory(&self) -> Option<Directory> {
        match self {
            Target::Source(_) => None,
            Target::Dir(dir) => Some(Directory(dir.clone())),
        }
    }
}
