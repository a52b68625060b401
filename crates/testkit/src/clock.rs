//! A clock that stands still until a test moves it.
//!
//! Clones share one hand: whoever advances it advances it for all. It starts at a fixed moment, so that a
//! test prints the same times on every day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use model::{Clock, Lapse};

#[derive(Clone, Debug)]
pub struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    /// 2026-01-02T03:04:05Z
    pub const START_MS: i64 = 1_767_323_045_000;

    pub fn new() -> Self {
        FakeClock::at(Self::START_MS)
    }

    pub fn at(ms: i64) -> Self {
        FakeClock(Arc::new(AtomicI64::new(ms)))
    }

    pub fn advance(&self, by: Lapse) {
        self.0.fetch_add(by.ms(), SeqCst);
    }

    /// Moves the hand anywhere, also back.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.0.load(SeqCst)
    }
}
