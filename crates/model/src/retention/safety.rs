//! How long safety backups stay.
//!
//! A safety backup is the undo of a restore. The newest one of a source stays; an older one stays at least
//! until 30 days after the next one was made; then it stays as long as the policy says, which by default is
//! for ever. Locked ones stay in any case. One that is not good counts as no next one: the last good one stays.

use super::Held;
use crate::{BackupId, Lapse, Reason};

/// An undo can still be wanted after the restore that came next.
const AFTER_NEXT: Lapse = Lapse::days(30);

/// The safety backups that may go, oldest first. `keep` counts from when one was made; `None` = for ever.
pub fn safety_to_delete(backups: &[Held], keep: Option<Lapse>, now_ms: i64) -> Vec<BackupId> {
    let Some(keep) = keep else {
        return Vec::new();
    };
    let mut safety: Vec<&Held> = backups
        .iter()
        .filter(|held| held.reason == Reason::Safety)
        .collect();
    safety.sort_by_key(|held| held.age_order());
    let is_over = |held: &Held, next: &Held| {
        let own_end = held.created.saturating_add(keep.ms());
        let next_end = next.created.saturating_add(AFTER_NEXT.ms());
        !held.locked && now_ms > own_end.max(next_end)
    };
    let next_good = |at: usize| safety[at + 1..].iter().find(|next| next.good);
    let going = safety
        .iter()
        .enumerate()
        .filter(|(at, held)| next_good(*at).is_some_and(|next| is_over(held, next)));
    going.map(|(_, held)| held.id).collect()
}
