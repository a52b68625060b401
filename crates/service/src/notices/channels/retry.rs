//! When a delivery is tried again.
//!
//! Rules: soon at first, then ever more seldom, for about two days; then it is given up. What the other side refuses
//! for good is not tried again. Pure: no clock, no dice.

use model::{Kind, Problem};

const MINUTE: i64 = 60_000;
const DELAYS: [i64; 9] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    60 * MINUTE,
    3 * 60 * MINUTE,
    6 * 60 * MINUTE,
    12 * 60 * MINUTE,
    12 * 60 * MINUTE,
    12 * 60 * MINUTE,
];

/// The moment of the next attempt after `attempt` of them failed (1 = the first); `None` = give it up.
pub fn next_retry(attempt: u32, now_ms: i64) -> Option<i64> {
    let at = usize::try_from(attempt).ok()?.checked_sub(1)?;
    DELAYS.get(at).map(|delay| now_ms.saturating_add(*delay))
}

/// Can the same delivery succeed later?
pub fn worth_retrying(problem: &Problem) -> bool {
    matches!(
        problem.kind(),
        Kind::Unavailable | Kind::TooMany | Kind::Io | Kind::NoSpace | Kind::Interrupted
    )
}
