//! The one way to the repository `main`: where it is looked for, how it is opened, and when it comes to be.
//!
//! Rules, for everything that opens it: an address that is given (by a flag, the environment, the configuration) goes before the remembered
//! one, and what lies there must be the remembered repository all the same. Only where nothing is remembered does a first backup make it.
//! Nobody writes a new password where a repository may be that has one. A handle that is open already is looked at again each time: disks
//! are unmounted and buckets emptied while a server runs.

use std::sync::{Arc, Mutex, PoisonError};

use model::{Kind, Problem, Result};
use repository::Repository;
use repository::format::key_file::Cost;
use repository::storage::{Class, is_folder};

use crate::instance::write_private;
use crate::repositories::identity::{REMEMBERED, Remembered, absolute, another, missing, unlike};
use crate::{Service, registry};

/// The setting that is there from before a repository comes to be until it is remembered.
const MAKING: &str = "repository.making";

/// The repository `main`, as this process has it.
#[derive(Debug, Default)]
pub(crate) struct Main {
    remembered: Mutex<Option<Remembered>>,
    /// With the address at which it was opened. One opens at a time.
    pub(crate) opened: tokio::sync::Mutex<Option<(String, Repository)>>,
    /// When a bucket was last looked at.
    pub(crate) looked: std::sync::atomic::AtomicI64,
}

/// Which password opens it.
#[derive(Clone, Debug)]
pub(crate) enum Password {
    /// Of the configuration, or of the data directory.
    Own,
    Typed(String),
}

impl Service {
    /// What the catalog remembers now.
    pub(crate) async fn recall(&self) -> Result<Option<Remembered>> {
        let remembered = match self.catalog.setting(REMEMBERED).await? {
            Some(text) => Some(Remembered::read(text)?),
            None if self.catalog.list_backups(None, 1).await?.is_empty() => None,
            None => Some(Remembered::default()),
        };
        let mut known = self
            .main
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.clone_from(&remembered);
        Ok(remembered)
    }

    /// Is the repository known not to be there?
    pub(crate) async fn is_gone(&self) -> Result<bool> {
        Ok(self
            .recall()
            .await?
            .is_some_and(|known| known.gone_since.is_some()))
    }

