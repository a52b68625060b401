//! One instance of Cairn: data directory, catalog, repository, clock.
//!
//! Everything that people can ask for is a method of [`Service`], one file per verb. Doors open one and call it; they decide nothing.
//! A `Service` is what all share of the instance, and who acts: [`Service::acting`] makes one for somebody else, at the price of a pointer.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use catalog::Catalog;
use catalog::seal::Sealer;
use model::{
    BackupId, Cancel, Clock, Problem, Progress, Random, Result, SystemClock, SystemRandom, WorkerId, Zone,
};
use repository::{Patience, Repository};
use sources::Context;
use tokio::sync::Semaphore;

use crate::instance::{Alive, Caller, Place, write_private};
use crate::repositories::Main;

/// So long what is queued or scheduled waits for a lock on the repository, when nobody says otherwise.
pub const USUAL_LOCK_WAIT: Duration = Duration::from_mins(10);
/// Who sits before it and waits is told sooner.
const SHORT_LOCK_WAIT: Duration = Duration::from_secs(10);

/// How an instance is set up.
#[derive(Clone)]
pub struct Options {
    pub data: PathBuf,
    /// Address of a catalog in PostgreSQL; else it lies in the data directory.
    pub catalog: Option<String>,
    /// Address of the repository `main`; else the one that the catalog remembers, or in the data directory.
    pub repository: Option<String>,
    /// Password of the repository; else a generated one lies in the data directory.
    pub password: Option<String>,
    pub node: String,
    /// Key that seals the secrets in the catalog (64 hexadecimal digits); else a generated one lies in the data directory.
    pub secret_key: Option<String>,
    /// The name of who acts from the machine itself, for the audit log and the manifests.
    pub who: String,
    /// Name of the time zone of schedules that name none.
    pub zone: String,
    /// Without one, letters go to the outbox.
    pub mail: Option<outbound::Smtp>,
    /// How the world reaches the server, for links in letters: `https://backup.example.org/cairn`.
    pub url: Option<String>,
    /// Networks of one's own that webhooks may call.
    pub allow: Vec<outbound::Net>,
    /// So many bytes one uploaded file has at most.
    pub upload_limit: u64,
    /// How long queued and scheduled jobs wait for a lock on the repository; commands in the foreground wait ten seconds at most.
    pub lock_wait: Duration,
    /// The kinds of sources that there are.
    pub kinds: sources::Kinds,
    pub version: String,
    /// When the one command was given for which this instance is opened.
    pub asked: Option<i64>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Options({})", self.data.display())
    }
}

