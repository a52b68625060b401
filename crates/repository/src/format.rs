//! The bytes of restic's format, version 2: pure encoding and decoding, no I/O.
//!
//! One file per on-disk thing. `docs/format.md` describes them for people.

pub mod config;
pub mod go_json;
mod go_time;
pub mod index_file;
mod json_pull;
pub mod key_file;
pub mod lock_file;
pub mod pack;
mod printable;
pub mod seal;
pub mod snapshot;
pub mod tree;
pub mod unpacked;
