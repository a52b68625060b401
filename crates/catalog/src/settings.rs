//! Table `settings`: single values of this instance.

use model::Result;

use crate::{Catalog, problems};

const SET: &str = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
/// Only where nobody was first.
const ADD: &str = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
/// Only where it is still as it was read.
const SWAP: &str = "UPDATE settings SET value = $3 WHERE name = $1 AND value = $2";
const GET: &str = "SELECT value FROM settings WHERE name = $1";
const DELETE: &str = "DELETE FROM settings WHERE name = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("settings::SET", SET),
    ("settings::ADD", ADD),
    ("settings::SWAP", SWAP),
    ("settings::GET", GET),
    ("settings::DELETE", DELETE),
];

impl Catalog {
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let query = sqlx::query(SET).bind(name).bind(value);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a setting"))
    }

    /// Changes it if it is still what was read (`None`: not there at all). False when somebody else was first.
    pub async fn swap_setting(&self, name: &str, read: Option<&str>, value: &str) -> Result<bool> {
        let query = match read {
            None => sqlx::query(ADD).bind(name).bind(value),
            Some(read) => sqlx::query(SWAP).bind(name).bind(read).bind(value),
        };
        let changed = query.execute(&self.write).await;
        changed
            .map(|done| done.rows_affected() > 0)
            .map_err(problems::of("remember a setting"))
    }

    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        sqlx::query_scalar(GET)
            .bind(name)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("read a setting"))
    }

    pub async fn delete_setting(&self, name: &str) -> Result<()> {
        sqlx::query(DELETE)
            .bind(name)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget a setting"))
    }
}
