//! Does what people ask.
//!
//! Nouns: a [`Service`] is one opened instance; each verb is a file with methods of it. Doors call these and render the answers.
//!
//! Invariants: a backup is in the catalog only after its snapshot is durable; nothing living is replaced before what replaces it was found and
//! verified, and before a safety backup was taken; every change is in the audit log; who acts is asked for before anything is done, by one judge
//! (`authorize`). Nothing here parses or renders.

mod alive;
mod app_backups;
mod approvals;
pub mod archive;
mod asked;
mod attempts;
mod authorize;
mod backup;
mod browse;
mod caller;
mod capture;
mod care;
mod export;
mod feed;
mod foreign;
mod grants;
mod health;
mod hooks;
mod identity;
mod import;
mod jobs;
mod joined;
mod keeping;
mod kit;
mod library;
mod links;
mod lookup;
mod main_repository;
pub mod notify;
mod once;
mod owed;
mod pages;
mod passwords;
mod people;
mod place;
mod policy;
mod recover;
mod reserve;
mod restore;
mod schedule;
mod second_factor;
mod service;
mod sessions;
mod set_up;
mod settings;
mod sight;
mod sources;
mod standing;
mod take_over;
mod tell;
mod tokens;
pub mod totp;
mod uploads;
mod vanished;
mod verify;
mod watched;
pub mod words;
mod work;

pub use app_backups::{AppChanges, AppJob, AppSettings};
pub use approvals::{Agreement, ApprovalSheet, ApprovalView};
pub use asked::{Allowance, AskedBackup, AskedPage, Stage};
pub use backup::{Asked, BackupDone, BackupRequest};
pub use browse::{Difference, FoundFile, Listed};
pub use caller::{Caller, Via};
pub use care::PruneDone;
pub use export::{ExportDone, ExportRequest, archive_name};
pub use feed::{Change, Feed, Listener};
pub use foreign::{AdoptRequest, ForeignSnapshot};
pub use grants::GrantView;
pub use health::{SourceVitals, Vitals};
pub use import::ImportRequest;
pub use jobs::{JobError, JobView};
pub use kit::{Kit, NEWER_BACKUPS};
pub use library::BackupView;
pub use links::{LINK_MS, Linked};
pub use once::Once;
pub use pages::{BackupFilter, JobFilter, LARGEST_PAGE, Page};
pub use people::{NewPerson, PersonChanges, PersonView};
pub use place::missing_parts;
pub use policy::{Fate, KeyChange, PresetUsed};
pub use recover::{DamagedBackup, LostSecrets, RecoverRequest, Recovered, RecoveredPolicy};
pub use restore::{RestoreRequest, Restored, Target};
pub use schedule::ScheduleView;
pub use second_factor::TotpSecret;
pub use service::{Options, Service, USUAL_LOCK_WAIT};
pub use sessions::{Credentials, LogIn, NewSession, SessionView};
pub use sources::SourceView;
pub use tell::Tried;
pub use tokens::{NewToken, TokenMade, TokenView};
pub use uploads::{Length, Received, USUAL_UPLOAD_LIMIT, Upload, UploadRequest};
pub use verify::{Affected, Checked, VerifyDone};
pub use work::{Roles, Serving, WorkedOff};

/// What the doors need of the other rooms: reports of the engine, rows of the audit log.
pub use ::repository::{Finding, Level, RepairPlan, Report, Stats, WAITING_FOR_A_LOCK};
pub use ::sources::{Inspection, Kind as SourceKind, Kinds, Obstacle, kinds};
pub use catalog::audit::AuditRow;
pub use catalog::backups::STANDINGS;
pub use catalog::job_events::EventRow;
