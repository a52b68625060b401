//! Table `backups`: which snapshot is which backup. A row exists only after its snapshot is durable.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct BackupRow {
    pub id: String,
    pub source: String,
    pub source_name: String,
    pub kind: String,
    pub repository: String,
    pub snapshot: String,
    pub tree: String,
    pub name: String,
    pub reason: String,
    pub created: i64,
    pub seconds: f64,
    /// JSON list of the parts' names.
    pub parts: String,
    pub files: i64,
    pub bytes: i64,
    pub added_bytes: i64,
    pub locked: i64,
    /// When every byte was last read back and found right.
    pub verified: Option<i64>,
    pub person: Option<String>,
    pub job: Option<String>,
    /// `ok`, or `missing` when its snapshot is gone.
    pub state: String,
    /// JSON list of texts.
    pub warnings: String,
}

const INSERT: &str = "INSERT INTO backups (id, source, source_name, kind, repository, snapshot, tree, name, reason, created, seconds, \
    parts, files, bytes, added_bytes, locked, verified, person, job, state, warnings) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";
const LIST: &str = "SELECT id, source, source_name, kind, repository, snapshot, tree, name, reason, created, seconds, parts, files, bytes, \
    added_bytes, locked, verified, person, job, state, warnings FROM backups ORDER BY created DESC, id DESC LIMIT $1";
const LIST_OF_SOURCE: &str = "SELECT id, source, source_name, kind, repository, snapshot, tree, name, reason, created, seconds, parts, \
    files, bytes, added_bytes, locked, verified, person, job, state, warnings FROM backups WHERE source = $1 \
    ORDER BY created DESC, id DESC LIMIT $2";
const GET: &str = "SELECT id, source, source_name, kind, repository, snapshot, tree, name, reason, created, seconds, parts, files, bytes, \
    added_bytes, locked, verified, person, job, state, warnings FROM backups WHERE id = $1";
const NEWEST: &str = "SELECT source, MAX(created) AS created FROM backups WHERE state = 'ok' AND reason IN ('manual', 'scheduled') GROUP BY source";
const SET_LOCKED: &str = "UPDATE backups SET locked = $2 WHERE id = $1";
const SET_NAME: &str = "UPDATE backups SET name = $2 WHERE id = $1";
const SET_VERIFIED: &str = "UPDATE backups SET verified = $2 WHERE id = $1";
const SET_STATE: &str = "UPDATE backups SET state = $2 WHERE id = $1";
const DELETE: &str = "DELETE FROM backups WHERE id = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("backups::INSERT", INSERT),
    ("backups::LIST", LIST),
    ("backups::LIST_OF_SOURCE", LIST_OF_SOURCE),
    ("backups::GET", GET),
    ("backups::NEWEST", NEWEST),
    ("backups::SET_LOCKED", SET_LOCKED),
    ("backups::SET_NAME", SET_NAME),
    ("backups::SET_VERIFIED", SET_VERIFIED),
    ("backups::SET_STATE", SET_STATE),
    ("backups::DELETE", DELETE),
];

impl Catalog {
    pub async fn add_backup(&self, row: &BackupRow) -> Result<()> {
        let query = sqlx::query(INSERT)
            .bind(&row.id)
            .bind(&row.source)
            .bind(&row.source_name)
            .bind(&row.kind)
            .bind(&row.repository);
        let query = query
            .bind(&row.snapshot)
            .bind(&row.tree)
            .bind(&row.name)
            .bind(&row.reason)
            .bind(row.created)
            .bind(row.seconds);
        let query = query
            .bind(&row.parts)
            .bind(row.files)
            .bind(row.bytes)
            .bind(row.added_bytes)
            .bind(row.locked)
            .bind(row.verified);
        let query = query
            .bind(&row.person)
            .bind(&row.job)
            .bind(&row.state)
            .bind(&row.warnings);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a backup"))
    }

    /// The newest backups, of one source or of all.
    pub async fn list_backups(&self, source: Option<&str>, most: i64) -> Result<Vec<BackupRow>> {
        let rows = match source {
            Some(source) => {
                sqlx::query_as(LIST_OF_SOURCE)
                    .bind(source)
                    .bind(most)
                    .fetch_all(&self.read)
                    .await
            }
            None => sqlx::query_as(LIST).bind(most).fetch_all(&self.read).await,
        };
        rows.map_err(problems::of("list the backups"))
    }

    /// Per source: when its newest ordinary backup was made.
    pub async fn newest_backups(&self) -> Result<Vec<(String, i64)>> {
        sqlx::query_as(NEWEST)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for the newest backups"))
    }

    pub async fn backup(&self, id: &str) -> Result<Option<BackupRow>> {
        sqlx::query_as(GET)
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a backup up"))
    }

    pub async fn set_backup_locked(&self, id: &str, locked: bool) -> Result<()> {
        self.change_backup(sqlx::query(SET_LOCKED).bind(id).bind(i64::from(locked)))
            .await
    }

    pub async fn set_backup_name(&self, id: &str, name: &str) -> Result<()> {
        self.change_backup(sqlx::query(SET_NAME).bind(id).bind(name))
            .await
    }

    pub async fn set_backup_verified(&self, id: &str, at_ms: i64) -> Result<()> {
        self.change_backup(sqlx::query(SET_VERIFIED).bind(id).bind(at_ms))
            .await
    }

    pub async fn set_backup_state(&self, id: &str, state: &str) -> Result<()> {
        self.change_backup(sqlx::query(SET_STATE).bind(id).bind(state))
            .await
    }

    pub async fn delete_backup(&self, id: &str) -> Result<()> {
        self.change_backup(sqlx::query(DELETE).bind(id)).await
    }

    async fn change_backup(
        &self,
        query: sqlx::query::Query<'_, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>,
    ) -> Result<()> {
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("change a backup"))
    }
}
