//! From the disk into a backup.

use std::collections::HashMap;
use std::path::Path;

use model::{Content, Ignored, Kind, Meta, Problem, Result};

use super::beneath::Place;
use super::ignore_rules::IgnoreRules;
use super::walk::{WalkOptions, Walked, open_root, root_meta, walk_root};
use super::{Folder, Part};
use crate::{Captured, CapturedPart, Context, Inspection, Lacking, Need, Obstacle, PartInfo, Sink};

pub(super) fn inspect(folder: &Folder) -> Inspection {
    let mut inspection = Inspection::default();
    for part in &folder.parts {
        inspection.parts.push(PartInfo {
            name: part.name.clone(),
            about: format!("the folder {}", part.root.display()),
            required: true,
            ..PartInfo::default()
        });
        if let Err(problem) = open_root(&part.root).and_then(|_| rules(folder, part)) {
            inspection.obstacles.push(Obstacle {
                part: Some(part.name.clone()),
                message: problem.message().to_owned(),
                hint: problem
                    .hint_text()
                    .unwrap_or("check that the folder exists and can be read")
                    .to_owned(),
                blocking: true,
            });
        }
    }
    inspection
}

fn rules(folder: &Folder, part: &Part) -> Result<IgnoreRules> {
    IgnoreRules::new(&part.root, &folder.settings.ignore, folder.settings.ignore_files)
}

pub(super) fn options(folder: &Folder, part: &Part, cx: &Context) -> Result<WalkOptions> {
    Ok(WalkOptions {
        ignore: rules(folder, part)?,
        one_file_system: folder.settings.one_file_system,
        cancel: cx.cancel.clone(),
    })
}

pub(super) fn capture(
    folder: &Folder,
    wanted: &[String],
    sink: &mut dyn Sink,
    cx: &Context,
) -> Result<Captured> {
    let (mut walks, mut ignored, mut unusable) = (Vec::new(), Vec::new(), HashMap::new());
    for part in folder.chosen(wanted)? {
        if cx.absent_is_empty && is_absent(part) {
            sink.entry(&part.tree, Meta::dir(), Content::None, Need::Required)?;
            walks.push((part, None, Walked::default()));
            continue;
        }
        let root = open_root(&part.root)?;
        let meta = root_meta(&root);
        sink.entry(&part.tree, meta.clone(), Content::None, Need::Required)?;
        let options = options(folder, part, cx)?;
        ignored.extend(patterns(part, &options.ignore));
        unusable.insert(part.name.clone(), options.ignore.unusable().to_vec());
        let walked = walk_root(
            &root,
            &part.root,
            &options,
            &mut |path: &Path, meta: Meta, content: Content| {
                sink.entry(&part.tree.join(path), meta, content, Need::MayLack)
            },
        )?;
        tell(part, &walked, sink);
        walks.push((part, Some(meta), walked));
    }
    let lacking = sink.settle()?;
    let mut captured = Captured::default();
    for (part, root, walked) in &walks {
        // Files are read after they were seen: a disk that went away meanwhile looks like files that cannot be read.
        root.as_ref()
            .map_or(Ok(()), |root| check_still_there(part, root))?;
        let mut told = captured_part(part, walked, &lacking);
        told.warnings
            .extend(unusable.remove(&part.name).unwrap_or_default());
        captured.parts.push(told);
    }
    captured.lacks.ignored = ignored;
    captured.left_out = folder
        .settings
        .ignore
        .iter()
        .map(|pattern| format!("what matches {pattern}"))
        .collect();
    Ok(captured)
}

fn is_absent(part: &Part) -> bool {
    let there = Place::of(&part.root).and_then(|place| place.stat());
    matches!(there, Ok(None)) || there.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn patterns(part: &Part, rules: &IgnoreRules) -> Option<Ignored> {
    (!rules.patterns().is_empty()).then(|| Ignored {
        part: part.name.clone(),
        patterns: rules.patterns().to_vec(),
    })
}

fn tell(part: &Part, walked: &Walked, sink: &mut dyn Sink) {
    for (path, why) in &walked.skipped {
        sink.skipped(&part.tree.join(path), why.clone());
    }
    for (path, why) in &walked.vanished {
        sink.vanished(&part.tree.join(path), why.clone());
    }
    for (path, why) in &walked.left_out {
        sink.left_out(&part.tree.join(path), why.clone());
    }
}

/// What vanishes under a walk looks like many entries that are gone; a backup of the rest would look whole.
fn check_still_there(part: &Part, before: &Meta) -> Result<()> {
    let now = Place::of(&part.root).and_then(|place| place.stat());
    if matches!(now, Ok(Some(now)) if (now.st_dev, now.st_ino) == (before.device, before.inode)) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Unavailable,
        format!(
            "{} vanished, or was replaced, while it was read",
            part.root.display()
        ),
    )
    .hint("check that its disk is still mounted, then try again"))
}

/// Counts what the backup holds, not what was seen.
fn captured_part(part: &Part, walked: &Walked, lacking: &[Lacking]) -> CapturedPart {
    let lacking = lacking
        .iter()
        .filter_map(|one| Some((one.path.strip_prefix(&part.tree).ok()?, one)));
    let (mut files, mut bytes, mut warnings) = (walked.files, walked.bytes, Vec::new());
    for (path, one) in lacking {
        files = files.saturating_sub(1);
        bytes = bytes.saturating_sub(one.size);
        warnings.push(format!("{}: {}", path.display(), one.why));
    }
    let passed_over = walked.skipped.iter().chain(&walked.vanished);
    warnings.extend(passed_over.map(|(path, why)| format!("{}: {why}", path.display())));
    CapturedPart {
        name: part.name.clone(),
        category: String::new(),
        holds: model::counted(files, "file", "files"),
        items: walked.entries - (walked.files - files),
        bytes,
        warnings,
    }
}
