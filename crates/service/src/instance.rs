//! One opened instance: its options, data directory, locks and signs of life, and who acts on it.
//!
//! Rules: whatever people can ask for is a method of [`Service`], one file per verb, in the wing that it belongs to. This wing knows none of the
//! others: it opens, holds and closes what all of them share.

mod caller;
mod crash;
mod data_dir;
mod liveness;
mod reserve;
mod rows;

pub use caller::{Caller, Judged, Via};
pub use data_dir::missing_parts;

pub(crate) use caller::Who;
pub(crate) use data_dir::{OWN_FOLDERS, Place, write_private};
pub(crate) use liveness::Alive;
pub(crate) use reserve::Reserve;
pub(crate) use rows::{bad_json, policy_of};

pub(crate) use crash::die_if_asked;
