//! An opened repository: its storage, its key, its config, its index.
//!
//! Rules: creating never overwrites anything; the key file is written before the config, so that a repository without a config does not
//! exist; snapshots are listed before the index is loaded, so that every snapshot that is seen can be read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use model::{Clock, Kind, Problem, Result, SystemClock};

use crate::Id;
use crate::cache::Cache;
use crate::chunk::Gear;
use crate::format::config::Config;
use crate::format::key_file::Cost;
use crate::format::seal::Key;
use crate::format::snapshot::Snapshot;
use crate::format::unpacked;
use crate::index::Index;
use crate::keys;
use crate::lock::{Lock, Operation};
use crate::patience::Patience;
use crate::read::Blobs;
use crate::storage::{Class, Storage};

/// How a repository is used by this process.
#[derive(Clone)]
pub struct Options {
    /// zstd level of what is written.
    pub level: i32,
    /// A pack is closed when it has this many bytes.
    pub pack_size: usize,
    /// Open and compare every sealed blob before it is stored.
    pub verify: bool,
    pub threads: usize,
    /// Where copies of indexes and listings may lie; worth it when the storage is far away.
    pub cache: Option<PathBuf>,
    /// The cache of one repository has no more bytes.
    pub cache_limit: u64,
    pub clock: Arc<dyn Clock>,
    /// Cost of new key files.
    pub cost: Cost,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Options(level {}, pack_size {}, threads {})",
            self.level, self.pack_size, self.threads
        )
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            level: 1,
            pack_size: 16 << 20,
            verify: true,
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            cache: None,
            cache_limit: 1 << 30,
            clock: Arc::new(SystemClock),
            cost: Cost::HUMAN,
        }
    }
}

pub(crate) struct Inner {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) key: Key,
    pub(crate) config: Config,
    pub(crate) options: Options,
    pub(crate) gear: Gear,
    pub(crate) cache: Option<Cache>,
    index: RwLock<Option<Arc<Index>>>,
    loading: Mutex<()>,
}

/// A repository that was opened with one of its passwords, as somebody uses it: each user decides how long to wait for others.
#[derive(Clone)]
pub struct Repository(pub(crate) Arc<Inner>, Patience);

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({})", self.0.storage.location())
    }
}

impl Repository {
    /// Makes a new repository; refuses when there is, or was, one.
    pub fn create(storage: Arc<dyn Storage>, password: &str, options: Options) -> Result<Self> {
        check_free(&*storage)?;
        let key = Key::random();
        keys::write(&*storage, &key, password, options.cost, options.clock.now_ms())?;
        let config = Config::random();
        storage.put_new(Class::Config, &Id::default(), &config.encode(&key))?;
        Ok(Repository::assemble(storage, key, config, options))
    }

    pub fn open(storage: Arc<dyn Storage>, password: &str, options: Options) -> Result<Self> {
        let sealed = read_config(&*storage)?;
        let key = keys::find(&*storage, password)?;
        let config = Config::decode(&key, &sealed)?;
        Ok(Repository::assemble(storage, key, config, options))
    }

    /// Opens with the master key itself, for a service that keeps it.
    pub fn open_with_key(storage: Arc<dyn Storage>, key: Key, options: Options) -> Result<Self> {
        let config = Config::decode(&key, &read_config(&*storage)?)?;
        Ok(Repository::assemble(storage, key, config, options))
    }

    /// Is it still there, and the same? Its storage may have been taken away, or another one put in its place, since it was opened.
    pub fn check_there(&self) -> Result<()> {
        let sealed = read_config(self.storage())?;
        match Config::decode(&self.0.key, &sealed) {
            Ok(config) if config.id == self.id() => Ok(()),
            _ => Err(Problem::new(
                Kind::RepositoryMissing,
                format!(
                    "what lies at {} now is not the repository {} any more",
                    self.location(),
                    self.id().short()
                ),
            )
            .hint("is another disk mounted there, or was the repository replaced?")),
        }
    }

    fn assemble(storage: Arc<dyn Storage>, key: Key, config: Config, options: Options) -> Self {
        let mut secret = key.as_bytes().to_vec();
        secret.extend_from_slice(config.id.as_bytes());
        let gear = Gear::keyed(&secret);
        let cache = options.cache.as_deref();
        let cache = cache.map(|folder| Cache::open(folder, &config.id, options.cache_limit));
        let inner = Inner {
            storage,
            key,
            config,
            options,
            gear,
            cache,
            index: RwLock::new(None),
            loading: Mutex::new(()),
        };
        Repository(Arc::new(inner), Patience::default())
    }

    /// The same repository, used by somebody who waits for a lock.
    #[must_use]
    pub fn patient(&self, patience: Patience) -> Self {
        Repository(Arc::clone(&self.0), patience)
    }

    pub fn location(&self) -> String {
        self.0.storage.location()
    }

    /// The repository's identity.
    pub fn id(&self) -> Id {
        self.0.config.id
    }

    pub fn master_key(&self) -> &Key {
        &self.0.key
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.0.storage
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.options.clock.now_ms()
    }

    /// Takes the lock that an operation needs; waits for it as long as the caller has patience.
    pub(crate) fn lock(&self, operation: Operation) -> Result<Lock> {
        let (storage, key, clock) = (&self.0.storage, &self.0.key, &self.0.options.clock);
        self.1
            .wait(|| Lock::acquire(storage, key, operation.mode(), clock))
    }

