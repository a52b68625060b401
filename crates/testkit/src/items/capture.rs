//! From the world into a tree: a folder per part, a file per item, in the order of their ids.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use model::{Chunking, Content, Meta, Problem, Result};
use serde_json::json;
use sources::{Captured, CapturedPart, Context, Inspection, Need, Obstacle, PartInfo, Sink};

use super::{Item, Items, PARTS, Trouble, chosen};

/// Small, so that tests turn pages.
const PAGE: usize = 2;

pub(super) fn inspect(source: &Items, cx: &Context) -> Result<Inspection> {
    let mut inspection = Inspection::default();
    for part in PARTS {
        inspection.parts.push(PartInfo {
            name: part.to_owned(),
            category: "items".to_owned(),
            about: format!("the {part} of the world"),
            required: true,
            ..PartInfo::default()
        });
        match source.patiently(cx, |world| world.page(part, 0, 1)) {
            Ok(_) => {}
            Err(Trouble::Problem(problem)) => return Err(problem),
            Err(trouble) => inspection.obstacles.push(Obstacle {
                part: Some(part.to_owned()),
                message: Problem::from(trouble).message().to_owned(),
                hint: "allow it to be read".to_owned(),
                blocking: true,
            }),
        }
    }
    Ok(inspection)
}

/// All items of a part.
pub(super) fn read(source: &Items, part: &str, cx: &Context) -> Result<Vec<Item>, Trouble> {
    let mut items: Vec<Item> = Vec::new();
    loop {
        let above = items.last().map_or(0, |item| item.id);
        let page = source.patiently(cx, |world| world.page(part, above, PAGE))?;
        if page.is_empty() {
            return Ok(items);
        }
        items.extend(page);
    }
}

pub(super) fn capture(
    source: &Items,
    wanted: &[String],
    sink: &mut dyn Sink,
    cx: &Context,
) -> Result<Captured> {
    let mut captured = Captured::default();
    for part in chosen(wanted)? {
        let items = match read(source, part, cx) {
            Err(Trouble::Gone) if cx.absent_is_empty => Vec::new(),
            other => other.map_err(|trouble| Problem::from(trouble).context(format!("reading {part}")))?,
        };
        captured.parts.push(put(part, &items, sink)?);
    }
    // A stream that broke would have been the end of it: from here on the counts are true.
    sink.settle()?;
    let count = |part: &CapturedPart| part.items;
    captured.facts = json!({ "items": captured.parts.iter().map(count).sum::<u64>() });
    Ok(captured)
}

/// Where a living item lies in the tree.
pub(super) fn place(part: &str, id: u64) -> PathBuf {
    PathBuf::from(part).join(format!("{id:06}.json"))
}

fn put(part: &str, items: &[Item], sink: &mut dyn Sink) -> Result<CapturedPart> {
    let mut bytes = 0;
    sink.entry(Path::new(part), Meta::dir(), Content::None, Need::Required)?;
    for item in items {
        let text = serde_json::to_vec(item)
            .map_err(|error| Problem::internal("an item cannot be written").caused_by(error))?;
        bytes += text.len() as u64;
        let path = place(part, item.id);
        let meta = Meta::file(text.len() as u64);
        let content = Content::Stream {
            open: Box::new(move || Ok(Box::new(Cursor::new(text)))),
            chunking: Chunking::Auto,
        };
        sink.entry(&path, meta, content, Need::Required)?;
    }
    Ok(CapturedPart {
        name: part.to_owned(),
        category: "items".to_owned(),
        holds: model::counted(items.len() as u64, "item", "items"),
        items: items.len() as u64,
        bytes,
        warnings: Vec::new(),
    })
}
