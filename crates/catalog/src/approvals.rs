//! Tables `approvals` and `approval_links`: what somebody has to agree to, and the secrets in the letters of those who were asked.
//!
//! A request and its job change together: asked for with the job that waits, approved with the job that is queued, turned down with the job
//! that is over. Each is one transaction, whose first statement names the state that the request must be in; so of several answers one
//! counts, and a process that dies in between leaves both as they were. Requests are touched before jobs, everywhere, so that nobody
//! waits for each other.

use model::{Problem, Result};
use sqlx::FromRow;

use crate::jobs::{NewJob, insert_waiting};
use crate::outbox::{OutboxRow, insert as insert_letter};
use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ApprovalRow {
    pub id: String,
    pub source: String,
    /// What is done once somebody has agreed; it waits.
    pub job: String,
    pub plan: String,
    /// Of the plan: what is agreed to.
    pub hash: String,
    pub backup: String,
    /// Who asked; empty for who acts from the machine itself.
    pub person: Option<String>,
    pub requester: String,
    /// JSON list of the names of those who were asked.
    pub asked: String,
    /// A word of `model::ApprovalState`.
    pub state: String,
    pub created: i64,
    pub expires: i64,
    pub decided: Option<i64>,
    pub decided_by: Option<String>,
    /// By which door, or by the link.
    pub via: Option<String>,
    pub reason: String,
}

/// What lies in the letter of somebody who was asked.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct LinkRow {
    pub hash: String,
    pub approval: String,
    pub person: String,
    pub email: String,
}

/// A new request with everything that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub approval: &'a ApprovalRow,
    pub job: &'a NewJob,
    pub links: &'a [LinkRow],
    pub letters: &'a [OutboxRow],
}

/// What became of a request, and who is told.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    pub id: &'a str,
    pub state: &'a str,
    pub at: i64,
    pub by: Option<&'a str>,
    pub via: Option<&'a str>,
    pub reason: &'a str,
    pub letters: &'a [OutboxRow],
}

macro_rules! columns {
    () => {
        "id, source, job, plan, hash, backup, person, requester, asked, state, created, expires, decided, decided_by, via, reason"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO approvals (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
);
const INSERT_LINK: &str =
    "INSERT INTO approval_links (hash, approval, person, email) VALUES ($1, $2, $3, $4)";
const GET: &str = concat!("SELECT ", columns!(), " FROM approvals WHERE id = $1");
const GET_BY_JOB: &str = concat!("SELECT ", columns!(), " FROM approvals WHERE job = $1");
const GET_LINK: &str = "SELECT hash, approval, person, email FROM approval_links WHERE hash = $1";
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM approvals ORDER BY created DESC, id DESC LIMIT $1"
);
const LIST_PENDING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM approvals WHERE state = 'pending' ORDER BY created DESC, id DESC"
);
const DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM approvals WHERE state = 'pending' AND expires <= $1 ORDER BY expires, id"
);
/// What a request that is open, or was approved and has not begun, will need.
const BACKUPS: &str = "SELECT backup FROM approvals WHERE state IN ('pending', 'approved')";
const REPLACE: &str = concat!(
    "UPDATE approvals SET state = 'replaced', decided = $2 WHERE source = $1 AND state = 'pending' RETURNING ",
    columns!()
);
const WITHDRAW: &str =
    "UPDATE approvals SET state = 'withdrawn', decided = $2 WHERE job = $1 AND state = 'pending'";
const APPROVE: &str = "UPDATE approvals SET state = 'approved', decided = $2, decided_by = $3, via = $4, reason = $5 \
    WHERE id = $1 AND state = 'pending' AND expires > $2 RETURNING job";
const TURN_DOWN: &str = "UPDATE approvals SET state = $6, decided = $2, decided_by = $3, via = $4, reason = $5 \
    WHERE id = $1 AND state = 'pending' RETURNING job";
