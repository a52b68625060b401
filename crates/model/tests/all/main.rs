//! The words of Cairn, tested through their public face; one module per file of the sources.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod choice;
mod clock;
mod clock_changes;
mod consent;
mod id;
mod job;
mod lapse;
mod limit;
mod manifest;
mod permission;
mod plan;
mod policy;
mod problem;
mod progress;
mod quantity;
mod retention;
mod retention_restic;
mod retention_rules;
mod schedule;
mod schedule_due;
mod settings;
mod shrunken;
mod words;
