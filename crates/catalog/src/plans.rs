//! Table `plans`: restore plans, as they were shown.
//!
//! Rules: a plan is *used* from the moment at which a restore of it is asked for. One that is not goes when it expires, and of one target
//! only the newest few are kept: a plan may be large, and anybody who may restore may ask for any number of them.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PlanRow {
    pub id: String,
    pub hash: String,
    pub target: String,
    pub created: i64,
    pub expires: i64,
    pub document: String,
}

const INSERT: &str = "INSERT INTO plans (id, hash, target, created, expires, document, used) VALUES ($1, $2, $3, $4, $5, $6, 0)";
const USE: &str = "UPDATE plans SET used = 1 WHERE id = $1";
const DELETE_UNUSED: &str = "DELETE FROM plans WHERE used = 0 AND expires < $1";
const DELETE_SUPERFLUOUS: &str = "DELETE FROM plans WHERE target = $1 AND used = 0 AND id NOT IN \
    (SELECT id FROM plans WHERE target = $1 AND used = 0 ORDER BY created DESC, id DESC LIMIT $2)";
const GET: &str = "SELECT id, hash, target, created, expires, document FROM plans WHERE id = $1";
const FIND: &str = "SELECT id, hash, target, created, expires, document FROM plans WHERE hash LIKE $1 AND expires > $2 ORDER BY created DESC";
const DELETE_EXPIRED: &str = "DELETE FROM plans WHERE expires < $1 \
    AND id NOT IN (SELECT plan FROM approvals WHERE state IN ('pending', 'approved'))";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("plans::INSERT", INSERT),
    ("plans::USE", USE),
    ("plans::DELETE_UNUSED", DELETE_UNUSED),
    ("plans::DELETE_SUPERFLUOUS", DELETE_SUPERFLUOUS),
    ("plans::GET", GET),
    ("plans::FIND", FIND),
    ("plans::DELETE_EXPIRED", DELETE_EXPIRED),
];

/// Plans of one target that nobody has carried out.
pub const MOST_UNUSED: i64 = 5;

impl Catalog {
    /// Remembers a plan; older ones of its target that nobody has carried out go when there are too many.
    pub async fn add_plan(&self, row: &PlanRow) -> Result<()> {
        let query = sqlx::query(INSERT)
            .bind(&row.id)
            .bind(&row.hash)
            .bind(&row.target)
            .bind(row.created)
            .bind(row.expires);
        query
            .bind(&row.document)
            .execute(&self.write)
            .await
            .map_err(problems::of("remember a plan"))?;
        let query = sqlx::query(DELETE_SUPERFLUOUS)
            .bind(&row.target)
            .bind(MOST_UNUSED);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget old plans"))
    }

    /// From now on it belongs to a restore.
    pub async fn use_plan(&self, id: &str) -> Result<()> {
        let query = sqlx::query(USE).bind(id);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a plan"))
    }

    /// Forgets those that expired before anybody carried them out.
    pub async fn delete_unused_plans(&self, now_ms: i64) -> Result<()> {
        let query = sqlx::query(DELETE_UNUSED).bind(now_ms);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget old plans"))
    }

    pub async fn plan(&self, id: &str) -> Result<Option<PlanRow>> {
        sqlx::query_as(GET)
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a plan up"))
    }

    /// Plans that have not expired and whose hash begins with this, the newest first. Only hexadecimal digits find anything.
    pub async fn find_plans(&self, prefix: &str, now_ms: i64) -> Result<Vec<PlanRow>> {
        if !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let query = sqlx::query_as(FIND).bind(format!("{prefix}%")).bind(now_ms);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look a plan up"))
    }

    /// But for those that somebody was asked to agree to.
    pub async fn delete_expired_plans(&self, before_ms: i64) -> Result<()> {
        let query = sqlx::query(DELETE_EXPIRED).bind(before_ms);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget old plans"))
    }
}
