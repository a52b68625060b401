//! Table `grants`: what people are to sources. No row: nothing.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct GrantRow {
    pub person: String,
    pub source: String,
    /// A word of `model::Relation`.
    pub relation: String,
    pub created: i64,
}

const PUT: &str = "INSERT INTO grants (person, source, relation, created) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (person, source) DO UPDATE SET relation = excluded.relation, created = excluded.created";
const GET: &str = "SELECT person, source, relation, created FROM grants WHERE person = $1 AND source = $2";
const LIST_OF_PERSON: &str =
    "SELECT person, source, relation, created FROM grants WHERE person = $1 ORDER BY created, source";
const LIST: &str = "SELECT person, source, relation, created FROM grants ORDER BY created, person, source";
/// The plans of the accounts to which a source belongs.
const PLANS: &str = "SELECT people.entitlement FROM grants JOIN people ON people.id = grants.person \
    WHERE grants.source = $1 AND grants.relation = 'owner' ORDER BY people.id";
const OWNED: &str = "SELECT COUNT(*) FROM grants JOIN sources ON sources.id = grants.source \
    WHERE grants.person = $1 AND grants.relation = 'owner'";
const DELETE: &str = "DELETE FROM grants WHERE person = $1 AND source = $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("grants::PUT", PUT),
    ("grants::GET", GET),
    ("grants::LIST_OF_PERSON", LIST_OF_PERSON),
    ("grants::LIST", LIST),
    ("grants::PLANS", PLANS),
    ("grants::OWNED", OWNED),
    ("grants::DELETE", DELETE),
];

impl Catalog {
    pub async fn put_grant(&self, row: &GrantRow) -> Result<()> {
        let query = sqlx::query(PUT)
            .bind(&row.person)
            .bind(&row.source)
            .bind(&row.relation)
            .bind(row.created);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a grant"))
    }

    pub async fn grant(&self, person: &str, source: &str) -> Result<Option<GrantRow>> {
        let query = sqlx::query_as(GET).bind(person).bind(source);
        query
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a grant up"))
    }

    /// Of one person, or of everybody.
    pub async fn list_grants(&self, person: Option<&str>) -> Result<Vec<GrantRow>> {
        let rows = match person {
            Some(person) => {
                sqlx::query_as(LIST_OF_PERSON)
                    .bind(person)
                    .fetch_all(&self.read)
                    .await
            }
            None => sqlx::query_as(LIST).fetch_all(&self.read).await,
        };
        rows.map_err(problems::of("list the grants"))
    }

    /// The entitlements of those who own a source.
    pub async fn plans_of_owners(&self, source: &str) -> Result<Vec<String>> {
        sqlx::query_scalar(PLANS)
            .bind(source)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("look for the owners of a source"))
    }

    /// How many sources that there are a person owns.
    pub async fn count_owned(&self, person: &str) -> Result<i64> {
        sqlx::query_scalar(OWNED)
            .bind(person)
            .fetch_one(&self.read)
            .await
            .map_err(problems::of("count a person's sources"))
    }

    /// False when there was none.
    pub async fn delete_grant(&self, person: &str, source: &str) -> Result<bool> {
        let query = sqlx::query(DELETE).bind(person).bind(source);
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected() == 1)
            .map_err(problems::of("take a grant back"))
    }
}
