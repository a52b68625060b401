//! A request that bears a key is carried out once, however often it is sent.
//!
//! Nouns: a *claim* is the key in the hands of the process that carries the request out. It lapses half a minute after that process has shown
//! the last sign of life, on the same machine as soon as anybody looks for the process and finds it gone.
//! Rules: a key belongs to who sends it, and to one request; it is remembered for a day. Who sends the same again gets the same answer; who
//! sends it while the first is still on its way is told to wait; who sends something else under the key is refused. An answer is repeated only to who may still do everything that was asked of the judge for it.
//!
//! When the process dies between doing and answering: until the claim has lapsed a repeat is told to wait. After that, what was done decides.
//! The job that is asked for under a key is named with it *before* it is queued; so when that job is there the request was done, and for the
//! rest of the day the answer is a conflict that names the job: nothing is done twice. When it is not there, nothing was queued, the key
//! is free, and the repeat is carried out as if it were the first. What asks for no job is one transaction: done anew it is refused
//! by what is there already (a name that is taken, a request that is answered), or changes nothing more.

use std::time::Duration;

use catalog::answers::{AnswerRow, KeyClaim};
use hmac::{Hmac, KeyInit, Mac};
use model::{Kind, Problem, Result};
use sha2::Sha256;

use crate::Service;
use crate::instance::{Who, die_if_asked};

const LONGEST_KEY: usize = 255;
const CLAIM_MS: i64 = 30_000;
const RENEWAL: Duration = Duration::from_secs(7);

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// Carry it out, then tell what was answered.
    First,
    /// It was carried out, and this was answered.
    Answered { status: u16, body: String },
}

impl Service {
    /// Shall this be carried out? `request` names what is asked: a hash, of which only the keyed one is kept.
    pub async fn begin_once(&self, key: &str, request: &str) -> Result<Once> {
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Problem::invalid("that is no Idempotency-Key")
                .hint("1 to 255 letters, digits and signs without blanks; a random UUID does"));
        }
        let request = &self.fingerprint(request)?;
        self.alive.show(self.owner())?;
        if self.claim_key(key, request).await? {
            die_if_asked("claimed");
            return Ok(Once::First);
        }
        match self.what_is_known(key, request).await? {
            Some(once) => Ok(once),
            // Its holder may be gone, and nobody has looked yet.
            None => {
                self.house().reap().await?;
                if self.claim_key(key, request).await? {
                    return Ok(Once::First);
                }
                let known = self.what_is_known(key, request).await?;
                known.ok_or_else(still_on_its_way)
            }
        }
    }

    /// A request may hold a password: who reads the catalog without the key of the instance cannot try out which.
    fn fingerprint(&self, request: &str) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.instance_key()?.trim().as_bytes())
            .map_err(|_| Problem::internal("a key of HMAC may have any length"))?;
        mac.update(b"request\0");
        mac.update(request.as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }

    async fn claim_key(&self, key: &str, request: &str) -> Result<bool> {
        let asker = self.asker();
        self.catalog
            .begin_answer(&self.claim_on(&asker, key), request)
            .await
    }

    fn claim_on<'a>(&'a self, asker: &'a str, key: &'a str) -> KeyClaim<'a> {
        let now_ms = self.now_ms();
        KeyClaim {
            asker,
            key,
            owner: self.owner(),
            now_ms,
            until_ms: now_ms.saturating_add(CLAIM_MS),
        }
    }

    /// `None` while somebody may be at it.
    async fn what_is_known(&self, key: &str, request: &str) -> Result<Option<Once>> {
        let row = self.catalog.answer(&self.asker(), key).await?;
        // Between our look and this one it may have been taken away: it failed, and may be sent again.
        let row = row.ok_or_else(|| {
            conflict("the first request with this key has just failed").hint("send it again")
        })?;
        if row.request != request {
            return Err(conflict("this Idempotency-Key was used for another request")
                .hint("take a new key for each thing that is to be done"));
        }
        match row.status {
            Some(status) => {
                self.may_still(&row.rights).await?;
                Ok(Some(Once::Answered {
                    status: u16::try_from(status).unwrap_or(500),
                    body: row.body,
                }))
            }
            None => self.check_job(&row).await.map(|()| None),
        }
    }

    /// What was asked for under a key that nobody holds any more was done.
    async fn check_job(&self, row: &AnswerRow) -> Result<()> {
        if row.until >= self.now_ms() || self.catalog.job(&row.job).await?.is_none() {
            return Ok(());
        }
        let message = format!(
            "the first request with this key was carried out as job {}, but the process ended before it could answer",
            row.job
        );
        Err(conflict(&message).hint("look at that job; to do it once more take a new key"))
    }

    /// Holds the key while the request is carried out, until this is dropped.
    pub async fn hold_once(&self, key: &str) -> std::convert::Infallible {
        let asker = self.asker();
        loop {
            tokio::time::sleep(RENEWAL).await;
            if let Err(problem) = self.catalog.keep_answer(&self.claim_on(&asker, key)).await {
                tracing::warn!("{problem}");
            }
        }
    }

    /// Names the job that is about to be asked for under the key that the caller's request bears.
    pub(crate) async fn name_job(&self, job: &str) -> Result<()> {
        let Some(key) = self.caller.key() else {
            return Ok(());
        };
        let asker = self.asker();
        if self
            .catalog
            .name_job_of_answer(&self.claim_on(&asker, key), job)
            .await?
        {
            return Ok(());
        }
        Err(
            conflict("the key of this request was lost to another one: it took too long")
                .hint("ask for the list of jobs, or send it again"),
        )
    }

    /// What was answered; without an answer nothing was done, and the key may be used again.
    pub async fn end_once(&self, key: &str, answer: Option<(u16, &str)>) -> Result<()> {
        die_if_asked("answer");
        let asker = self.asker();
        let claim = self.claim_on(&asker, key);
        match answer {
            Some((status, body)) => {
                let rights = self.caller.judged();
                self.catalog
                    .end_answer(&claim, status.into(), body, &rights)
                    .await
            }
            None => self.catalog.delete_answer(&claim).await,
        }
    }

    fn asker(&self) -> String {
        match &self.caller.who {
            Who::Person(id) => id.to_string(),
            other => format!("{other:?}"),
        }
    }
}

fn still_on_its_way() -> Problem {
    conflict("the first request with this key is still being carried out")
        .hint("ask for the list of jobs, or send it again in half a minute")
}

fn conflict(message: &str) -> Problem {
    Problem::new(Kind::Conflict, message)
}
