//! One opened instance: its options, data directory, locks and signs of life, and who acts on it.
//!
//! Rules: whatever people can ask for is a method of [`Service`], one file per verb, in the wing that it belongs to. This wing knows none of the
//! others: it opens, holds and closes what all of them share.

mod caller;
mod data_dir;
mod liveness;
mod reserve;
mod service;

pub use caller::{Caller, Via};
pub use data_dir::missing_parts;
pub use service::{Options, Service, USUAL_LOCK_WAIT};

pub(crate) use caller::Who;
pub(crate) use data_dir::{OWN_FOLDERS, write_private};
