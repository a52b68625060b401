//! Backups: made, imported, listed, read, exported, judged and deleted.
//!
//! Rules: a backup is in the catalog only after its snapshot is durable. Retention deletes by the same verb as people, and never for a backup
//! that is not good.

mod adapters;
mod browse;
mod capture;
mod create;
mod damage;
mod download_links;
mod export;
mod foreign;
mod import;
mod list;
mod making;
mod manifests;
mod requested;
mod retention;
mod source_check;
mod standing;
mod unusual;
mod uploads;
mod view;
mod watched_tree;

pub use browse::{Difference, FoundFile, Listed};
pub use create::{Asked, BackupDone, BackupRequest};
pub use download_links::{LINK_MS, Linked};
pub use export::{ExportDone, ExportRequest, archive_name};
pub use foreign::{AdoptRequest, ForeignSnapshot};
pub use import::ImportRequest;
pub use list::BackupFilter;
pub use requested::{Allowance, AskedBackup, AskedPage, Stage};
pub use uploads::{Length, Received, USUAL_UPLOAD_LIMIT, Upload, UploadRequest};
pub use view::BackupView;

pub(crate) use adapters::{JournalOf, TreeOf};
pub(crate) use damage::Loss;
pub(crate) use foreign::needs_a_folder;
pub(crate) use making::{Making, by_source};
pub(crate) use manifests::{manifest_of, row_of};
pub(crate) use uploads::Receiving;
pub(crate) use watched_tree::Watched;
