//! Randomness that a test can repeat: the bytes follow from a seed and nothing else.
//!
//! `SplitMix64`; good enough to look random, no secret to anybody. Clones share one state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use model::{Random, Result};

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Debug, Default)]
pub struct FakeRandom(Arc<AtomicU64>);

impl FakeRandom {
    pub fn seeded(seed: u64) -> Self {
        FakeRandom(Arc::new(AtomicU64::new(seed)))
    }

    pub fn number(&self) -> u64 {
        let mut z = self.0.fetch_add(STEP, SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Random for FakeRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.number().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
