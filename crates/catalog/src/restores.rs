//! Table `jobs`, as restores of one source stand to each other: which one changed it last, and which can never go on.
//!
//! Rule: the moment at which a restore begins to change its source is one transaction, in which every other one that was broken off, or was
//! asked for earlier and still waits in the queue, is closed for good. So a restore that was superseded is in no queue, and cannot be put there.

use model::{Problem, Result};

use crate::jobs::{JobRow, lost, shown};
use crate::{Catalog, problems};

const CHANGING: &str = "UPDATE jobs SET changed = $3 WHERE id = $1 AND fence = $2 AND state = 'running'";
/// Those which wait for an approval are compared with what was approved when they begin.
const SUPERSEDE: &str = "UPDATE jobs SET closed = 1, ended = COALESCE(ended, $2), error_kind = $3, error_message = $4, error_hint = $5, \
    state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END \
    WHERE source = (SELECT me.source FROM jobs me WHERE me.id = $1) AND kind = 'restore' AND closed = 0 AND id <> $1 \
    AND state IN ('queued', 'interrupted', 'failed', 'cancelled') \
    AND (changed IS NOT NULL OR created < (SELECT me.created FROM jobs me WHERE me.id = $1)) RETURNING id";
const CLOSE: &str = "UPDATE jobs SET closed = 1, ended = COALESCE(ended, $2), state = 'cancelled', error_kind = COALESCE($3, error_kind), \
    error_message = COALESCE($4, error_message), error_hint = COALESCE($5, error_hint) \
    WHERE id = $1 AND closed = 0 AND (state IN ('waiting', 'queued') \
    OR (kind = 'restore' AND state IN ('interrupted', 'failed', 'cancelled')))";
const LAST_CHANGED: &str = concat!(
    "SELECT ",
    shown!(),
    " FROM jobs WHERE changed IS NOT NULL AND (changed, id) < ($1, $2) ORDER BY changed DESC, id DESC LIMIT $3"
);
const LEFT: &str = concat!(
    "SELECT ",
    shown!(),
    " FROM jobs WHERE source = $1 AND closed = 1 AND kind = 'restore' ORDER BY created, id"
);
const TIDIED: &str = "UPDATE jobs SET closed = 2 WHERE id = $1 AND closed = 1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("restores::CHANGING", CHANGING),
    ("restores::SUPERSEDE", SUPERSEDE),
    ("restores::CLOSE", CLOSE),
    ("restores::LAST_CHANGED", LAST_CHANGED),
    ("restores::LEFT", LEFT),
    ("restores::TIDIED", TIDIED),
];

impl Catalog {
    /// Notes that a running restore sets about changing its source, and closes those that it supersedes with this problem; their ids.
    pub async fn begin_to_change(
        &self,
        id: &str,
        fence: i64,
        now_ms: i64,
        problem: &Problem,
    ) -> Result<Vec<String>> {
        let doing = problems::of("note that a restore begins to change something");
        let mut transaction = self.begin().await.map_err(&doing)?;
        let query = sqlx::query(CHANGING).bind(id).bind(fence).bind(now_ms);
        let noted = query.execute(&mut *transaction).await.map_err(&doing)?;
        if noted.rows_affected() != 1 {
            return Err(lost());
        }
        let query = sqlx::query_scalar(SUPERSEDE)
            .bind(id)
            .bind(now_ms)
            .bind(problem.kind().word())
            .bind(problem.message())
            .bind(problem.hint_text());
        let superseded = query.fetch_all(&mut *transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(&doing)?;
        Ok(superseded)
    }

    /// Ends a job that does not run so that it can never go on; what it waits for is withdrawn. False when it runs, or cannot go on anyway.
    pub async fn close_job(&self, id: &str, now_ms: i64, problem: Option<&Problem>) -> Result<bool> {
        let doing = problems::of("cancel a job");
        let mut transaction = self.begin().await.map_err(&doing)?;
        crate::approvals::withdraw(&mut transaction, id, now_ms)
            .await
            .map_err(&doing)?;
        let query = sqlx::query(CLOSE)
            .bind(id)
            .bind(now_ms)
            .bind(problem.map(|problem| problem.kind().word()))
            .bind(problem.map(Problem::message))
            .bind(problem.and_then(Problem::hint_text));
        let closed = query.execute(&mut *transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(&doing)?;
        Ok(closed.rows_affected() == 1)
    }

    /// Jobs that changed something, the last one first, behind a moment and an id.
    pub async fn last_changed(&self, before: (i64, &str), most: i64) -> Result<Vec<JobRow>> {
        let query = sqlx::query_as(LAST_CHANGED)
            .bind(before.0)
            .bind(before.1)
            .bind(most);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for what was changed last"))
    }

    /// Restores of a source that can never go on and may have left something lying about.
    pub async fn restores_left(&self, source: &str) -> Result<Vec<JobRow>> {
        sqlx::query_as(LEFT)
            .bind(source)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for restores that were broken off"))
    }

    /// Nothing lies about any more.
    pub async fn note_tidied(&self, id: &str) -> Result<()> {
        let done = sqlx::query(TIDIED).bind(id).execute(&self.write).await;
        done.map(|_| ())
            .map_err(problems::of("note that a restore left nothing"))
    }
}
