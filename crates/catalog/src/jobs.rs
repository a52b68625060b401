//! Table `jobs`: the queue, and what became of each piece of work.
//!
//! A claim gives a lease and a new fence number; every later write of the job must name that number, so that a worker that woke up late
//! changes nothing. Jobs of one source that touch the living thing run one at a time (`alone`).

use model::{Kind, Problem, Result, Seen};
use sqlx::FromRow;

use crate::{Catalog, Engine, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct JobRow {
    pub id: String,
    pub kind: String,
    pub state: String,
    pub source: Option<String>,
    pub alone: i64,
    pub node: String,
    pub request: String,
    pub result: Option<String>,
    pub phase: String,
    pub item: String,
    pub items_done: i64,
    pub items_total: i64,
    pub bytes_done: i64,
    pub bytes_total: i64,
    pub lease_owner: Option<String>,
    pub lease_until: Option<i64>,
    pub fence: i64,
    pub cancel_requested: i64,
    pub error_kind: Option<String>,
    pub error_message: Option<String>,
    pub error_hint: Option<String>,
    pub person: Option<String>,
    pub created: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    /// When it last set about changing what it is of.
    pub changed: Option<i64>,
    /// When it was put back into the queue for the last time.
    pub queued: Option<i64>,
    /// Not 0: it can never go on; see `restores`.
    pub closed: i64,
    /// The name that its source has now; only of jobs that were looked up or listed.
    #[sqlx(default)]
    pub source_name: Option<String>,
}

/// A job to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    pub id: String,
    pub kind: String,
    pub source: Option<String>,
    /// It touches the living thing: no two such jobs of one source run at once.
    pub alone: bool,
    pub node: String,
    pub request: String,
    pub person: Option<String>,
    pub created: i64,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    pub state: &'a str,
    pub result: Option<String>,
    pub problem: Option<&'a Problem>,
}

macro_rules! columns {
    () => {
        "id, kind, state, source, alone, node, request, result, phase, item, items_done, items_total, bytes_done, bytes_total, \
         lease_owner, lease_until, fence, cancel_requested, error_kind, error_message, error_hint, person, created, started, ended, \
         changed, queued, closed"
    };
}

pub(crate) use columns;

/// What is shown of a job.
macro_rules! shown {
    () => {
        concat!(
            crate::jobs::columns!(),
            ", (SELECT name FROM sources WHERE sources.id = jobs.source) AS source_name"
        )
    };
}
pub(crate) use shown;

/// What may be claimed: queued, of this node, and not beside another one that touches the same source.
macro_rules! claimable {
    () => {
        "state = 'queued' AND node = $4 AND (alone = 0 OR NOT EXISTS (SELECT 1 FROM jobs other \
         WHERE other.source = jobs.source AND other.state = 'running' AND other.alone = 1))"
    };
}

macro_rules! insert_as {
    ($state:literal) => {
        concat!(
            "INSERT INTO jobs (id, kind, state, source, alone, node, request, phase, item, items_done, items_total, bytes_done, bytes_total, \
             fence, cancel_requested, person, created) VALUES ($1, $2, '",
            $state,
            "', $3, $4, $5, $6, '', '', 0, 0, 0, 0, 0, 0, $7, $8)"
        )
    };
}

const INSERT: &str = insert_as!("queued");
const INSERT_WAITING: &str = insert_as!("waiting");
const GET: &str = concat!("SELECT ", shown!(), " FROM jobs WHERE id = $1");
const DELETE: &str = "DELETE FROM jobs WHERE id = $1 AND state NOT IN ('waiting', 'queued', 'running')";
const COUNT: &str = "SELECT state, COUNT(*) AS count FROM jobs GROUP BY state ORDER BY state";
const OPEN: &str =
    "SELECT id FROM jobs WHERE kind = $1 AND state IN ('waiting', 'queued', 'running') AND source = $2";
const ACTIVE: &str = "SELECT id FROM jobs WHERE kind = $1 AND state IN ('queued', 'running') AND source = $2";
const CLAIM_SQLITE: &str = concat!(
    "UPDATE jobs SET state = 'running', lease_owner = $1, lease_until = $2, fence = fence + 1, started = COALESCE(started, $3) \
     WHERE id = (SELECT id FROM jobs WHERE ",
    claimable!(),
    " ORDER BY created, id LIMIT 1) RETURNING ",
    columns!()
);
const CLAIM_POSTGRES: &str = concat!(
    "UPDATE jobs SET state = 'running', lease_owner = $1, lease_until = $2, fence = fence + 1, started = COALESCE(started, $3) \
     WHERE id = (SELECT id FROM jobs WHERE ",
    claimable!(),
    " ORDER BY created, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ",
    columns!()
);
const CLAIM_ONE: &str = concat!(
    "UPDATE jobs SET state = 'running', lease_owner = $1, lease_until = $2, fence = fence + 1, started = COALESCE(started, $3) \
     WHERE id = $5 AND ",
    claimable!(),
    " RETURNING ",
    columns!()
);
const BEAT: &str = "UPDATE jobs SET lease_until = $3, phase = $4, item = $5, items_done = $6, items_total = $7, bytes_done = $8, \
    bytes_total = $9 WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING cancel_requested";
