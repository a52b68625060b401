//! Table `journal`: the steps of restores and imports, durable before the call returns.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StepRow {
    pub step: String,
    pub done: i64,
    pub data: String,
}

const UPSERT: &str = "INSERT INTO journal (job, step, seq, done, data) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (job, step) DO UPDATE SET done = excluded.done, data = excluded.data";
const LIST: &str = "SELECT step, done, data FROM journal WHERE job = $1 ORDER BY seq, step";
const DELETE: &str = "DELETE FROM journal WHERE job = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("journal::UPSERT", UPSERT),
    ("journal::LIST", LIST),
    ("journal::DELETE", DELETE),
];

impl Catalog {
    /// Records many steps in one transaction; `first` numbers the first of them.
    pub async fn record_steps(&self, job: &str, first: i64, steps: &[StepRow]) -> Result<()> {
        let doing = problems::of("write the journal of a job");
        let mut transaction = self.begin().await.map_err(&doing)?;
        for (number, step) in (first..).zip(steps) {
            let query = sqlx::query(UPSERT)
                .bind(job)
                .bind(&step.step)
                .bind(number)
                .bind(step.done)
                .bind(&step.data);
            query.execute(&mut *transaction).await.map_err(&doing)?;
        }
        transaction.commit().await.map_err(&doing)
    }

    pub async fn steps(&self, job: &str) -> Result<Vec<StepRow>> {
        sqlx::query_as(LIST)
            .bind(job)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("read the journal of a job"))
    }

    pub async fn delete_steps(&self, job: &str) -> Result<()> {
        sqlx::query(DELETE)
            .bind(job)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget the journal of a job"))
    }
}
