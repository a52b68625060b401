//! Why a backup was made.
//!
//! Rules: `manual`, `scheduled` and `imported` are *ordinary*: they count for retention and limits (an
//! imported one was brought by a person, like a manual one). `safety` is made before a restore as its undo:
//! it never counts and no ordinary rule deletes it.

use crate::words::closed_set;

closed_set! {
    Reason, "the reason of a backup" {
        Manual = "manual",
        Scheduled = "scheduled",
        Safety = "safety",
        Imported = "imported",
    }
}

impl Reason {
    /// Does it count for retention and limits?
    pub fn is_ordinary(self) -> bool {
        self != Reason::Safety
    }
}
