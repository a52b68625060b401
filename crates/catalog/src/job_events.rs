//! Table `job_events`: the log of each job.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct EventRow {
    pub seq: i64,
    pub at: i64,
    pub level: String,
    pub text: String,
}

const INSERT: &str = "INSERT INTO job_events (job, seq, at, level, text) \
    SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT) FROM job_events WHERE job = $1";
const LIST: &str = "SELECT seq, at, level, text FROM job_events WHERE job = $1 AND seq > $2 ORDER BY seq";

pub(crate) const ALL: &[(&str, &str)] = &[("job_events::INSERT", INSERT), ("job_events::LIST", LIST)];

impl Catalog {
    pub async fn add_event(&self, job: &str, at_ms: i64, level: &str, text: &str) -> Result<()> {
        let query = sqlx::query(INSERT).bind(job).bind(at_ms).bind(level).bind(text);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("write the log of a job"))
    }

    pub async fn list_events(&self, job: &str, after: i64) -> Result<Vec<EventRow>> {
        let query = sqlx::query_as(LIST).bind(job).bind(after);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("read the log of a job"))
    }
}
