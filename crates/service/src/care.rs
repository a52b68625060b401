//! Care for what is kept: verification, pruning, repair, health, the recovery kit, and recovery from the repository alone.
//!
//! Rules: a mark is a claim and goes when the claim fails. Nothing here makes a repository where one is remembered and missing.

mod health;
mod kit;
pub mod kit_sheet;
mod recover;
mod repository;
mod take_over;
mod vanished;
mod verify;

pub use health::{SourceVitals, Vitals};
pub use kit::{Kit, NEWER_BACKUPS};
pub use recover::{DamagedBackup, LostSecrets, RecoverRequest, Recovered, RecoveredPolicy};
pub use repository::PruneDone;
pub use verify::{Affected, Checked, VerifyDone};
