//! Table `backups`, page by page.
//!
//! There is one text for each thing that leads into an index; what else is filtered is looked at in the index. An empty text filters
//! nothing. Invariant: the pages of a list, put together, are the whole list, also while rows come and go.

use model::Result;
use sqlx::FromRow;

use crate::backups::{BackupRow, columns, standing};
use crate::paging::{After, FEW, Within, granted};
use crate::{Catalog, problems};

/// Which backups are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// A word of `model::Reason`.
    pub reason: Option<String>,
    /// A word of `backups::STANDINGS`.
    pub state: Option<String>,
    /// What is missing or damaged left out; not together with a state.
    pub there: bool,
    /// Safety backups left out.
    pub ordinary: bool,
}

/// A backup, with what the job that made it was to do.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct MadeRow {
    #[sqlx(flatten)]
    pub backup: BackupRow,
    pub request: Option<String>,
}

macro_rules! page {
    ($($lead:expr),*) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM backups WHERE ",
            $($lead, " AND ",)*
            "(created, id) < ($1, $2) AND ($3 = '' OR reason = $3) \
             AND ($4 = '' OR ($4 = 'there' AND state = 'ok') OR ", standing!(), " = $4) \
             AND (CAST($5 AS BIGINT) = 0 OR reason <> 'safety') ORDER BY created DESC, id DESC LIMIT $6"
        )
    };
}

/// Led by `backups_not_ok`, whose texts these are.
macro_rules! not_ok {
    () => {
        concat!(standing!(), " = $4")
    };
}

const ALL_OF_THEM: &str = page!();
const OF_SOURCE: &str = page!("source = $7");
const OF_REASON: &str = page!("reason = $3");
const NOT_OK: &str = page!(not_ok!(), "(state <> 'ok' OR lacks > 0 OR suspicion <> '')");
const GRANTED_MANY: &str = page!(granted!("backups.source"));
const GRANTED_MANY_OF_REASON: &str = page!("reason = $3", granted!("backups.source"));
const GRANTED_MANY_NOT_OK: &str = page!(
    not_ok!(),
    "(state <> 'ok' OR lacks > 0 OR suspicion <> '')",
    granted!("backups.source")
);
/// All that were granted, sorted.
const GRANTED_FEW: &str =
    page!("source IN (SELECT source FROM grants WHERE person = $7 AND relation IN ($8, $9))");
const COUNT_GRANTED: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM backups WHERE source IN \
    (SELECT source FROM grants WHERE person = $1 AND relation IN ($2, $3)) LIMIT $4) AS few";
/// Those of a source that panels count in, with what the job of each was to do.
const MADE: &str = concat!(
    "SELECT ",
    columns!(),
    ", (SELECT request FROM jobs WHERE jobs.id = backups.job) AS request FROM backups WHERE id IN \
     (SELECT id FROM backups WHERE source = $1 AND state = 'ok' AND reason <> 'safety' \
     ORDER BY created DESC, id DESC LIMIT $2 OFFSET $3) ORDER BY created DESC, id DESC"
);
const COUNT: &str = "SELECT COUNT(*) FROM backups WHERE source = $1 AND state = 'ok' AND reason <> 'safety'";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("backup_pages::ALL_OF_THEM", ALL_OF_THEM),
    ("backup_pages::OF_SOURCE", OF_SOURCE),
    ("backup_pages::OF_REASON", OF_REASON),
    ("backup_pages::NOT_OK", NOT_OK),
    ("backup_pages::GRANTED_MANY", GRANTED_MANY),
    ("backup_pages::GRANTED_MANY_OF_REASON", GRANTED_MANY_OF_REASON),
    ("backup_pages::GRANTED_MANY_NOT_OK", GRANTED_MANY_NOT_OK),
    ("backup_pages::GRANTED_FEW", GRANTED_FEW),
    ("backup_pages::COUNT_GRANTED", COUNT_GRANTED),
    ("backup_pages::MADE", MADE),
    ("backup_pages::COUNT", COUNT),
];

impl Catalog {
    /// The newest backups behind a place.
    pub async fn page_of_backups(
        &self,
        within: &Within,
        which: &Which,
        after: &After,
        most: i64,
    ) -> Result<Vec<BackupRow>> {
        let (reason, state) = (
            which.reason.as_deref().unwrap_or(""),
            which
                .state
                .as_deref()
                .unwrap_or(if which.there { "there" } else { "" }),
        );
        let text = match within {
            Within::Nowhere => return Ok(Vec::new()),
            Within::Source(_) => OF_SOURCE,
            Within::Granted { .. } if self.granted_few(within).await? => GRANTED_FEW,
            Within::Granted { .. } if !reason.is_empty() => GRANTED_MANY_OF_REASON,
            Within::Granted { .. } if !matches!(state, "" | "ok" | "there") => GRANTED_MANY_NOT_OK,
            Within::Granted { .. } => GRANTED_MANY,
            Within::All | Within::Sources if !reason.is_empty() => OF_REASON,
            Within::All | Within::Sources if !matches!(state, "" | "ok" | "there") => NOT_OK,
            Within::All | Within::Sources => ALL_OF_THEM,
        };
        let query = sqlx::query_as(text)
            .bind(after.created)
            .bind(&after.id)
            .bind(reason)
            .bind(state)
            .bind(i64::from(which.ordinary))
            .bind(most);
        let query = match within {
            Within::Source(source) => query.bind(source),
            Within::Granted {
                person,
                relations: [one, other],
            } => query.bind(person).bind(one).bind(other),
            _ => query,
        };
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the backups"))
    }

    async fn granted_few(&self, within: &Within) -> Result<bool> {
        let Within::Granted {
            person,
            relations: [one, other],
        } = within
        else {
            return Ok(false);
        };
        let query = sqlx::query_scalar(COUNT_GRANTED)
            .bind(person)
            .bind(one)
            .bind(other);
        let count: i64 = query
            .bind(FEW + 1)
            .fetch_one(&self.read)
            .await
            .map_err(problems::of("count the backups"))?;
        Ok(count <= FEW)
    }

    /// The newest backups, of one source or of all.
    pub async fn list_backups(&self, source: Option<&str>, most: i64) -> Result<Vec<BackupRow>> {
        let within = source.map_or(Within::All, |source| Within::Source(source.to_owned()));
        self.page_of_backups(&within, &Which::default(), &After::nothing(), most)
            .await
    }

    /// So many whole ordinary backups of a source after the newest ones, for who counts pages.
    pub async fn made_backups(&self, source: &str, skip: i64, most: i64) -> Result<Vec<MadeRow>> {
        sqlx::query_as(MADE)
            .bind(source)
            .bind(most)
            .bind(skip)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the backups"))
    }

    /// How many whole ordinary backups a source has.
    pub async fn count_backups(&self, source: &str) -> Result<i64> {
        sqlx::query_scalar(COUNT)
            .bind(source)
            .fetch_one(&self.read)
            .await
            .map_err(problems::of("count the backups"))
    }
}
