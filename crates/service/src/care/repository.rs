//! Care for what is stored: prune, repair, copy, count; and the audit log.

use catalog::audit::AuditRow;
use model::{Cancel, Kind, Permission, Problem, Progress, Result};
use repository::{Copied, GRACE_MS, Level, PrunePlan, RepairPlan, Repository, Stats};
use serde::{Deserialize, Serialize};

use crate::Service;
use crate::backups::Loss;
use crate::orders::Order;

/// Entries of the audit log that are looked at together.
const AT_ONCE: i64 = 1_000;

/// What a prune did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneDone {
    pub state: String,
    pub packs_deleted: u64,
    pub packs_repacked: u64,
    /// Too young to go.
    pub packs_waiting: u64,
    pub bytes_freed: u64,
    pub bytes_repacked: u64,
    pub bytes_used: u64,
    /// Unfinished files of writers that were killed.
    #[serde(default)]
    pub leftovers_deleted: u64,
}

impl PruneDone {
    fn of(plan: &PrunePlan) -> Self {
        PruneDone {
            state: "succeeded".to_owned(),
            packs_deleted: (plan.delete_unindexed.len() + plan.delete_unused.len()) as u64,
            packs_repacked: plan.repack.len() as u64,
            packs_waiting: plan.wait.len() as u64,
            bytes_freed: plan.bytes_freed,
            bytes_repacked: plan.bytes_repacked,
            bytes_used: plan.bytes_used,
            leftovers_deleted: plan.leftovers.len() as u64,
        }
    }
}

fn grace(no_grace: bool) -> i64 {
    if no_grace { 0 } else { GRACE_MS }
}

impl Service {
    /// The repository `main`; an error when it was not made yet.
    pub async fn repository(&self) -> Result<Repository> {
        self.may(Permission::Repository, None).await?;
        self.opened().await
    }

    /// Was there ever a repository? If not, the first backup makes it.
    pub async fn expects_repository(&self) -> Result<bool> {
        self.may(Permission::Repository, None).await?;
        self.is_repository_expected().await
    }

