//! Kind `folder`: files as a file system holds them.
//!
//! Nouns: each configured path is a *part*, named after its folder. Capture walks it; plan compares it with a backup; apply stages what
//! differs beside the target and swaps it in; a *guard* tells whether the server that uses the folder is running.
//!
//! Rules: links are never followed; what the ignore rules name is neither captured nor touched by a restore; nothing living is
//! moved away before what replaces it lies complete beside it.

pub mod ignore_rules;
mod owners;
pub mod walk;
