//! x

pub mod archive;
