//! Notices: who is told what, by which channel, and again when it did not arrive.
//!
//! Rules: a notice is in the catalog before it is sent. Sending never stops or fails a job.

pub mod channels;
mod send;

pub use send::Tried;

pub(crate) use channels::{Asks, Notice, Severity};
