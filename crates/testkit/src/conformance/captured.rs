//! What a capture promises: whole or not at all, always the same, nothing changed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use model::{Cancel, Kind, Problem, Result};
use sources::{Captured, CapturedPart, Context, Sink, Tree};

use super::scene::{assert_same, capture, context, parts};
use super::{Kept, Worlds};
use crate::memory::{Breach, MemorySink};

fn roots(tree: &dyn Tree) -> Result<Vec<String>> {
    let entries = tree.list(Path::new(""))?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.path.display().to_string())
        .collect())
}

pub fn the_inspection_names_what_a_capture_takes<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let source = worlds.source(&world);
    let inspection = source.inspect(&context())?;
    assert!(inspection.obstacles.is_empty(), "{:?}", inspection.obstacles);
    let mut named: Vec<String> = inspection.parts.into_iter().map(|part| part.name).collect();
    let mut sink = MemorySink::new();
    let captured = source.capture(&[], &mut sink, &context())?;
    let mut taken: Vec<String> = captured.parts.into_iter().map(|part| part.name).collect();
    named.sort();
    taken.sort();
    assert_eq!(taken, named, "the parts that were captured");
    assert_eq!(
        roots(&sink.into_tree()?)?,
        named,
        "what lies at the root of the tree"
    );
    Ok(())
}

pub fn a_capture_changes_nothing_and_comes_out_the_same_twice<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let before = worlds.look(&world);
    let identity = || -> Result<_> {
        let tree = capture(&*worlds.source(&world), &[], &context())?;
        Ok(tree.stat(Path::new(""))?.map(|root| root.content_id))
    };
    assert_eq!(identity()?, identity()?, "two captures of one world");
    assert_same(&worlds.look(&world), &before, "after the captures");
    Ok(())
}

pub fn only_chosen_parts_are_captured<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let source = worlds.source(&world);
    for part in parts(&*source)? {
        let tree = capture(&*source, std::slice::from_ref(&part), &context())?;
        assert_eq!(roots(&tree)?, [part]);
    }
    let unknown = capture(&*source, &["no such part".to_owned()], &context());
    assert_eq!(unknown.err().map(|problem| problem.kind()), Some(Kind::Invalid));
    Ok(())
}

pub fn a_capture_ends_when_it_is_cancelled<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let cancel = Cancel::new();
    cancel.cancel();
    let cx = Context { cancel, ..context() };
    let ended = capture(&*worlds.source(&world), &[], &cx);
    assert_eq!(ended.err().map(|problem| problem.kind()), Some(Kind::Cancelled));
    Ok(())
}

pub fn a_part_that_cannot_be_read_vetoes_the_backup<W: Worlds>(worlds: &W) -> Kept {
    for part in parts(&*worlds.source(&worlds.populated()))? {
        let world = worlds.populated();
        worlds.spoil(&world, &part);
        let source = worlds.source(&world);
        let vetoed = capture(&*source, &[], &context());
        assert!(vetoed.is_err(), "a backup came to be without the part {part}");
        let inspection = source.inspect(&context())?;
        let told = inspection
            .obstacles
            .iter()
            .any(|obstacle| obstacle.blocking && obstacle.part.as_deref() == Some(&part));
        assert!(told, "the inspection tells that the part {part} cannot be read");
    }
    Ok(())
}

/// Whatever may lack is named and not counted; whatever is required vetoes.
pub fn a_stream_that_breaks_at_any_read_vetoes_the_backup_or_is_named<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let source = worlds.source(&world);
    let mut sink = MemorySink::new();
    let whole = source.capture(&[], &mut sink, &context())?;
    sink.settle()?;
    assert!(sink.reads() > 0, "a populated world has streams to read");
    for at in 0..sink.reads() {
        let mut sink = MemorySink::with_a_broken_read(at);
        let ended = source.capture(&[], &mut sink, &context());
        let ended = ended.and_then(|captured| sink.settle().map(|lacking| (captured, lacking)));
        let Ok((captured, lacking)) = ended else {
            continue;
        };
        let [one] = lacking.as_slice() else {
            return Err(Problem::internal(format!(
                "read {at} broke, and this lacks: {lacking:?}"
            )));
        };
        let is_its_part = |part: &CapturedPart| one.path.starts_with(&part.name);
        let (before, after) = (find(&whole, is_its_part), find(&captured, is_its_part));
        assert_eq!(after.items, before.items - 1, "{one:?} is counted");
        assert_eq!(
            after.bytes,
            before.bytes - one.size,
            "the bytes of {one:?} are counted"
        );
        assert_eq!(
            after.warnings.len(),
            before.warnings.len() + 1,
            "{one:?} is named"
        );
        assert_eq!(
            sink.into_tree()?.stat(&one.path)?,
            None,
            "half of {one:?} is in the backup"
        );
    }
    Ok(())
}

fn find(captured: &Captured, is_it: impl Fn(&CapturedPart) -> bool) -> CapturedPart {
    captured
        .parts
        .iter()
        .find(|part| is_it(part))
        .cloned()
        .unwrap_or_default()
}

pub fn a_sink_that_breaks_anywhere_vetoes_the_backup<W: Worlds>(worlds: &W) -> Kept {
    let world = worlds.populated();
    let before = worlds.look(&world);
    let source = worlds.source(&world);
    let entries = capture(&*source, &[], &context())?.paths().len();
    for at in 0..entries {
        for breach in [Breach::Fails, Breach::Dies] {
            let mut sink = MemorySink::breaking(at, breach);
            let ended = catch_unwind(AssertUnwindSafe(|| source.capture(&[], &mut sink, &context())));
            assert!(
                !matches!(ended, Ok(Ok(_))),
                "the sink failed at entry {at}, and nobody noticed"
            );
        }
    }
    assert_same(&worlds.look(&world), &before, "after captures that broke");
    if entries == 0 {
        return Err(Problem::internal("a populated world has entries"));
    }
    Ok(())
}
