//! Does what people ask.
//!
//! Nouns: a [`Service`] is one opened instance; each verb is a file with methods of it. Doors call these and render the answers.
//!
//! Invariants: a backup is in the catalog only after its snapshot is durable; nothing living is replaced before what replaces it was found and
//! verified, and before a safety backup was taken; every change is in the audit log; who acts is asked for before anything is done, by one judge
//! (`authorize`). Nothing here parses or renders.

mod access;
mod app_backups;
mod backups;
mod care;
mod instance;
mod jobs;
mod notices;
mod orders;
mod people;
mod registry;
mod repositories;
mod restores;
mod service;
mod sources;

pub use access::{LARGEST_PAGE, Page};
pub use app_backups::{AppArchive, AppChanges, AppJob, AppSettings, ArchiveFile, app_archive_name};
pub use backups::BackupFilter;
pub use backups::BackupView;
pub use backups::ImportRequest;
pub use backups::{AdoptRequest, ForeignSnapshot};
pub use backups::{Allowance, AskedBackup, AskedPage, Stage};
pub use backups::{Asked, BackupDone, BackupRequest};
pub use backups::{Difference, FoundFile, Listed};
pub use backups::{ExportDone, ExportRequest, archive_name};
pub use backups::{LINK_MS, Linked};
pub use backups::{Length, Received, USUAL_UPLOAD_LIMIT, Upload, UploadRequest};
pub use care::PruneDone;
pub use care::kit_sheet;
pub use care::{Affected, Checked, VerifyDone};
pub use care::{DamagedBackup, LostSecrets, RecoverRequest, Recovered, RecoveredPolicy};
pub use care::{Kit, NEWER_BACKUPS};
pub use care::{SourceVitals, Vitals};
pub use instance::missing_parts;
pub use instance::{Caller, Judged, Via};
pub use jobs::JobFilter;
pub use jobs::Once;
pub use jobs::{Change, Feed, Listener};
pub use jobs::{JobError, JobView};
pub use jobs::{Roles, Serving, WorkedOff};
pub use notices::Tried;
pub use notices::channels as notify;
pub use orders::Target;
pub use people::GrantView;
pub use people::TotpSecret;
pub use people::totp;
pub use people::{Credentials, LogIn, NewSession, SessionView};
pub use people::{NewPerson, PersonChanges, PersonView};
pub use people::{NewToken, TokenMade, TokenView};
pub use restores::{Agreement, ApprovalSheet, ApprovalView};
pub use restores::{RestoreRequest, Restored};
pub use service::{Options, Service, USUAL_LOCK_WAIT};
pub use sources::ScheduleView;
pub use sources::SourceView;
pub use sources::{Fate, KeyChange, PresetUsed};

pub use ::archive;
/// What the doors need of the other rooms: reports of the engine, rows of the audit log.
pub use ::repository::{Finding, Level, RepairPlan, Report, Stats, WAITING_FOR_A_LOCK};
pub use ::sources::{Inspection, Kind as SourceKind, Kinds, Obstacle, kinds};
pub use catalog::audit::AuditRow;
pub use catalog::backups::STANDINGS;
pub use catalog::job_events::EventRow;
pub use outbound::{Net, Secret, Security, Smtp};
