//! Jobs: how everything long is queued, carried out under a lease, waited for, cancelled and told of.
//!
//! Nouns: an *order* is what a job is to do, as plain data; a *worker* claims jobs; a *runner* carries one kind of job out and is listed in
//! `registry`. This wing knows none of the runners.

mod events;
mod hooks;
mod idempotency;
mod owed_hooks;
mod queue;
mod view;

pub use events::{Change, Feed, Listener};
pub use idempotency::Once;
pub use queue::{Roles, Serving, WorkedOff};
pub use view::{JobError, JobView};

pub(crate) use queue::{Order, value, warnings};
