//! The tests of `archive`: what is written comes back, and what is hostile is refused.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod round_trip;
mod sample;
mod tar;
mod tar_limits;
mod tools;
mod zip;