impl Options {
    /// An instance in this directory, with the machine's clock and randomness.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Options {
            data: data.into(),
            catalog: None,
            repository: None,
            password: None,
            node: "main".to_owned(),
            asked: None,
            secret_key: None,
            who: "cli".to_owned(),
            zone: "UTC".to_owned(),
            mail: None,
            url: None,
            allow: Vec::new(),
            upload_limit: crate::backups::USUAL_UPLOAD_LIMIT,
            lock_wait: USUAL_LOCK_WAIT,
            kinds: sources::kinds(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// An opened instance, as somebody uses it.
#[derive(Clone, Debug)]
pub struct Service {
    shared: Arc<Shared>,
    pub(crate) caller: Caller,
    /// With others who hold a lock on the repository.
    patience: Patience,
}

/// What everybody who uses an opened instance shares.
#[derive(Debug)]
pub struct Shared {
    pub(crate) options: Options,
    pub(crate) place: Place,
    pub(crate) catalog: Catalog,
    pub(crate) main: Main,
    /// Who holds the leases that are taken here.
    pub(crate) owner: String,
    pub(crate) alive: Alive,
    /// Hashing a password takes much memory: only so many at once.
    pub(crate) hashing: Arc<Semaphore>,
    /// Who is being judged, or waits for it.
    pub(crate) seats: Arc<Semaphore>,
    pub(crate) hashed: AtomicU64,
    pub(crate) receiving: crate::backups::Receiving,
}

impl Deref for Service {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Service {
    /// Opens the data directory (made when it is absent) and the catalog. The repository is opened when it is first needed. Whoever can open
    /// it acts as an administrator: he could read everything anyway.
    pub async fn open(options: Options) -> Result<Self> {
        let place = Place::open(&options.data)?;
        place.reserve().give_up_if_tight()?;
        let catalog = match &options.catalog {
            Some(url) => Catalog::open_url(url).await?,
            None => Catalog::open_file(&place.catalog(), options.clock.now_ms()).await?,
        };
        let owner = WorkerId::new(&options.clock, &options.random)?.to_string();
        let caller = Caller::local(&options.who);
        let patience = Patience {
            most: options.lock_wait.min(SHORT_LOCK_WAIT),
            ..Patience::default()
        };
        let shared = Shared {
            alive: Alive::new(place.alive()),
            owner,
            options,
            place,
            catalog,
            main: Main::default(),
            hashing: Arc::new(Semaphore::new(crate::people::AT_ONCE)),
            seats: Arc::new(Semaphore::new(crate::people::SEATS)),
            hashed: AtomicU64::new(0),
            receiving: crate::backups::Receiving::default(),
        };
        let service = Service {
            shared: Arc::new(shared),
            caller,
            patience,
        };
        service.recall().await?;
        service.seal_plain_settings().await?;
        Ok(service)
    }

    /// The same instance, used by somebody else.
    #[must_use]
    pub fn acting(&self, caller: Caller) -> Service {
        Service {
            shared: Arc::clone(&self.shared),
            caller,
            patience: self.patience.clone(),
        }
    }

    /// The same, but who watches sees that a lock is waited for, and may stop that.
    #[must_use]
    pub fn watched(&self, progress: &Progress, cancel: &Cancel) -> Service {
        let patience = Patience {
            most: self.patience.most,
            progress: progress.clone(),
            cancel: cancel.clone(),
        };
        Service {
            patience,
            ..self.clone()
        }
    }

    /// The repository as this one uses it.
    pub(crate) fn patient(&self, repository: &Repository) -> Repository {
        repository.patient(self.patience.clone())
    }

    /// The same for what nobody sits before: it waits for a lock as long as the settings say.
    pub(crate) fn in_no_hurry(mut self) -> Service {
        self.patience.most = self.options.lock_wait;
        self
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub async fn close(&self) {
        self.catalog.close().await;
        self.take_room_back();
    }

    pub fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    pub fn zone(&self) -> Result<Zone> {
        self.options.zone.parse()
    }

    pub fn data(&self) -> &std::path::Path {
        self.place.root()
    }

    /// Places of Cairn's own, which no source may contain.
    pub(crate) fn forbidden(&self) -> Vec<PathBuf> {
        let mut places = vec![self.place.root().to_path_buf()];
        let address = self.repository_address();
        if repository::storage::is_folder(&address) {
            places.push(PathBuf::from(address));
        }
        places
    }

    pub(crate) async fn audit(&self, what: &str, target: &str, detail: &str) -> Result<()> {
        self.catalog
            .add_audit(
                self.now_ms(),
                self.caller.name(),
                what,
                target,
                &self.caller.signed(detail),
            )
            .await
    }

    pub(crate) fn new_backup_id(&self) -> Result<String> {
        Ok(BackupId::new(&self.options.clock, &self.options.random)?.to_string())
    }

    pub(crate) fn context(&self, job: &str, progress: &Progress, cancel: &Cancel) -> Context {
        Context {
            cancel: cancel.clone(),
            progress: progress.clone(),
            now_ms: self.now_ms(),
            job: job.to_owned(),
            ..Context::default()
        }
    }

    /// Seals with the key of the instance.
    pub(crate) fn sealer(&self) -> Result<Sealer> {
        Sealer::new(&self.instance_key()?)
    }

    /// The key that was configured, or one in the data directory that is made when there is none.
    pub(crate) fn instance_key(&self) -> Result<String> {
        if let Some(key) = &self.options.secret_key {
            return Ok(key.clone());
        }
        let path = self.place.catalog_key();
        if let Some(key) = outbound::read_private(&path)? {
            return Ok(key);
        }
        let mut bytes = [0; 32];
        self.options.random.fill(&mut bytes)?;
        let written = write_private(&path, format!("{}\n", hex::encode(bytes)).as_bytes());
        // Another process may have been quicker: then its key counts.
        match outbound::read_private(&path)? {
            Some(key) => Ok(key),
            None => Err(written
                .err()
                .unwrap_or_else(|| Problem::internal("a key that was just written is gone"))),
        }
    }

    /// Runs blocking work (engine, files) on a thread of its own.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Problem::internal(format!("a piece of work ended unexpectedly: {error}")))?
    }
}
