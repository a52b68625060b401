//! Table `settings`: single values of this instance.

use model::Result;

use crate::{Catalog, problems};

const SET: &str = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const GET: &str = "SELECT value FROM settings WHERE name = $1";
const DELETE: &str = "DELETE FROM settings WHERE name = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("settings::SET", SET),
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
