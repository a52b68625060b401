//! Table `sources`: the things that are protected. Settings and policy are JSON; what is secret in them is sealed by the service.

use model::Result;
use sqlx::FromRow;

use crate::paging::{Among, among};
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

macro_rules! columns {
    () => {
        "id, name, kind, settings, policy, node, created, hidden"
    };
}

const INSERT: &str = "INSERT INTO sources (id, name, kind, settings, policy, node, created, hidden) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LIST: &str = concat!("SELECT ", columns!(), " FROM sources ORDER BY name");
const LIST_GRANTED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sources WHERE id IN (SELECT source FROM grants WHERE person = $1 AND relation IN ($2, $3)) ORDER BY name"
);
const GET: &str = concat!("SELECT ", columns!(), " FROM sources WHERE id = $1");
const NAMED: &str = concat!("SELECT ", columns!(), " FROM sources WHERE name = $1");
const BEGINNING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sources WHERE id >= $1 AND id <= $5 AND ",
    among!("sources.id", "$2", "$3"),
    " ORDER BY id DESC LIMIT $4"
);
const ENDING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sources WHERE substr(id, 29) = $1 AND hidden = 0 ORDER BY id LIMIT $2"
);
const NAMES: &str = concat!(
    "SELECT id, name FROM sources WHERE ",
    among!("sources.id", "$1", "$2"),
    " ORDER BY name LIMIT $3"
);
const UPDATE: &str = "UPDATE sources SET name = $2, settings = $3, policy = $4, node = $5 WHERE id = $1";
const DELETE: &str = "DELETE FROM sources WHERE id = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("sources::INSERT", INSERT),
    ("sources::LIST", LIST),
    ("sources::LIST_GRANTED", LIST_GRANTED),
    ("sources::GET", GET),
    ("sources::NAMED", NAMED),
    ("sources::BEGINNING", BEGINNING),
    ("sources::ENDING", ENDING),
    ("sources::NAMES", NAMES),
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

    /// What a person was granted with one of these relations.
    pub async fn list_granted_sources(
        &self,
        person: &str,
        relations: &[String; 2],
    ) -> Result<Vec<SourceRow>> {
        let query = sqlx::query_as(LIST_GRANTED).bind(person);
        query
            .bind(&relations[0])
            .bind(&relations[1])
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the sources"))
    }

    pub async fn source_named(&self, name: &str) -> Result<Option<SourceRow>> {
        sqlx::query_as(NAMED)
            .bind(name)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a source up"))
    }

    /// Whose id lies between these two.
    pub async fn sources_between(
        &self,
        (first, last): &(String, String),
        among: Among<'_>,
        most: i64,
    ) -> Result<Vec<SourceRow>> {
        let query = sqlx::query_as(BEGINNING)
            .bind(first)
            .bind(among.person())
            .bind(among.word())
            .bind(most)
            .bind(last);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look a source up"))
    }

    /// Whose id ends with these eight digits; hidden ones left out.
    pub async fn sources_ending(&self, end: &str, most: i64) -> Result<Vec<SourceRow>> {
        let query = sqlx::query_as(ENDING).bind(end).bind(most);
        query
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look a source up"))
    }

    /// Ids and names.
    pub async fn names_of_sources(&self, among: Among<'_>, most: i64) -> Result<Vec<(String, String)>> {
        let query = sqlx::query_as(NAMES).bind(among.person()).bind(among.word());
        query
            .bind(most)
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
