//! Table `people`: who may come in, with what, and how far.
//!
//! Names are unique without regard to case, by `folded`. A password is a hash in PHC form; the secret of the second factor is sealed by the
//! service. `totp_step` is the last step that was used: a code is taken once. What would leave no administrator who is not disabled, where
//! there is one, is not done: changes that could are made one after another, and counted before they are kept.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PersonRow {
    pub id: String,
    pub name: String,
    /// The name in small letters.
    pub folded: String,
    pub role: String,
    /// Nobody logs in without one.
    pub password: Option<String>,
    /// Sealed; once it is here, a code is asked for.
    pub totp: Option<String>,
    /// Sealed; shown, and not confirmed yet.
    pub totp_pending: Option<String>,
    pub totp_step: Option<i64>,
    /// Empty when there is none.
    pub email: String,
    pub disabled: i64,
    /// JSON of `model::Entitlement`.
    pub entitlement: String,
    pub created: i64,
    pub last_seen: Option<i64>,
}

macro_rules! columns {
    () => {
        "id, name, folded, role, password, totp, totp_pending, totp_step, email, disabled, entitlement, created, last_seen"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO people (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
);
const LIST: &str = concat!("SELECT ", columns!(), " FROM people ORDER BY folded");
const GET: &str = concat!("SELECT ", columns!(), " FROM people WHERE id = $1");
const GET_BY_NAME: &str = concat!("SELECT ", columns!(), " FROM people WHERE folded = $1");
const UPDATE: &str = "UPDATE people SET name = $2, folded = $3, role = $4, email = $5, disabled = $6, entitlement = $7 WHERE id = $1";
const SET_PASSWORD: &str = "UPDATE people SET password = $2 WHERE id = $1";
const SET_TOTP: &str = "UPDATE people SET totp = $2, totp_pending = $3, totp_step = $4 WHERE id = $1";
/// A step is used once, and none before it any more.
const USE_STEP: &str =
    "UPDATE people SET totp_step = $2 WHERE id = $1 AND (totp_step IS NULL OR totp_step < $2)";
const SEEN: &str = "UPDATE people SET last_seen = $2 WHERE id = $1";
const DELETE: &str = "DELETE FROM people WHERE id = $1";
/// One at a time: whoever writes this row waits for who has written it.
const TURN: &str = "INSERT INTO settings (name, value) VALUES ('people.turn', '') ON CONFLICT (name) DO UPDATE SET value = ''";
const ADMINISTRATORS: &str = "SELECT COUNT(*) FROM people WHERE role = 'administrator' AND disabled = 0";
const TAKE_SETTING: &str = "DELETE FROM settings WHERE name = $1 AND value = $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("people::INSERT", INSERT),
    ("people::LIST", LIST),
    ("people::GET", GET),
    ("people::GET_BY_NAME", GET_BY_NAME),
    ("people::UPDATE", UPDATE),
    ("people::SET_PASSWORD", SET_PASSWORD),
    ("people::SET_TOTP", SET_TOTP),
    ("people::USE_STEP", USE_STEP),
    ("people::SEEN", SEEN),
    ("people::DELETE", DELETE),
    ("people::TURN", TURN),
    ("people::ADMINISTRATORS", ADMINISTRATORS),
    ("people::TAKE_SETTING", TAKE_SETTING),
];

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, <sqlx::Any as sqlx::Database>::Arguments>;

fn insert(row: &PersonRow) -> Query<'_> {
    let query = sqlx::query(INSERT)
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.folded)
        .bind(&row.role)
        .bind(&row.password);
    let query = query
        .bind(&row.totp)
        .bind(&row.totp_pending)
        .bind(row.totp_step)
        .bind(&row.email);
    query
        .bind(row.disabled)
        .bind(&row.entitlement)
        .bind(row.created)
        .bind(row.last_seen)
}

impl Catalog {
    pub async fn add_person(&self, row: &PersonRow) -> Result<()> {
        self.change_people(insert(row)).await.map(|_| ())
    }

