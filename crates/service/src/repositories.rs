//! The repository `main`: its address, password and identity; whether it is still there; its taking over.
//!
//! Rules: a repository is one that is remembered by its id. Only `init` and `recover` change what is remembered, and nothing else makes one.

mod identity;
mod main;
mod take_over;
mod vanished;

pub(crate) use identity::absolute;
pub(crate) use main::Main;
