//! Which backups are kept: restic's rules over the backups of one source.
//!
//! A backup is kept if any rule keeps it: the last *n*; the newest of each of the newest *n* hours, days,
//! ISO weeks, months or years that have one; all within a calendar span before the newest one, or the
//! newest of each hour, day … within it. While a rule still has counts left, it keeps the oldest too.
//! Periods are cut in one named time zone.
//!
//! A backup is *good* when it lacks nothing and is not suspiciously small (see [`shrunken`]), or when somebody
//! accepted it. One that is not takes nobody's place: only good ones are counted, and it is kept for as long as
//! a good one in its stead would be kept beside them. So it goes in the end, once good ones have come after it,
//! and nothing ever goes because of it.
//!
//! Never deleted, and not counted: locked ones and safety backups. Never deleted, but counted: the last good one,
//! the last verified one, and the last good one that was verified. Imported backups are treated like manual ones. An empty policy deletes
//! nothing. The account's plan may set a greatest age on top, before which nothing but the above is safe.
//! Invariants: judging what is left deletes nothing more; a larger count keeps no less; the order of the
//! backups does not matter; what becomes of the good ones is the same without those that are not. Nothing is deleted here: the result says per backup what and why, so that it
//! can be shown before it is done.

mod rules;
mod safety;
mod shrunken;
mod span;

pub use rules::{Count, Retention};
pub use safety::safety_to_delete;
pub use shrunken::{Amount, Extent, Share, shrunken};
pub use span::CalendarSpan;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::{BackupId, Lapse, Reason, Zone};

/// A backup, as far as retention and limits care.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub id: BackupId,
    pub created: i64,
    pub reason: Reason,
    pub locked: bool,
    /// Has it been read back and found whole?
    pub verified: bool,
    /// Does it lack nothing and is as large as it should be, or did somebody accept it as it is?
    pub good: bool,
    /// For whom it was made.
    pub person: Option<String>,
}

impl Held {
    /// May ordinary rules delete it?
    pub fn is_deletable(&self) -> bool {
        self.reason.is_ordinary() && !self.locked
    }

    pub(crate) fn age_order(&self) -> (i64, BackupId) {
        (self.created, self.id)
    }
}

/// What holds beside the rules themselves.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub zone: &'a Zone,
    pub now_ms: i64,
    /// From the account's plan.
    pub max_age: Option<Lapse>,
}

/// What becomes of one backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    pub id: BackupId,
    pub kept: bool,
    /// For people: `daily 3 of 7`, `locked`.
    pub because: Vec<String>,
}

impl Judged {
    fn because_of(self, why: &str) -> Self {
        Judged {
            kept: true,
            because: vec![why.to_owned()],
            ..self
        }
    }
}

impl Retention {
    /// What becomes of every backup, newest first.
    pub fn judge(&self, backups: &[Held], terms: &Terms<'_>) -> Vec<Judged> {
        let mut sorted: Vec<&Held> = backups.iter().collect();
        sorted.sort_by_key(|held| Reverse(held.age_order()));
        let deletable: Vec<&Held> = sorted
            .iter()
            .copied()
            .filter(|held| held.is_deletable())
            .collect();
        let mut kept_by = self.reasons(&deletable, terms).into_iter();
        let last = |is_it: fn(&Held) -> bool| {
            let found = sorted
                .iter()
                .find(|held| held.reason.is_ordinary() && is_it(held));
            found.map(|held| held.id)
        };
        let last_good = last(|held| held.good);
        let last_verified = [
            last(|held| held.verified),
            last(|held| held.verified && held.good),
        ];
        let mut judge = |held: &Held| {
            let rules = if held.is_deletable() {
                kept_by.next().unwrap_or_default()
            } else {
                Vec::new()
            };
            let protected = [
                (held.reason == Reason::Safety, "safety backup"),
                (held.locked, "locked"),
                (last_verified.contains(&Some(held.id)), "last verified"),
            ];
            let judged = self.judge_one(held, rules, &protected, terms);
            let stays = judged.kept || last_good != Some(held.id);
            if stays {
                judged
            } else {
                judged.because_of("last good")
            }
        };
        sorted.into_iter().map(&mut judge).collect()
    }

    /// The ids that would be deleted, oldest first.
    pub fn to_delete(&self, backups: &[Held], terms: &Terms<'_>) -> Vec<BackupId> {
        let judged = self.judge(backups, terms);
        judged
            .into_iter()
            .rev()
            .filter(|one| !one.kept)
            .map(|one| one.id)
            .collect()
    }

    fn judge_one(
        &self,
        held: &Held,
        rules: Vec<String>,
        protected: &[(bool, &str)],
        terms: &Terms<'_>,
    ) -> Judged {
        let protection = protected.iter().filter(|(holds, _)| *holds);
        let mut because: Vec<String> = protection.map(|(_, why)| (*why).to_owned()).collect();
        let age = terms.now_ms.saturating_sub(held.created);
        let too_old = terms.max_age.filter(|most| age > most.ms());
        match too_old {
            Some(most) if because.is_empty() => {
                let why = format!("older than the {} of the account's plan", most.words());
                return Judged {
                    id: held.id,
                    kept: false,
                    because: vec![why],
                };
            }
            Some(_) => {}
            None if held.is_deletable() && self.is_empty() => because.push("there is no rule".to_owned()),
            None => because.extend(rules),
        }
        let kept = !because.is_empty();
        if !kept {
            because.push("no rule keeps it".to_owned());
        }
        Judged {
            id: held.id,
            kept,
            because,
        }
    }
}
