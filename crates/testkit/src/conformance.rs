//! What every kind of source promises, as tests that run against any of them.
//!
//! Nouns: [`Worlds`] makes living things of one kind and spoils them; a *look* is everything about such a thing that must
//! come back, as texts under names; a *scene* is a world that was captured, then drifted, with a plan to mend it. The *goal*
//! is what one undisturbed run makes of a scene.
//!
//! Each promise is a function; [`conforms!`](crate::conforms) makes a test of each of them:
//! ```ignore
//! mod folder { testkit::conforms!(FolderWorlds); }
//! ```
//! Rules: two worlds made the same way look the same; a drift adds, removes and changes something in every part; names in a
//! look begin with their part and a `/`, whatever else must stay as it is stands under other names.

mod broken;
mod captured;
mod held;
mod restored;
mod scene;

use std::collections::BTreeMap;

use sources::Source;

pub use broken::{
    a_cancel_at_any_reading_leaves_a_truthful_outcome, a_cancel_at_any_record_leaves_a_truthful_outcome,
    a_run_that_breaks_at_any_effect_is_finished_by_the_next,
    a_run_that_breaks_at_any_reading_is_finished_by_the_next,
    a_run_that_breaks_at_any_record_is_finished_by_the_next,
    a_run_that_is_done_does_nothing_when_it_is_run_again, a_run_that_may_not_change_anything_changes_nothing,
    what_a_broken_run_left_is_known_as_its_own,
};
pub use captured::{
    a_capture_changes_nothing_and_comes_out_the_same_twice, a_capture_ends_when_it_is_cancelled,
    a_part_that_cannot_be_read_vetoes_the_backup, a_sink_that_breaks_anywhere_vetoes_the_backup,
    a_stream_that_breaks_at_any_read_vetoes_the_backup_or_is_named, only_chosen_parts_are_captured,
    the_inspection_names_what_a_capture_takes,
};
pub use held::{a_hold_is_released_by_another_process, holding_and_releasing_change_nothing};
pub use restored::{
    a_backup_restored_to_an_empty_place_is_the_same_thing, a_drifted_thing_is_mended_by_replace,
    a_plan_changes_nothing_and_tells_drift, a_rebuilt_thing_is_the_same_thing,
    a_restore_is_undone_by_what_was_before, merge_deletes_nothing, only_chosen_parts_are_restored,
    what_the_safety_backup_lacks_is_noticed, what_was_just_restored_has_an_empty_plan,
};

/// Everything about a living thing that must come back.
pub type Look = BTreeMap<String, String>;

/// Makes living things of one kind.
pub trait Worlds {
    /// One living thing; it ends with this value.
    type World;

    /// Filled, always the same.
    fn populated(&self) -> Self::World;
    /// The same place with nothing in it.
    fn empty(&self) -> Self::World;
    /// Adds, removes and changes something in every part, always the same.
    fn drift(&self, world: &Self::World);
    /// Makes a part unreadable.
    fn spoil(&self, world: &Self::World, part: &str);
    fn source(&self, world: &Self::World) -> Box<dyn Source>;
    fn look(&self, world: &Self::World) -> Look;

    /// Names that a merge leaves as the drift made them, since what was captured has no room beside it.
    fn kept_by_merge(&self) -> Vec<String> {
        Vec::new()
    }
    /// Makes the effect with this number fail once, before it happens or after (its answer is lost). `false`: effects of
    /// this kind cannot be broken from outside.
    fn break_effect(&self, _world: &Self::World, _number: usize, _answer_lost: bool) -> bool {
        false
    }
    /// Did the effect that was to break come to pass?
    fn broke(&self, _world: &Self::World) -> bool {
        false
    }
}

/// Makes a test of every promise, for one kind.
#[macro_export]
macro_rules! conforms {
    ($worlds:expr) => {
        $crate::conforms! { $worlds =>
            the_inspection_names_what_a_capture_takes
            a_capture_changes_nothing_and_comes_out_the_same_twice
            only_chosen_parts_are_captured
            a_capture_ends_when_it_is_cancelled
            a_part_that_cannot_be_read_vetoes_the_backup
            a_sink_that_breaks_anywhere_vetoes_the_backup
            a_stream_that_breaks_at_any_read_vetoes_the_backup_or_is_named
            a_plan_changes_nothing_and_tells_drift
            a_backup_restored_to_an_empty_place_is_the_same_thing
            a_drifted_thing_is_mended_by_replace
            merge_deletes_nothing
            a_rebuilt_thing_is_the_same_thing
            what_was_just_restored_has_an_empty_plan
            only_chosen_parts_are_restored
            a_restore_is_undone_by_what_was_before
            what_the_safety_backup_lacks_is_noticed
            a_run_that_is_done_does_nothing_when_it_is_run_again
            a_run_that_breaks_at_any_record_is_finished_by_the_next
            a_run_that_breaks_at_any_reading_is_finished_by_the_next
            a_run_that_breaks_at_any_effect_is_finished_by_the_next
            a_cancel_at_any_record_leaves_a_truthful_outcome
            a_cancel_at_any_reading_leaves_a_truthful_outcome
            a_run_that_may_not_change_anything_changes_nothing
            what_a_broken_run_left_is_known_as_its_own
            holding_and_releasing_change_nothing
            a_hold_is_released_by_another_process
        }
    };
    ($worlds:expr => $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() -> $crate::conformance::Kept {
                $crate::conformance::$promise(&$worlds)
            }
        )+
    };
}

/// A promise is kept, or the problem that came in its way.
pub type Kept = model::Result<()>;
