//! Restores that were broken off: which of them can go on, and why a closed one never will.
//!
//! A restore is *closed* when it can never go on: because somebody cancelled it for good, or because another restore of the same target has
//! begun to change that target since (`catalog::restores`).

use catalog::jobs::JobRow;
use model::{Kind, Problem};

/// Can somebody go on with it?
pub(crate) fn is_resumable(row: &JobRow) -> bool {
    let is_open = matches!(row.state.as_str(), "interrupted" | "failed" | "cancelled");
    row.kind == "restore" && is_open && row.closed == 0
}

/// Why a closed restore does not go on.
pub(crate) fn closed(row: &JobRow) -> Problem {
    let is_superseded = row.error_kind.as_deref() == Some(Kind::Drifted.word());
    let kind = if is_superseded {
        Kind::Drifted
    } else {
        Kind::Conflict
    };
    let why = row
        .error_message
        .as_deref()
        .unwrap_or("it was cancelled before it began");
    let hint = "`cairn restore` makes a new plan; `cairn undo` takes back what was done";
    let hint = row.error_hint.as_deref().unwrap_or(hint);
    Problem::new(kind, format!("job {} can never go on: {why}", row.id)).hint(hint)
}

/// What somebody is told who cancels a job for good that has begun.
pub(crate) fn left_by(row: &JobRow) -> Option<Problem> {
    if row.kind != "restore" || matches!(row.state.as_str(), "waiting") {
        return None;
    }
    if row.changed.is_none() {
        let message = format!(
            "restore {} was cancelled for good; it had changed nothing",
            row.id
        );
        return Some(Problem::new(Kind::Cancelled, message).hint("ask for the restore again"));
    }
    let target = row
        .source_name
        .as_deref()
        .or(row.source.as_deref())
        .unwrap_or_default();
    let message = format!(
        "it was cancelled for good; “{target}” is now partly as in the backup and partly as it was before"
    );
    Some(Problem::new(Kind::Cancelled, message).hint(undo_or_again(row)))
}

pub(crate) fn undo_or_again(job: &JobRow) -> String {
    let id = &job.id;
    format!("`cairn undo {id}` brings back what was there before; `cairn restore` makes a new plan")
}
