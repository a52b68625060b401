//! Table `answers`: what was answered to requests that bore a key. Who inserts the row first carries the request out, or who takes it
//! over when its holder has let it lapse.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AnswerRow {
    pub asker: String,
    pub key: String,
    /// A keyed hash of what was asked.
    pub request: String,
    /// Empty while it is being carried out.
    pub status: Option<i64>,
    pub body: String,
    pub created: i64,
    /// Who carries it out.
    pub owner: String,
    /// Unless it is put off, nobody does any more after this.
    pub until: i64,
    /// The job that was asked for; it may not be there yet, or never have come to be.
    pub job: String,
    /// What had to be allowed for it, one a line.
    pub rights: String,
}

/// A key, and who holds it until when.
#[derive(Clone, Copy, Debug)]
pub struct KeyClaim<'a> {
    pub asker: &'a str,
    pub key: &'a str,
    pub owner: &'a str,
    pub now_ms: i64,
    pub until_ms: i64,
}

const INSERT: &str = "INSERT INTO answers (asker, key, request, status, body, created, owner, until, job) \
    VALUES ($1, $2, $3, NULL, '', $4, $5, $6, '') ON CONFLICT (asker, key) DO UPDATE \
    SET created = excluded.created, owner = excluded.owner, until = excluded.until, job = '' \
    WHERE answers.status IS NULL AND answers.until < $4 AND answers.request = excluded.request \
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = answers.job)";
const GET: &str = "SELECT asker, key, request, status, body, created, owner, until, job, rights FROM answers \
    WHERE asker = $1 AND key = $2";
const KEEP: &str =
    "UPDATE answers SET until = $4 WHERE asker = $1 AND key = $2 AND owner = $3 AND status IS NULL";
const NAME_JOB: &str =
    "UPDATE answers SET job = $4 WHERE asker = $1 AND key = $2 AND owner = $3 AND status IS NULL";
const END: &str = "UPDATE answers SET status = $4, body = $5, rights = $6 WHERE asker = $1 AND key = $2 AND owner = $3 AND status IS NULL";
const DELETE: &str = "DELETE FROM answers WHERE asker = $1 AND key = $2 AND owner = $3 AND status IS NULL";
const LAPSE: &str = "UPDATE answers SET until = 0 WHERE owner = $1 AND status IS NULL";
const DELETE_OLD: &str = "DELETE FROM answers WHERE created < $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("answers::INSERT", INSERT),
    ("answers::GET", GET),
    ("answers::KEEP", KEEP),
    ("answers::NAME_JOB", NAME_JOB),
    ("answers::END", END),
    ("answers::DELETE", DELETE),
    ("answers::LAPSE", LAPSE),
    ("answers::DELETE_OLD", DELETE_OLD),
];

impl Catalog {
    /// False when somebody holds the key, or it has its answer, or a job that was asked for under it is there.
    pub async fn begin_answer(&self, claim: &KeyClaim<'_>, request: &str) -> Result<bool> {
        let query = sqlx::query(INSERT)
            .bind(claim.asker)
            .bind(claim.key)
            .bind(request)
            .bind(claim.now_ms)
            .bind(claim.owner)
            .bind(claim.until_ms);
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected() == 1)
            .map_err(problems::of("remember a request"))
    }

    /// Puts the end of a claim off.
    pub async fn keep_answer(&self, claim: &KeyClaim<'_>) -> Result<()> {
        let query = sqlx::query(KEEP).bind(claim.asker).bind(claim.key);
        let query = query.bind(claim.owner).bind(claim.until_ms);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("hold a request's key"))
    }

    /// Says which job will be asked for. False when the key is somebody else's by now.
    pub async fn name_job_of_answer(&self, claim: &KeyClaim<'_>, job: &str) -> Result<bool> {
        let query = sqlx::query(NAME_JOB).bind(claim.asker).bind(claim.key);
        let done = query.bind(claim.owner).bind(job).execute(&self.write).await;
        done.map(|done| done.rows_affected() == 1)
            .map_err(problems::of("remember the job of a request"))
    }

    /// The holder is gone.
    pub async fn lapse_answers_of(&self, owner: &str) -> Result<()> {
        sqlx::query(LAPSE)
            .bind(owner)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("let the keys of requests go"))
    }

    pub async fn answer(&self, asker: &str, key: &str) -> Result<Option<AnswerRow>> {
        let query = sqlx::query_as(GET).bind(asker).bind(key);
        query
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look an answer up"))
    }

    /// The holder's answer; whoever lost the key changes nothing.
    pub async fn end_answer(
        &self,
        claim: &KeyClaim<'_>,
        status: i64,
        body: &str,
        rights: &str,
    ) -> Result<()> {
        let query = sqlx::query(END).bind(claim.asker).bind(claim.key);
        let query = query.bind(claim.owner).bind(status).bind(body).bind(rights);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember an answer"))
    }

    pub async fn delete_answer(&self, claim: &KeyClaim<'_>) -> Result<()> {
        let query = sqlx::query(DELETE)
            .bind(claim.asker)
            .bind(claim.key)
            .bind(claim.owner);
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