const USE: &str = "UPDATE approvals SET state = 'used' WHERE job = $1 AND state = 'approved'";
const QUEUE_JOB: &str = "UPDATE jobs SET state = 'queued' WHERE id = $1 AND state = 'waiting'";
const END_JOB: &str = "UPDATE jobs SET state = $2, ended = $3, error_kind = $4, error_message = $5, error_hint = $6 \
    WHERE id = $1 AND state = 'waiting'";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("approvals::INSERT", INSERT),
    ("approvals::INSERT_LINK", INSERT_LINK),
    ("approvals::GET", GET),
    ("approvals::GET_BY_JOB", GET_BY_JOB),
    ("approvals::GET_LINK", GET_LINK),
    ("approvals::LIST", LIST),
    ("approvals::LIST_PENDING", LIST_PENDING),
    ("approvals::DUE", DUE),
    ("approvals::BACKUPS", BACKUPS),
    ("approvals::REPLACE", REPLACE),
    ("approvals::WITHDRAW", WITHDRAW),
    ("approvals::APPROVE", APPROVE),
    ("approvals::TURN_DOWN", TURN_DOWN),
    ("approvals::USE", USE),
    ("approvals::QUEUE_JOB", QUEUE_JOB),
    ("approvals::END_JOB", END_JOB),
];

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;
type Transaction<'t> = sqlx::Transaction<'t, sqlx::Any>;

fn insert(row: &ApprovalRow) -> Query<'_> {
    let query = sqlx::query(INSERT)
        .bind(&row.id)
        .bind(&row.source)
        .bind(&row.job)
        .bind(&row.plan)
        .bind(&row.hash);
    let query = query
        .bind(&row.backup)
        .bind(&row.person)
        .bind(&row.requester)
        .bind(&row.asked)
        .bind(&row.state);
    let query = query.bind(row.created).bind(row.expires).bind(row.decided);
    query.bind(&row.decided_by).bind(&row.via).bind(&row.reason)
}

fn end_job<'q>(id: &'q str, state: &'q str, at: i64, problem: &'q Problem) -> Query<'q> {
    let query = sqlx::query(END_JOB).bind(id).bind(state).bind(at);
    let query = query.bind(problem.kind().word()).bind(problem.message());
    query.bind(problem.hint_text())
}

/// Somebody else was first when two ask at once on PostgreSQL: so often it is tried again.
const TRIES: usize = 8;

impl Catalog {
    /// Makes a request with its job, in place of an older one of the same source, whose job ends with this problem. Those that were replaced.
    pub async fn ask_approval(&self, asking: Asking<'_>, replaced: &Problem) -> Result<Vec<ApprovalRow>> {
        for _ in 0..TRIES {
            match self.ask_once(asking, replaced).await {
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
                other => return other.map_err(problems::of("ask for an approval")),
            }
        }
        Err(Problem::new(model::Kind::Conflict, "too many ask for an approval at once").hint("try again"))
    }

    async fn ask_once(
        &self,
        asking: Asking<'_>,
        replaced: &Problem,
    ) -> Result<Vec<ApprovalRow>, sqlx::Error> {
        let new = asking.approval;
        let mut transaction = self.begin().await?;
        let query = sqlx::query_as(REPLACE).bind(&new.source).bind(new.created);
        let old: Vec<ApprovalRow> = query.fetch_all(&mut *transaction).await?;
        insert(new).execute(&mut *transaction).await?;
        for row in &old {
            let ending = end_job(&row.job, "cancelled", new.created, replaced);
            ending.execute(&mut *transaction).await?;
        }
        insert_waiting(asking.job).execute(&mut *transaction).await?;
        for link in asking.links {
            let query = sqlx::query(INSERT_LINK).bind(&link.hash).bind(&link.approval);
            let query = query.bind(&link.person).bind(&link.email);
            query.execute(&mut *transaction).await?;
        }
        send(&mut transaction, asking.letters).await?;
        transaction.commit().await?;
        Ok(old)
    }

