//! Sessions: who is signed in, and how he came to be.
//!
//! Rules: a session's secret is for a cookie and kept as a hash; it ends after 14 days without a sign of life, after 90 days whatever happens,
//! and when it is revoked. Name, password and code are judged together: who has not all of them is not told which was wrong, but that a
//! code is wanted once the password was right.

use catalog::people::PersonRow;
use catalog::sessions::SessionRow;
use model::{Kind, Lapse, Permission, Problem, Result, Scope, SessionId};
use serde::Serialize;

use crate::Service;
use crate::instance::Caller;
use crate::people::accounts::folded;
use crate::people::tokens::{NOTED_MS, hash, secret};

const IDLE: Lapse = Lapse::days(14);
const LONGEST: Lapse = Lapse::days(90);

/// What somebody types.
#[derive(Clone)]
pub struct Credentials {
    pub name: String,
    pub password: String,
    /// Of the authenticator, when one is wanted.
    pub code: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A session that was just begun; its secret is nowhere else.
#[derive(Clone)]
pub struct NewSession {
    pub id: String,
    /// For the cookie.
    pub secret: String,
    pub expires_ms: i64,
    pub caller: Caller,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewSession({})", self.id)
    }
}

/// What came of an attempt to log in.
#[derive(Clone, Debug)]
pub enum LogIn {
    Done(NewSession),
    /// The password is right; a code of the authenticator is wanted, too.
    CodeWanted,
}

/// A session, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SessionView {
    pub id: String,
    pub created: String,
    pub seen: String,
    pub expires: String,
    pub agent: String,
    pub address: String,
    /// The one that asks.
    pub current: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    CodeWanted,
    WrongCode,
    Wrong,
}

fn wrong() -> Problem {
    Problem::new(Kind::Unauthenticated, "name, password or code is wrong")
        .hint("an administrator can set a new password: `cairn person password`")
}

fn ends(row: &SessionRow) -> i64 {
    row.expires.min(row.seen.saturating_add(IDLE.ms()))
}

impl Service {
    /// Judges what was typed. The caller of the service is nobody yet, but says by which door, and from where.
    pub async fn log_in(&self, typed: &Credentials, agent: &str) -> Result<LogIn> {
        let name = folded(typed.name.trim());
        let attempt = self.reserve_log_in(&name).await?;
        let (row, verdict) = match self.judge_log_in(&name, typed).await {
            Ok(judged) => judged,
            Err(not_judged) => {
                self.give_back(attempt).await?;
                return Err(not_judged);
            }
        };
        match (verdict, row) {
            (Verdict::Right, Some(row)) => {
                self.succeeded(attempt).await?;
                self.know_place(&row.id).await?;
                self.begin_session(&row, agent).await.map(LogIn::Done)
            }
            // Half a success stays counted: whoever has the password may still be guessing codes.
            (Verdict::CodeWanted, Some(_)) => Ok(LogIn::CodeWanted),
            (verdict, row) => {
                let known = row.as_ref().map_or("", |row| row.name.as_str());
                let why = if verdict == Verdict::WrongCode {
                    "wrong code"
                } else {
                    ""
                };
                self.audit("login.refused", known, why).await?;
                Err(wrong())
            }
        }
    }

    /// An error only when nothing was judged.
    async fn judge_log_in(&self, name: &str, typed: &Credentials) -> Result<(Option<PersonRow>, Verdict)> {
        let row = self.catalog.person_named(name).await?;
        let stored = row.as_ref().and_then(|row| row.password.as_deref());
        let is_right = self.is_password(&typed.password, stored).await?;
        let verdict = match &row {
            Some(row) if is_right && row.disabled == 0 => match (&row.totp, &typed.code) {
                (None, _) => Verdict::Right,
                (Some(_), None) => Verdict::CodeWanted,
                (Some(_), Some(code)) if self.takes_code(row, code).await? => Verdict::Right,
                (Some(_), Some(_)) => Verdict::WrongCode,
            },
            _ => Verdict::Wrong,
        };
        Ok((row, verdict))
    }

