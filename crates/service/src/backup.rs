//! Makes a backup: capture, manifest, snapshot, catalog. In this order, and nothing of it when a step fails.

use std::path::Path;

use catalog::backups::BackupRow;
use catalog::jobs::JobRow;
use catalog::sources::SourceRow;
use model::{
    Author, BackupId, Beginning, Cancel, Content, JobId, JobKind, MANIFEST_FILE, Manifest, ManifestPart,
    ManifestSource, Meta, Permission, Problem, Progress, Reason, Result,
};
use repository::{Repository, Settled, SnapshotMeta};
use serde::{Deserialize, Serialize};
use sources::{Captured, Context, Sink};

use crate::Service;
use crate::joined::SinkOf;
use crate::library::BackupView;
use crate::policy::policy_of;
use crate::work::Order;

#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// Name or id of a source, or the path of a folder.
    pub source: String,
    pub parts: Vec<String>,
    pub name: Option<String>,
    pub reason: Reason,
}

/// What a job that makes a backup is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackupOrder {
    pub(crate) source: String,
    pub(crate) parts: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) reason: Reason,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupDone {
    pub job: String,
    pub state: String,
    pub backup: BackupView,
    pub warnings: Vec<String>,
    /// Backups that went for it, by the policy.
    #[serde(default)]
    pub deleted: Vec<String>,
    /// The repository came to be with this backup.
    #[serde(skip)]
    pub first: bool,
}

/// What one capture needs.
pub(crate) struct Making {
    pub(crate) id: BackupId,
    pub(crate) job: JobId,
    pub(crate) source: SourceRow,
    pub(crate) name: Option<String>,
    pub(crate) reason: Reason,
    pub(crate) undoes: Option<JobId>,
    /// For whom.
    pub(crate) who: String,
    /// A file that cannot be read vetoes the backup.
    pub(crate) whole: bool,
    pub(crate) progress: Progress,
    pub(crate) cancel: Cancel,
}

/// Fills a backup: what a source does, or an archive from outside. It lives until the backup is whole: files are opened late.
pub(crate) type Capture = Box<dyn Fn(&mut dyn Sink, &Context) -> Result<Captured> + Send>;

/// A capture of these parts by the source itself.
pub(crate) fn by_source(source: Box<dyn sources::Source>, parts: Vec<String>) -> Capture {
    Box::new(move |sink, cx| source.capture(&parts, sink, cx))
}

struct Made {
    manifest: Manifest,
    snapshot: repository::Snapshot,
    files: u64,
    bytes: u64,
    warnings: Vec<String>,
}

impl Service {
    /// Makes a backup and waits for it.
    pub async fn backup(
        &self,
        request: &BackupRequest,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        self.source_to_back_up(&request.source).await?;
        let (_, first) = self.opened_or_new().await?;
        let job = self.ask_backup(request).await?;
        let done: BackupDone = self.see_through(&job, progress, cancel).await?;
        Ok(BackupDone { first, ..done })
    }

    async fn source_to_back_up(&self, wanted: &str) -> Result<SourceRow> {
        let source = self.source_or_folder(wanted).await?;
        self.may(Permission::BackUp, Some(&source.id)).await?;
        self.source_row(&source.id).await
    }

    /// Queues a backup; the job's id.
    pub async fn ask_backup(&self, request: &BackupRequest) -> Result<String> {
        let source = self.source_to_back_up(&request.source).await?;
        // What cannot be opened or is not admitted is refused at once, and again when its turn comes.
        self.open_source(&source)?;
        let policy = policy_of(&source)?;
        self.admit(&source, &policy, request.reason, Some(self.caller.name()))
            .await?;
        let order = BackupOrder {
            source: source.id.clone(),
            parts: request.parts.clone(),
            name: request.name.clone(),
            reason: request.reason,
        };
        self.ask(&Order::Backup(order), Some(&source.id), &source.node)
            .await
    }

