//! The whole program with one kind of source more than the product has.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod kinds;
mod program;
mod secrets;
