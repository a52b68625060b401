//! Which repository is ours: its id and address are in the catalog, and nothing else is ever taken for it.
//!
//! What is *remembered* of the repository `main` is written when it comes to be, or is opened for the first time, and changed by `init` and
//! `recover` alone. Rule: where one is remembered, none and another one are both `repository-missing`, and each is called what it is.

use model::{Kind, Problem, Result};
use repository::Repository;
use repository::storage::{Class, Storage, is_folder};
use serde::{Deserialize, Serialize};

use crate::Service;

/// The setting with what is remembered.
pub(crate) const REMEMBERED: &str = "repository.main";

/// What the catalog knows of the repository `main`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Empty where an earlier version has made backups and remembered nothing: then the first one that opens is it.
    pub(crate) id: String,
    /// `None`: in the data directory, wherever that lies.
    pub(crate) address: Option<String>,
    /// The names of its key files: by them it is known where its password does not open it.
    #[serde(default)]
    keys: Vec<String>,
    /// Since when it is not there.
    #[serde(default)]
    pub(crate) gone_since: Option<i64>,
    /// As it stands in the catalog.
    #[serde(skip)]
    read: Option<String>,
}

impl Remembered {
    pub(crate) fn is(&self, repository: &Repository) -> bool {
        self.id.is_empty() || self.id == repository.id().hex()
    }

    /// `the repository 1a2b3c4d`.
    pub(crate) fn name(&self) -> String {
        match self.id.get(..8) {
            Some(short) => format!("the repository {short}"),
            None => "the repository with the backups that the catalog knows".to_owned(),
        }
    }

    /// What is remembered of one that is there.
    pub(crate) fn of(repository: &Repository, address: Option<String>, keys: &[repository::Id]) -> Self {
        Remembered {
            id: repository.id().hex(),
            address,
            keys: keys.iter().map(repository::Id::hex).collect(),
            gone_since: None,
            read: None,
        }
    }

    pub(crate) fn read(text: String) -> Result<Self> {
        let known: Remembered = serde_json::from_str(&text).map_err(|error| {
            Problem::damaged("what the catalog remembers of the repository is malformed").caused_by(error)
        })?;
        let read = Some(text);
        Ok(Remembered { read, ..known })
    }

    pub(crate) fn with_gone_since(&self, gone_since: Option<i64>) -> Self {
        Remembered {
            gone_since,
            ..self.clone()
        }
    }

    /// Does one of its keys lie there?
    pub(crate) fn has_key_in(&self, storage: &dyn Storage) -> Result<bool> {
        let found = storage.list(Class::Key)?;
        Ok(self.keys.is_empty() || found.iter().any(|key| self.keys.contains(&key.id.hex())))
    }

    pub(crate) fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| {
            Problem::internal(format!("the repository's identity cannot be written: {error}"))
        })
    }
}

impl Service {
    /// Writes it down; false when somebody else has changed it meanwhile.
    pub(crate) async fn change_remembered(&self, from: &Remembered, to: &Remembered) -> Result<bool> {
        self.catalog
            .swap_setting(REMEMBERED, from.read.as_deref(), &to.text()?)
            .await
    }
}

/// One that does not depend on where a command was started.
pub(crate) fn absolute(address: &str) -> String {
    if !is_folder(address) {
        return address.to_owned();
    }
    std::path::absolute(address).map_or_else(|_| address.to_owned(), |path| path.display().to_string())
}

pub(crate) fn missing(known: Option<&Remembered>, address: &str) -> Problem {
    let Some(known) = known else {
        return Problem::new(
            Kind::RepositoryMissing,
            format!("there is no repository at {address}"),
        )
        .hint("`cairn init` makes one, and so does the first `cairn backup`");
    };
    Problem::new(
        Kind::RepositoryMissing,
        format!("{} is missing: there is none at {address}", known.name()),
    )
    .hint(
        "is its disk mounted, does the bucket still hold it? If it lies somewhere else now: cairn init --repository ADDRESS; \
         if it is lost and you have a copy: cairn recover --repository COPY --replace",
    )
}

pub(crate) fn another(known: &Remembered, address: &str, found: &Repository) -> Problem {
    Problem::new(
        Kind::RepositoryMissing,
        format!(
            "{} is missing: at {address} there is another one, {}",
            known.name(),
            found.id().short()
        ),
    )
    .hint(
        "is another disk mounted there? To go on with that one instead: `cairn recover --repository` with its address \
         and --replace; the backups of the old one are marked missing then",
    )
}

/// Another one as well, whose id nobody can read without its password.
pub(crate) fn unlike(known: &Remembered, address: &str) -> Problem {
    Problem::new(
        Kind::RepositoryMissing,
        format!(
            "{} is missing: what lies at {address} has none of its keys and does not open with its password",
            known.name()
        ),
    )
    .hint("is another disk mounted there? If all its passwords were changed, set CAIRN_REPOSITORY_PASSWORD to one of them")
}
