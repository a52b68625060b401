//! Reads and writes the living things: one folder per kind, each behind the trait [`Source`].
//!
//! Invariants: a source sees neither chunks nor keys nor jobs nor permissions. It is given a
//! [`Sink`] to fill, a [`Tree`] to read and a [`Journal`] to remember its steps in; the service joins
//! those to the repository and the catalog.

pub mod folder;
pub mod guard;
pub mod hooks;

/// The boundary, for whoever uses a source.
pub use boundary::{
    Captured, CapturedPart, Context, Entry, Hold, Inspection, Journal, Lacking, Materialize, Need, Obstacle,
    Outcome, PartInfo, ReadSeek, Recorded, Request, Sink, Skipped, Source, Step, Tree, Unwritten, Wanted,
};
pub use boundary::{Doubt, doubts, name_of};

use std::path::PathBuf;

use model::{Problem, Result};

/// The kinds that exist.
pub const KINDS: [&str; 1] = ["folder"];

/// Opens a source of a kind from its settings. `forbidden` are Cairn's own places.
pub fn open(kind: &str, settings: &serde_json::Value, forbidden: &[PathBuf]) -> Result<Box<dyn Source>> {
    match kind {
        "folder" => Ok(Box::new(folder::Folder::new(
            folder::FolderSettings::from_json(settings)?,
            forbidden,
        )?)),
        _ => Err(Problem::invalid(format!("“{kind}” is not a kind of source"))
            .hint(format!("the kinds are: {}", KINDS.join(", ")))),
    }
}
