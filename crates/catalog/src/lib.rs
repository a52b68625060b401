//! Remembers: every SQL statement of Cairn's own database.
//!
//! Nouns: a [`Catalog`] is an opened database, SQLite in the data directory or PostgreSQL; a *row* is what a table remembers, with plain
//! types. One file per table; one text per statement for both engines.
//!
//! Invariants: every statement is a `const` that stands in its file's `ALL`, and a test prepares each of them on both engines; nothing here
//! decides anything; a database that was made by a newer version, or that is damaged, is not touched.

pub mod answers;
pub mod approvals;
pub mod archives;
pub mod attempts;
pub mod audit;
pub mod backup_pages;
pub mod backups;
pub mod feed;
pub mod grants;
pub mod job_events;
pub mod job_pages;
pub mod jobs;
pub mod journal;
pub mod leases;
mod open;
pub mod outbox;
pub mod owed_hooks;
pub mod paging;
pub mod people;
pub mod plans;
mod problems;
pub mod restores;
pub mod schedules;
pub mod seal;
pub mod sessions;
pub mod settings;
pub mod sources;
pub mod tokens;

pub use open::{Catalog, Engine};

/// Every statement, by name: what the test prepares.
pub const STATEMENTS: &[&[(&str, &str)]] = &[
    answers::ALL,
    approvals::ALL,
    archives::ALL,
    audit::ALL,
    backup_pages::ALL,
    backups::ALL,
    feed::ALL,
    grants::ALL,
    job_events::ALL,
    job_pages::ALL,
    jobs::ALL,
    journal::ALL,
    leases::ALL,
    open::ALL,
    outbox::ALL,
    owed_hooks::ALL,
    people::ALL,
    plans::ALL,
    restores::ALL,
    schedules::ALL,
    attempts::ALL,
    sessions::ALL,
    settings::ALL,
    sources::ALL,
    tokens::ALL,
];
