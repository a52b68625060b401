//! A repository that is not where it was is an alarm: its rows turn missing, people are told, and everything comes back with it.
//!
//! Rules: who finds it gone marks the rows first and says so once; told is again each day that it stays away. Who finds it back brings the
//! catalog in step before anybody uses it. Looking is cheap: a folder is looked at each time, a bucket once a minute by who has it open.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use model::{Cancel, Problem, Progress, Result};
use repository::Repository;
use repository::storage::{Class, is_folder};

use crate::Service;
use crate::notices::Severity;
use crate::repositories::{Remembered, missing};

/// A bucket is not asked more often.
const FAR_MS: i64 = 60_000;
/// When people were last told.
const TOLD: &str = "repository.gone.told";

impl Service {
    /// Is the repository where it should be? Nothing is wrong where there never was one.
    pub async fn look(&self) -> Result<()> {
        let Some(known) = self.recall().await? else {
            return Ok(());
        };
        let address = self.repository_address();
        let is_open = self.main.opened.lock().await.is_some();
        if !is_folder(&address) {
            let now = self.now_ms();
            let is_late = now.saturating_sub(self.main.looked.load(Ordering::Relaxed)) >= FAR_MS;
            if !(is_open && is_late) {
                return match known.gone_since {
                    Some(_) => Err(missing(Some(&known), &address)),
                    None => Ok(()),
                };
            }
            self.main.looked.store(now, Ordering::Relaxed);
        } else if !is_open && known.gone_since.is_none() {
            let found = self.blocking(move || {
                repository::storage::open(&address)?.stat(Class::Config, &repository::Id::default())
            });
            if found.await?.is_some() {
                return Ok(());
            }
        }
        self.opened().await.map(|_| ())
    }

    /// The same with its identity: for who stays, or was asked how everything is.
    pub(crate) async fn look_closely(&self) -> Result<()> {
        match self.recall().await? {
            Some(_) => self.opened().await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// It was found gone.
    pub(crate) async fn note_gone(&self, known: &Remembered, problem: &Problem) -> Result<()> {
        if known.gone_since.is_some() {
            return Ok(());
        }
        let backups = self.catalog.set_all_backups_missing("main").await?;
        let gone = known.with_gone_since(Some(self.now_ms()));
        if !self.change_remembered(known, &gone).await? {
            return Ok(());
        }
        let detail = model::counted(backups, "backup is missing", "backups are missing");
        self.audit("repository.missing", &self.repository_address(), &detail)
            .await?;
        self.catalog.delete_setting(TOLD).await?;
        self.tell_gone(problem).await
    }

    /// It was found back: what it holds is there again.
    pub(crate) async fn note_back(&self, known: &Remembered, repository: &Repository) -> Result<()> {
        self.bring_in_step_with(repository.clone(), true, &Progress::new(), &Cancel::new())
            .await?;
        let back = known.with_gone_since(None);
        if self.change_remembered(known, &back).await? {
            tracing::info!("{} is back", known.name());
            self.audit("repository.back", &self.repository_address(), "")
                .await?;
        }
        Ok(())
    }

    /// The rows follow another repository that was taken for ours.
    pub(crate) async fn in_step_with(&self, repository: Repository) -> Result<()> {
        self.bring_in_step_with(repository, true, &Progress::new(), &Cancel::new())
            .await
            .map(|_| ())
    }

    /// Each day that it stays away.
    pub(crate) async fn remind_of_gone(&self) -> Result<()> {
        match self.look_closely().await {
            Err(problem) if self.is_gone().await? => self.tell_gone(&problem).await,
            // Whoever needs the repository meets it.
            Err(problem) => {
                tracing::error!("{problem}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Everybody whom a policy tells of failures, each once a day.
    async fn tell_gone(&self, problem: &Problem) -> Result<()> {
        if !self.is_first_today(TOLD, self.now_ms()).await? {
            return Ok(());
        }
        let hint = problem.hint_text().map(|hint| format!("\n{hint}"));
        let text = format!(
            "{}. No backup can be made or restored until it is back.{}",
            problem.message(),
            hint.unwrap_or_default()
        );
        let mut told = HashSet::new();
        for source in self.catalog.list_sources().await? {
            let notice = self.notice(Severity::Failure, "the repository", &text)?;
            for row in self.outgoing_by_policy(&source, &notice)? {
                if told.insert(row.channel.clone()) {
                    self.catalog.add_outgoing(&row).await?;
                }
            }
        }
        Ok(())
    }
}
