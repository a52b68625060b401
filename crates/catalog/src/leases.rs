//! Table `leases`: who is the leader, and which workers live.

use model::Result;

use crate::{Catalog, problems};

const TAKE: &str = "INSERT INTO leases (name, owner, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
    SET owner = excluded.owner, until = excluded.until WHERE leases.owner = excluded.owner OR leases.until < $4";
const RELEASE: &str = "DELETE FROM leases WHERE name = $1 AND owner = $2";
const RELEASE_ALL: &str = "DELETE FROM leases WHERE owner = $1";
const LIVE: &str = "SELECT COUNT(*) FROM leases WHERE name LIKE $1 AND until >= $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("leases::TAKE", TAKE),
    ("leases::RELEASE", RELEASE),
    ("leases::RELEASE_ALL", RELEASE_ALL),
    ("leases::LIVE", LIVE),
];

impl Catalog {
    /// Takes or renews a lease; false while somebody else holds it.
    pub async fn take_lease(&self, name: &str, owner: &str, now_ms: i64, until_ms: i64) -> Result<bool> {
        let query = sqlx::query(TAKE)
            .bind(name)
            .bind(owner)
            .bind(until_ms)
            .bind(now_ms);
        let done = query
            .execute(&self.write)
            .await
            .map_err(problems::of("take a lease"))?;
        Ok(done.rows_affected() == 1)
    }

    pub async fn release_lease(&self, name: &str, owner: &str) -> Result<()> {
        let query = sqlx::query(RELEASE).bind(name).bind(owner);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("release a lease"))
    }

    /// Lets go of everything that somebody held who is known to be gone.
    pub async fn release_leases_of(&self, owner: &str) -> Result<()> {
        sqlx::query(RELEASE_ALL)
            .bind(owner)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("release leases"))
    }

    /// How many leases are live whose names begin like this.
    pub async fn live_leases(&self, prefix: &str, now_ms: i64) -> Result<i64> {
        let query = sqlx::query_scalar(LIVE).bind(format!("{prefix}%")).bind(now_ms);
        query
            .fetch_one(&self.read)
            .await
            .map_err(problems::of("look at the leases"))
    }
}