    /// What a prune would do.
    pub async fn plan_prune(
        &self,
        no_grace: bool,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<PruneDone> {
        self.may(Permission::Repository, None).await?;
        let grace = grace(no_grace);
        let plan = self.with_repository(progress, cancel, move |repository, progress, cancel| {
            repository.plan_prune(grace, progress, cancel)
        });
        plan.await.map(|plan| PruneDone::of(&plan))
    }

    /// Frees the space of what was deleted.
    pub async fn prune(&self, no_grace: bool, progress: &Progress, cancel: &Cancel) -> Result<PruneDone> {
        self.may(Permission::Repository, None).await?;
        self.make_room()?;
        let order = Order::Prune { no_grace };
        let job = self.ask(&order, None, &self.options.node).await?;
        self.see_through(&job, progress, cancel).await
    }

    pub(crate) async fn perform_prune(
        &self,
        no_grace: bool,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<PruneDone> {
        let grace = grace(no_grace);
        self.make_room()?;
        let plan = self.with_repository(progress, cancel, move |repository, progress, cancel| {
            repository.prune(grace, progress, cancel)
        });
        let plan = match plan.await {
            Err(problem) if problem.kind() == Kind::Damaged => {
                // Which backups that is of is remembered, too.
                self.check_all(Level::Structure, progress, cancel).await?;
                return Err(problem);
            }
            other => other?,
        };
        self.take_room_back();
        let detail = format!("{} bytes freed", plan.bytes_freed);
        self.audit("repository.prune", &self.repository_address(), &detail)
            .await?;
        Ok(PruneDone::of(&plan))
    }

    pub async fn repair(&self, only_plan: bool, progress: &Progress, cancel: &Cancel) -> Result<RepairPlan> {
        self.may(Permission::Repository, None).await?;
        let plan = self.with_repository(progress, cancel, move |repository, progress, cancel| {
            if only_plan {
                repository.plan_repair(true, progress, cancel)
            } else {
                repository.repair(true, progress, cancel)
            }
        });
        let plan = plan.await?;
        for id in &plan.incomplete_snapshots {
            self.note_loss(&id.hex(), Loss::Pieces).await?;
        }
        if !only_plan {
            self.audit(
                "repository.repair",
                &self.repository_address(),
                &format!("{} blobs lost", plan.blobs_lost),
            )
            .await?;
        }
        Ok(plan)
    }

    pub async fn stats(&self, progress: &Progress, cancel: &Cancel) -> Result<Stats> {
        self.may(Permission::Repository, None).await?;
        self.with_repository(progress, cancel, |repository, progress, cancel| {
            repository.stats(progress, cancel)
        })
        .await
    }

    /// Copies all backups into another repository, which is made when it is absent.
    pub async fn copy_to(
        &self,
        address: &str,
        password: &str,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Copied> {
        self.may(Permission::Repository, None).await?;
        let (address, password) = (crate::repositories::absolute(address), password.to_owned());
        self.check_place(&address)?;
        let to = address.clone();
        let copied = self.with_repository(progress, cancel, move |repository, progress, cancel| {
            let storage = repository::storage::open(&address)?;
            let options = repository::Options::default();
            let target = match Repository::open(storage.clone(), &password, options.clone()) {
                Err(problem) if problem.kind() == Kind::RepositoryMissing => {
                    Repository::create(storage, &password, options)?
                }
                other => other?,
            };
            if target.id() == repository.id() {
                return Err(Problem::invalid("a repository cannot be copied into itself"));
            }
            repository.copy_to(&target, &[], progress, cancel)
        });
        let copied = copied.await?;
        self.audit("repository.copy", &to, &format!("{} backups", copied.snapshots))
            .await?;
        Ok(copied)
    }

    pub(crate) async fn with_repository<T: Send + 'static>(
        &self,
        progress: &Progress,
        cancel: &Cancel,
        work: impl FnOnce(&Repository, &Progress, &Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let repository = self.opened().await?;
        let (progress, cancel) = (progress.clone(), cancel.clone());
        self.blocking(move || work(&repository, &progress, &cancel)).await
    }

    /// The newest entries.
    pub async fn list_audit(&self, most: u32) -> Result<Vec<AuditRow>> {
        self.may(Permission::Audit, None).await?;
        self.catalog.page_of_audit(i64::MAX, i64::from(most)).await
    }

    /// Is the chain of the audit log whole? How many entries it has.
    pub async fn check_audit(&self) -> Result<usize> {
        self.may(Permission::Audit, None).await?;
        let (mut count, mut newer): (usize, Option<AuditRow>) = (0, None);
        loop {
            let before = newer.as_ref().map_or(i64::MAX, |row| row.seq);
            let rows = self.catalog.page_of_audit(before, AT_ONCE).await?;
            if rows.is_empty() {
                return Ok(count);
            }
            for row in rows {
                check_link(newer.as_ref(), &row)?;
                count += 1;
                newer = Some(row);
            }
        }
    }

    /// Is the catalog's database sound? For `cairn doctor`.
    pub async fn check_catalog(&self) -> Result<()> {
        self.may(Permission::Repository, None).await?;
        self.catalog.check().await
    }
}

/// An entry, and the one that was written after it.
fn check_link(newer: Option<&AuditRow>, row: &AuditRow) -> Result<()> {
    let follows = |newer: &AuditRow| newer.previous == row.hash && newer.seq == row.seq + 1;
    let broken = match newer {
        _ if row.hash != row.expected_hash() => row.seq,
        Some(newer) if !follows(newer) => newer.seq,
        _ => return Ok(()),
    };
    let message = format!("the audit log was changed at or before entry {broken}");
    Err(Problem::damaged(message).hint("compare it with a copy of the catalog"))
}
