//! Table `answers`: what was answered to requests that bore a key. Who inserts the row first carries the request out.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AnswerRow {
    pub asker: String,
    pub key: String,
    /// A hash of what was asked.
    pub request: String,
    /// Empty while it is being carried out.
    pub status: Option<i64>,
    pub body: String,
    pub created: i64,
}

const INSERT: &str = "INSERT INTO answers (asker, key, request, status, body, created) VALUES ($1, $2, $3, NULL, '', $4) \
    ON CONFLICT (asker, key) DO NOTHING";
const GET: &str =
    "SELECT asker, key, request, status, body, created FROM answers WHERE asker = $1 AND key = $2";
const END: &str = "UPDATE answers SET status = $3, body = $4 WHERE asker = $1 AND key = $2";
const DELETE: &str = "DELETE FROM answers WHERE asker = $1 AND key = $2";
const DELETE_OLD: &str = "DELETE FROM answers WHERE created < $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("answers::INSERT", INSERT),
    ("answers::GET", GET),
    ("answers::END", END),
    ("answers::DELETE", DELETE),
    ("answers::DELETE_OLD", DELETE_OLD),
];

impl Catalog {
    /// False when there is one with this key already.
    pub async fn begin_answer(&self, asker: &str, key: &str, request: &str, now_ms: i64) -> Result<bool> {
        let query = sqlx::query(INSERT)
            .bind(asker)
            .bind(key)
            .bind(request)
            .bind(now_ms);
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected() == 1)
            .map_err(problems::of("remember a request"))
    }

    pub async fn answer(&self, asker: &str, key: &str) -> Result<Option<AnswerRow>> {
        let query = sqlx::query_as(GET).bind(asker).bind(key);
        query
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look an answer up"))
    }

    pub async fn end_answer(&self, asker: &str, key: &str, status: i64, body: &str) -> Result<()> {
        let query = sqlx::query(END).bind(asker).bind(key).bind(status).bind(body);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember an answer"))
    }

    pub async fn delete_answer(&self, asker: &str, key: &str) -> Result<()> {
        let query = sqlx::query(DELETE).bind(asker).bind(key);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget an answer"))
    }

    pub async fn delete_old_answers(&self, before_ms: i64) -> Result<()> {
        let query = sqlx::query(DELETE_OLD).bind(before_ms);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget old answers"))
    }
}
