//! Import: an archive from anywhere becomes a backup of a source.
//!
//! Rules: the archive is hostile until it was unpacked and checked as a whole, in a private folder; then it is captured like any other
//! backup, with the reason `imported`. An archive of Cairn brings its manifest, which says what its parts are and what they came from; any
//! other archive must hold the parts of the source, or, when there is only one, what lies in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use archive::{self, Limits, Unpacked};
use catalog::sources::SourceRow;
use model::{
    BackupId, Cancel, Content, MANIFEST_FILE, Manifest, ManifestPart, Meta, Permission, Problem, Progress,
    Reason, Result, Timestamp, counted,
};
use sources::{Captured, CapturedPart, Context, Lacking, Need, PartInfo, Sink};

use crate::Service;
use crate::backups::create::BackupDone;
use crate::backups::making::{Capture, Making};
use crate::instance::policy_of;
use crate::jobs::value;
use crate::orders::Order;

#[derive(Clone, Debug)]
pub struct ImportRequest {
    pub file: PathBuf,
    /// Name or id of the source it becomes a backup of.
    pub source: String,
    pub name: Option<String>,
    pub passphrase: Option<String>,
    pub limits: Limits,
}

impl Service {
    pub async fn import(
        &self,
        request: ImportRequest,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        let source = self.source_row(&request.source).await?;
        self.may(Permission::Import, Some(&source.id)).await?;
        self.opened_or_new().await?;
        let policy = policy_of(&source)?;
        self.admit(&source, &policy, Reason::Imported, Some(self.caller.name()))
            .await?;
        let file = request.file.display().to_string();
        self.audit("backup.import", &source.name, &file).await?;
        let order = Order::Import { file };
        let id = source.id.clone();
        let work = |job: String| async move {
            let done = Box::pin(self.take_in(&job, request, source, progress, cancel)).await;
            self.place.discard_scratch(&job)?;
            value(done?)
        };
        self.here(&order, Some(&id), progress, cancel, work).await
    }

    pub(crate) async fn take_in(
        &self,
        job: &str,
        request: ImportRequest,
        source: SourceRow,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        let parts = self.open_source(&source)?;
        let staging = self.place.scratch(job)?;
        let cx = self.context(job, progress, cancel);
        let kind = source.kind.clone();
        let name = request.name.clone();
        let (fill, left_out) = self
            .blocking(move || {
                cx.progress.phase("unpacking");
                let passphrase = request.passphrase.as_deref();
                let unpacked = archive::import(&request.file, request.limits, passphrase, &staging, &cx)?;
                let mut shape = Shape::of(&unpacked, &kind, || Ok(parts.inspect(&cx)?.parts))?;
                let left_out = unpacked.left_out.clone();
                shape.captured.left_out.extend(left_out.iter().cloned());
                let fill: Capture = Box::new(move |sink, cx| shape.pour(&unpacked, sink, cx));
                Ok((fill, left_out))
            })
            .await?;
        let making = Making {
            id: BackupId::new(&self.options.clock, &self.options.random)?,
            job: job.parse()?,
            source,
            name,
            reason: Reason::Imported,
            undoes: None,
            lock: false,
            who: self.caller.name().to_owned(),
            progress: progress.clone(),
            cancel: cancel.clone(),
        };
        let mut done = self.watched(progress, cancel).make(making, fill).await?;
        done.warn(left_out);
        Ok(done)
    }
}

/// How the entries of an archive become the parts of a backup.
struct Shape {
    /// Everything goes below this part; else the archive holds the parts itself.
    below: Option<PathBuf>,
    captured: Captured,
}

impl Shape {
    fn of(unpacked: &Unpacked, kind: &str, parts: impl FnOnce() -> Result<Vec<PartInfo>>) -> Result<Self> {
        match &unpacked.manifest {
            Some(value) => Shape::of_manifest(unpacked, kind, value),
            None => Shape::of_others(unpacked, &parts()?),
        }
    }

