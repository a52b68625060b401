//! Care for what is kept: verification, pruning, repair, health, the recovery kit, and recovery from the repository alone.
//!
//! Rules: a mark is a claim and goes when the claim fails. Nothing here makes a repository where one is remembered and missing.

mod foreign;
mod health;
mod kit;
pub mod kit_sheet;
mod recover;
mod repository;
mod verify;

pub use foreign::{AdoptRequest, ForeignSnapshot};
pub use health::{SourceVitals, Vitals};
pub use kit::{Kit, NEWER_BACKUPS};
pub use recover::{DamagedBackup, RecoverRequest, Recovered, RecoveredPolicy};
pub use repository::PruneDone;
pub use verify::{Affected, Checked, VerifyDone};

pub(crate) use foreign::needs_a_folder;
pub(crate) use recover::{manifest_in, policy_for_manifest};
pub(crate) use verify::Loss;