const END: &str = "UPDATE jobs SET state = $3, result = $4, error_kind = $5, error_message = $6, error_hint = $7, ended = $8, \
    lease_owner = NULL, lease_until = NULL WHERE id = $1 AND fence = $2 AND state = 'running'";
const CANCEL_RUNNING: &str = "UPDATE jobs SET cancel_requested = 1 WHERE id = $1 AND state = 'running'";
const CANCEL_QUEUED: &str =
    "UPDATE jobs SET state = 'cancelled', ended = $2 WHERE id = $1 AND state IN ('queued', 'waiting')";
const REQUEUE: &str = "UPDATE jobs SET state = 'queued', queued = $3, cancel_requested = 0, ended = NULL, error_kind = NULL, error_message = NULL, \
    error_hint = NULL, lease_owner = NULL, lease_until = NULL WHERE id = $1 AND state = $2 AND closed = 0";
const GIVE_BACK: &str = "UPDATE jobs SET state = 'queued', queued = $3, lease_owner = NULL, lease_until = NULL \
    WHERE id = $1 AND fence = $2 AND state = 'running'";
const REAP: &str = "UPDATE jobs SET state = 'interrupted', ended = $1, lease_owner = NULL, lease_until = NULL \
    WHERE state = 'running' AND lease_until < $1 RETURNING id";

const REAP_OWNER: &str = "UPDATE jobs SET state = 'interrupted', ended = $1, lease_owner = NULL, lease_until = NULL \
    WHERE state = 'running' AND lease_owner = $2 RETURNING id";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("jobs::INSERT", INSERT),
    ("jobs::INSERT_WAITING", INSERT_WAITING),
    ("jobs::GET", GET),
    ("jobs::DELETE", DELETE),
    ("jobs::COUNT", COUNT),
    ("jobs::OPEN", OPEN),
    ("jobs::ACTIVE", ACTIVE),
    ("jobs::CLAIM_SQLITE", CLAIM_SQLITE),
    ("jobs::CLAIM_POSTGRES", CLAIM_POSTGRES),
    ("jobs::CLAIM_ONE", CLAIM_ONE),
    ("jobs::BEAT", BEAT),
    ("jobs::END", END),
    ("jobs::CANCEL_RUNNING", CANCEL_RUNNING),
    ("jobs::CANCEL_QUEUED", CANCEL_QUEUED),
    ("jobs::REQUEUE", REQUEUE),
    ("jobs::GIVE_BACK", GIVE_BACK),
    ("jobs::REAP", REAP),
    ("jobs::REAP_OWNER", REAP_OWNER),
];

/// Who claims, until when.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub owner: &'a str,
    pub node: &'a str,
    pub now_ms: i64,
    pub until_ms: i64,
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;

pub(crate) fn insert(job: &NewJob) -> Query<'_> {
    insert_with(INSERT, job)
}

/// It is not claimed before somebody queues it.
pub(crate) fn insert_waiting(job: &NewJob) -> Query<'_> {
    insert_with(INSERT_WAITING, job)
}

fn insert_with<'a>(text: &'static str, job: &'a NewJob) -> Query<'a> {
    let query = sqlx::query(text)
        .bind(&job.id)
        .bind(&job.kind)
        .bind(&job.source)
        .bind(i64::from(job.alone));
    query
        .bind(&job.node)
        .bind(&job.request)
        .bind(&job.person)
        .bind(job.created)
}

pub(crate) fn lost() -> Problem {
    Problem::new(
        Kind::Conflict,
        "the job is no longer ours: its lease ran out, and somebody else may have taken it on",
    )
}

