//! Lists, a part at a time.

use model::{Problem, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const USUAL: u32 = 50;
pub(super) const LARGEST: u32 = 500;

/// A part of a list, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Send it as `cursor` for what follows; `null` at the end.
    pub(super) next: Option<String>,
}

impl<T> From<service::Page<T>> for Page<T> {
    fn from(page: service::Page<T>) -> Self {
        Page {
            items: page.items,
            next: page.next,
        }
    }
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(super) limit: Option<u32>,
    /// What the part before called `next`.
    pub(super) cursor: Option<String>,
}

pub(super) fn limit(wanted: Option<u32>) -> Result<u32> {
    match wanted.unwrap_or(USUAL) {
        limit @ 1..=LARGEST => Ok(limit),
        _ => Err(Problem::invalid(format!("limit is not between 1 and {LARGEST}"))),
    }
}
