//! How often somebody may try to get in, or to answer a request.
//!
//! Rules: attempts are counted per name and per address before they are judged; from some number on each wrong one closes the door for
//! twice as long, up to a bound, so that nobody is shut out for good by somebody else. Good ones are taken back. Names that nobody has are
//! counted like all others. What is quiet for a day is forgotten.

use std::net::IpAddr;

use model::{Kind, Problem, Result, counted};

use crate::Service;

const FORGET_MS: i64 = 86_400_000;
const FIRST_MS: i64 = 30_000;

/// What is counted: a name, a request, or where somebody is.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    key: String,
    free: i64,
    longest_ms: i64,
}

impl Tried {
    pub(crate) fn name(folded: &str) -> Self {
        Tried {
            key: format!("name:{}", folded.chars().take(64).collect::<String>()),
            free: 5,
            longest_ms: 15 * 60_000,
        }
    }

    /// Answers to one request.
    pub(crate) fn approval(id: &str) -> Self {
        Tried {
            key: format!("approval:{id}"),
            free: 5,
            longest_ms: 15 * 60_000,
        }
    }

    /// Of IPv6, the network of 64 bits: one customer has all of it.
    pub(crate) fn address(address: &str) -> Self {
        let place = match address.parse() {
            Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_none() => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            Ok(ip) => ip.to_canonical().to_string(),
            Err(_) => address.chars().take(64).collect(),
        };
        Tried {
            key: format!("address:{place}"),
            free: 20,
            longest_ms: 60 * 60_000,
        }
    }

    /// For how long the door stays closed after so many wrong attempts.
    fn closed_ms(&self, failures: i64) -> i64 {
        if failures < self.free {
            return 0;
        }
        let doublings = (failures - self.free).min(20);
        (FIRST_MS << doublings).min(self.longest_ms)
    }
}

impl Service {
    /// Counts an attempt, or refuses it.
    pub(crate) async fn try_once(&self, tried: &Tried) -> Result<()> {
        let now = self.now_ms();
        let failures = self
            .catalog
            .count_attempt(&tried.key, now, now - FORGET_MS)
            .await?;
        let Some(failures) = failures else {
            let until = self.catalog.locked_until(&tried.key).await?;
            let seconds = u64::try_from((until - now + 999) / 1000).unwrap_or(0);
            let wait = counted(seconds.max(1), "second", "seconds");
            return Err(Problem::new(Kind::TooMany, "too many wrong attempts")
                .hint(format!("wait {wait}, then try again")));
        };
        let closed = tried.closed_ms(failures);
        if closed > 0 {
            self.catalog.lock_attempts(&tried.key, now + closed).await?;
        }
        Ok(())
    }

    /// It was a good one.
    pub(crate) async fn take_back(&self, tried: &Tried) -> Result<()> {
        self.catalog.uncount_attempt(&tried.key).await
    }

    pub(crate) async fn forget_old_attempts(&self, now: i64) -> Result<()> {
        self.catalog.forget_old_attempts(now - FORGET_MS).await
    }

    pub(crate) async fn forget(&self, tried: &Tried) -> Result<()> {
        self.catalog.forget_attempts(&tried.key).await
    }
}
