//! The words of Cairn, tested through their public face; one module per file of the sources.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod clock_changes;
mod schedule;
mod schedule_due;
