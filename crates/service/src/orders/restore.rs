//! What a job that restores is to do.

use model::{Kind, Problem};
use serde::{Deserialize, Serialize};
use sources::Wanted;

use crate::orders::target::Target;

/// What is stored with the job, so that any process can go on with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RestoreOrder {
    pub(crate) plan: String,
    pub(crate) snapshot: String,
    pub(crate) target: Target,
    pub(crate) wanted: Wanted,
    pub(crate) without_safety: Option<String>,
}

/// Why a restore cannot go on when this one has begun.
pub(crate) fn superseded_by(newer: &str) -> Problem {
    let message = format!("superseded: restore {newer} has begun to change the same target since");
    Problem::new(Kind::Drifted, message).hint(format!(
        "`cairn restore` makes a new plan; `cairn undo {newer}` takes the later restore back"
    ))
}
