//! Jobs: pieces of work with a state.
//!
//! `waiting` (for an approval, for a server to stop) → `queued` → `running` → one of the ends:
//! `succeeded`, `warning` (done, with items skipped), `failed`, `cancelled`, `interrupted` (its process
//! went away).
//! Rules: an end is final, except that an interrupted job may be queued again, and that a restore or an
//! import which failed or was cancelled may be resumed from its journal, until somebody cancels it for good. A running job may go back to
//! `queued` (its process ends in good order) or to `waiting` (an allowance of the other side is used up).
//! What is not listed in [`JobState::may_become`] is a fault of the caller.

use crate::words::closed_set;
use crate::{Kind, Problem, Result};

closed_set! {
    JobKind, "a kind of job" {
        Backup = "backup",
        Restore = "restore",
        Verify = "verify",
        Drill = "drill",
        Export = "export",
        Import = "import",
        Prune = "prune",
        Check = "check",
        Repair = "repair",
        Copy = "copy",
    }
}

impl JobKind {
    /// Does it keep a journal from which it continues?
    pub fn is_resumable(self) -> bool {
        matches!(self, JobKind::Restore | JobKind::Import)
    }

    /// Does it read or change the living thing? One such job per source at a time.
    pub fn is_alone(self) -> bool {
        matches!(self, JobKind::Backup | JobKind::Restore)
    }
}

closed_set! {
    JobState, "the state of a job" {
        Waiting = "waiting",
        Queued = "queued",
        Running = "running",
        Succeeded = "succeeded",
        Warning = "warning",
        Failed = "failed",
        Cancelled = "cancelled",
        Interrupted = "interrupted",
    }
}

impl JobState {
    /// Has it come to an end (that may still be resumed)?
    pub fn is_over(self) -> bool {
        !matches!(self, JobState::Waiting | JobState::Queued | JobState::Running)
    }

    /// Has it done what it was asked for?
    pub fn is_success(self) -> bool {
        matches!(self, JobState::Succeeded | JobState::Warning)
    }

    /// May a job of this kind go from this state to that one?
    pub fn may_become(self, next: JobState, kind: JobKind) -> bool {
        use JobState::{Cancelled, Failed, Interrupted, Queued, Running, Waiting};
        match self {
            Waiting => matches!(next, Queued | Failed | Cancelled),
            Queued => matches!(next, Waiting | Running | Failed | Cancelled),
            Running => next != Running,
            Interrupted => matches!(next, Queued | Failed | Cancelled),
            Failed => matches!(next, Queued | Cancelled) && kind.is_resumable(),
            Cancelled => next == Queued && kind.is_resumable(),
            JobState::Succeeded | JobState::Warning => false,
        }
    }

    /// The same as a `Result`, for a request that somebody made.
    pub fn become_or_refuse(self, next: JobState, kind: JobKind) -> Result<JobState> {
        if self.may_become(next, kind) {
            return Ok(next);
        }
        let message = format!("a {kind} job that is {self} cannot become {next}");
        let over = "it is over; start a new one";
        let live = "look at its state with `cairn status` and try again";
        Err(Problem::new(Kind::Conflict, message).hint(if self.is_over() { over } else { live }))
    }

    /// The exit code of a command that ends with a job in this state.
    pub fn exit_code(self) -> u8 {
        match self {
            JobState::Succeeded => 0,
            JobState::Warning => 3,
            JobState::Waiting => Kind::AwaitingApproval.exit_code(),
            JobState::Cancelled => Kind::Cancelled.exit_code(),
            JobState::Interrupted => Kind::Interrupted.exit_code(),
            JobState::Queued | JobState::Running | JobState::Failed => 1,
        }
    }
}
