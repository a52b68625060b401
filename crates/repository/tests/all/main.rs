//! Everything that is promised about the repository.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod bucket;
mod cache;
mod copying;
mod crash;
mod damage;
mod damaged;
mod duplicates;
mod format_files;
mod format_pack;
mod format_restic;
mod format_seal;
mod format_tree;
mod golden;
mod leftovers;
mod lock;
mod oracle;
mod power;
mod processes;
mod prune;
mod read;
mod sample;
mod sizes;
mod storage;
mod unread;
mod vanished;
mod write;
