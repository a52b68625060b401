//! The whole program with one kind of source more than the product has.

mod kinds;
mod program;
mod secrets;
