//! Everything that leaves the process: HTTP calls, mail, programs, game consoles and panels, and the secrets that they need.
//!
//! Nouns: a *call* is one HTTP request, a *reach* says which addresses it may go to; a [`Secret`] is read from its place where it is used.
//!
//! Rules: everything has a time limit, and blocking work looks at the cancel several times a second. There is one HTTP client, one reader of
//! secrets, one way to run programs and one to send mail. A secret is sent nowhere but to whom it is for, and stands in no text; problems
//! name a host, never a whole address, whose path may be the secret. An answer that does not come is a problem, never a "no".
//! Who is told what is decided elsewhere.

pub mod console;
pub mod http;
mod judge;
mod letter;
mod panel;
mod patience;
mod programs;
mod secret;
mod smtp;

pub use judge::Net;
pub use letter::{Letter, is_mail_address};
pub use panel::{Panel, Power};
pub use patience::Patience;
pub use programs::{Programs, Ran};
pub use secret::{Secret, read_private};
pub use smtp::{Security, Smtp};
