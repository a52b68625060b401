//! Table `backups`: which snapshot is which backup. A row exists only after its snapshot is durable.

use model::Result;
use sqlx::FromRow;

use crate::paging::{Among, among};
use crate::{Catalog, problems};

#[derive(Clone, Debug, Default, PartialEq, FromRow)]
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
    /// `ok`, `missing` when its snapshot is gone, or `damaged` when not all of it can be read; what people are shown is [`Self::standing`].
    pub state: String,
    /// JSON list of texts.
    pub warnings: String,
    /// How many entries could not be read.
    pub lacks: i64,
    /// Why it is suspicious; empty when it is not.
    pub suspicion: String,
    /// When somebody said that it is as it should be.
    pub accepted: Option<i64>,
    /// 1: pieces of it were found damaged, and it was not read back whole since.
    pub hurt: i64,
    /// JSON object: how much each part holds, as `model::Amount`.
    pub amounts: String,
    /// JSON list of the patterns that were given for this backup alone.
    pub ignored: String,
}

impl BackupRow {
    /// How it stands, in one word; the expression `standing!` says the same.
    pub fn standing(&self) -> &str {
        match self.state.as_str() {
            "ok" if self.lacks > 0 => "incomplete",
            "ok" if !self.suspicion.is_empty() && self.accepted.is_none() => "suspicious",
            state => state,
        }
    }

    /// May others go for it, and is it the one that others are measured by?
    pub fn is_good(&self) -> bool {
        self.accepted.is_some() || (self.lacks == 0 && self.suspicion.is_empty())
    }
}

/// The words of [`BackupRow::standing`].
pub const STANDINGS: [&str; 5] = ["ok", "incomplete", "suspicious", "missing", "damaged"];

/// The text of the index `backups_not_ok`, to the letter.
macro_rules! standing {
    () => {
        "CASE WHEN state <> 'ok' THEN state WHEN lacks > 0 THEN 'incomplete' \
         WHEN suspicion <> '' AND accepted IS NULL THEN 'suspicious' ELSE 'ok' END"
    };
}
pub(crate) use standing;

macro_rules! columns {
    () => {
        "id, source, source_name, kind, repository, snapshot, tree, name, reason, created, seconds, parts, files, bytes, \
         added_bytes, locked, verified, person, job, state, warnings, lacks, suspicion, accepted, hurt, amounts, ignored"
    };
}
pub(crate) use columns;

const INSERT: &str = "INSERT INTO backups (id, source, source_name, kind, repository, snapshot, tree, name, reason, created, seconds, \
    parts, files, bytes, added_bytes, locked, verified, person, job, state, warnings, lacks, suspicion, accepted, hurt, amounts, ignored) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)";
const GET: &str = concat!("SELECT ", columns!(), " FROM backups WHERE id = $1");
const NAMED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM backups WHERE name = $1 AND name <> '' AND state = 'ok' AND ",
    among!("backups.source", "$2", "$3"),
    " ORDER BY created DESC, id DESC LIMIT $4"
);
/// By the beginning of an id.
const BEGINNING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM backups WHERE id >= $1 AND id <= $5 AND state <> 'missing' AND ",
    among!("backups.source", "$2", "$3"),
    " ORDER BY id DESC LIMIT $4"
);
/// By the name that its source had.
const OF_SOURCE_NAMED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM backups WHERE source_name = $1 AND state = 'ok' AND reason <> 'safety' AND ",
    among!("backups.source", "$2", "$3"),
    " ORDER BY created DESC, id DESC LIMIT $4"
);
/// One look into the index per source, however many backups there are.
const NEWEST: &str = "SELECT id, (SELECT created FROM backups WHERE source = sources.id AND state = 'ok' \
    AND reason IN ('manual', 'scheduled') ORDER BY created DESC LIMIT 1) AS created FROM sources";
const SOURCES: &str = "SELECT DISTINCT source FROM backups";
const SET_LOCKED: &str = "UPDATE backups SET locked = $2 WHERE id = $1";
const SET_NAME: &str = "UPDATE backups SET name = $2 WHERE id = $1";
/// What was read back whole is there.
const SET_VERIFIED: &str = "UPDATE backups SET verified = $2, state = 'ok', hurt = 0 WHERE id = $1";
/// What is gone or damaged is verified no more; and what was found damaged is whole again only once it was read back.
const SET_STATE: &str = "UPDATE backups SET state = CASE WHEN $2 = 'ok' AND hurt = 1 THEN 'damaged' ELSE $2 END, \
    verified = CASE WHEN $2 = 'ok' THEN verified ELSE NULL END WHERE id = $1";
const SET_HURT: &str = "UPDATE backups SET state = 'damaged', hurt = 1, verified = NULL WHERE id = $1";
const OF_SNAPSHOT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM backups WHERE repository = $1 AND snapshot = $2"
);
/// The first acceptance stays.
const ACCEPT: &str = "UPDATE backups SET accepted = $2 WHERE id = $1 AND accepted IS NULL";
/// What has another content was not read back yet.
const SET_SNAPSHOT: &str = "UPDATE backups SET snapshot = $2, tree = $3, \
    state = CASE WHEN hurt = 1 THEN 'damaged' ELSE 'ok' END, verified = CASE WHEN tree = $3 THEN verified ELSE NULL END WHERE id = $1";
const ALL_MISSING: &str =
    "UPDATE backups SET state = 'missing', verified = NULL WHERE repository = $1 AND state <> 'missing'";
