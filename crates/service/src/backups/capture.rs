//! Fills and commits one snapshot: capture, manifest, snapshot. In this order, and nothing of it when a step fails.

use std::path::{Path, PathBuf};

use model::{
    Author, Beginning, Content, Lacked, Lacks, MANIFEST_FILE, Manifest, ManifestPart, ManifestSource, Meta,
    Result,
};
use repository::{Repository, Settled, SnapshotMeta};
use sources::{Captured, Context};

use crate::backups::adapters::{Books, Held, Note, SinkOf};
use crate::backups::making::{Capture, Making};
use crate::backups::manifests::policy_for_manifest;

pub(crate) struct Made {
    pub(crate) manifest: Manifest,
    pub(crate) snapshot: repository::Snapshot,
    pub(crate) held: Held,
    /// What is there and not in the backup: it is incomplete.
    pub(crate) lacking: Vec<Note>,
    /// What is in the backup and changed while it was read.
    pub(crate) torn: Vec<PathBuf>,
    /// What changed or went while it was read.
    pub(crate) restless: Vec<Note>,
}

impl Made {
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lacking.iter().chain(&self.restless).map(told).collect()
    }
}

/// Fills and commits one snapshot.
pub(crate) fn capture(
    repository: &Repository,
    fill: &Capture,
    making: &Making,
    parent: Option<&str>,
    version: &str,
    cx: &Context,
) -> Result<Made> {
    // A parent that is gone costs time and nothing else.
    let parent = parent.and_then(|id| repository::Id::parse(id).ok());
    let parent = parent.and_then(|id| repository.snapshot(&id).ok());
    cx.progress.phase("reading");
    let writer = repository.writer(parent.as_ref(), &cx.progress, &cx.cancel)?;
    let mut sink = SinkOf::new(writer);
    let captured = fill(&mut sink, cx)?;
    cx.progress.phase("storing");
    let settled = sink.writer.settle()?;
    let books = sink.books();
    let mut manifest = manifest(making, version, cx.now_ms)?;
    fill_in(&mut manifest, captured, &settled);
    manifest.lacks = lacks(std::mem::take(&mut manifest.lacks), &books, &sink.left_out);
    manifest.left_out.extend(sink.left_out.iter().map(told));
    let bytes = manifest.encode();
    let meta = manifest_meta(cx.now_ms, bytes.len() as u64);
    sink.writer
        .entry(Path::new(MANIFEST_FILE), meta, Content::Bytes(bytes))?;
    let snapshot = sink.writer.finish(&snapshot_meta(making, cx.now_ms))?;
    Ok(Made {
        manifest,
        snapshot,
        held: books.held,
        lacking: books.lacking,
        torn: books.changed.iter().map(|(path, _)| path.clone()).collect(),
        restless: [books.vanished, books.changed].concat(),
    })
}

/// What a restore of this backup has to know.
fn lacks(known: Lacks, books: &Books, left_out: &[Note]) -> Lacks {
    let mut lacks = known;
    let lacked = |(path, why): &Note| Lacked::new(path, why);
    lacks.skipped.extend(books.lacking.iter().map(lacked));
    lacks.vanished.extend(books.vanished.iter().map(lacked));
    lacks.left_out.extend(left_out.iter().map(lacked));
    lacks.bounded()
}

fn told((path, why): &Note) -> String {
    format!("{}: {why}", path.display())
}

pub(crate) fn manifest(making: &Making, version: &str, now_ms: i64) -> Result<Manifest> {
    let (policy, policy_lacks) = policy_for_manifest(&making.source);
    let source = ManifestSource {
        id: making.source.id.parse()?,
        name: making.source.name.clone(),
        kind: making.source.kind.clone(),
        settings: crate::sources::shown(&making.source.settings),
        policy,
        policy_lacks,
    };
    let cairn = version.to_owned();
    let beginning = Beginning {
        cairn,
        source,
        backup: making.id,
        reason: making.reason,
        created: now_ms,
    };
    let mut manifest = Manifest::begin(beginning);
    manifest.name.clone_from(&making.name);
    manifest.by = Some(Author {
        id: making.who.clone(),
        name: making.who.clone(),
    });
    manifest.undoes = making.undoes;
    Ok(manifest)
}

pub(crate) fn snapshot_meta(making: &Making, now_ms: i64) -> SnapshotMeta {
    let tags = [
        "cairn".to_owned(),
        format!("source:{}", making.source.id),
        format!("backup:{}", making.id),
        format!("reason:{}", making.reason.word()),
    ];
    SnapshotMeta {
        time_ms: now_ms,
        hostname: "cairn".to_owned(),
        username: making.who.clone(),
        paths: vec![format!("/{}", making.source.name)],
        tags: tags.to_vec(),
        excludes: Vec::new(),
    }
}

pub(crate) fn manifest_meta(now_ms: i64, size: u64) -> Meta {
    let time = model::Timestamp {
        seconds: now_ms.div_euclid(1000),
        nanos: (now_ms.rem_euclid(1000) * 1_000_000) as u32,
    };
    Meta {
        mtime: time,
        ctime: time,
        ..Meta::file(size)
    }
}

fn fill_in(manifest: &mut Manifest, captured: Captured, settled: &[Settled]) {
    let checksum = |name: &str| {
        let found = settled.iter().find(|child| child.name == Path::new(name));
        found
            .and_then(|child| child.tree)
            .map(|id| id.hex())
            .unwrap_or_default()
    };
    manifest.parts = captured
        .parts
        .into_iter()
        .map(|part| ManifestPart {
            checksum: checksum(&part.name),
            name: part.name,
            category: part.category,
            holds: part.holds,
            items: part.items,
            bytes: part.bytes,
            warnings: part.warnings,
        })
        .collect();
    manifest.left_out = captured.left_out;
    manifest.lacks = captured.lacks;
    manifest.facts = captured.facts;
}
