//! Table `tokens`: what programs come in with. The secret is kept as its SHA-256, so that a copy of the catalog opens nothing.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct TokenRow {
    pub id: String,
    pub person: String,
    pub name: String,
    pub hash: String,
    /// JSON list of scopes.
    pub scopes: String,
    pub created: i64,
    pub expires: Option<i64>,
    pub last_used: Option<i64>,
    /// When.
    pub revoked: Option<i64>,
}

const INSERT: &str = "INSERT INTO tokens (id, person, name, hash, scopes, created, expires, last_used, revoked) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const LIST: &str = "SELECT id, person, name, hash, scopes, created, expires, last_used, revoked FROM tokens ORDER BY created, id";
const GET_BY_HASH: &str =
    "SELECT id, person, name, hash, scopes, created, expires, last_used, revoked FROM tokens WHERE hash = $1";
const USED: &str = "UPDATE tokens SET last_used = $2 WHERE id = $1";
const REVOKE: &str = "UPDATE tokens SET revoked = $2 WHERE id = $1 AND revoked IS NULL";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("tokens::INSERT", INSERT),
    ("tokens::LIST", LIST),
    ("tokens::GET_BY_HASH", GET_BY_HASH),
    ("tokens::USED", USED),
    ("tokens::REVOKE", REVOKE),
];

impl Catalog {
    pub async fn add_token(&self, row: &TokenRow) -> Result<()> {
        let query = sqlx::query(INSERT)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.name)
            .bind(&row.hash)
            .bind(&row.scopes);
        let query = query
            .bind(row.created)
            .bind(row.expires)
            .bind(row.last_used)
            .bind(row.revoked);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("remember a token"))
    }

    /// Everybody's, the oldest first.
    pub async fn list_tokens(&self) -> Result<Vec<TokenRow>> {
        sqlx::query_as(LIST)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the tokens"))
    }

    pub async fn token_of_hash(&self, hash: &str) -> Result<Option<TokenRow>> {
        sqlx::query_as(GET_BY_HASH)
            .bind(hash)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a token up"))
    }

    pub async fn token_used(&self, id: &str, now_ms: i64) -> Result<()> {
        let query = sqlx::query(USED).bind(id).bind(now_ms);
        query
            .execute(&self.write)
            .await
            .map(|_| ())
            .map_err(problems::of("note the use of a token"))
    }

    /// False when it was revoked already.
    pub async fn revoke_token(&self, id: &str, now_ms: i64) -> Result<bool> {
        let query = sqlx::query(REVOKE).bind(id).bind(now_ms);
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected() == 1)
            .map_err(problems::of("revoke a token"))
    }
}
