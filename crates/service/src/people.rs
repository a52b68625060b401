//! People: accounts, passwords, second factors, sessions, tokens, and what they are granted.
//!
//! Rules: a secret of a person is kept as a hash, or sealed where it must be read again. There is always an administrator.

mod accounts;
mod first_run;
mod grants;
mod passwords;
mod second_factor;
mod sessions;
mod tokens;
pub mod totp;

pub use accounts::{NewPerson, PersonChanges, PersonView};
pub use grants::GrantView;
pub use second_factor::TotpSecret;
pub use sessions::{Credentials, LogIn, NewSession, SessionView};
pub use tokens::{NewToken, TokenMade, TokenView};

pub(crate) use passwords::{AT_ONCE, SEATS};
pub(crate) use tokens::{hash, secret};
