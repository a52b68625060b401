//! Opening the catalog: engine, settings, copy, migrations.
//!
//! Rules: a SQLite catalog is 0600, in WAL mode, fully synchronous, with foreign keys and one writing connection whose transactions begin
//! immediately; before migrations run it is copied beside itself (the newest three copies are kept). Two processes that start at once
//! take turns by a lock file.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use model::{Kind, Problem, Result};
use rustix::fs::FlockOperation;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyRow, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::query::QueryAs;
use sqlx::{Any, AnyPool, ConnectOptions, Connection, Executor, FromRow, Transaction};

use crate::problems;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

const KEPT_COPIES: usize = 3;

const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000;";
const COPY: &str = "VACUUM INTO $1";
const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
const PING: &str = "SELECT 1";
const APPLIED: &str = "SELECT MAX(version) FROM _sqlx_migrations";

pub(crate) const ALL: &[(&str, &str)] = &[("open::PING", PING)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// An opened catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(crate) write: AnyPool,
    pub(crate) read: AnyPool,
    engine: Engine,
}

impl Catalog {
    /// Opens, and makes or migrates, a SQLite catalog.
    pub async fn open_file(path: &Path, now_ms: i64) -> Result<Self> {
        install_default_drivers();
        let _turn = take_turn(path)?;
        let existed = path.exists();
        if !existed {
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path);
            made.map_err(|error| Problem::io(format!("cannot make the catalog {}", path.display()), error))?;
        }
        let writable = is_writable(path)?;
        let url = format!(
            "sqlite://{}?mode={}",
            percent(path),
            if writable { "rwc" } else { "ro" }
        );
        try_out(&url, path).await?;
        let catalog = Catalog {
            write: connect(&url, 1, Engine::Sqlite).await?,
            read: connect(&url, 4, Engine::Sqlite).await?,
            engine: Engine::Sqlite,
        };
        catalog.migrate(existed.then_some((path, now_ms))).await?;
        Ok(catalog)
    }

    /// Opens, and migrates, a catalog in PostgreSQL.
    pub async fn open_url(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Problem::invalid("the catalog's address is not one of PostgreSQL")
                .hint("write postgres://user@host/database"));
        }
        install_default_drivers();
        let pool = connect(url, 8, Engine::Postgres).await?;
        let catalog = Catalog {
            write: pool.clone(),
            read: pool,
            engine: Engine::Postgres,
        };
        catalog.migrate(None).await?;
        Ok(catalog)
    }

    /// Begins a transaction that is rolled back when it is dropped, also while it begins: a connection whose `BEGIN` nobody waited for would
    /// go back among the others with a transaction open, and swallow what is written through it. So a task of its own waits for it.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        let pool = self.write.clone();
        let begun = tokio::spawn(async move { pool.begin().await });
        begun.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    /// The row that a writing statement returns, once it is written for good: asked for a single row, the driver hands it over before the
    /// statement is committed, and tells nobody if that fails.
    pub(crate) async fn change_returning<'q, T>(
        &self,
        query: QueryAs<'q, Any, T, AnyArguments>,
    ) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        Ok(query.fetch_all(&self.write).await?.pop())
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub async fn ping(&self) -> Result<()> {
        sqlx::query(PING)
            .execute(&self.read)
            .await
            .map(|_| ())
            .map_err(problems::of("reach the catalog"))
    }

    /// A consistent copy of a SQLite catalog in a new file.
    pub async fn copy_to(&self, path: &Path) -> Result<()> {
        let text = path.display().to_string();
        sqlx::query(COPY)
            .bind(text)
            .execute(&self.write)
            .await
            .map_err(problems::of("copy the catalog"))?;
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(|error| Problem::io(format!("cannot protect {}", path.display()), error))
    }

    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Looks at every page of a SQLite catalog.
    pub async fn check(&self) -> Result<()> {
        if self.engine == Engine::Postgres {
            return self.ping().await;
        }
        let answer: Result<String, _> = sqlx::query_scalar(QUICK_CHECK).fetch_one(&self.read).await;
        match answer.map_err(problems::of("read the catalog"))?.as_str() {
            "ok" => Ok(()),
            answer => Err(Problem::damaged(format!("the catalog is damaged: {answer}"))
                .hint("put a copy of catalog.db back, or rebuild it with `cairn recover`")),
        }
    }

    /// The newest migration that was run; `None` in a new database.
    async fn applied(&self) -> Result<Option<i64>> {
        match sqlx::query_scalar(APPLIED).fetch_one(&self.read).await {
            Ok(version) => Ok(version),
            Err(error)
                if error.to_string().contains("no such table")
                    || error.to_string().contains("does not exist") =>
            {
                Ok(None)
            }
            Err(error) => Err(problems::of("read the catalog")(error)),
        }
    }

    async fn migrate(&self, copy: Option<(&Path, i64)>) -> Result<()> {
        let newest = MIGRATIONS
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0);
        match self.applied().await? {
            Some(applied) if applied > newest => {
                return Err(Problem::new(
                    Kind::TooNew,
                    format!("the catalog has version {applied}; this Cairn knows {newest}"),
                )
                .hint("update Cairn; nothing was changed"));
            }
            Some(applied) if applied == newest => return Ok(()),
            Some(applied) => self.copy_before(applied, copy).await?,
            None => {}
        }
        let run = MIGRATIONS.run(&self.write).await;
        run.map_err(|error| {
            Problem::new(
                Kind::Conflict,
                format!("the catalog cannot be brought up to date: {error}"),
            )
            .caused_by(error)
        })
    }

    async fn copy_before(&self, applied: i64, copy: Option<(&Path, i64)>) -> Result<()> {
        let Some((path, now_ms)) = copy else { return Ok(()) };
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let stem = format!("{name}.before-");
        self.copy_to(&path.with_file_name(format!("{stem}{applied}-{now_ms:013}")))
            .await?;
        let dir = path.parent().unwrap_or(Path::new("."));
        let problem = |error| Problem::io(format!("cannot list {}", dir.display()), error);
        let mut copies: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir).map_err(problem)? {
            let entry = entry.map_err(problem)?;
            if entry.file_name().to_string_lossy().starts_with(&stem) {
                copies.push(entry.path());
            }
        }
        copies.sort_by_key(|path| {
            path.extension()
                .map(|time| time.to_string_lossy().rsplit('-').next().map(str::to_owned))
        });
        let surplus = copies.len().saturating_sub(KEPT_COPIES);
        copies[..surplus]
            .iter()
            .try_for_each(fs::remove_file)
            .map_err(problem)
    }
}

