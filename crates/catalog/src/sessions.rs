//! Table `sessions`: who is logged in. The secret of a session is kept as its SHA-256.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct SessionRow {
    pub id: String,
    pub person: String,
    pub hash: String,
    pub created: i64,
    /// At the latest.
    pub expires: i64,
    pub seen: i64,
    pub agent: String,
    pub address: String,
}

const INSERT: &str = "INSERT INTO sessions (id, person, hash, created, expires, seen, agent, address) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const GET_BY_HASH: &str =
    "SELECT id, person, hash, created, expires, seen, agent, address FROM sessions WHERE hash = $1";
const LIST_OF_PERSON: &str = "SELECT id, person, hash, created, expires, seen, agent, address FROM sessions WHERE person = $1 ORDER BY created, id";
const SEEN: &str = "UPDATE sessions SET seen = $2, address = $3 WHERE id = $1";
const DELETE: &str = "DELETE FROM sessions WHERE id = $1 AND person = $2";
const DELETE_OTHERS: &str = "DELETE FROM sessions WHERE person = $1 AND id <> $2";
const DELETE_OVER: &str = "DELETE FROM sessions WHERE expires <= $1 OR seen <= $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("sessions::INSERT", INSERT),
    ("sessions::GET_BY_HASH", GET_BY_HASH),
    ("sessions::LIST_OF_PERSON", LIST_OF_PERSON),
    ("sessions::SEEN", SEEN),
    ("sessions::DELETE", DELETE),
    ("sessions::DELETE_OTHERS", DELETE_OTHERS),
    ("sessions::DELETE_OVER", DELETE_OVER),
];

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;

impl Catalog {
    pub async fn add_session(&self, row: &SessionRow) -> Result<()> {
        let query = sqlx::query(INSERT)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.hash)
            .bind(row.created);
        let query = query
            .bind(row.expires)
            .bind(row.seen)
            .bind(&row.agent)
            .bind(&row.address);
        self.change_sessions(query).await.map(|_| ())
    }

    pub async fn session_of_hash(&self, hash: &str) -> Result<Option<SessionRow>> {
        sqlx::query_as(GET_BY_HASH)
            .bind(hash)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a session up"))
    }

    pub async fn list_sessions(&self, person: &str) -> Result<Vec<SessionRow>> {
        sqlx::query_as(LIST_OF_PERSON)
            .bind(person)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the sessions"))
    }

    pub async fn session_seen(&self, id: &str, now_ms: i64, address: &str) -> Result<()> {
        let query = sqlx::query(SEEN).bind(id).bind(now_ms).bind(address);
        self.change_sessions(query).await.map(|_| ())
    }

    /// False when this person has no such session.
    pub async fn delete_session(&self, id: &str, person: &str) -> Result<bool> {
        let query = sqlx::query(DELETE).bind(id).bind(person);
        Ok(self.change_sessions(query).await? == 1)
    }

    /// All of a person but this one.
    pub async fn delete_other_sessions(&self, person: &str, but: &str) -> Result<u64> {
        self.change_sessions(sqlx::query(DELETE_OTHERS).bind(person).bind(but))
            .await
    }

    /// Those that have expired, or were not seen since.
    pub async fn delete_sessions_over(&self, now_ms: i64, unseen_since_ms: i64) -> Result<u64> {
        let query = sqlx::query(DELETE_OVER).bind(now_ms).bind(unseen_since_ms);
        self.change_sessions(query).await
    }

    async fn change_sessions(&self, query: Query<'_>) -> Result<u64> {
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected())
            .map_err(problems::of("change the sessions"))
    }
}