const DELETE: &str = "DELETE FROM backups WHERE id = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("backups::INSERT", INSERT),
    ("backups::GET", GET),
    ("backups::NAMED", NAMED),
    ("backups::BEGINNING", BEGINNING),
    ("backups::OF_SOURCE_NAMED", OF_SOURCE_NAMED),
    ("backups::NEWEST", NEWEST),
    ("backups::SOURCES", SOURCES),
    ("backups::SET_LOCKED", SET_LOCKED),
    ("backups::SET_NAME", SET_NAME),
    ("backups::SET_VERIFIED", SET_VERIFIED),
    ("backups::SET_STATE", SET_STATE),
    ("backups::ALL_MISSING", ALL_MISSING),
    ("backups::SET_HURT", SET_HURT),
    ("backups::OF_SNAPSHOT", OF_SNAPSHOT),
    ("backups::ACCEPT", ACCEPT),
    ("backups::SET_SNAPSHOT", SET_SNAPSHOT),
    ("backups::DELETE", DELETE),
];

type Lookup<'q> = sqlx::query::QueryAs<'q, sqlx::Any, BackupRow, <sqlx::Any as sqlx::Database>::Arguments>;

fn insert(row: &BackupRow) -> sqlx::query::Query<'_, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments> {
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
        .bind(row.lacks)
        .bind(&row.suspicion)
        .bind(row.accepted)
        .bind(row.hurt)
        .bind(&row.amounts)
        .bind(&row.ignored)
}

impl Catalog {
    pub async fn add_backup(&self, row: &BackupRow) -> Result<()> {
        insert(row)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a backup"))
    }

    /// All of them or none.
    pub async fn add_backups(&self, rows: &[BackupRow]) -> Result<()> {
        let doing = problems::of("remember a backup");
        let mut transaction = self.begin().await.map_err(&doing)?;
        for row in rows {
            insert(row).execute(&mut *transaction).await.map_err(&doing)?;
        }
        transaction.commit().await.map_err(&doing)
    }

    /// Per source: when its newest ordinary backup was made.
    pub async fn newest_backups(&self) -> Result<Vec<(String, i64)>> {
        let rows: Result<Vec<(String, Option<i64>)>, _> = sqlx::query_as(NEWEST).fetch_all(&self.read).await;
        let rows = rows.map_err(problems::of("look for the newest backups"))?;
        Ok(rows
            .into_iter()
            .filter_map(|(source, created)| Some((source, created?)))
            .collect())
    }

    /// The ids of all sources that have backups, also of those that were removed.
    pub async fn sources_with_backups(&self) -> Result<Vec<String>> {
        sqlx::query_scalar(SOURCES)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list what has backups"))
    }

    pub async fn backup(&self, id: &str) -> Result<Option<BackupRow>> {
        sqlx::query_as(GET)
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a backup up"))
    }

    /// The newest of this name; like the ones below, of whole backups only.
    pub async fn backups_named(&self, name: &str, among: Among<'_>, most: i64) -> Result<Vec<BackupRow>> {
        self.look_up(sqlx::query_as(NAMED).bind(name), among, most, None)
            .await
    }

    /// Whose id lies between these two.
    pub async fn backups_between(
        &self,
        (first, last): &(String, String),
        among: Among<'_>,
        most: i64,
    ) -> Result<Vec<BackupRow>> {
        self.look_up(sqlx::query_as(BEGINNING).bind(first), among, most, Some(last))
            .await
    }

    /// The newest ordinary one of a source that had this name then.
    pub async fn newest_backup_of(&self, name: &str, among: Among<'_>) -> Result<Option<BackupRow>> {
        let found = self.look_up(sqlx::query_as(OF_SOURCE_NAMED).bind(name), among, 1, None);
        Ok(found.await?.pop())
    }

    async fn look_up(
        &self,
        query: Lookup<'_>,
        among: Among<'_>,
        most: i64,
        last: Option<&str>,
    ) -> Result<Vec<BackupRow>> {
        let query = query.bind(among.person()).bind(among.word()).bind(most);
        let query = match last {
            Some(last) => query.bind(last),
            None => query,
        };
        query
            .fetch_all(&self.read)
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

    /// Every byte of it was read back and is right.
    pub async fn set_backup_verified(&self, id: &str, at_ms: i64) -> Result<()> {
        self.change_backup(sqlx::query(SET_VERIFIED).bind(id).bind(at_ms))
            .await
    }

    /// Pieces of it are damaged or missing.
    pub async fn set_backup_hurt(&self, id: &str) -> Result<()> {
        self.change_backup(sqlx::query(SET_HURT).bind(id)).await
    }

    /// Whose content a snapshot is.
    pub async fn backup_of_snapshot(&self, repository: &str, snapshot: &str) -> Result<Option<BackupRow>> {
        sqlx::query_as(OF_SNAPSHOT)
            .bind(repository)
            .bind(snapshot)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a backup up"))
    }

    pub async fn accept_backup(&self, id: &str, at_ms: i64) -> Result<()> {
        self.change_backup(sqlx::query(ACCEPT).bind(id).bind(at_ms)).await
    }

    /// It is in another snapshot from now on.
    pub async fn set_backup_snapshot(&self, id: &str, snapshot: &str, tree: &str) -> Result<()> {
        self.change_backup(sqlx::query(SET_SNAPSHOT).bind(id).bind(snapshot).bind(tree))
            .await
    }

    /// `ok`, `missing` or `damaged`.
    pub async fn set_backup_state(&self, id: &str, state: &str) -> Result<()> {
        self.change_backup(sqlx::query(SET_STATE).bind(id).bind(state))
            .await
    }

    /// The repository itself is not there; how many backups that changes.
    pub async fn set_all_backups_missing(&self, repository: &str) -> Result<u64> {
        let done = sqlx::query(ALL_MISSING)
            .bind(repository)
            .execute(&self.write)
            .await;
        done.map(|done| done.rows_affected())
            .map_err(problems::of("mark the backups"))
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
