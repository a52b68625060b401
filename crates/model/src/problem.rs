//! What went wrong, told to a person and to a program.
//!
//! A [`Problem`] has a *kind* (what callers branch on), a *message* (what happened, where), a
//! *hint* (what to do now) and a *source* (the technical cause). The kind maps here, once, to the
//! exit code of the command line and to the status of an HTTP answer; no door has a table of its own.
//!
//! Rules: a message never carries a secret; problems are returned, not logged; every problem a
//! person can mend carries a hint.

use std::fmt;

pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// The closed set of things that callers can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request itself is wrong: a bad argument, an unknown key, a malformed file.
    Invalid,
    /// Something that was named does not exist.
    NotFound,
    /// It exists already, or its state does not allow the request.
    Conflict,
    /// There is no repository at that place.
    RepositoryMissing,
    /// Somebody else holds a lock that excludes this.
    Locked,
    /// No key of the repository opens with this password, or an archive not with this passphrase.
    WrongPassword,
    /// Nobody is signed in, or the token is not valid.
    Unauthenticated,
    /// A policy or a missing permission says no.
    Refused,
    /// An approval is awaited.
    AwaitingApproval,
    /// The target is no longer what the plan was made for.
    Drifted,
    /// Stopped by a person or a signal.
    Cancelled,
    /// The process that did the work went away.
    Interrupted,
    /// A disk is full or a quota used up.
    NoSpace,
    /// Stored bytes are not what was written.
    Damaged,
    /// Made by a newer version than this one.
    TooNew,
    /// An input is larger than what is allowed.
    TooLarge,
    /// Whoever sends something does not go on with it in time.
    TooSlow,
    /// Too many requests.
    TooMany,
    /// Another system (storage, network, program) does not answer or is missing.
    Unavailable,
    /// A file or folder cannot be read or written.
    Io,
    /// A fault of Cairn itself.
    Internal,
}

impl Kind {
    /// The process's exit code (documented in `cairn help`).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Invalid => 2,
            Kind::RepositoryMissing => 10,
            Kind::Locked => 11,
            Kind::WrongPassword => 12,
            Kind::Unauthenticated | Kind::Refused => 20,
            Kind::AwaitingApproval => 21,
            Kind::Drifted => 22,
            Kind::Cancelled | Kind::Interrupted => 130,
            _ => 1,
        }
    }

    /// The status of an HTTP answer.
    pub fn http_status(self) -> u16 {
        match self {
            Kind::Invalid => 400,
            Kind::Unauthenticated => 401,
            Kind::Refused => 403,
            Kind::NotFound => 404,
            Kind::Conflict | Kind::Locked | Kind::Drifted | Kind::AwaitingApproval | Kind::Cancelled => 409,
            Kind::TooSlow => 408,
            Kind::TooLarge => 413,
            // Over HTTP nobody but the caller gives one: that of an archive.
            Kind::WrongPassword => 422,
            Kind::TooMany => 429,
            Kind::NoSpace => 507,
            Kind::Unavailable | Kind::Interrupted | Kind::RepositoryMissing => 503,
            Kind::Damaged | Kind::TooNew | Kind::Io | Kind::Internal => 500,
        }
    }

    /// The word used in JSON and in the catalog.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::NotFound => "not-found",
            Kind::Conflict => "conflict",
            Kind::RepositoryMissing => "repository-missing",
            Kind::Locked => "locked",
            Kind::WrongPassword => "wrong-password",
            Kind::Unauthenticated => "unauthenticated",
            Kind::Refused => "refused",
            Kind::AwaitingApproval => "awaiting-approval",
            Kind::Drifted => "drifted",
            Kind::Cancelled => "cancelled",
            Kind::Interrupted => "interrupted",
            Kind::NoSpace => "no-space",
            Kind::Damaged => "damaged",
            Kind::TooNew => "too-new",
            Kind::TooLarge => "too-large",
            Kind::TooSlow => "too-slow",
            Kind::TooMany => "too-many",
            Kind::Unavailable => "unavailable",
            Kind::Io => "io",
            Kind::Internal => "internal",
        }
    }

    pub const ALL: [Kind; 21] = [
        Kind::Invalid,
        Kind::NotFound,
        Kind::Conflict,
        Kind::RepositoryMissing,
        Kind::Locked,
        Kind::WrongPassword,
        Kind::Unauthenticated,
        Kind::Refused,
        Kind::AwaitingApproval,
        Kind::Drifted,
        Kind::Cancelled,
        Kind::Interrupted,
        Kind::NoSpace,
        Kind::Damaged,
        Kind::TooNew,
        Kind::TooLarge,
        Kind::TooSlow,
        Kind::TooMany,
        Kind::Unavailable,
        Kind::Io,
        Kind::Internal,
    ];

    /// The kind with this word; what a newer version wrote is internal to it.
    pub fn of_word(word: &str) -> Kind {
        let found = Kind::ALL.iter().find(|kind| kind.word() == word);
        found.copied().unwrap_or(Kind::Internal)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The one error type of the house.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    kind: Kind,
    message: String,
    hint: Option<String>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Problem {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Problem {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Problem::new(Kind::Invalid, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Problem::new(Kind::NotFound, message)
    }

    pub fn damaged(message: impl Into<String>) -> Self {
        Problem::new(Kind::Damaged, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Problem::new(Kind::Internal, message)
    }

    pub fn cancelled() -> Self {
        Problem::new(Kind::Cancelled, "cancelled")
    }

    /// An I/O error at a place: `what` says what was being done and to which path.
    pub fn io(what: impl fmt::Display, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::NoSpace,
            _ => Kind::Io,
        };
        let problem = Problem::new(kind, format!("{what}: {error}"));
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull => "free some space on that disk, then try again",
            std::io::ErrorKind::QuotaExceeded => "raise the quota or free some space, then try again",
            std::io::ErrorKind::PermissionDenied => {
                "check the permissions of that path and of the folders above it"
            }
            std::io::ErrorKind::ReadOnlyFilesystem => {
                "the file system is mounted read-only; remount it or choose another place"
            }
            _ => return problem.caused_by(error),
        };
        problem.hint(hint).caused_by(error)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same problem with what was being attempted put before its message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
