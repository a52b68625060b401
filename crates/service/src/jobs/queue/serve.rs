//! Serving: a process that claims jobs, fires schedules and delivers notices until it is told to leave.
//!
//! Roles: a *worker* claims the jobs of its node, as many at once as it has hands; the *scheduler* is the one process that holds a lease.
//! Rules: every turn is short and repeatable, so that being killed anywhere loses nothing. Told to leave, it claims nothing more, stops its
//! jobs, which go back to the queue, lets go of its leases and is gone within ten seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{Cancel, JobState, Kind, Problem, Result};
use serde::Serialize;
use serde_json::Value;
use tokio::task::{AbortHandle, JoinSet};

use super::carry_out::{Watch, state_of};
use super::see_through::worker_lease;
use crate::{Service, registry};

const TURN: Duration = Duration::from_millis(200);
/// How long a leaving process waits for its jobs.
const FAREWELL: Duration = Duration::from_secs(8);
const WORKER_LEASE_MS: i64 = 15_000;
const SCHEDULER: &str = "scheduler";
const SCHEDULER_LEASE_MS: i64 = 30_000;
const HOUR_MS: i64 = 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// How many jobs at once; 0 = none.
    pub workers: usize,
    pub scheduler: bool,
}

/// What one round of work came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkedOff {
    pub jobs: u64,
    pub failed: u64,
    pub warned: u64,
}

impl WorkedOff {
    fn count(&mut self, job: &str, outcome: &Result<Value>) {
        self.jobs += 1;
        let state = match outcome {
            Ok(result) => state_of(result),
            // Stopped, and not failed: it goes on later, or somebody did not want it any more.
            Err(problem) if problem.kind() == Kind::Cancelled => JobState::Cancelled,
            Err(problem) => {
                tracing::warn!("job {job}: {problem}");
                JobState::Failed
            }
        };
        match state {
            JobState::Failed => self.failed += 1,
            JobState::Warning => self.warned += 1,
            _ => {}
        }
    }
}

/// A process that serves.
pub struct Serving {
    service: Arc<Service>,
    roles: Roles,
    leaving: Arc<AtomicBool>,
    jobs: JoinSet<()>,
    cancels: Vec<(AbortHandle, Cancel)>,
    delivery: JoinSet<()>,
    /// Hooks that killed processes owe.
    settling: JoinSet<()>,
    beaten: i64,
    led: i64,
    cared: i64,
    /// The repository, or the way to it.
    misses: bool,
}

impl Service {
    /// Does a process fire the schedules of this catalog?
    pub async fn is_served(&self) -> Result<bool> {
        Ok(self.catalog.live_leases(SCHEDULER, self.now_ms()).await? > 0)
    }
}

impl Serving {
    /// From now on others leave jobs to this process.
    pub async fn begin(service: &Service, roles: Roles) -> Result<Self> {
        let serving = Serving::new(service, roles);
        serving.beat(serving.service.now_ms()).await?;
        Ok(serving)
    }

    fn new(service: &Service, roles: Roles) -> Self {
        Serving {
            service: Arc::new(service.house()),
            roles,
            leaving: Arc::default(),
            jobs: JoinSet::new(),
            cancels: Vec::new(),
            delivery: JoinSet::new(),
            settling: JoinSet::new(),
            beaten: i64::MIN,
            led: i64::MIN,
            cared: i64::MIN,
            misses: false,
        }
    }

    /// Serves until `stop` is set, then leaves in good order.
    pub async fn run(mut self, stop: &Cancel) -> Result<()> {
        self.service.sweep_scratch().await?;
        registry::begin_serving(&self.service).await?;
        // Missing or not, it is served: people have to see it.
        if let Err(problem) = registry::look_closely_for_repository(&self.service).await {
            tracing::error!("{problem}");
            self.misses = true;
        }
        while !stop.is_cancelled() {
            if let Err(problem) = self.turn().await {
                // The catalog may be away for a moment; what serves does not end for that.
                tracing::error!("{problem}");
                tokio::time::sleep(TURN * 5).await;
            }
            tokio::time::sleep(TURN).await;
        }
        self.leave().await
    }

    /// One round of everything that is due.
    async fn turn(&mut self) -> Result<()> {
        let now = self.service.now_ms();
        while self.jobs.try_join_next().is_some() {}
        self.cancels.retain(|(running, _)| !running.is_finished());
        while self.delivery.try_join_next().is_some() {}
        if now.saturating_sub(self.beaten) >= WORKER_LEASE_MS / 5 || now < self.beaten {
            self.beaten = now;
            self.beat(now).await?;
            self.service.reap().await?;
            self.settle();
            self.look_for_the_repository().await;
        }
        if self.roles.scheduler && (now.saturating_sub(self.led) >= 1_000 || now < self.led) {
            self.led = now;
            self.lead(now).await?;
        }
        if self.delivery.is_empty() {
            let service = Arc::clone(&self.service);
            self.delivery.spawn(async move {
                if let Err(problem) = registry::deliver_notices(&service).await {
                    tracing::warn!("{problem}");
                }
            });
        }
        self.claim().await
    }

