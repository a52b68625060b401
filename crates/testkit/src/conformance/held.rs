//! What a hold promises: released by whoever comes, as often as they come, and then nothing is left of it.

use super::scene::{assert_same, context};
use super::{Kept, Worlds};
use crate::memory::{Breach, MemoryJournal, Moment};

pub fn holding_and_releasing_change_nothing<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let before = worlds.look(&world);
    let source = worlds.source(&world);
    let mut journal = MemoryJournal::new();
    source.release(&mut journal, &context())?;
    assert_same(&worlds.look(&world), &before, "released, though nothing was held");
    for round in ["first", "second"] {
        source.hold(&mut journal, &context())?;
        source.release(&mut journal, &context())?;
        source.release(&mut journal, &context())?;
        assert_same(
            &worlds.look(&world),
            &before,
            &format!("the {round} hold, released"),
        );
    }
    Ok(())
}

pub fn a_hold_is_released_by_another_process<W: Worlds>(worlds: &W) -> Kept {
    for moment in [Moment::Before, Moment::After] {
        let world = worlds.populated();
        let before = worlds.look(&world);
        let mut journal = MemoryJournal::breaking(0, moment, Breach::Fails);
        let held = worlds.source(&world).hold(&mut journal, &context());
        let is_used = held.is_err();
        journal.mend();
        if is_used && moment == Moment::Before {
            assert_same(
                &worlds.look(&world),
                &before,
                "nothing is held before it is remembered",
            );
        }
        // A run that goes on holds what it held before, and knows that it did.
        worlds.source(&world).hold(&mut journal, &context())?;
        worlds.source(&world).hold(&mut journal, &context())?;
        worlds.source(&world).release(&mut journal, &context())?;
        assert_same(
            &worlds.look(&world),
            &before,
            &format!("broke {moment:?} the record"),
        );
    }
    Ok(())
}