    pub(crate) async fn perform_backup(
        &self,
        job: &JobRow,
        order: &BackupOrder,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<BackupDone> {
        self.opened_or_new().await?;
        let source = self.source_row(&order.source).await?;
        let policy = policy_of(&source)?;
        self.admit(&source, &policy, order.reason, job.person.as_deref())
            .await?;
        let capture = by_source(self.open_source(&source)?, order.parts.clone());
        let making = Making {
            id: BackupId::new(&self.options.clock, &self.options.random)?,
            job: job.id.parse()?,
            source: source.clone(),
            name: order.name.clone(),
            reason: order.reason,
            undoes: None,
            whole: false,
            who: job.person.clone().unwrap_or_default(),
            progress: progress.clone(),
            cancel: cancel.clone(),
        };
        self.hooks_before(job, &source, &policy.hooks, JobKind::Backup, cancel)
            .await?;
        let done = self.make(making, capture).await;
        let state = if done.is_ok() { "succeeded" } else { "failed" };
        let warnings = self
            .hooks_after(job, &source, &policy.hooks, JobKind::Backup, state)
            .await;
        let mut done = done?;
        if !warnings.is_empty() {
            "warning".clone_into(&mut done.state);
            done.warnings.extend(warnings);
        }
        done.deleted = self
            .thin_out(&source, &policy, &done.backup.id, progress, cancel)
            .await?;
        if let Some(row) = self.catalog.backup(&done.backup.id).await? {
            self.tell_unusual(&source, &row).await?;
            done.backup = BackupView::of(&row);
        }
        Ok(done)
    }

    /// Captures and remembers the backup.
    pub(crate) async fn make(&self, making: Making, fill: Capture) -> Result<BackupDone> {
        let start = self.now_ms();
        let repository = self.opened().await?;
        let scratch = self.place.scratch(&making.job.to_string())?;
        let parent = self.newest_snapshot_of(&making.source.id).await?;
        let version = self.options.version.clone();
        let job = making.job.to_string();
        let (making, made) = self
            .blocking(move || {
                let cx = Context {
                    cancel: making.cancel.clone(),
                    progress: making.progress.clone(),
                    now_ms: start,
                    job: making.job.to_string(),
                    absent_is_empty: making.reason == Reason::Safety,
                    scratch,
                };
                let made = capture(&repository, &fill, &making, parent.as_deref(), &version, &cx);
                Ok((making, made))
            })
            .await?;
        self.place.discard_scratch(&job)?;
        let made = made?;
        let row = self.remember(&making, &made, start).await?;
        let state = if made.warnings.is_empty() {
            "succeeded"
        } else {
            "warning"
        };
        Ok(BackupDone {
            job,
            state: state.to_owned(),
            backup: BackupView::of(&row),
            warnings: made.warnings,
            deleted: Vec::new(),
            first: false,
        })
    }

    async fn newest_snapshot_of(&self, source: &str) -> Result<Option<String>> {
        let newest = self.catalog.list_backups(Some(source), 1).await?;
        Ok(newest.into_iter().next().map(|row| row.snapshot))
    }

    async fn remember(&self, making: &Making, made: &Made, start: i64) -> Result<BackupRow> {
        let summary = made.snapshot.summary.clone().unwrap_or_default();
        let names: Vec<&str> = made
            .manifest
            .parts
            .iter()
            .map(|part| part.name.as_str())
            .collect();
        let row = BackupRow {
            id: making.id.to_string(),
            source: making.source.id.clone(),
            source_name: making.source.name.clone(),
            kind: making.source.kind.clone(),
            repository: "main".to_owned(),
            snapshot: made.snapshot.id.hex(),
            tree: made.snapshot.tree.hex(),
            name: making.name.clone().unwrap_or_default(),
            reason: making.reason.word().to_owned(),
            created: start,
            seconds: (self.now_ms() - start) as f64 / 1000.0,
            parts: serde_json::json!(names).to_string(),
            files: made.files as i64,
            bytes: made.bytes as i64,
            added_bytes: summary.data_added_packed as i64,
            locked: 0,
            verified: None,
            person: Some(making.who.clone()),
            job: Some(making.job.to_string()),
            state: "ok".to_owned(),
            warnings: serde_json::json!(made.warnings).to_string(),
        };
        self.catalog.add_backup(&row).await?;
        self.audit("backup", &making.source.name, &row.id).await?;
        Ok(row)
    }
}

/// Fills and commits one snapshot.
fn capture(
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
    let mut sink = SinkOf {
        writer,
        skipped: Vec::new(),
        files: 0,
        bytes: 0,
    };
    let captured = fill(&mut sink, cx)?;
    cx.progress.phase("storing");
    let settled = sink.writer.settle()?;
    let warnings = warnings(&sink);
    if let (true, Some(lost)) = (making.whole, warnings.first()) {
        return Err(Problem::damaged(format!("not everything could be read: {lost}")));
    }
    let mut manifest = manifest(making, version, cx.now_ms)?;
    fill_in(&mut manifest, captured, &settled);
    let bytes = manifest.encode();
    let meta = manifest_meta(cx.now_ms, bytes.len() as u64);
    sink.writer
        .entry(Path::new(MANIFEST_FILE), meta, Content::Bytes(bytes))?;
    let (files, bytes) = (sink.files, sink.bytes);
    let snapshot = sink.writer.finish(&snapshot_meta(making, cx.now_ms))?;
    Ok(Made {
        manifest,
        snapshot,
        files,
        bytes,
        warnings,
    })
}

fn warnings(sink: &SinkOf) -> Vec<String> {
    let skipped = sink
        .skipped
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.display()));
    let unread = sink
        .writer
        .unread()
        .into_iter()
        .map(|unread| format!("{}: {}", unread.path.display(), unread.why));
    skipped.chain(unread).collect()
}

fn manifest(making: &Making, version: &str, now_ms: i64) -> Result<Manifest> {
    let source = ManifestSource {
        id: making.source.id.parse()?,
        name: making.source.name.clone(),
        kind: making.source.kind.clone(),
        settings: serde_json::from_str(&making.source.settings).unwrap_or_default(),
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

fn snapshot_meta(making: &Making, now_ms: i64) -> SnapshotMeta {
    let tags = [
        "cairn".to_owned(),
        format!("source:{}", making.source.id),
        format!("backup:{}", making.id),
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

fn manifest_meta(now_ms: i64, size: u64) -> Meta {
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
    manifest.facts = captured.facts;
}

impl BackupRequest {
    /// A manual backup of everything.
    pub fn manual(source: impl Into<String>) -> Self {
        BackupRequest {
            source: source.into(),
            parts: Vec::new(),
            name: None,
            reason: Reason::Manual,
        }
    }
}

/// Used by doors for messages.
pub(crate) fn no_such_backup(wanted: &str) -> Problem {
    Problem::not_found(format!("there is no backup “{wanted}”")).hint("`cairn list` shows what there is")
}