    /// Beside everything else: a hook takes its time.
    fn settle(&mut self) {
        while self.settling.try_join_next().is_some() {}
        if self.roles.workers == 0 || !self.settling.is_empty() {
            return;
        }
        let service = Arc::clone(&self.service);
        self.settling.spawn(async move {
            if let Err(problem) = service.settle_hooks().await {
                tracing::warn!("{problem}");
            }
        });
    }

    async fn beat(&self, now: i64) -> Result<()> {
        if self.roles.workers == 0 {
            return Ok(());
        }
        let service = &self.service;
        let name = worker_lease(&service.options.node, service.owner());
        service
            .catalog
            .take_lease(&name, service.owner(), now, now + WORKER_LEASE_MS)
            .await
            .map(|_| ())
    }

    async fn lead(&mut self, now: i64) -> Result<()> {
        let service = &self.service;
        let until = now + SCHEDULER_LEASE_MS;
        if !service
            .catalog
            .take_lease(SCHEDULER, service.owner(), now, until)
            .await?
        {
            return Ok(());
        }
        registry::tick(service).await?;
        if now.saturating_sub(self.cared) >= HOUR_MS || now < self.cared {
            self.cared = now;
            registry::hourly(service).await?;
        }
        Ok(())
    }

    /// Rows turn missing while nobody asks, too. The log says it once.
    async fn look_for_the_repository(&mut self) {
        let looked = registry::look_for_repository(&self.service).await;
        if let Err(problem) = &looked
            && !self.misses
        {
            tracing::error!("{problem}");
        }
        self.misses = looked.is_err();
    }

    async fn claim(&mut self) -> Result<()> {
        while self.jobs.len() < self.roles.workers {
            let service = Arc::clone(&self.service);
            let Some(job) = service.claim(&service.options.node, None).await? else {
                return Ok(());
            };
            let watch = Watch {
                in_no_hurry: true,
                leaving: Arc::clone(&self.leaving),
                ..Watch::default()
            };
            let cancel = watch.cancel.clone();
            let running = self.jobs.spawn(async move {
                if let Err(problem) = service.carry_out(&job, &watch).await {
                    tracing::warn!("job {}: {problem}", job.id);
                }
            });
            self.cancels.push((running, cancel));
        }
        Ok(())
    }

    async fn leave(mut self) -> Result<()> {
        self.leaving.store(true, Ordering::SeqCst);
        self.cancels.iter().for_each(|(_, cancel)| cancel.cancel());
        let all = async { while self.jobs.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(FAREWELL, all).await;
        let service = &self.service;
        let name = worker_lease(&service.options.node, service.owner());
        service.catalog.release_lease(&name, service.owner()).await?;
        service.catalog.release_lease(SCHEDULER, service.owner()).await?;
        in_time.map_err(|_| {
            Problem::internal("a job did not stop in time; it is interrupted and can be resumed")
        })
    }
}

impl Service {
    /// One round of everything that is due, for those who start Cairn by cron or a timer: fires schedules, carries out what is queued for
    /// this node, delivers notices.
    pub async fn work_off(&self, scheduler: bool, stop: &Cancel) -> Result<WorkedOff> {
        self.sweep_scratch().await?;
        self.reap().await?;
        self.settle_hooks().await?;
        // What can be done without it is done, and its absence is the answer.
        let looked = registry::look_closely_for_repository(self).await;
        let now = self.now_ms();
        if scheduler
            && self
                .catalog
                .take_lease(SCHEDULER, self.owner(), now, now + SCHEDULER_LEASE_MS)
                .await?
        {
            registry::tick(self).await?;
            registry::hourly(self).await?;
            self.catalog.release_lease(SCHEDULER, self.owner()).await?;
        }
        let mut done = WorkedOff::default();
        while !stop.is_cancelled() {
            let Some(job) = self.claim(&self.options.node, None).await? else {
                break;
            };
            let watch = Watch {
                cancel: stop.clone(),
                in_no_hurry: true,
                leaving: Arc::new(AtomicBool::new(true)),
                ..Watch::default()
            };
            done.count(&job.id, &self.carry_out(&job, &watch).await);
        }
        registry::deliver_notices(self).await?;
        looked.map(|()| done)
    }
}
