//! Everything that is promised about the catalog, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod approvals;
mod open;
mod pages;
mod people;
mod plans;
mod queue;
mod restore_plans;
mod shelves;
mod stories;
mod tables;