    pub(crate) async fn begin_session(&self, person: &PersonRow, agent: &str) -> Result<NewSession> {
        let now = self.now_ms();
        let secret = secret(&self.options.random)?;
        let row = SessionRow {
            id: SessionId::new(&self.options.clock, &self.options.random)?.to_string(),
            person: person.id.clone(),
            hash: hash(&secret),
            created: now,
            expires: now + LONGEST.ms(),
            seen: now,
            agent: agent.chars().filter(|c| !c.is_control()).take(200).collect(),
            address: self.caller.address().to_owned(),
        };
        self.catalog.add_session(&row).await?;
        self.catalog.person_seen(&person.id, now).await?;
        let caller = self.signed_in(person, &row)?;
        self.acting(caller.clone())
            .audit("login", &person.name, "")
            .await?;
        Ok(NewSession {
            id: row.id,
            secret,
            expires_ms: row.expires,
            caller,
        })
    }

    /// Sessions that are over, and attempts of long ago.
    pub(crate) async fn forget_who_left(&self, now: i64) -> Result<()> {
        let idle_since = now - IDLE.ms();
        self.catalog.delete_sessions_over(now, idle_since).await?;
        self.forget_old_attempts(now).await
    }

    fn signed_in(&self, person: &PersonRow, row: &SessionRow) -> Result<Caller> {
        let whole = vec![Scope::EVERYTHING];
        Ok(Caller::person(person.id.parse()?, &person.name, whole, &self.caller).with_session(&row.id))
    }

    /// Who comes in with this cookie?
    pub async fn authenticate_session(&self, secret: &str) -> Result<Caller> {
        let over = || Problem::new(Kind::Unauthenticated, "the session is over").hint("sign in again");
        let now = self.now_ms();
        let row = self.catalog.session_of_hash(&hash(secret)).await?;
        let row = row.filter(|row| now < ends(row)).ok_or_else(over)?;
        let person = self.catalog.person(&row.person).await?;
        let person = person.filter(|person| person.disabled == 0).ok_or_else(over)?;
        if now - row.seen >= NOTED_MS || row.address != self.caller.address() {
            self.catalog
                .session_seen(&row.id, now, self.caller.address())
                .await?;
            if row.address != self.caller.address() {
                self.know_place(&person.id).await?;
            }
            self.catalog.person_seen(&person.id, now).await?;
        }
        self.signed_in(&person, &row)
    }

    /// Ends the session that asks.
    pub async fn log_out(&self) -> Result<()> {
        let (Some(person), Some(session)) = (self.caller.person_id(), self.caller.session()) else {
            return Ok(());
        };
        self.catalog.delete_session(session, &person.to_string()).await?;
        self.audit("logout", self.caller.name(), "").await
    }

    /// One's own, or with the permission anybody's.
    pub async fn list_sessions(&self, person: &str) -> Result<Vec<SessionView>> {
        let person = self.person_for(Permission::People, person).await?;
        let now = self.now_ms();
        let rows = self.catalog.list_sessions(&person.id).await?;
        let view = |row: SessionRow| SessionView {
            created: model::moment_text(row.created),
            seen: model::moment_text(row.seen),
            expires: model::moment_text(ends(&row)),
            current: self.caller.session() == Some(row.id.as_str()),
            agent: row.agent,
            address: row.address,
            id: row.id,
        };
        let live = rows.into_iter().filter(|row| now < ends(row));
        Ok(live.map(view).collect())
    }

    /// Ends a session by its id; without one, all of them but the one that asks. How many ended.
    pub async fn end_sessions(&self, person: &str, session: Option<&str>) -> Result<u64> {
        let person = self.person_for(Permission::People, person).await?;
        let ended = match session {
            Some(session) => u64::from(self.catalog.delete_session(session, &person.id).await?),
            None => {
                let here = self.caller.session().unwrap_or_default();
                self.catalog.delete_other_sessions(&person.id, here).await?
            }
        };
        if let (0, Some(session)) = (ended, session) {
            return Err(Problem::not_found(format!("there is no session {session}"))
                .hint("it may have ended by itself"));
        }
        self.audit("session.end", &person.name, session.unwrap_or("all"))
            .await?;
        Ok(ended)
    }
}
