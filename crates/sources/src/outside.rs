//! What hooks and guards need of the world outside: programs, HTTP, a panel's power, a game's console, secrets.
//!
//! Rules: everything has a time-out and looks at the cancel several times a second; a secret is read where it is used, sent
//! nowhere but to whom it is for, and stands in no text; an answer that does not come is a problem, never a "no".

pub(crate) mod console;
pub(crate) mod http;
pub(crate) mod panel;
pub(crate) mod patience;
pub(crate) mod programs;
pub(crate) mod secret;
