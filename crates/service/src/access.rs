//! Who may do what, and what a name stands for.
//!
//! Rules: only [`authorize`] says yes; every verb asks it before it does anything. A name that somebody may not see does not exist for them.
//! Attempts to guess a secret are counted here.

mod attempts;
mod authorize;
mod lookup;
mod pages;
mod visibility;

pub use pages::{LARGEST_PAGE, Page};

pub(crate) use attempts::Tried;
pub(crate) use authorize::entitlement_of;
pub(crate) use lookup::no_such_backup;
pub(crate) use pages::{List, check_limit, merge, word};
pub(crate) use visibility::Eyes;
