//! Everything that is promised about the repository.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod cache;
mod crash;
mod format_files;
mod format_pack;
mod format_restic;
mod format_seal;
mod format_tree;
mod lock;
mod oracle;
mod prune;
mod sample;
mod storage;
mod write;