    /// Says yes, and queues the job. False when it is not open any more.
    pub async fn approve(&self, decision: Decision<'_>) -> Result<bool> {
        let doing = problems::of("note an approval");
        let mut transaction = self.begin().await.map_err(&doing)?;
        let query = answer(APPROVE, &decision);
        let job: Option<String> = query.fetch_optional(&mut *transaction).await.map_err(&doing)?;
        let Some(job) = job else { return Ok(false) };
        let queued = sqlx::query(QUEUE_JOB).bind(&job).execute(&mut *transaction).await;
        if queued.map_err(&doing)?.rows_affected() != 1 {
            return Ok(false);
        }
        send(&mut transaction, decision.letters).await.map_err(&doing)?;
        transaction.commit().await.map(|()| true).map_err(&doing)
    }

    /// Says no, or that it is too late, and ends the job with this problem. False when it is not open any more.
    pub async fn turn_down(&self, decision: Decision<'_>, problem: &Problem) -> Result<bool> {
        let doing = problems::of("note what became of a request");
        let mut transaction = self.begin().await.map_err(&doing)?;
        let query = answer(TURN_DOWN, &decision).bind(decision.state);
        let job: Option<String> = query.fetch_optional(&mut *transaction).await.map_err(&doing)?;
        let Some(job) = job else { return Ok(false) };
        let ending = end_job(&job, "failed", decision.at, problem);
        ending.execute(&mut *transaction).await.map_err(&doing)?;
        send(&mut transaction, decision.letters).await.map_err(&doing)?;
        transaction.commit().await.map(|()| true).map_err(&doing)
    }

    /// The job of an approved request begins.
    pub async fn use_approval(&self, job: &str) -> Result<()> {
        let done = sqlx::query(USE).bind(job).execute(&self.write).await;
        done.map(|_| ())
            .map_err(problems::of("note the use of an approval"))
    }

    pub async fn approval(&self, id: &str) -> Result<Option<ApprovalRow>> {
        self.one_approval(GET, id).await
    }

    pub async fn approval_of_job(&self, job: &str) -> Result<Option<ApprovalRow>> {
        self.one_approval(GET_BY_JOB, job).await
    }

    async fn one_approval(&self, text: &'static str, key: &str) -> Result<Option<ApprovalRow>> {
        let query = sqlx::query_as(text).bind(key);
        query
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a request up"))
    }

    pub async fn approval_link(&self, hash: &str) -> Result<Option<LinkRow>> {
        let query = sqlx::query_as(GET_LINK).bind(hash);
        query
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a link up"))
    }

    /// The newest first.
    pub async fn list_approvals(&self, most: i64) -> Result<Vec<ApprovalRow>> {
        let query = sqlx::query_as(LIST).bind(most);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the requests"))
    }

    pub async fn pending_approvals(&self) -> Result<Vec<ApprovalRow>> {
        let query = sqlx::query_as(LIST_PENDING);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the requests"))
    }

    /// Open ones whose time is up.
    pub async fn due_approvals(&self, now_ms: i64) -> Result<Vec<ApprovalRow>> {
        let query = sqlx::query_as(DUE).bind(now_ms);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for requests that have expired"))
    }

    /// Backups that somebody was asked to agree to.
    pub async fn backups_asked_for(&self) -> Result<Vec<String>> {
        sqlx::query_scalar(BACKUPS)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the requests"))
    }
}

type Scalar<'q> = sqlx::query::QueryScalar<'q, sqlx::Any, String, <sqlx::Any as sqlx::Database>::Arguments>;

fn answer<'q>(text: &'static str, decision: &Decision<'q>) -> Scalar<'q> {
    let query = sqlx::query_scalar(text).bind(decision.id).bind(decision.at);
    query.bind(decision.by).bind(decision.via).bind(decision.reason)
}

async fn send(transaction: &mut Transaction<'_>, letters: &[OutboxRow]) -> Result<(), sqlx::Error> {
    for letter in letters {
        insert_letter(letter).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// The request of a job that is about to be cancelled, if it is open, is withdrawn.
pub(crate) async fn withdraw(
    transaction: &mut Transaction<'_>,
    job: &str,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(WITHDRAW).bind(job).bind(now_ms);
    query.execute(&mut **transaction).await.map(|_| ())
}
