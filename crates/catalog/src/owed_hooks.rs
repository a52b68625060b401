//! Table `owed_hooks`: hooks that are still to be run after backups, and who will do it. There are rarely more than a few.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct OwedRow {
    pub job: String,
    pub source: String,
    pub source_name: String,
    pub node: String,
    /// JSON.
    pub hooks: String,
    /// Nobody, when it is empty.
    pub owner: String,
}

const OWE: &str = "INSERT INTO owed_hooks (job, source, source_name, node, hooks, owner) VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (job) DO UPDATE SET source_name = excluded.source_name, hooks = excluded.hooks, owner = excluded.owner";
const LIST: &str =
    "SELECT job, source, source_name, node, hooks, owner FROM owed_hooks WHERE node = $1 ORDER BY job";
const TAKE: &str = "UPDATE owed_hooks SET owner = $3 WHERE job = $1 AND owner = $2";
const LEAVE: &str = "UPDATE owed_hooks SET owner = '' WHERE job = $1";
const LEAVE_ALL: &str = "UPDATE owed_hooks SET owner = '' WHERE owner = $1";
const SETTLE: &str = "DELETE FROM owed_hooks WHERE job = $1 AND owner = $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("owed_hooks::OWE", OWE),
    ("owed_hooks::LIST", LIST),
    ("owed_hooks::TAKE", TAKE),
    ("owed_hooks::LEAVE", LEAVE),
    ("owed_hooks::LEAVE_ALL", LEAVE_ALL),
    ("owed_hooks::SETTLE", SETTLE),
];

impl Catalog {
    pub async fn owe_hooks(&self, row: &OwedRow) -> Result<()> {
        let query = sqlx::query(OWE)
            .bind(&row.job)
            .bind(&row.source)
            .bind(&row.source_name);
        let query = query.bind(&row.node).bind(&row.hooks).bind(&row.owner);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember the hooks of a job"))
    }

    /// What is owed on this node, by whomever.
    pub async fn owed_hooks(&self, node: &str) -> Result<Vec<OwedRow>> {
        sqlx::query_as(LIST)
            .bind(node)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for hooks that are owed"))
    }

    /// From now on this one runs them. False when they are not that one's any more.
    pub async fn take_owed_hooks(&self, job: &str, from: &str, owner: &str) -> Result<bool> {
        let query = sqlx::query(TAKE).bind(job).bind(from).bind(owner);
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected() == 1)
            .map_err(problems::of("take over the hooks of a job"))
    }

    /// Whoever carried the job out is gone.
    pub async fn leave_owed_hooks(&self, job: &str) -> Result<()> {
        sqlx::query(LEAVE)
            .bind(job)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("let the hooks of a job go"))
    }

    /// Whoever owed them is gone.
    pub async fn leave_owed_hooks_of(&self, owner: &str) -> Result<()> {
        sqlx::query(LEAVE_ALL)
            .bind(owner)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("let the hooks of jobs go"))
    }

    /// They have been run.
    pub async fn settle_owed_hooks(&self, job: &str, owner: &str) -> Result<()> {
        sqlx::query(SETTLE)
            .bind(job)
            .bind(owner)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget the hooks of a job"))
    }
}
