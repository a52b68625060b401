//! Backups: made, imported, listed, read, exported, judged and deleted.
//!
//! Rules: a backup is in the catalog only after its snapshot is durable. Retention deletes by the same verb as people, and never for a backup
//! that is not good.

mod adapters;
mod browse;
mod capture;
mod create;
mod download_links;
mod export;
mod import;
mod list;
mod requested;
mod retention;
mod standing;
mod uploads;
mod view;
mod watched_tree;

pub use browse::{Difference, FoundFile, Listed};
pub use create::{Asked, BackupDone, BackupRequest};
pub use download_links::{LINK_MS, Linked};
pub use export::{ExportDone, ExportRequest, archive_name};
pub use import::ImportRequest;
pub use list::{BackupFilter, JobFilter, LARGEST_PAGE, Page};
pub use requested::{Allowance, AskedBackup, AskedPage, Stage};
pub use uploads::{Length, Received, USUAL_UPLOAD_LIMIT, Upload, UploadRequest};
pub use view::BackupView;

pub(crate) use adapters::{JournalOf, TreeOf, die_if_asked};
pub(crate) use capture::{manifest, manifest_meta, snapshot_meta};
pub(crate) use create::{BackupOrder, Making, by_source, no_such_backup};
pub(crate) use standing::{accept_hint, amounts};
pub(crate) use uploads::{Receiving, UploadOrder};
pub(crate) use watched_tree::Watched;
