//! The command line as a person uses it: the built program, real folders, a real repository.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod archives;
mod demo;
mod folder;
mod guarded;
mod instance;
mod killed;
mod panel;
mod people;
mod problems;
mod served;
mod words;
