//! The words of Cairn as pure data and pure functions.
//!
//! Everything that two rooms of the house must agree on is defined here once: ids, the clock,
//! problems, the metadata of an entry, plans, schedules, retention, permissions.
//!
//! Invariants: nothing here does I/O, is async, or knows SQL, HTTP or the repository's format.
//! Every function is deterministic in its arguments; time comes in through [`Clock`] values.

mod entry;
mod plan;
mod problem;
mod progress;

pub use entry::{Chunking, Content, FileKind, Meta, Opener, Timestamp, Xattr};
pub use plan::{Action, Counts, Draft, Item, Mode, PLAN_LIFETIME_MS, Plan};
pub use problem::{Kind, Problem, Result};
pub use progress::{Cancel, Progress, Seen};
