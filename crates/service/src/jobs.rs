//! Jobs: how everything long is queued, carried out under a lease, waited for, cancelled and told of.
//!
//! Nouns: an *order* is what a job is to do, as plain data; a *worker* claims jobs; a *runner* carries one kind of job out and is listed in
//! `registry`. This wing knows none of the runners.

mod closing;
mod events;
mod hooks;
mod idempotency;
mod list;
mod owed_hooks;
mod queue;
mod view;

pub use events::{Change, Feed, Listener};
pub use idempotency::Once;
pub use list::JobFilter;
pub use queue::{Roles, Serving, WorkedOff};
pub use view::{JobError, JobView};

pub(crate) use closing::{closed, is_resumable, undo_or_again};
pub(crate) use queue::{Watch, value, warnings};
