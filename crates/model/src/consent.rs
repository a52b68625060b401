//! Who may answer a request for an approval, and what state the request is in: pure.
//!
//! A *request* is made when somebody asks for a restore that an owner has to agree to. It is pending until it is answered once: approved,
//! declined, expired, replaced by a newer one of the same source, or withdrawn; an approved one is used by the one job it was made for.
//! Rules: an owner answers by the link in his letter, or signed in; what he asked for himself he approves only by the link, which proves that
//! the mailbox is his, and only where the policy lets him. An administrator stands in for an owner, with a reason, but never for what he
//! asked for himself. Where nobody owns a source, administrators answer for it.

use crate::words::closed_set;
use crate::{Kind, Problem, Result};

closed_set! {
    ApprovalState, "the state of a request" {
        Pending = "pending",
        /// The restore may begin.
        Approved = "approved",
        Declined = "declined",
        Expired = "expired",
        /// A newer request for the same source took its place.
        Replaced = "replaced",
        /// Its job was cancelled before anybody answered.
        Withdrawn = "withdrawn",
        /// The restore has begun.
        Used = "used",
    }
}

impl ApprovalState {
    /// Has somebody who may said yes?
    pub fn is_granted(self) -> bool {
        matches!(self, ApprovalState::Approved | ApprovalState::Used)
    }
}

/// As what somebody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// The source is his, and he has the link that was sent to him.
    OwnerByLink,
    Owner,
    Administrator,
    /// From the machine itself: whoever can open the data directory could lift the gate.
    Machine,
}

/// Everything that decides whether somebody may approve, besides his permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent<'a> {
    pub by: Answerer,
    /// He asked for it himself.
    pub asked_it: bool,
    /// Somebody owns the source.
    pub has_owner: bool,
    /// The policy lets owners approve what they asked for.
    pub own: bool,
    /// Why.
    pub reason: &'a str,
}

impl Consent<'_> {
    pub fn judge(&self) -> Result<()> {
        let refuse = |message: &str, hint: &str| Err(Problem::new(Kind::Refused, message).hint(hint));
        let is_owner = matches!(self.by, Answerer::Owner | Answerer::OwnerByLink);
        if is_owner && !self.asked_it {
            return Ok(());
        }
        if is_owner && self.own {
            return match self.by {
                Answerer::OwnerByLink => Ok(()),
                _ => refuse(
                    "what you asked for yourself is approved by the link in the letter that was sent to you",
                    "open that letter; without an e-mail address, another owner or an administrator can approve",
                ),
            };
        }
        if self.asked_it && self.by != Answerer::Machine {
            return refuse(
                "who asked for it cannot approve it himself",
                "another owner of the source, or an administrator, can",
            );
        }
        if self.has_owner && self.reason.trim().is_empty() {
            return refuse(
                "who approves for the owner says why",
                "give a reason: cairn approve REQUEST --reason REASON",
            );
        }
        Ok(())
    }
}
