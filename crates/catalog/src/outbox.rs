//! Table `outbox`: notices on their way to somebody, until they arrived or were given up.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct OutboxRow {
    pub id: String,
    pub source: Option<String>,
    /// The channel as the policy writes it: secrets are named by place.
    pub channel: String,
    pub notice: String,
    pub attempts: i64,
    /// Empty when it was given up.
    pub next: Option<i64>,
    /// What the last attempt met.
    pub problem: String,
    pub created: i64,
}

const INSERT: &str = "INSERT INTO outbox (id, source, channel, notice, attempts, next, problem, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LIST: &str = "SELECT id, source, channel, notice, attempts, next, problem, created FROM outbox ORDER BY created DESC, id DESC LIMIT $1";
const DUE: &str = "SELECT id, source, channel, notice, attempts, next, problem, created FROM outbox WHERE next <= $1 ORDER BY next, id LIMIT $2";
/// Takes it for a while, so that two senders do not send it twice.
const TAKE: &str =
    "UPDATE outbox SET attempts = attempts + 1, next = $3 WHERE id = $1 AND next = $2 AND attempts = $4";
const PUT_OFF: &str = "UPDATE outbox SET next = $2, problem = $3 WHERE id = $1";
const DELETE: &str = "DELETE FROM outbox WHERE id = $1";
const DELETE_OLD: &str = "DELETE FROM outbox WHERE next IS NULL AND created < $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("outbox::INSERT", INSERT),
    ("outbox::LIST", LIST),
    ("outbox::DUE", DUE),
    ("outbox::TAKE", TAKE),
    ("outbox::PUT_OFF", PUT_OFF),
    ("outbox::DELETE", DELETE),
    ("outbox::DELETE_OLD", DELETE_OLD),
];

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;

pub(crate) fn insert(row: &OutboxRow) -> Query<'_> {
    let query = sqlx::query(INSERT)
        .bind(&row.id)
        .bind(&row.source)
        .bind(&row.channel)
        .bind(&row.notice);
    query
        .bind(row.attempts)
        .bind(row.next)
        .bind(&row.problem)
        .bind(row.created)
}

impl Catalog {
    pub async fn add_outgoing(&self, row: &OutboxRow) -> Result<()> {
        self.change_outbox(insert(row)).await.map(|_| ())
    }

    pub async fn list_outgoing(&self, most: i64) -> Result<Vec<OutboxRow>> {
        let query = sqlx::query_as(LIST).bind(most);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the notices"))
    }

    pub async fn due_outgoing(&self, now_ms: i64, most: i64) -> Result<Vec<OutboxRow>> {
        let query = sqlx::query_as(DUE).bind(now_ms).bind(most);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for notices"))
    }

    /// Counts an attempt and keeps everybody else from it until then. False when somebody else was first.
    pub async fn take_outgoing(&self, row: &OutboxRow, until_ms: i64) -> Result<bool> {
        let query = sqlx::query(TAKE)
            .bind(&row.id)
            .bind(row.next)
            .bind(until_ms)
            .bind(row.attempts);
        Ok(self.change_outbox(query).await? == 1)
    }

    /// `None`: given up.
    pub async fn put_off_outgoing(&self, id: &str, next: Option<i64>, problem: &str) -> Result<()> {
        let query = sqlx::query(PUT_OFF).bind(id).bind(next).bind(problem);
        self.change_outbox(query).await.map(|_| ())
    }

    pub async fn delete_outgoing(&self, id: &str) -> Result<()> {
        self.change_outbox(sqlx::query(DELETE).bind(id)).await.map(|_| ())
    }

    pub async fn delete_given_up(&self, before_ms: i64) -> Result<()> {
        self.change_outbox(sqlx::query(DELETE_OLD).bind(before_ms))
            .await
            .map(|_| ())
    }

    async fn change_outbox(&self, query: Query<'_>) -> Result<u64> {
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected())
            .map_err(problems::of("change the notices"))
    }
}
