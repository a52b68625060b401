//! `init` and `recover`: a repository becomes ours, with its address, because somebody says so.
//!
//! Rule: in place of another one that the catalog remembers only with an explicit word; without it is said what would be done, and nothing
//! is. What is taken over is opened first.

use model::{Kind, Permission, Problem, Result};
use repository::Repository;

use crate::Service;
use crate::repositories::{Password, Remembered};

impl Service {
    /// Makes the repository `main` when there is none, or takes the one that is there. `replace`: also in place of another one that the
    /// catalog remembers. True when it was made just now.
    pub async fn make_repository(&self, replace: bool) -> Result<bool> {
        self.may(Permission::Repository, None).await?;
        let known = self.recall().await?;
        let made = match self.take_over(replace, None).await {
            Err(problem) if problem.kind() == Kind::RepositoryMissing => match &known {
                Some(known) if !replace => return Err(self.would_replace(known, &problem).await?),
                _ => self.create_repository().await?,
            },
            other => (other?, false),
        };
        let (repository, is_new) = made;
        if known.is_some_and(|known| !known.is(&repository) || is_new || known.gone_since.is_some()) {
            self.in_step_with(repository).await?;
        }
        Ok(is_new)
    }

    /// Takes the repository at the address that was given for ours, with a password that somebody typed, which is kept. `replace`: also in
    /// place of another one that the catalog remembers.
    pub(crate) async fn take_over(&self, replace: bool, password: Option<&str>) -> Result<Repository> {
        let known = self.recall().await?;
        let address = self.repository_address();
        let typed = password.map_or(Password::Own, |password| Password::Typed(password.to_owned()));
        let mut main = self.main.opened.lock().await;
        let (service, at) = (self.clone(), address.clone());
        let expected = known.clone().filter(|_| !replace);
        let repository = self
            .blocking(move || service.open_at(&at, expected.as_ref(), &typed))
            .await?;
        if let Some(password) = password {
            self.place.keep_password(password, self.now_ms())?;
        }
        *main = Some((address.clone(), repository.clone()));
        drop(main);
        self.remember_repository(&repository).await?;
        if known.is_some_and(|known| !known.is(&repository)) {
            let now = repository.id().hex();
            self.audit("repository.replace", &address, &now).await?;
        }
        Ok(repository)
    }

    /// What `init` says instead of doing it.
    async fn would_replace(&self, known: &Remembered, problem: &Problem) -> Result<Problem> {
        let backups = self.catalog.list_backups(None, i64::MAX).await?.len() as u64;
        let message = format!(
            "{}; nothing was made, for the catalog remembers {} with {}",
            problem.message(),
            known.name(),
            model::counted(backups, "backup", "backups")
        );
        let at = self.repository_address();
        Ok(Problem::new(Kind::RepositoryMissing, message).hint(format!(
            "mount its disk or bring it back; if it lies somewhere else now: cairn init --repository ADDRESS; \
             `cairn init --replace` takes a new one at {at} instead, and all backups until now are marked missing"
        )))
    }
}
