//! Who may do what, and what a name stands for.
//!
//! Rules: only [`authorize`] says yes; every verb asks it before it does anything. A name that somebody may not see does not exist for them.
//! Attempts to guess a secret are counted here.

mod attempts;
mod authorize;
mod lookup;
mod visibility;

pub(crate) use attempts::Tried;
pub(crate) use authorize::entitlement_of;
pub(crate) use visibility::Eyes;
