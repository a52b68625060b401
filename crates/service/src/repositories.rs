//! The repository `main`: its address, password and identity; whether it is still there; its taking over.
//!
//! Rules: a repository is one that is remembered by its id. Only `init` and `recover` change what is remembered, and nothing else makes one.

mod identity;
mod main;
mod room;

pub(crate) use identity::{Remembered, absolute, missing};
pub(crate) use main::{Main, Password};
