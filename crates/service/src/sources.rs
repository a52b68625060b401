//! Sources: their settings, policies and schedules.
//!
//! Rules: settings are checked by their kind before they are stored. A schedule fires once for each due time, whoever fires it.

mod policy;
mod schedule;
mod sealed;
mod settings;

pub use policy::{Fate, KeyChange, PresetUsed};
pub use schedule::ScheduleView;
pub use settings::SourceView;

pub(crate) use policy::held;
pub(crate) use sealed::{lost_secrets, shown};
pub(crate) use settings::view;
