//! A descent on a thread of its own, some batches ahead of its visitor.

use std::sync::mpsc;
use std::thread::Builder;

use model::{Problem, Result};

use super::Walked;
use super::batch::{Batch, Visitor};
use super::descent::Descent;

/// Entries in a batch: enough that handing it over costs nothing beside looking.
const ENTRIES: usize = 128;
/// Batches that wait to be visited.
const BATCHES: usize = 4;

/// Visits what is left. The descent ends when the visitor does not want more, and the other way round.
pub(super) fn walk(descent: Descent<'_>, visitor: &mut Visitor<'_, '_>) -> Result<Walked> {
    let (give, take) = mpsc::sync_channel(BATCHES);
    let (give_back, used) = mpsc::channel();
    std::thread::scope(|scope| {
        let looking = Builder::new()
            .name("walker".to_owned())
            .spawn_scoped(scope, move || look_ahead(descent, &give, &used))
            .map_err(|error| Problem::io("cannot start a thread", error))?;
        let visited = take.iter().try_for_each(|mut batch| {
            visitor.take(&mut batch)?;
            // At the end nobody takes it back.
            let _ = give_back.send(batch);
            Ok(())
        });
        drop(take);
        match looking.join() {
            Ok(walked) => visited.and(walked),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn look_ahead(
    mut descent: Descent<'_>,
    give: &mpsc::SyncSender<Batch>,
    used: &mpsc::Receiver<Batch>,
) -> Result<Walked> {
    loop {
        let mut batch = used.try_recv().unwrap_or_default();
        let goes_on = descent.fill(&mut batch, ENTRIES)?;
        // The visitor has failed; it says why.
        if give.send(batch).is_err() || !goes_on {
            return Ok(descent.seen());
        }
    }
}
