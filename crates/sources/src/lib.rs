//! Reads and writes the living things: one folder per kind, each behind the trait [`Source`].
//!
//! Invariants: a source sees neither chunks nor keys nor jobs nor permissions. It is given a
//! [`Sink`] to fill, a [`Tree`] to read and a [`Journal`] to remember its steps in; the service joins
//! those to the repository and the catalog.

pub mod folder;
pub mod guard;
pub mod hooks;
mod kinds;

/// The boundary, for whoever uses a source.
pub use boundary::{
    Captured, CapturedPart, Context, Entry, Hold, Inspection, Journal, Lacking, Materialize, Need, Obstacle,
    Outcome, PartInfo, ReadSeek, Recorded, Request, Sink, Skipped, Source, Step, Tree, Unwritten, Wanted,
};
pub use boundary::{Doubt, doubts, name_of};
pub use kinds::{Directory, Env, Kind, Kinds, kinds};
