//! What rows of the catalog say in the words of the model.

use catalog::sources::SourceRow;
use model::{Kind, Policy, Problem, Result};

/// The policy of a source.
pub(crate) fn policy_of(source: &SourceRow) -> Result<Policy> {
    let read = |text: &str| Policy::from_json(serde_json::from_str(text).map_err(bad_json)?);
    read(&source.policy).map_err(|problem| problem.context(format!("the policy of “{}”", source.name)))
}

pub(crate) fn bad_json(error: serde_json::Error) -> Problem {
    Problem::new(Kind::Damaged, "a policy in the catalog is malformed")
        .hint("set it anew with `cairn policy set`")
        .caused_by(error)
}
