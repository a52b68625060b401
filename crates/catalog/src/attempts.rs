//! Tables `attempts` and `known_places`: how often somebody tried, and where people have come in from.
//!
//! Rules: an attempt is counted, and the lock that it sets is set, in one statement, before anything is judged; so of many at once no more
//! are let through than of as many one after the other. While a lock holds, nothing is counted. Whoever gives an attempt back lifts no
//! lock but the one that this very attempt has set.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

/// How many attempts are free, and for how long the door is closed after that: twice as long each time, up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub free: i64,
    pub first_ms: i64,
    pub longest_ms: i64,
    /// What is quiet for so long is forgotten.
    pub forget_ms: i64,
}

/// An attempt that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Counted {
    /// This one included.
    pub failures: i64,
    /// The lock that it has set; 0 when it has set none.
    pub until: i64,
}

macro_rules! count {
    () => {
        "(CASE WHEN attempts.at <= $3 THEN 1 ELSE attempts.failures + 1 END)"
    };
}
macro_rules! closed {
    () => {
        concat!("(CAST($5 AS BIGINT) << CAST(", count!(), " - $4 AS INTEGER))")
    };
}

const RESERVE: &str = concat!(
    "INSERT INTO attempts (key, failures, until, at) VALUES ($1, 1, 0, $2) ON CONFLICT (key) DO UPDATE SET failures = ",
    count!(),
    ", until = CASE WHEN ",
    count!(),
    " < $4 THEN 0 WHEN ",
    count!(),
    " - $4 >= 20 OR ",
    closed!(),
    " > $6 THEN $2 + $6 ELSE $2 + ",
    closed!(),
    " END, at = excluded.at WHERE attempts.until <= $2 RETURNING failures, until"
);
const UNTIL: &str = "SELECT until FROM attempts WHERE key = $1";
const GIVE_BACK: &str = "UPDATE attempts SET failures = CASE WHEN failures > $3 THEN failures - $3 ELSE 0 END, \
    until = CASE WHEN until = $2 THEN 0 ELSE until END WHERE key = $1";
const FORGET: &str = "DELETE FROM attempts WHERE key = $1 RETURNING failures";
const FORGET_ALL: &str = "DELETE FROM attempts WHERE substr(key, 1, length($1)) = $1";
const FORGET_OLD: &str = "DELETE FROM attempts WHERE at <= $1";
const KNOW: &str = "INSERT INTO known_places (person, place, seen) VALUES ($1, $2, $3) \
    ON CONFLICT (person, place) DO UPDATE SET seen = excluded.seen";
const IS_KNOWN: &str = "SELECT COUNT(*) FROM known_places JOIN people ON people.id = known_places.person \
    WHERE people.folded = $1 AND known_places.place = $2 AND known_places.seen > $3";
const FORGET_PLACES: &str = "DELETE FROM known_places WHERE seen <= $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("attempts::RESERVE", RESERVE),
    ("attempts::UNTIL", UNTIL),
    ("attempts::GIVE_BACK", GIVE_BACK),
    ("attempts::FORGET", FORGET),
    ("attempts::FORGET_ALL", FORGET_ALL),
    ("attempts::FORGET_OLD", FORGET_OLD),
    ("attempts::KNOW", KNOW),
    ("attempts::IS_KNOWN", IS_KNOWN),
    ("attempts::FORGET_PLACES", FORGET_PLACES),
];

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;

impl Catalog {
    /// Counts an attempt, and closes the door when it was one too many. `None` while a lock holds.
    pub async fn reserve_attempt(&self, key: &str, now_ms: i64, bound: Bound) -> Result<Option<Counted>> {
        let query = sqlx::query_as(RESERVE)
            .bind(key)
            .bind(now_ms)
            .bind(now_ms.saturating_sub(bound.forget_ms));
        let query = query.bind(bound.free).bind(bound.first_ms).bind(bound.longest_ms);
        self.change_returning(query)
            .await
            .map_err(problems::of("count an attempt"))
    }

    /// Until when nobody may try; 0 when there is no lock.
    pub async fn locked_until(&self, key: &str) -> Result<i64> {
        let until: Option<i64> = sqlx::query_scalar(UNTIL)
            .bind(key)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look for a lock"))?;
        Ok(until.unwrap_or(0))
    }

    /// Takes so many attempts back, and the lock that the last of them has set.
    pub async fn give_attempts_back(&self, key: &str, until: i64, count: i64) -> Result<()> {
        let query = sqlx::query(GIVE_BACK).bind(key).bind(until).bind(count);
        self.change_attempts(query).await
    }

    /// How many there were.
    pub async fn forget_attempts(&self, key: &str) -> Result<i64> {
        let forgotten: Option<(i64,)> = self
            .change_returning(sqlx::query_as(FORGET).bind(key))
            .await
            .map_err(problems::of("forget attempts"))?;
        Ok(forgotten.map_or(0, |(count,)| count))
    }

    /// All whose key begins like this.
    pub async fn forget_attempts_under(&self, prefix: &str) -> Result<()> {
        self.change_attempts(sqlx::query(FORGET_ALL).bind(prefix)).await
    }

    pub async fn forget_old_attempts(&self, before_ms: i64) -> Result<()> {
        self.change_attempts(sqlx::query(FORGET_OLD).bind(before_ms))
            .await
    }

    /// Remembers that this person has come in from there.
    pub async fn know_place(&self, person: &str, place: &str, now_ms: i64) -> Result<()> {
        self.change_attempts(sqlx::query(KNOW).bind(person).bind(place).bind(now_ms))
            .await
    }

    /// Has the person of this name come in from there since then?
    pub async fn is_known_place(&self, folded: &str, place: &str, since_ms: i64) -> Result<bool> {
        let found: i64 = sqlx::query_scalar(IS_KNOWN)
            .bind(folded)
            .bind(place)
            .bind(since_ms)
            .fetch_one(&self.read)
            .await
            .map_err(problems::of("look a place up"))?;
        Ok(found > 0)
    }

    pub async fn forget_old_places(&self, before_ms: i64) -> Result<()> {
        self.change_attempts(sqlx::query(FORGET_PLACES).bind(before_ms))
            .await
    }

    async fn change_attempts(&self, query: Query<'_>) -> Result<()> {
        let done = query.execute(&self.write).await;
        done.map(|_| ()).map_err(problems::of("change the attempts"))
    }
}
