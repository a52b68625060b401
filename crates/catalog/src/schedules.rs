//! Table `schedules`: when something last ran by itself, and when it runs next.
//!
//! A run is fired by a compare-and-swap of `next` in the same transaction that queues its job: however many processes look, and whenever
//! they are killed, each due run is had once.

use model::Result;
use sqlx::FromRow;

use crate::jobs::{NewJob, insert};
use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ScheduleRow {
    pub name: String,
    pub source: Option<String>,
    pub enabled: i64,
    pub last: Option<i64>,
    pub next: Option<i64>,
}

/// A due run: the marks as they will be, and the job that does it.
#[derive(Clone, Debug)]
pub struct Firing {
    pub was_next: Option<i64>,
    pub marks: ScheduleRow,
    pub job: Option<NewJob>,
}

const PUT: &str = "INSERT INTO schedules (name, source, enabled, last, next) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (name) DO UPDATE SET source = excluded.source, enabled = excluded.enabled, last = excluded.last, next = excluded.next";
const GET: &str = "SELECT name, source, enabled, last, next FROM schedules WHERE name = $1";
const LIST: &str = "SELECT name, source, enabled, last, next FROM schedules ORDER BY name";
const DELETE: &str = "DELETE FROM schedules WHERE name = $1";
/// Due ones, and those with marks in the future: the clock was wrong and has been put right.
const DUE: &str = "SELECT name, source, enabled, last, next FROM schedules \
    WHERE next <= $1 OR (next IS NOT NULL AND (last > $2 OR enabled > $2)) ORDER BY next, name LIMIT $3";
const FIRE: &str = "UPDATE schedules SET enabled = $3, last = $4, next = $5 WHERE name = $1 AND next = $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("schedules::PUT", PUT),
    ("schedules::GET", GET),
    ("schedules::LIST", LIST),
    ("schedules::DELETE", DELETE),
    ("schedules::DUE", DUE),
    ("schedules::FIRE", FIRE),
];

impl Catalog {
    pub async fn put_schedule(&self, row: &ScheduleRow) -> Result<()> {
        let query = sqlx::query(PUT)
            .bind(&row.name)
            .bind(&row.source)
            .bind(row.enabled)
            .bind(row.last)
            .bind(row.next);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a schedule"))
    }

    pub async fn schedule(&self, name: &str) -> Result<Option<ScheduleRow>> {
        sqlx::query_as(GET)
            .bind(name)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a schedule up"))
    }

    pub async fn list_schedules(&self) -> Result<Vec<ScheduleRow>> {
        sqlx::query_as(LIST)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the schedules"))
    }

    pub async fn delete_schedule(&self, name: &str) -> Result<()> {
        sqlx::query(DELETE)
            .bind(name)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget a schedule"))
    }

    /// What is due, and what ran later than `future_ms`.
    pub async fn due_schedules(&self, now_ms: i64, future_ms: i64, most: i64) -> Result<Vec<ScheduleRow>> {
        let query = sqlx::query_as(DUE).bind(now_ms).bind(future_ms).bind(most);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for due schedules"))
    }

    /// Marks runs as had and queues their jobs, all in one transaction. How many were ours: of the others somebody else was first.
    pub async fn fire_schedules(&self, firings: &[Firing]) -> Result<usize> {
        let doing = problems::of("start what is due");
        let mut transaction = self.begin().await.map_err(&doing)?;
        let mut ours = 0;
        for firing in firings {
            let marks = &firing.marks;
            let query = sqlx::query(FIRE)
                .bind(&marks.name)
                .bind(firing.was_next)
                .bind(marks.enabled)
                .bind(marks.last)
                .bind(marks.next);
            let done = query.execute(&mut *transaction).await.map_err(&doing)?;
            if done.rows_affected() != 1 {
                continue;
            }
            ours += 1;
            if let Some(job) = &firing.job {
                insert(job).execute(&mut *transaction).await.map_err(&doing)?;
            }
        }
        transaction.commit().await.map_err(&doing)?;
        Ok(ours)
    }
}