/// Opens the file once by itself: a pool would only say that it waited in vain.
async fn try_out(url: &str, path: &Path) -> Result<()> {
    let doing = format!("open the catalog {}", path.display());
    let problem = problems::of(&doing);
    let mut connection = sqlx::AnyConnection::connect(url).await.map_err(&problem)?;
    connection.execute(PRAGMAS).await.map_err(&problem)?;
    connection.close().await.map_err(&problem)
}

/// Held while the catalog is opened.
fn take_turn(path: &Path) -> Result<Option<File>> {
    let lock = path.with_extension("lock");
    let problem = |error| Problem::io(format!("cannot lock {}", lock.display()), error);
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock);
    let file = match opened {
        // A disk that cannot be written has nobody to take turns with.
        Err(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem && path.exists() => {
            return Ok(None);
        }
        other => other.map_err(problem)?,
    };
    rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|error| problem(error.into()))?;
    Ok(Some(file))
}

fn is_writable(path: &Path) -> Result<bool> {
    match OpenOptions::new().write(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => Ok(false),
        Err(error) => Err(Problem::io(
            format!("cannot open the catalog {}", path.display()),
            error,
        )),
    }
}

/// A path inside a URL.
fn percent(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .iter()
        .map(|&byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

async fn connect(url: &str, most: u32, engine: Engine) -> Result<AnyPool> {
    let doing = problems::of("open the catalog");
    let options = AnyConnectOptions::from_str(url)
        .map_err(&doing)?
        .disable_statement_logging();
    let pool = AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(Duration::from_secs(30))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if engine == Engine::Sqlite {
                    connection.execute(PRAGMAS).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await;
    pool.map_err(&doing)
}
