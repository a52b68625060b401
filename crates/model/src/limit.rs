//! How many backups there may be, per source or per source and person.
//!
//! Counted are the ordinary backups, locked ones too; safety backups are not. When the limit is reached,
//! `rotate` lets the new one be made and deletes the oldest unlocked one after the new one was verified;
//! `refuse` makes none; `rotate-scheduled` refuses what a person asks for and rotates what the schedule
//! makes.
//! Rules: nothing goes before what replaces it is verified; when everything is locked, nothing can rotate
//! and the new one is refused. A backup that is not good (see `retention`) lets nothing go and takes no place when
//! others rotate: it goes once as many good ones as there may be are newer. Whether another one is admitted is
//! counted with every backup.

use serde::{Deserialize, Serialize};

use crate::words::closed_set;
use crate::{BackupId, Held, Kind, Problem, Reason, Result};

closed_set! {
    Per, "what a limit is counted per" {
        Source = "source",
        Person = "person",
    }
}

closed_set! {
    WhenFull, "what happens at a limit" {
        Rotate = "rotate",
        Refuse = "refuse",
        RotateScheduled = "rotate-scheduled",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub most: u32,
    #[serde(default = "per_source")]
    pub per: Per,
    #[serde(default = "refuse")]
    pub when_full: WhenFull,
}

/// Unless somebody says so, nothing is deleted.
fn refuse() -> WhenFull {
    WhenFull::Refuse
}

fn per_source() -> Per {
    Per::Source
}

/// The backup that is asked for, or has just been made.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    pub reason: Reason,
    pub person: Option<&'a str>,
}

impl Limit {
    pub fn new(most: u32, per: Per, when_full: WhenFull) -> Self {
        Limit { most, per, when_full }
    }

    /// The stricter one of this limit and what the account's plan includes.
    pub fn within(limit: Option<Limit>, plan: Option<u32>) -> Option<Limit> {
        match (limit, plan) {
            (Some(limit), Some(plan)) => Some(Limit {
                most: limit.most.min(plan),
                ..limit
            }),
            (None, Some(plan)) => Some(Limit::new(plan, Per::Source, WhenFull::Refuse)),
            (limit, None) => limit,
        }
    }

    fn counts(self, held: &Held, newcomer: Newcomer<'_>) -> bool {
        let same_person = self.per == Per::Source || held.person.as_deref() == newcomer.person;
        held.reason.is_ordinary() && same_person
    }

    fn rotates(self, reason: Reason) -> bool {
        match self.when_full {
            WhenFull::Rotate => true,
            WhenFull::Refuse => false,
            WhenFull::RotateScheduled => reason == Reason::Scheduled,
        }
    }

    /// May another one be made beside those that there are (with those in the making)?
    pub fn admit(self, backups: &[Held], newcomer: Newcomer<'_>) -> Result<()> {
        let counted: Vec<&Held> = backups
            .iter()
            .filter(|held| self.counts(held, newcomer))
            .collect();
        if !newcomer.reason.is_ordinary() || counted.len() < self.most as usize {
            return Ok(());
        }
        let can_rotate = self.most > 0 && counted.iter().any(|held| !held.locked);
        match self.rotates(newcomer.reason) {
            true if can_rotate => Ok(()),
            true => Err(self
                .full("every one of them is locked")
                .hint("unlock or delete a backup, then try again")),
            false => Err(self
                .full("none is deleted by itself")
                .hint("delete a backup, then try again")),
        }
    }

    fn full(self, why: &str) -> Problem {
        let what = match self.per {
            Per::Source => "this source",
            Per::Person => "this person's backups of this source",
        };
        Problem::new(
            Kind::Refused,
            format!(
                "the limit of {} backups for {what} is reached, and {why}",
                self.most
            ),
        )
    }

    /// What goes now that a new backup is there, oldest first. Nothing while the new one is not verified, or is not good.
    pub fn surplus(self, backups: &[Held], new: BackupId) -> Vec<BackupId> {
        let stands_in = |held: &&Held| held.id == new && held.verified && held.good;
        let Some(newest) = backups.iter().find(stands_in) else {
            return Vec::new();
        };
        let newcomer = Newcomer {
            reason: newest.reason,
            person: newest.person.as_deref(),
        };
        if !newest.reason.is_ordinary() || !self.rotates(newest.reason) {
            return Vec::new();
        }
        let mut counted: Vec<&Held> = backups
            .iter()
            .filter(|held| self.counts(held, newcomer))
            .collect();
        counted.sort_by_key(|held| held.age_order());
        let most = self.most.max(1) as usize;
        let mut good_left = counted.iter().filter(|held| held.good).count();
        let mut too_many = good_left.saturating_sub(most);
        let goes = |held: &&Held| {
            if !held.good {
                return good_left >= most && held.is_deletable();
            }
            good_left -= 1;
            let goes = too_many > 0 && held.is_deletable() && held.id != new;
            too_many -= usize::from(goes);
            goes
        };
        counted.into_iter().filter(goes).map(|held| held.id).collect()
    }
}
