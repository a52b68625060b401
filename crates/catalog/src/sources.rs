//! Table `sources`: the things that are protected. Settings and policy are JSON; what is secret in them is sealed by the service.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct SourceRow {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub settings: String,
    pub policy: String,
    pub node: String,
    pub created: i64,
    /// Made for a restore into a folder; not shown among the sources.
    pub hidden: i64,
}

const INSERT: &str = "INSERT INTO sources (id, name, kind, settings, policy, node, created, hidden) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LIST: &str =
    "SELECT id, name, kind, settings, policy, node, created, hidden FROM sources ORDER BY name";
const GET: &str = "SELECT id, name, kind, settings, policy, node, created, hidden FROM sources WHERE id = $1";
const UPDATE: &str = "UPDATE sources SET name = $2, settings = $3, policy = $4, node = $5 WHERE id = $1";
const DELETE: &str = "DELETE FROM sources WHERE id = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("sources::INSERT", INSERT),
    ("sources::LIST", LIST),
    ("sources::GET", GET),
    ("sources::UPDATE", UPDATE),
    ("sources::DELETE", DELETE),
];

impl Catalog {
    pub async fn add_source(&self, row: &SourceRow) -> Result<()> {
        let query = sqlx::query(INSERT)
            .bind(&row.id)
            .bind(&row.name)
            .bind(&row.kind)
            .bind(&row.settings)
            .bind(&row.policy);
        let done = query
            .bind(&row.node)
            .bind(row.created)
            .bind(row.hidden)
            .execute(&self.write)
            .await;
        done.map(|_| ()).map_err(problems::of("remember a source"))
    }

    pub async fn list_sources(&self) -> Result<Vec<SourceRow>> {
        sqlx::query_as(LIST)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the sources"))
    }

    pub async fn source(&self, id: &str) -> Result<Option<SourceRow>> {
        sqlx::query_as(GET)
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a source up"))
    }

    pub async fn update_source(&self, row: &SourceRow) -> Result<()> {
        let query = sqlx::query(UPDATE)
            .bind(&row.id)
            .bind(&row.name)
            .bind(&row.settings)
            .bind(&row.policy)
            .bind(&row.node);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("change a source"))
    }

    pub async fn delete_source(&self, id: &str) -> Result<()> {
        sqlx::query(DELETE)
            .bind(id)
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("forget a source"))
    }
}
