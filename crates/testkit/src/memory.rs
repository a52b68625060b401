//! What a source is joined to, held in memory: a tree, a sink that fills it, a journal.
//!
//! They obey the boundary's rules to the letter, so that what works with them works with a repository and a catalog. The
//! *tree* and the *journal* can be made to break: at a chosen call they fail, fall over, or ask for a cancel, as a process
//! that dies does at a moment of its own choosing.

mod journal;
mod sink;
mod tree;
mod written;

pub use journal::{Breach, MemoryJournal, Moment};
pub use sink::MemorySink;
pub use tree::{MemoryTree, WatchedTree};
