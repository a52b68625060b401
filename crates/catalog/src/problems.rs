//! What the database says, as a [`Problem`].

use model::{Kind, Problem};

/// Turns an error of the database into a problem; `doing` says what was being done.
pub(crate) fn of(doing: &str) -> impl Fn(sqlx::Error) -> Problem + '_ {
    move |error| {
        let text = error.to_string();
        let (kind, hint) = judge(&error, &text);
        let problem = Problem::new(kind, format!("cannot {doing}: {text}"));
        let problem = if hint.is_empty() {
            problem
        } else {
            problem.hint(hint)
        };
        problem.caused_by(error)
    }
}

fn judge(error: &sqlx::Error, text: &str) -> (Kind, &'static str) {
    let has = |part: &str| text.contains(part);
    match error {
        sqlx::Error::RowNotFound => (Kind::NotFound, ""),
        sqlx::Error::Database(inner) if inner.is_unique_violation() => (Kind::Conflict, ""),
        _ if has("malformed") || has("not a database") => (
            Kind::Damaged,
            "nothing was changed; put a copy of catalog.db back, or rebuild it with `cairn recover`",
        ),
        _ if has("disk is full") => (
            Kind::NoSpace,
            "free some space on the disk of the data directory, then try again",
        ),
        _ if has("readonly") || has("read-only") => (
            Kind::Io,
            "the catalog cannot be written: check the permissions and whether the disk is mounted read-only",
        ),
        _ if has("unable to open") || has("disk I/O error") => (
            Kind::Io,
            "the disk of the data directory is full, read-only or failing: SQLite must be able to write beside catalog.db; nothing was changed",
        ),
        _ if has("locked") => (
            Kind::Locked,
            "another process is writing to the catalog; try again",
        ),
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_) => (
            Kind::Unavailable,
            "check that the database is running and its address is right",
        ),
        _ => (Kind::Internal, ""),
    }
}