    /// Adds a person if this setting has this value, and takes the setting away with it. False when it has another one, or none.
    pub async fn add_person_by(&self, row: &PersonRow, setting: &str, value: &str) -> Result<bool> {
        let doing = problems::of("remember a person");
        let mut transaction = self.begin().await.map_err(&doing)?;
        let taken = sqlx::query(TAKE_SETTING)
            .bind(setting)
            .bind(value)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        if taken.rows_affected() != 1 {
            return Ok(false);
        }
        insert(row).execute(&mut *transaction).await.map_err(&doing)?;
        transaction.commit().await.map(|()| true).map_err(&doing)
    }

    pub async fn list_people(&self) -> Result<Vec<PersonRow>> {
        sqlx::query_as(LIST)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the people"))
    }

    pub async fn person(&self, id: &str) -> Result<Option<PersonRow>> {
        sqlx::query_as(GET)
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a person up"))
    }

    pub async fn person_named(&self, folded: &str) -> Result<Option<PersonRow>> {
        sqlx::query_as(GET_BY_NAME)
            .bind(folded)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look a person up"))
    }

    /// Name, role, e-mail, disabled, entitlement. False, and nothing is changed, when it would leave no administrator.
    pub async fn update_person(&self, row: &PersonRow) -> Result<bool> {
        let query = sqlx::query(UPDATE)
            .bind(&row.id)
            .bind(&row.name)
            .bind(&row.folded)
            .bind(&row.role);
        let query = query.bind(&row.email).bind(row.disabled).bind(&row.entitlement);
        self.keeping_an_administrator(query).await
    }

    pub async fn set_password(&self, id: &str, hash: Option<&str>) -> Result<()> {
        let query = sqlx::query(SET_PASSWORD).bind(id).bind(hash);
        self.change_people(query).await.map(|_| ())
    }

    pub async fn set_totp(
        &self,
        id: &str,
        totp: Option<&str>,
        pending: Option<&str>,
        step: Option<i64>,
    ) -> Result<()> {
        let query = sqlx::query(SET_TOTP).bind(id).bind(totp).bind(pending).bind(step);
        self.change_people(query).await.map(|_| ())
    }

    /// False when this step, or a later one, was used already.
    pub async fn use_totp_step(&self, id: &str, step: i64) -> Result<bool> {
        let query = sqlx::query(USE_STEP).bind(id).bind(step);
        Ok(self.change_people(query).await? == 1)
    }

    pub async fn person_seen(&self, id: &str, now_ms: i64) -> Result<()> {
        let query = sqlx::query(SEEN).bind(id).bind(now_ms);
        self.change_people(query).await.map(|_| ())
    }

    /// With tokens, sessions and grants. False, and nothing is changed, when it would leave no administrator.
    pub async fn delete_person(&self, id: &str) -> Result<bool> {
        self.keeping_an_administrator(sqlx::query(DELETE).bind(id)).await
    }

    async fn keeping_an_administrator(&self, change: Query<'_>) -> Result<bool> {
        let doing = problems::of("change the people");
        let mut transaction = self.begin().await.map_err(&doing)?;
        sqlx::query(TURN)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        let count = sqlx::query_scalar(ADMINISTRATORS);
        let before: i64 = count.fetch_one(&mut *transaction).await.map_err(&doing)?;
        change.execute(&mut *transaction).await.map_err(&doing)?;
        let count = sqlx::query_scalar(ADMINISTRATORS);
        let after: i64 = count.fetch_one(&mut *transaction).await.map_err(&doing)?;
        if before > 0 && after == 0 {
            transaction.rollback().await.map_err(&doing)?;
            return Ok(false);
        }
        transaction.commit().await.map(|()| true).map_err(&doing)
    }

    async fn change_people(&self, query: Query<'_>) -> Result<u64> {
        let done = query.execute(&self.write).await;
        done.map(|done| done.rows_affected())
            .map_err(problems::of("change the people"))
    }
}
