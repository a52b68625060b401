//! Table `archives`: what is known of the archive (`tar.gz`) of a backup: its size, and the file that it was put into, if any.
//!
//! Rule: a file that is known stays known until it is forgotten; a size that a download found out later does not replace it.

use model::Result;
use sqlx::FromRow;

use crate::{Catalog, problems};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ArchiveRow {
    pub backup: String,
    /// Empty when no file was put anywhere.
    pub folder: String,
    pub name: String,
    pub bytes: i64,
    /// Of the program that packed it: another one may pack the same otherwise.
    pub version: String,
}

const PUT: &str = "INSERT INTO archives (backup, folder, name, bytes, version) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (backup) DO UPDATE SET folder = excluded.folder, name = excluded.name, bytes = excluded.bytes, version = excluded.version";
const MEASURED: &str = "INSERT INTO archives (backup, folder, name, bytes, version) VALUES ($1, '', '', $2, $3) \
    ON CONFLICT (backup) DO UPDATE SET bytes = excluded.bytes, version = excluded.version WHERE archives.folder = ''";
const GET: &str = "SELECT backup, folder, name, bytes, version FROM archives WHERE backup = $1";
const OF_SOURCE: &str = "SELECT a.backup, a.folder, a.name, a.bytes, a.version FROM archives a JOIN backups b ON b.id = a.backup \
    WHERE b.source = $1";
const FORGET: &str = "DELETE FROM archives WHERE backup = $1";

pub(crate) const ALL: &[(&str, &str)] = &[
    ("archives::PUT", PUT),
    ("archives::MEASURED", MEASURED),
    ("archives::GET", GET),
    ("archives::OF_SOURCE", OF_SOURCE),
    ("archives::FORGET", FORGET),
];

impl Catalog {
    /// A file holds it.
    pub async fn put_archive(&self, row: &ArchiveRow) -> Result<()> {
        let query = sqlx::query(PUT)
            .bind(&row.backup)
            .bind(&row.folder)
            .bind(&row.name);
        let query = query.bind(row.bytes).bind(&row.version);
        let done = query.execute(&self.write).await;
        done.map(|_| ()).map_err(problems::of("remember an archive"))
    }

    /// It was packed, and was so large.
    pub async fn measure_archive(&self, backup: &str, bytes: i64, version: &str) -> Result<()> {
        let query = sqlx::query(MEASURED).bind(backup).bind(bytes).bind(version);
        let done = query.execute(&self.write).await;
        done.map(|_| ())
            .map_err(problems::of("remember the size of an archive"))
    }

    pub async fn archive(&self, backup: &str) -> Result<Option<ArchiveRow>> {
        sqlx::query_as(GET)
            .bind(backup)
            .fetch_optional(&self.read)
            .await
            .map_err(problems::of("look an archive up"))
    }

    pub async fn archives_of(&self, source: &str) -> Result<Vec<ArchiveRow>> {
        sqlx::query_as(OF_SOURCE)
            .bind(source)
            .fetch_all(&self.read)
            .await
            .map_err(problems::of("list the archives of a source"))
    }

    pub async fn forget_archive(&self, backup: &str) -> Result<()> {
        let done = sqlx::query(FORGET).bind(backup).execute(&self.write).await;
        done.map(|_| ()).map_err(problems::of("forget an archive"))
    }
}
