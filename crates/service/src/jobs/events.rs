//! What goes on, for those who watch.
//!
//! Nouns: a [`Feed`] is one per process and looks at the jobs a few times a second while anybody listens; a [`Listener`] is somebody who
//! watches and is told what he may see; a [`Change`] is how a job looks now, and up to which line its log goes.
//!
//! Rules: what is told is a state and no step, so that to hear it twice does no harm and to miss one is made good by the next; who comes
//! later begins with what is not over, and hears of what ended since he was last here. However many listen, the catalog is looked at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use catalog::feed::PulseRow;
use catalog::jobs::JobRow;
use model::{Problem, Result};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::Service;
use crate::access::Eyes;
use crate::jobs::view::JobView;

const LOOK: Duration = Duration::from_millis(250);
/// Batches that somebody who is slow may be behind.
const BEHIND: usize = 64;
/// Jobs that were asked for so long ago are still looked for: clocks of several machines differ.
const OVERLAP_MS: i64 = 60_000;
/// How long it is believed what somebody may see.
const SIGHT: Duration = Duration::from_secs(1);

/// How a job looks now.
#[derive(Clone, Debug)]
pub struct Change {
    row: JobRow,
    pub job: JobView,
    /// The number of the last line of its log.
    pub log: i64,
    /// When it was seen.
    pub at_ms: i64,
}

type Batch = Arc<Vec<Change>>;

/// Looks while anybody listens.
#[derive(Debug)]
pub struct Feed {
    house: Service,
    sender: broadcast::Sender<Batch>,
    is_looking: Mutex<bool>,
}

impl Feed {
    pub fn new(service: &Service) -> Arc<Self> {
        Arc::new(Feed {
            house: service.house(),
            sender: broadcast::channel(BEHIND).0,
            is_looking: Mutex::new(false),
        })
    }

    /// Somebody watches; `since` is when he was last here.
    pub async fn listen(self: &Arc<Self>, service: Service, since: Option<i64>) -> Result<Listener> {
        let eyes = service.eyes().await?;
        let receiver = self.sender.subscribe();
        self.look();
        let first = self.house.changes_since(since.unwrap_or(i64::MAX)).await?;
        Ok(Listener {
            service,
            receiver,
            first: Some(Arc::new(first)),
            eyes,
            seen_at: Instant::now(),
            feed: Arc::clone(self),
        })
    }

    /// Begins to look, unless somebody does.
    fn look(self: &Arc<Self>) {
        let mut is_looking = self.is_looking.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_looking, true) {
            return;
        }
        let feed = Arc::clone(self);
        tokio::spawn(async move { feed.look_while_wanted().await });
    }

    fn is_wanted(&self) -> bool {
        let mut is_looking = self.is_looking.lock().unwrap_or_else(PoisonError::into_inner);
        *is_looking = self.sender.receiver_count() > 0;
        *is_looking
    }

    async fn look_while_wanted(&self) {
        let mut known = Known {
            since: self.house.now_ms(),
            pulses: HashMap::new(),
        };
        while self.is_wanted() {
            match known.look(&self.house).await {
                Ok(changes) if changes.is_empty() => {}
                Ok(changes) => {
                    let _ = self.sender.send(Arc::new(changes));
                }
                Err(problem) => tracing::warn!("who watches the jobs is not told: {problem}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What was seen last.
struct Known {
    since: i64,
    pulses: HashMap<String, PulseRow>,
}

impl Known {
    async fn look(&mut self, house: &Service) -> Result<Vec<Change>> {
        let now = house.now_ms();
        let seen = house.catalog.pulses(self.since - OVERLAP_MS).await?;
        self.since = now;
        let pulses: HashMap<String, PulseRow> = seen.into_iter().map(|row| (row.id.clone(), row)).collect();
        let changed = pulses
            .values()
            .filter(|row| self.pulses.get(&row.id) != Some(row));
        // What went on and is not among them any more is over.
        let over = self
            .pulses
            .values()
            .filter(|row| row.ended.is_none() && !pulses.contains_key(&row.id));
        let ids: Vec<String> = changed.chain(over).map(|row| row.id.clone()).collect();
        let mut told = Vec::new();
        for id in ids {
            let log = pulses.get(&id).map_or(i64::MAX, |row| row.log);
            told.extend(house.change(&id, log, now).await?);
        }
        self.pulses = pulses;
        Ok(told)
    }
}

impl Service {
    async fn change(&self, id: &str, log: i64, at_ms: i64) -> Result<Option<Change>> {
        let Some(row) = self.catalog.job(id).await? else {
            return Ok(None);
        };
        let job = self.one_job(row.clone()).await?;
        Ok(Some(Change { row, job, log, at_ms }))
    }

    /// What is not over, and what was asked for or ended since then.
    async fn changes_since(&self, since: i64) -> Result<Vec<Change>> {
        let now = self.now_ms();
        let mut changes = Vec::new();
        for pulse in self.catalog.pulses(since).await? {
            changes.extend(self.change(&pulse.id, pulse.log, now).await?);
        }
        changes.sort_by(|a, b| a.job.id.cmp(&b.job.id));
        Ok(changes)
    }
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Listener {
    service: Service,
    receiver: broadcast::Receiver<Batch>,
    first: Option<Batch>,
    eyes: Eyes,
    seen_at: Instant,
    feed: Arc<Feed>,
}

impl Listener {
    /// What changed of what he may see; waits until something does.
    pub async fn next(&mut self) -> Result<Vec<Change>> {
        loop {
            let batch = self.batch().await?;
            if self.seen_at.elapsed() >= SIGHT {
                self.eyes = self.service.eyes().await?;
                self.seen_at = Instant::now();
            }
            let seen = batch.iter().filter(|change| self.eyes.sees_job(&change.row));
            let seen: Vec<Change> = seen.cloned().collect();
            if !seen.is_empty() {
                return Ok(seen);
            }
        }
    }

    async fn batch(&mut self) -> Result<Batch> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        match self.receiver.recv().await {
            Ok(batch) => Ok(batch),
            // He was too slow: how everything looks now tells it all.
            Err(RecvError::Lagged(_)) => {
                let now = self.feed.house.now_ms();
                self.feed
                    .house
                    .changes_since(now - OVERLAP_MS)
                    .await
                    .map(Arc::new)
            }
            Err(RecvError::Closed) => Err(Problem::internal("nobody looks at the jobs any more")),
        }
    }
}
