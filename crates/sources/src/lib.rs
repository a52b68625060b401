//! Reads and writes the living things: one folder per kind, each behind the trait [`Source`].
//!
//! Invariants: a source sees neither chunks nor keys nor jobs nor permissions. It is given a
//! [`Sink`] to fill, a [`Tree`] to read and a [`Journal`] to remember its steps in; the service joins
//! those to the repository and the catalog.

mod boundary;
pub mod folder;

pub use boundary::{
    Captured, CapturedPart, Context, Entry, Hold, Inspection, Journal, Materialize, Obstacle, Outcome,
    PartInfo, ReadSeek, Request, Sink, Skipped, Source, Step, Tree, Wanted,
};
