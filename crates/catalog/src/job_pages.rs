//! Table `jobs`, page by page; and jobs that are looked for by the beginning of their id.
//!
//! As with backups, there is one text for each thing that leads into an index. A job knows the name that its source has now.

use model::Result;

use crate::jobs::{JobRow, shown};
use crate::paging::{After, Among, FEW, Within, among, granted};
use crate::{Catalog, problems};

/// Which jobs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// A word of `model::JobKind`.
    pub kind: Option<String>,
    /// A word of `model::JobState`.
    pub state: Option<String>,
}

macro_rules! page {
    ($($lead:expr),*) => {
        concat!(
            "SELECT ",
            shown!(),
            " FROM jobs WHERE ",
            $($lead, " AND ",)*
            "(created, id) < ($1, $2) AND ($3 = '' OR kind = $3) AND ($4 = '' OR state = $4) \
             AND (CAST($5 AS BIGINT) = 0 OR source IS NOT NULL) ORDER BY created DESC, id DESC LIMIT $6"
        )
    };
}

const ALL_OF_THEM: &str = page!();
const OF_KIND: &str = page!("kind = $3");
const OF_STATE: &str = page!("state = $4");
const OF_KIND_AND_STATE: &str = page!("kind = $3", "state = $4");
const OF_SOURCE: &str = page!("source = $7");
const OF_SOURCE_AND_STATE: &str = page!("source = $7", "state = $4");
const NOWHERE: &str = page!("source IS NULL");
const GRANTED_MANY: &str = page!(granted!("jobs.source"));
const GRANTED_MANY_OF_KIND: &str = page!("kind = $3", granted!("jobs.source"));
const GRANTED_MANY_OF_STATE: &str = page!("state = $4", granted!("jobs.source"));
const GRANTED_MANY_OF_KIND_AND_STATE: &str = page!("kind = $3", "state = $4", granted!("jobs.source"));
/// All that were granted, sorted.
const GRANTED_FEW: &str =
    page!("source IN (SELECT source FROM grants WHERE person = $7 AND relation IN ($8, $9))");
const COUNT_GRANTED: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE source IN \
    (SELECT source FROM grants WHERE person = $1 AND relation IN ($2, $3)) LIMIT $4) AS few";
const SINCE: &str = concat!(
    "SELECT ",
    shown!(),
    " FROM jobs WHERE source = $1 AND created > $2 AND kind = $3 ORDER BY created DESC, id DESC"
);
const BEGINNING: &str = concat!(
    "SELECT ",
    shown!(),
    " FROM jobs WHERE id >= $1 AND id <= $5 AND ",
    among!("jobs.source", "$2", "$3"),
    " ORDER BY id DESC LIMIT $4"
);

const OPEN_OF_PERSON: &str =
    "SELECT COUNT(*) FROM jobs WHERE person = $1 AND state IN ('waiting', 'queued', 'running')";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("job_pages::OPEN_OF_PERSON", OPEN_OF_PERSON),
    ("job_pages::ALL_OF_THEM", ALL_OF_THEM),
    ("job_pages::OF_KIND", OF_KIND),
    ("job_pages::OF_STATE", OF_STATE),
    ("job_pages::OF_KIND_AND_STATE", OF_KIND_AND_STATE),
    ("job_pages::OF_SOURCE", OF_SOURCE),
    ("job_pages::OF_SOURCE_AND_STATE", OF_SOURCE_AND_STATE),
    ("job_pages::NOWHERE", NOWHERE),
    ("job_pages::GRANTED_MANY", GRANTED_MANY),
    ("job_pages::GRANTED_MANY_OF_KIND", GRANTED_MANY_OF_KIND),
    ("job_pages::GRANTED_MANY_OF_STATE", GRANTED_MANY_OF_STATE),
    (
        "job_pages::GRANTED_MANY_OF_KIND_AND_STATE",
        GRANTED_MANY_OF_KIND_AND_STATE,
    ),
    ("job_pages::GRANTED_FEW", GRANTED_FEW),
    ("job_pages::COUNT_GRANTED", COUNT_GRANTED),
    ("job_pages::SINCE", SINCE),
    ("job_pages::BEGINNING", BEGINNING),
];

fn text(within: &Within, which: &Which, few: bool) -> &'static str {
    match (within, &which.kind, &which.state) {
        (Within::Nowhere, _, _) => NOWHERE,
        (Within::Source(_), _, Some(_)) => OF_SOURCE_AND_STATE,
        (Within::Source(_), _, None) => OF_SOURCE,
        (Within::Granted { .. }, _, _) if few => GRANTED_FEW,
        (Within::Granted { .. }, Some(_), Some(_)) => GRANTED_MANY_OF_KIND_AND_STATE,
        (Within::Granted { .. }, Some(_), None) => GRANTED_MANY_OF_KIND,
        (Within::Granted { .. }, None, Some(_)) => GRANTED_MANY_OF_STATE,
        (Within::Granted { .. }, None, None) => GRANTED_MANY,
        (_, Some(_), Some(_)) => OF_KIND_AND_STATE,
        (_, Some(_), None) => OF_KIND,
        (_, None, Some(_)) => OF_STATE,
        (_, None, None) => ALL_OF_THEM,
    }
}

impl Catalog {
    /// How many jobs that somebody asked for are not over.
    pub async fn open_jobs_of_person(&self, person: &str) -> Result<i64> {
        sqlx::query_scalar(OPEN_OF_PERSON)
            .bind(person)
            .fetch_one(&self.read)
            .await
            .map_err(problems::of("count the jobs"))
    }

    /// The newest jobs behind a place.
    pub async fn page_of_jobs(
        &self,
        within: &Within,
        which: &Which,
        after: &After,
        most: i64,
    ) -> Result<Vec<JobRow>> {
        let few = self.few_jobs_granted(within).await?;
        let query = sqlx::query_as(text(within, which, few))
            .bind(after.created)
            .bind(&after.id)
            .bind(which.kind.as_deref().unwrap_or(""))
            .bind(which.state.as_deref().unwrap_or(""))
            .bind(i64::from(*within == Within::Sources))
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
            .map_err(problems::of("list the jobs"))
    }

    async fn few_jobs_granted(&self, within: &Within) -> Result<bool> {
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
            .map_err(problems::of("count the jobs"))?;
        Ok(count <= FEW)
    }

    /// A source's jobs of one kind that were asked for after a moment, the newest first.
    pub async fn jobs_since(&self, source: &str, kind: &str, after_ms: i64) -> Result<Vec<JobRow>> {
        let query = sqlx::query_as(SINCE).bind(source).bind(after_ms).bind(kind);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the jobs"))
    }

    /// Whose id lies between these two.
    pub async fn jobs_between(
        &self,
        (first, last): &(String, String),
        among: Among<'_>,
        most: i64,
    ) -> Result<Vec<JobRow>> {
        let query = sqlx::query_as(BEGINNING)
            .bind(first)
            .bind(among.person())
            .bind(among.word())
            .bind(most)
            .bind(last);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look a job up"))
    }
}
