//! The tests of `archive`: what is written comes back, and what is hostile is refused.

mod round_trip;
mod sample;
mod tar;
mod tar_limits;
mod tools;
mod zip;
