//! Where randomness comes from.
//!
//! Rules: ids, tokens, nonces and passwords all take their bytes from a [`Random`] that they are handed;
//! [`SystemRandom`] asks the operating system each time and keeps no state. Tests hand in a seeded one, so
//! that what they see can be written down.

use crate::{Problem, Result};

pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The operating system's generator; fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|error| {
            Problem::internal(format!("the operating system gives no random bytes: {error}"))
                .hint("without them no id and no secret can be made; check that /dev/urandom can be read")
        })
    }
}

impl<R: Random + ?Sized> Random for std::sync::Arc<R> {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        (**self).fill(bytes)
    }
}
