//! The words of Cairn as pure data and pure functions.
//!
//! Everything that two rooms of the house must agree on is defined here once: ids, the clock,
//! problems, the metadata of an entry, plans, schedules, retention, permissions.
//!
//! Invariants: nothing here is async, or knows SQL, HTTP or the repository's format. Nothing here does
//! I/O but [`SystemClock`] and [`SystemRandom`], which ask the machine and are handed in from outside.
//! Every other function is deterministic in its arguments; time comes in through [`Clock`] values.

mod choice;
mod clock;
mod consent;
mod document;
mod entry;
mod id;
mod job;
mod lacks;
mod lapse;
mod limit;
mod manifest;
mod nearest;
mod needle;
mod permission;
mod plan;
mod policy;
mod problem;
mod progress;
mod quantity;
mod random;
mod reason;
mod retention;
mod schedule;
mod settings;
mod words;

pub use choice::{PartRef, choose};
pub use clock::{Clock, SystemClock, moment_from, moment_text};
pub use consent::{Answerer, ApprovalState, Consent};
pub use document::from_json;
pub use entry::{Beneath, Chunking, Content, FileKind, Meta, Opener, Timestamp, Xattr};
pub use id::{
    ApprovalId, BackupId, COUNTED, Candidate, GrantId, JobId, LetterId, PersonId, PlanId, RepositoryId,
    SHORTEST_PREFIX, SessionId, SourceId, TokenId, UploadId, WorkerId, is_prefix, prefix_range, resolve,
    shortest,
};
pub use job::{JobKind, JobState};
pub use lacks::{Ignored, Lacked, Lacks};
pub use lapse::Lapse;
pub use limit::{Limit, Newcomer, Per, WhenFull};
pub use manifest::{Author, Beginning, MANIFEST_FILE, Manifest, ManifestPart, ManifestSource, is_part_name};
pub use nearest::nearest;
pub use needle::{LONGEST_NEEDLE, Needle};
pub use permission::{Denial, Entitlement, Permission, Question, Relation, Role, Scope, Verdict, judge};
pub use plan::{Action, Counts, Draft, Group, Item, Mode, PLAN_LIFETIME_MS, Plan, Unsaved};
pub use policy::{Approval, Change, Channel, Event, Gates, Hook, Hooks, Notify, Policy, Preset, SecretPlace};
pub use problem::{Kind, Problem, Result};
pub use progress::{Cancel, Progress, Seen};
pub use quantity::{Size, counted, grouped};
pub use random::{Random, SystemRandom};
pub use reason::Reason;
pub use retention::{
    Amount, CalendarSpan, Count, Extent, Held, Judged, Retention, Share, Terms, safety_to_delete, shrunken,
};
pub use schedule::{CronLine, Marks, ON_TIME, Schedule, TimeOfDay, Weekday, When, Zone};
pub use settings::{Description, Field, Halves, Shortcut, Takes, Words, Wrong};
