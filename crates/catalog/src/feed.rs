//! Tables `jobs` and `job_events`, as those read them who watch: how far is what goes on, and how long its log.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

/// Two that are equal look the same to who watches.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PulseRow {
    pub id: String,
    pub state: String,
    pub phase: String,
    pub item: String,
    pub items_done: i64,
    pub items_total: i64,
    pub bytes_done: i64,
    pub bytes_total: i64,
    pub created: i64,
    pub ended: Option<i64>,
    /// Number of the last line of its log.
    pub log: i64,
}

const PULSES: &str = "SELECT id, state, phase, item, items_done, items_total, bytes_done, bytes_total, created, ended, \
    (SELECT COALESCE(MAX(seq), 0) FROM job_events WHERE job = jobs.id) AS log FROM jobs \
    WHERE state IN ('waiting', 'queued', 'running') OR created >= $1 OR ended >= $1";

pub(crate) const ALL: &[(&str, &str)] = &[("feed::PULSES", PULSES)];

impl Catalog {
    /// Of the jobs that are not over, and of those that were asked for or ended since then.
    pub async fn pulses(&self, since_ms: i64) -> Result<Vec<PulseRow>> {
        sqlx::query_as(PULSES)
            .bind(since_ms)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("see how far the jobs are"))
    }
}
