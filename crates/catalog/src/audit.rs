//! Table `audit`: who did what, chained by hashes so that nothing can be taken out unnoticed.

use model::Result;
use sha2::{Digest, Sha256};
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AuditRow {
    pub seq: i64,
    pub at: i64,
    pub who: String,
    pub what: String,
    pub target: String,
    pub detail: String,
    pub previous: String,
    pub hash: String,
}

impl AuditRow {
    /// The hash over everything else, the row before included.
    pub fn expected_hash(&self) -> String {
        let mut hasher = Sha256::new();
        for text in [
            &self.seq.to_string(),
            &self.at.to_string(),
            &self.who,
            &self.what,
            &self.target,
            &self.detail,
            &self.previous,
        ] {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hex::encode(hasher.finalize())
    }
}

const LAST: &str =
    "SELECT seq, at, who, what, target, detail, previous, hash FROM audit ORDER BY seq DESC LIMIT 1";
const INSERT: &str = "INSERT INTO audit (seq, at, who, what, target, detail, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const PAGE: &str = "SELECT seq, at, who, what, target, detail, previous, hash FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("audit::LAST", LAST),
    ("audit::INSERT", INSERT),
    ("audit::PAGE", PAGE),
];

/// Who write at the same moment.
const MOST_AT_ONCE: usize = 2_000;

impl Catalog {
    pub async fn add_audit(
        &self,
        at_ms: i64,
        who: &str,
        what: &str,
        target: &str,
        detail: &str,
    ) -> Result<()> {
        let doing = problems::of("write the audit log");
        // Several may pick one number: the primary key lets one through, the others try again. So each has his turn after as many rounds as
        // there are writers.
        for _ in 0..MOST_AT_ONCE {
            let last: Option<AuditRow> = sqlx::query_as(LAST)
                .fetch_optional(&self.write)
                .await
                .map_err(&doing)?;
            let (seq, previous) = last.map_or((1, String::new()), |row| (row.seq + 1, row.hash));
            let mut row = AuditRow {
                seq,
                at: at_ms,
                who: who.to_owned(),
                what: what.to_owned(),
                target: target.to_owned(),
                detail: detail.to_owned(),
                previous,
                hash: String::new(),
            };
            row.hash = row.expected_hash();
            let query = sqlx::query(INSERT)
                .bind(row.seq)
                .bind(row.at)
                .bind(row.who)
                .bind(row.what)
                .bind(row.target);
            match query
                .bind(row.detail)
                .bind(row.previous)
                .bind(row.hash)
                .execute(&self.write)
                .await
            {
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
                other => return other.map(|_| ()).map_err(&doing),
            }
        }
        Err(
            model::Problem::new(model::Kind::Conflict, "too many write the audit log at once")
                .hint("try again"),
        )
    }

    /// The newest entries before this number.
    pub async fn page_of_audit(&self, before: i64, most: i64) -> Result<Vec<AuditRow>> {
        sqlx::query_as(PAGE)
            .bind(before)
            .bind(most)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("read the audit log"))
    }
}
