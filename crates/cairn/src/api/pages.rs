//! Lists, a part at a time.

use model::{JobKind, JobState, Problem, Reason, Result};
use serde::{Deserialize, Serialize};
use service::LARGEST_PAGE;
use utoipa::openapi::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

const USUAL: u32 = 50;

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
        limit @ 1..=LARGEST_PAGE => Ok(limit),
        _ => Err(Problem::invalid(format!(
            "limit is not between 1 and {LARGEST_PAGE}"
        ))),
    }
}

fn words(all: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(all))
        .build()
}

pub(super) fn reasons() -> Object {
    words(Reason::ALL.iter().map(|reason| reason.word()))
}

pub(super) fn standings() -> Object {
    words(service::STANDINGS.into_iter())
}

pub(super) fn kinds() -> Object {
    words(JobKind::ALL.iter().map(|kind| kind.word()))
}

pub(super) fn states() -> Object {
    words(JobState::ALL.iter().map(|state| state.word()))
}