    /// An archive of Cairn.
    fn of_manifest(unpacked: &Unpacked, kind: &str, value: &serde_json::Value) -> Result<Self> {
        let manifest = Manifest::decode(value.to_string().as_bytes())
            .map_err(|problem| problem.context("the archive's manifest.json"))?;
        if manifest.source.kind != kind {
            let message = format!(
                "the archive is a backup of the kind {}, and the source is of the kind {kind}",
                manifest.source.kind
            );
            return Err(Problem::invalid(message).hint("import it into a source of its own kind"));
        }
        let there = roots(unpacked);
        let missing = manifest
            .parts
            .iter()
            .find(|part| !there.contains(part.name.as_str()));
        if let Some(part) = missing {
            return Err(Problem::damaged(format!(
                "the archive's manifest names the part “{}”, which is not in it",
                part.name
            ))
            .hint("the archive was cut off or changed; export it again"));
        }
        let part = |part: &ManifestPart| CapturedPart {
            name: part.name.clone(),
            category: part.category.clone(),
            holds: part.holds.clone(),
            items: part.items,
            bytes: part.bytes,
            warnings: part.warnings.clone(),
        };
        Ok(Shape {
            below: None,
            captured: Captured {
                parts: manifest.parts.iter().map(part).collect(),
                left_out: manifest.left_out.clone(),
                lacks: manifest.lacks.clone(),
                facts: manifest.facts.clone(),
            },
        })
    }

    /// An archive of somebody else.
    fn of_others(unpacked: &Unpacked, parts: &[PartInfo]) -> Result<Self> {
        let there = roots(unpacked);
        let is_part = |name: &&str| parts.iter().any(|part| part.name == **name);
        if !there.is_empty() && there.iter().all(is_part) {
            let captured = parts
                .iter()
                .filter(|part| there.contains(part.name.as_str()))
                .map(|part| measured(part, unpacked, Path::new(&part.name)));
            return Ok(Shape::with(None, captured.collect()));
        }
        match parts {
            [only] => Ok(Shape::with(
                Some(PathBuf::from(&only.name)),
                vec![measured(only, unpacked, Path::new(""))],
            )),
            _ => {
                let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
                Err(Problem::invalid(
                    "the archive has no manifest.json, and what lies in it are not the parts of the source",
                )
                .hint(format!("at its root there must be: {}", names.join(", "))))
            }
        }
    }

    fn with(below: Option<PathBuf>, parts: Vec<CapturedPart>) -> Self {
        Shape {
            below,
            captured: Captured {
                parts,
                ..Captured::default()
            },
        }
    }

    fn pour(&self, unpacked: &Unpacked, sink: &mut dyn Sink, cx: &Context) -> Result<Captured> {
        if let Some(part) = &self.below {
            let mtime = Timestamp {
                seconds: cx.now_ms.div_euclid(1000),
                nanos: 0,
            };
            let meta = Meta { mtime, ..Meta::dir() };
            sink.entry(part, meta, Content::None, Need::Required)?;
        }
        let mut below = Below {
            sink,
            part: self.below.as_deref(),
        };
        unpacked.pour(&mut below, cx)?;
        Ok(self.captured.clone())
    }
}

/// What lies at the root of an archive, the manifest excepted.
fn roots(unpacked: &Unpacked) -> BTreeSet<&str> {
    let first = unpacked
        .entries
        .iter()
        .filter_map(|(path, _)| path.iter().next()?.to_str());
    first.filter(|name| *name != MANIFEST_FILE).collect()
}

fn measured(part: &PartInfo, unpacked: &Unpacked, below: &Path) -> CapturedPart {
    let files = unpacked
        .entries
        .iter()
        .filter(|(path, meta)| meta.is_file() && path.starts_with(below));
    let (count, bytes) = files.fold((0, 0), |(count, bytes), (_, meta)| (count + 1, bytes + meta.size));
    CapturedPart {
        name: part.name.clone(),
        category: part.category.clone(),
        holds: counted(count, "file", "files"),
        items: count,
        bytes,
        warnings: Vec::new(),
    }
}

/// A sink that puts everything below a part, and lets the archive's own manifest fall: the backup gets one of its own.
struct Below<'a> {
    sink: &'a mut dyn Sink,
    part: Option<&'a Path>,
}

impl Sink for Below<'_> {
    fn entry(&mut self, path: &Path, meta: Meta, content: Content, need: Need) -> Result<()> {
        match self.part {
            None if path == Path::new(MANIFEST_FILE) => Ok(()),
            None => self.sink.entry(path, meta, content, need),
            Some(part) => self.sink.entry(&part.join(path), meta, content, need),
        }
    }

    fn skipped(&mut self, path: &Path, why: String) {
        self.sink.skipped(path, why);
    }

    fn vanished(&mut self, path: &Path, why: String) {
        self.sink.vanished(path, why);
    }

    fn left_out(&mut self, path: &Path, why: String) {
        self.sink.left_out(path, why);
    }

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        self.sink.settle()
    }
}
