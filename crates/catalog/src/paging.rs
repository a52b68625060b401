//! How long tables are read: page by page, the newest first; and who is told of what is in them.
//!
//! Nouns: [`After`] is the place in a list behind which a page begins, so that rows which come or go move no other ones; [`Within`] says of
//! which sources rows are listed, [`Among`] among which one is looked for. Rule: whom what was granted is read in the database and not handed
//! over as a list, since nobody knows how long that would be.

/// The row behind which a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    pub created: i64,
    pub id: String,
}

impl After {
    /// Before the newest row.
    pub fn nothing() -> Self {
        After {
            created: i64::MAX,
            id: String::new(),
        }
    }
}

impl crate::backups::BackupRow {
    pub fn place(&self) -> After {
        After {
            created: self.created,
            id: self.id.clone(),
        }
    }
}

impl crate::jobs::JobRow {
    pub fn place(&self) -> After {
        After {
            created: self.created,
            id: self.id.clone(),
        }
    }
}

/// Of which sources rows are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Within {
    #[default]
    All,
    /// What has no source left out.
    Sources,
    Source(String),
    /// Of no source.
    Nowhere,
    /// Of what a person was granted with one of these relations.
    Granted {
        person: String,
        relations: [String; 2],
    },
}

/// Among which rows one is looked for, by what a person was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among<'a> {
    All,
    Known(&'a str),
    Unknown(&'a str),
}

impl<'a> Among<'a> {
    pub(crate) fn person(self) -> &'a str {
        match self {
            Among::All => "",
            Among::Known(person) | Among::Unknown(person) => person,
        }
    }

    /// What `among!` is told: 2 for everything, else whether it is known.
    pub(crate) fn word(self) -> i64 {
        match self {
            Among::All => 2,
            Among::Known(_) => 1,
            Among::Unknown(_) => 0,
        }
    }
}

/// Of so many rows or fewer that a person may see, all are gathered and sorted; of more, the list is walked until a page is full.
pub(crate) const FEW: i64 = 2_000;

/// Was this source granted to a person with one of two relations? Passes over what was not. Wants `$7`, `$8` and `$9`.
macro_rules! granted {
    ($source:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM grants WHERE person = $7 AND source = ",
            $source,
            " AND relation IN ($8, $9)) THEN 1 ELSE 0 END = 1"
        )
    };
}
pub(crate) use granted;

/// Is a row of this source among those that are looked for? Wants the parameters with the person and with the word of [`Among`].
macro_rules! among {
    ($source:literal, $person:literal, $word:literal) => {
        concat!(
            "(CAST(",
            $word,
            " AS BIGINT) = 2 OR CASE WHEN EXISTS (SELECT 1 FROM grants WHERE person = ",
            $person,
            " AND source = ",
            $source,
            " AND relation <> 'none') THEN 1 ELSE 0 END = CAST(",
            $word,
            " AS BIGINT))"
        )
    };
}
pub(crate) use among;