    fn remembered(&self) -> Option<Remembered> {
        let known = self.main.remembered.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the repository is looked for.
    pub fn repository_address(&self) -> String {
        let remembered = || self.remembered().and_then(|known| known.address);
        match self.options.repository.clone().or_else(remembered) {
            Some(given) => absolute(&given),
            None => absolute(&self.place.repository().display().to_string()),
        }
    }

    /// Does that address come from the catalog, and from nothing that was given?
    pub fn is_address_remembered(&self) -> bool {
        self.options.repository.is_none() && self.remembered().is_some_and(|known| known.address.is_some())
    }

    /// The one way to the repository. It is there, and it is ours, at this moment.
    pub(crate) async fn opened(&self) -> Result<Repository> {
        let known = self.recall().await?;
        let opened = self.open_known(known.as_ref()).await;
        match (known, opened) {
            (None, Ok(repository)) => {
                self.remember_repository(&repository).await?;
                Ok(self.patient(&repository))
            }
            (Some(known), Ok(repository)) => {
                // It comes back before the first use of it.
                if known.gone_since.is_some() {
                    registry::repository_is_back(self, &known, &repository).await?;
                } else if known.id.is_empty() {
                    self.remember_repository(&repository).await?;
                }
                Ok(self.patient(&repository))
            }
            (Some(known), Err(problem)) if problem.kind() == Kind::RepositoryMissing => {
                registry::repository_is_gone(self, &known, &problem).await?;
                Err(problem)
            }
            (_, Err(problem)) => Err(problem),
        }
    }

    async fn open_known(&self, known: Option<&Remembered>) -> Result<Repository> {
        let address = self.repository_address();
        let cached = |main: &Option<(String, Repository)>| {
            let found = main.as_ref().filter(|(at, _)| *at == address);
            let found = found.map(|(_, repository)| repository.clone());
            found.filter(|repository| known.is_none_or(|known| known.is(repository)))
        };
        let opened = cached(&*self.main.opened.lock().await);
        let was_opened = opened.is_some();
        if let Some(repository) = opened {
            let looked_at = repository.clone();
            match self.blocking(move || looked_at.check_there()).await {
                // Gone, or replaced on purpose: what is there now says which.
                Err(problem) if problem.kind() == Kind::RepositoryMissing => {}
                other => return other.map(|()| repository),
            }
        }
        let mut main = self.main.opened.lock().await;
        if let (false, Some(repository)) = (was_opened, cached(&main)) {
            // Somebody else has just opened it.
            return Ok(repository);
        }
        let (service, known, at) = (self.clone(), known.cloned(), address.clone());
        let opened = self
            .blocking(move || service.open_at(&at, known.as_ref(), &Password::Own))
            .await?;
        *main = Some((address, opened.clone()));
        Ok(opened)
    }

    /// Opens what lies at an address, if it is what is expected there.
    pub(crate) fn open_at(
        &self,
        address: &str,
        known: Option<&Remembered>,
        password: &Password,
    ) -> Result<Repository> {
        let storage = repository::storage::open(address)?;
        let missing = || missing(known, address);
        let Some((password, cost)) = self.password_for(password)? else {
            if storage.stat(Class::Config, &repository::Id::default())?.is_none() {
                return Err(missing());
            }
            return Err(self.no_password(address));
        };
        let options = self.engine_options(address, cost)?;
        match Repository::open(Arc::clone(&storage), &password, options) {
            Ok(repository) => match known {
                Some(known) if !known.is(&repository) => Err(another(known, address, &repository)),
                _ => Ok(repository),
            },
            Err(problem) if problem.kind() == Kind::RepositoryMissing => Err(missing()),
            Err(problem) if problem.kind() == Kind::WrongPassword => Err(match known {
                Some(known) if !known.has_key_in(&*storage)? => unlike(known, address),
                _ => problem,
            }),
            Err(problem) => Err(problem),
        }
    }

    fn engine_options(&self, address: &str, cost: Cost) -> Result<repository::Options> {
        // Beside a folder, copies of its files would only take room.
        let is_far = !is_folder(address);
        Ok(repository::Options {
            cost,
            clock: Arc::clone(&self.options.clock),
            cache: is_far.then(|| self.place.cache()).transpose()?,
            ..repository::Options::default()
        })
    }

    fn password_for(&self, password: &Password) -> Result<Option<(String, Cost)>> {
        if let Password::Typed(password) = password {
            return Ok(Some((password.clone(), Cost::HUMAN)));
        }
        if let Some(password) = &self.options.password {
            return Ok(Some((password.clone(), Cost::HUMAN)));
        }
        let kept = outbound::read_private(&self.place.repository_password())?;
        Ok(kept.map(|password| (password, Cost::GENERATED)))
    }

    /// Is the repository's password known here, or does somebody have to type it?
    pub fn knows_password(&self) -> Result<bool> {
        Ok(self.password_for(&Password::Own)?.is_some())
    }

    /// The repository's password, for the recovery kit.
    pub(crate) fn password(&self) -> Result<String> {
        let known = self.password_for(&Password::Own)?;
        let missing = || self.no_password(&self.repository_address());
        known.map(|(password, _)| password).ok_or_else(missing)
    }

    fn no_password(&self, address: &str) -> Problem {
        let path = self.place.repository_password();
        let message = format!(
            "the password of the repository at {address} is missing: there is no {}",
            path.display()
        );
        Problem::new(Kind::WrongPassword, message).hint(format!(
            "put that file back, set CAIRN_REPOSITORY_PASSWORD, or type it from the recovery kit: \
             cairn recover --repository {address}"
        ))
    }

    /// Does this password, typed from the kit, open the repository?
    pub(crate) async fn opens_with(&self, password: &str) -> Result<()> {
        let known = self.recall().await?;
        let (service, address) = (self.clone(), self.repository_address());
        let password = Password::Typed(password.to_owned());
        let opened = self.blocking(move || service.open_at(&address, known.as_ref(), &password));
        opened.await.map(|_| ())
    }

    /// From now on the repository at the address that was given is ours.
    pub(crate) async fn remember_repository(&self, repository: &Repository) -> Result<()> {
        let address = self.repository_address();
        let own = absolute(&self.place.repository().display().to_string());
        let reading = repository.clone();
        let keys = self.blocking(move || reading.key_files()).await?;
        let known = Remembered::of(repository, Some(address).filter(|address| *address != own), &keys);
        self.catalog.set_setting(REMEMBERED, &known.text()?).await?;
        self.catalog.delete_setting(MAKING).await?;
        self.recall().await.map(|_| ())
    }

    /// The repository; where there never was one, it comes to be. True when it was made just now.
    pub(crate) async fn opened_or_new(&self) -> Result<(Repository, bool)> {
        match self.opened().await {
            Err(problem) if problem.kind() == Kind::RepositoryMissing => {
                if self.recall().await?.is_some() {
                    return Err(problem);
                }
                let is_begun = self.catalog.setting(MAKING).await?.is_some();
                if self.place.repository_password().exists() && !is_begun {
                    return Err(self.forgotten(&problem));
                }
                self.create_repository().await
            }
            other => other.map(|repository| (repository, false)),
        }
    }

    /// Was there ever a repository, as far as the catalog and the data directory know?
    pub(crate) async fn is_repository_expected(&self) -> Result<bool> {
        if self.recall().await?.is_some() {
            return Ok(true);
        }
        let is_begun = self.catalog.setting(MAKING).await?.is_some();
        Ok(self.place.repository_password().exists() && !is_begun)
    }

    /// There is a password, so there was a repository, of which the catalog knows nothing.
    fn forgotten(&self, problem: &Problem) -> Problem {
        let message = format!(
            "{}, and the catalog remembers none, though {} belongs to one",
            problem.message(),
            self.place.repository_password().display()
        );
        Problem::new(Kind::RepositoryMissing, message).hint(
            "was catalog.db lost? `cairn recover --repository ADDRESS` finds everything again; \
             `cairn init` makes a new, empty repository",
        )
    }

    pub(crate) async fn create_repository(&self) -> Result<(Repository, bool)> {
        let address = self.repository_address();
        self.catalog.set_setting(MAKING, &address).await?;
        let mut main = self.main.opened.lock().await;
        let (service, at) = (self.clone(), address.clone());
        let (repository, made) = self
            .blocking(move || {
                let _turn = service.place.turn_to_make()?;
                // Somebody else may have been quicker.
                match service.open_at(&at, None, &Password::Own) {
                    Err(problem) if problem.kind() == Kind::RepositoryMissing => {
                        service.make_at(&at).map(|repository| (repository, true))
                    }
                    other => other.map(|repository| (repository, false)),
                }
            })
            .await?;
        *main = Some((address.clone(), repository.clone()));
        drop(main);
        self.remember_repository(&repository).await?;
        if made {
            self.audit("repository.create", &address, "").await?;
        }
        Ok((self.patient(&repository), made))
    }

    fn make_at(&self, address: &str) -> Result<Repository> {
        self.check_place(address)?;
        let storage = repository::storage::open(address)?;
        let (password, cost) = match self.password_for(&Password::Own)? {
            Some(known) => known,
            None => (self.new_password()?, Cost::GENERATED),
        };
        Repository::create(storage, &password, self.engine_options(address, cost)?)
    }

    fn new_password(&self) -> Result<String> {
        let mut bytes = [0; 32];
        self.options.random.fill(&mut bytes)?;
        let password = hex::encode(bytes);
        write_private(
            &self.place.repository_password(),
            format!("{password}\n").as_bytes(),
        )?;
        Ok(password)
    }

    /// Among Cairn's own files a repository would be mixed up with them.
    pub(crate) fn check_place(&self, address: &str) -> Result<()> {
        let own = absolute(&self.place.root().display().to_string());
        let Ok(below) = std::path::Path::new(address).strip_prefix(&own) else {
            return Ok(());
        };
        let first = below
            .components()
            .next()
            .map(|first| first.as_os_str().to_owned());
        let is_ours = first.is_none_or(|first| crate::instance::OWN_FOLDERS.iter().any(|own| first == *own));
        if !is_ours {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Refused,
            format!("{address} lies among Cairn's own files, and is no place for a repository"),
        )
        .hint("choose a folder of its own"))
    }
}