    /// The lock of somebody who only reads. Where nothing can be written, nobody there can prune, and reading goes on without one.
    pub(crate) fn lock_to_read(&self, operation: Operation) -> Result<Option<Lock>> {
        match self.lock(operation) {
            Ok(lock) => Ok(Some(lock)),
            Err(problem) if problem.kind() == Kind::Locked => Err(problem),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.0.config.version < 2 {
            return Err(Problem::new(
                Kind::Refused,
                "the repository has format version 1, which is only read",
            )
            .hint("upgrade it with `restic migrate upgrade_repo_v2`, then try again"));
        }
        if self.0.config.is_hot_half() {
            return Err(
                Problem::new(Kind::Refused, "this is only the hot half of a repository")
                    .hint("use the address of the cold half"),
            );
        }
        Ok(())
    }

    pub(crate) fn check_deletable(&self) -> Result<()> {
        self.check_writable()?;
        if self.0.config.is_append_only() {
            return Err(Problem::new(
                Kind::Refused,
                "the repository is marked append-only: nothing is deleted from it",
            ));
        }
        Ok(())
    }

    fn known_index(&self) -> Option<Arc<Index>> {
        self.0
            .index
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One loads at a time: those that come meanwhile take what he loaded.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the index anew: after somebody else may have written or pruned.
    pub(crate) fn reload_index(&self) -> Result<Arc<Index>> {
        let _turn = self.turn();
        self.load_index()
    }

    fn load_index(&self) -> Result<Arc<Index>> {
        let (storage, key, cache) = (self.storage(), &self.0.key, self.0.cache.as_ref());
        let index = Arc::new(Index::load(storage, key, cache, self.noted_damage()?)?);
        *self.0.index.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&index));
        Ok(index)
    }

    /// The index as it is now in the storage: loaded again only when index files came or went.
    pub(crate) fn current_index(&self) -> Result<Arc<Index>> {
        if let Some(index) = self.unchanged_index()? {
            return Ok(index);
        }
        let _turn = self.turn();
        self.unchanged_index()?.map_or_else(|| self.load_index(), Ok)
    }

    /// The same for somebody who writes: what others have found damaged meanwhile counts, too.
    pub(crate) fn index_to_write_by(&self) -> Result<Arc<Index>> {
        let index = self.current_index()?;
        if self.knows_all_damage(index.damage())? {
            return Ok(index);
        }
        self.reload_index()
    }

    fn unchanged_index(&self) -> Result<Option<Arc<Index>>> {
        let Some(index) = self.known_index() else {
            return Ok(None);
        };
        let stored = self.storage().list(Class::Index)?;
        let names: std::collections::HashSet<Id> = stored.iter().map(|found| found.id).collect();
        Ok((names == *index.files()).then_some(index))
    }

    pub(crate) fn with_blobs<T>(&self, index: &Index, use_them: impl FnOnce(&Blobs<'_>) -> T) -> T {
        use_them(&Blobs {
            storage: self.storage(),
            key: &self.0.key,
            index,
            cache: None,
        })
    }

    /// For a look into a snapshot: listings may come from the cache.
    pub(crate) fn with_cached_blobs<T>(&self, index: &Index, use_them: impl FnOnce(&Blobs<'_>) -> T) -> T {
        use_them(&Blobs {
            storage: self.storage(),
            key: &self.0.key,
            index,
            cache: self.0.cache.as_ref(),
        })
    }

    /// Makes a snapshot visible: the only commit point there is. Its packs and index must be stored.
    pub(crate) fn commit(&self, lock: &Lock, snapshot: &Snapshot) -> Result<Id> {
        // Blobs of others may be used whose writer was killed before its index was durable.
        self.storage().settle(Class::Index)?;
        self.put_relied_on(lock, Class::Snapshot, &snapshot.encode())
    }

    /// Stores an index or snapshot of packs that a prune may have deleted if the lock was lost.
    pub(crate) fn put_relied_on(&self, lock: &Lock, class: Class, json: &[u8]) -> Result<Id> {
        lock.prove()?;
        let id = self.put_sealed(class, json)?;
        // Whoever prunes from now on sees the file; whoever began before has taken our lock away.
        if let Err(lost) = lock.prove() {
            self.storage().delete(class, &id)?;
            self.storage().settle(class)?;
            return Err(lost);
        }
        Ok(id)
    }

    /// Writes an index, snapshot or lock file; its name.
    pub(crate) fn put_sealed(&self, class: Class, json: &[u8]) -> Result<Id> {
        let sealed = unpacked::encode(&self.0.key, json);
        let id = Id::of(&sealed);
        self.storage().put(class, &id, &sealed)?;
        if let Some(cache) = &self.0.cache {
            cache.put(class, &id, &sealed);
        }
        Ok(id)
    }
}

/// Nothing may be there that is, or was, a repository.
fn check_free(storage: &dyn Storage) -> Result<()> {
    let has = |class| storage.list(class).map(|found| !found.is_empty());
    let there = [has(Class::Config)?, has(Class::Key)?, has(Class::Snapshot)?];
    if there == [false; 3] {
        return Ok(());
    }
    let place = storage.location();
    if there == [false, true, false] && !has(Class::Index)? && !has(Class::Pack)? {
        return Err(Problem::new(
            Kind::Conflict,
            format!(
                "there is a key at {place}, but nothing else of a repository: its creation was interrupted"
            ),
        )
        .hint("delete what lies in “keys” there, then create the repository again"));
    }
    Err(Problem::new(
        Kind::Conflict,
        format!("there is a repository at {place} already"),
    )
    .hint("open it, or choose another place; if its config was lost, copy that back from a backup of the repository"))
}

fn read_config(storage: &dyn Storage) -> Result<Vec<u8>> {
    storage
        .get(Class::Config, &Id::default())
        .map_err(|problem| match problem.kind() {
            Kind::NotFound => Problem::new(
                Kind::RepositoryMissing,
                format!("there is no repository at {}", storage.location()),
            )
            .hint("check the address; `cairn init` makes a new repository"),
            _ => problem,
        })
}
