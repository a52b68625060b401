//! A request that bears a key is carried out once, however often it is sent.
//!
//! Rules: a key belongs to who sends it, and to one request; it is remembered for a day. Who sends the same again gets the same answer; who
//! sends it while the first is still on its way is told to wait; who sends something else under the key is refused.

use model::{Kind, Problem, Result};

use crate::Service;
use crate::caller::Who;

const LONGEST_KEY: usize = 255;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// Carry it out, then tell what was answered.
    First,
    /// It was carried out, and this was answered.
    Answered { status: u16, body: String },
}

impl Service {
    /// Shall this be carried out? `request` names what is asked: a hash.
    pub async fn begin_once(&self, key: &str, request: &str) -> Result<Once> {
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Problem::invalid("that is no Idempotency-Key")
                .hint("1 to 255 letters, digits and signs without blanks; a random UUID does"));
        }
        let asker = self.asker();
        if self
            .catalog
            .begin_answer(&asker, key, request, self.now_ms())
            .await?
        {
            return Ok(Once::First);
        }
        let conflict = |message: &str| Problem::new(Kind::Conflict, message);
        // Between our look and this one it may have been taken away: it failed, and may be sent again.
        let row = self.catalog.answer(&asker, key).await?;
        let row = row.ok_or_else(|| {
            conflict("the first request with this key has just failed").hint("send it again")
        })?;
        if row.request != request {
            return Err(conflict("this Idempotency-Key was used for another request")
                .hint("take a new key for each thing that is to be done"));
        }
        let Some(status) = row.status else {
            return Err(
                conflict("the first request with this key is still being carried out")
                    .hint("ask for the list of jobs, or send it again in a moment"),
            );
        };
        Ok(Once::Answered {
            status: u16::try_from(status).unwrap_or(500),
            body: row.body,
        })
    }

    /// What was answered; without an answer nothing was done, and the key may be used again.
    pub async fn end_once(&self, key: &str, answer: Option<(u16, &str)>) -> Result<()> {
        let asker = self.asker();
        match answer {
            Some((status, body)) => self.catalog.end_answer(&asker, key, status.into(), body).await,
            None => self.catalog.delete_answer(&asker, key).await,
        }
    }

    fn asker(&self) -> String {
        match &self.caller.who {
            Who::Person(id) => id.to_string(),
            other => format!("{other:?}"),
        }
    }
}
