//! Keeps bytes: a repository in restic's format, version 2.
//!
//! Nouns: a *blob* is a piece of a file (`data`) or a directory listing (`tree`), named by the SHA-256
//! of its plaintext; a *pack* is a file of sealed blobs; the *index* says which blob lies where; a
//! *snapshot* names a root tree. `docs/format.md` has the bytes, `docs/locking.md` who may do what beside whom.
//!
//! Invariants: packs are durable before the index that names them, the index before the snapshot; nothing is deleted
//! on an incomplete view; every byte that is read is verified; nothing here knows what a source, a job or a person is.

mod cache;
mod check;
mod chunk;
mod copy;
mod damage;
mod diff;
mod forget;
pub mod format;
mod graft;
mod hash;
mod id;
mod index;
mod keys;
pub mod lock;
mod patience;
mod prune;
mod read;
mod repair;
mod repository;
mod restore;
mod snapshots;
mod stats;
pub mod storage;
mod tree;
mod used;
mod write;

pub use check::{Finding, Level, Reach, Report};
pub use copy::Copied;
pub use diff::Change;
pub use format::snapshot::Snapshot;
pub use graft::{Grafted, Piece, RootFile};
pub use lock::Operation;
pub use patience::{Patience, WAITING_FOR_A_LOCK};
pub use prune::{GRACE_MS, PrunePlan};
pub use repair::RepairPlan;
pub use repository::{Options, Repository};
pub use restore::{Materialized, Unwritten, Wanted};
pub use snapshots::{Snapshots, Unreadable};
pub use stats::Stats;
pub use tree::{Entry, FileReader, Tree};
pub use write::{Fate, Need, Settled, SnapshotMeta, Unread, Writer};

pub use id::Id;