impl Catalog {
    pub async fn add_job(&self, job: &NewJob) -> Result<()> {
        insert(job)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("queue a job"))
    }

    pub async fn job(&self, id: &str) -> Result<Option<JobRow>> {
        sqlx::query_as(GET)
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a job up"))
    }

    /// How many rows were changed.
    async fn change_jobs(&self, query: Query<'_>, doing: &str) -> Result<u64> {
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected()).map_err(problems::of(doing))
    }

    /// Forgets a job that is over.
    pub async fn delete_job(&self, id: &str) -> Result<()> {
        let query = sqlx::query(DELETE).bind(id);
        self.change_jobs(query, "forget a job").await.map(|_| ())
    }

    /// How many jobs there are in each state.
    pub async fn count_jobs(&self) -> Result<Vec<(String, i64)>> {
        sqlx::query_as(COUNT)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("count the jobs"))
    }

    /// Jobs of this kind and source that are not over.
    pub async fn open_jobs(&self, kind: &str, source: &str) -> Result<Vec<String>> {
        self.jobs_of(OPEN, kind, source).await
    }

    /// The same without those that wait for somebody.
    pub async fn active_jobs(&self, kind: &str, source: &str) -> Result<Vec<String>> {
        self.jobs_of(ACTIVE, kind, source).await
    }

    async fn jobs_of(&self, text: &'static str, kind: &str, source: &str) -> Result<Vec<String>> {
        let query = sqlx::query_scalar(text).bind(kind).bind(source);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for jobs"))
    }

    /// The oldest job that may run now, or the named one if it may.
    pub async fn claim_job(&self, claim: &Claim<'_>, only: Option<&str>) -> Result<Option<JobRow>> {
        let any = if self.engine() == Engine::Postgres {
            CLAIM_POSTGRES
        } else {
            CLAIM_SQLITE
        };
        let text = if only.is_some() { CLAIM_ONE } else { any };
        let query = sqlx::query_as(text)
            .bind(claim.owner)
            .bind(claim.until_ms)
            .bind(claim.now_ms)
            .bind(claim.node);
        let query = if let Some(id) = only {
            query.bind(id)
        } else {
            query
        };
        match self.change_returning(query).await {
            // Somebody else began to touch the same source between our look and our claim.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
            other => other.map_err(problems::of("claim a job")),
        }
    }

    /// Renews the lease and tells how far the work is. True when somebody asked to stop it.
    pub async fn beat(&self, id: &str, fence: i64, until_ms: i64, seen: &Seen) -> Result<bool> {
        let query = sqlx::query_as(BEAT)
            .bind(id)
            .bind(fence)
            .bind(until_ms)
            .bind(&seen.phase)
            .bind(&seen.item);
        let query = query.bind(seen.items_done as i64).bind(seen.items_total as i64);
        let query = query.bind(seen.bytes_done as i64).bind(seen.bytes_total as i64);
        let row: Option<(i64,)> = self
            .change_returning(query)
            .await
            .map_err(problems::of("renew the lease of a job"))?;
        row.map(|(requested,)| requested != 0).ok_or_else(lost)
    }

    pub async fn end_job(&self, id: &str, fence: i64, ending: &Ending<'_>, now_ms: i64) -> Result<()> {
        let problem = ending.problem;
        let query = sqlx::query(END)
            .bind(id)
            .bind(fence)
            .bind(ending.state)
            .bind(&ending.result);
        let query = query
            .bind(problem.map(|problem| problem.kind().word()))
            .bind(problem.map(Problem::message));
        let query = query.bind(problem.and_then(Problem::hint_text)).bind(now_ms);
        match self.change_jobs(query, "end a job").await? {
            1 => Ok(()),
            _ => Err(lost()),
        }
    }

    /// Asks a running job to stop, or takes a queued one out; what it waits for is withdrawn. False when it was over already.
    pub async fn cancel_job(&self, id: &str, now_ms: i64) -> Result<bool> {
        let doing = problems::of("cancel a job");
        let mut transaction = self.begin().await.map_err(&doing)?;
        crate::approvals::withdraw(&mut transaction, id, now_ms)
            .await
            .map_err(&doing)?;
        let queued = sqlx::query(CANCEL_QUEUED)
            .bind(id)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        transaction.commit().await.map_err(&doing)?;
        if queued.rows_affected() == 1 {
            return Ok(true);
        }
        let running = sqlx::query(CANCEL_RUNNING)
            .bind(id)
            .execute(&self.write)
            .await
            .map_err(&doing)?;
        Ok(running.rows_affected() == 1)
    }

    /// Puts a job that is over, in this state, back into the queue. False when its state is another one by now, or it can never go on.
    pub async fn requeue_job(&self, id: &str, state: &str, now_ms: i64) -> Result<bool> {
        let query = sqlx::query(REQUEUE).bind(id).bind(state).bind(now_ms);
        Ok(self.change_jobs(query, "queue a job again").await? == 1)
    }

    /// Puts a running job back into the queue: its process ends in good order.
    pub async fn give_job_back(&self, id: &str, fence: i64, now_ms: i64) -> Result<()> {
        let query = sqlx::query(GIVE_BACK).bind(id).bind(fence).bind(now_ms);
        match self.change_jobs(query, "give a job back").await? {
            1 => Ok(()),
            _ => Err(lost()),
        }
    }

    /// Running jobs whose lease ran out become interrupted; their ids.
    pub async fn reap_jobs(&self, now_ms: i64) -> Result<Vec<String>> {
        sqlx::query_scalar(REAP)
            .bind(now_ms)
            .fetch_all(&self.write)
            .await
            .map_err(problems::of("look for interrupted jobs"))
    }

    /// What somebody carried out who is known to be gone becomes interrupted; the ids.
    pub async fn reap_jobs_of(&self, owner: &str, now_ms: i64) -> Result<Vec<String>> {
        sqlx::query_scalar(REAP_OWNER)
            .bind(now_ms)
            .bind(owner)
            .fetch_all(&self.write)
            .await
            .map_err(problems::of("look for interrupted jobs"))
    }
}
