//! Joins sources to the repository: a tree to read, a sink to fill, a journal to remember in.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::Catalog;
use catalog::jobs::JobRow;
use catalog::journal::StepRow;
use model::{Clock, Content, Meta, Problem, Result};
use repository::{Fate, Tree, Writer};
use sources::{
    Context, Entry, Journal, Lacking, Materialize, Need, ReadSeek, Recorded, Sink, Step, Unwritten,
};
use tokio::runtime::Handle;

use crate::backups::manifests::manifest_in;
use crate::instance::die_if_asked;
use crate::orders::superseded_by;

/// A repository's tree, as sources see it.
pub(crate) struct TreeOf(pub(crate) Tree);

fn entry(found: repository::Entry) -> Entry {
    let content_id = found.identity();
    Entry {
        path: found.path,
        meta: found.meta,
        content_id,
    }
}

impl TreeOf {
    /// What its manifest says for restores; nothing when it has none that can be understood.
    pub(crate) fn recorded(&self) -> Result<Recorded> {
        let manifest = manifest_in(&self.0)?;
        Ok(manifest.map_or_else(Recorded::default, |manifest| Recorded {
            lacks: manifest.lacks,
            facts: manifest.facts,
        }))
    }
}

fn unwritten(found: repository::Unwritten) -> Unwritten {
    let (to, why) = (found.to, found.why);
    Unwritten { to, why }
}

impl sources::Tree for TreeOf {
    fn list(&self, dir: &Path) -> Result<Vec<Entry>> {
        Ok(self.0.list(dir)?.into_iter().map(entry).collect())
    }

    fn stat(&self, path: &Path) -> Result<Option<Entry>> {
        Ok(self.0.stat(path)?.map(entry))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>> {
        Ok(Box::new(self.0.open(path)?))
    }

    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool> {
        self.0.same_content(path, stream, &cx.cancel)
    }

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>> {
        self.0
            .materialize(&order.entries, &order.into, &cx.progress, &cx.cancel)
            .map(|done| done.unwritten.into_iter().map(unwritten).collect())
    }
}

/// A path in the backup's tree, and why something is to be said of it.
pub(crate) type Note = (PathBuf, String);

/// A writer, as sources see it; keeps the books of what the backup does not hold.
pub(crate) struct SinkOf {
    pub(crate) writer: Writer,
    /// What the source could not read.
    skipped: Vec<Note>,
    vanished: Vec<Note>,
    /// What does not belong into the backup.
    pub(crate) left_out: Vec<Note>,
    announced: Held,
}

/// Files, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// What became of everything that was announced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// What the backup holds.
    pub(crate) held: Held,
    /// What is there and not in the backup: it is incomplete.
    pub(crate) lacking: Vec<Note>,
    /// What was deleted meanwhile.
    pub(crate) vanished: Vec<Note>,
    /// What is in the backup, and changed while it was read.
    pub(crate) changed: Vec<Note>,
}

impl SinkOf {
    pub(crate) fn new(writer: Writer) -> Self {
        SinkOf {
            writer,
            skipped: Vec::new(),
            vanished: Vec::new(),
            left_out: Vec::new(),
            announced: Held::default(),
        }
    }

    /// After everything was settled.
    pub(crate) fn books(&self) -> Books {
        let mut books = Books {
            held: self.announced,
            lacking: self.skipped.clone(),
            vanished: self.vanished.clone(),
            changed: Vec::new(),
        };
        for unread in self.writer.unread() {
            if unread.fate != Fate::Changed {
                books.held.files -= 1;
                books.held.bytes -= unread.size;
            }
            let note = (unread.path, unread.why);
            match unread.fate {
                Fate::Unreadable => books.lacking.push(note),
                Fate::Vanished => books.vanished.push(note),
                Fate::Changed => books.changed.push(note),
            }
        }
        books
    }
}

impl Sink for SinkOf {
    fn entry(&mut self, path: &Path, meta: Meta, content: Content, need: Need) -> Result<()> {
        if is_to_lack(path) {
            self.skipped(path, "it cannot be read, for a test".to_owned());
            return Ok(());
        }
        if meta.is_file() {
            self.announced.files += 1;
            self.announced.bytes += meta.size;
        }
        let need = match need {
            Need::Required => repository::Need::Required,
            Need::MayLack => repository::Need::MayLack,
        };
        self.writer.entry_with(path, meta, content, need)
    }

    fn skipped(&mut self, path: &Path, why: String) {
        self.skipped.push((path.to_path_buf(), why));
    }

    fn vanished(&mut self, path: &Path, why: String) {
        self.vanished.push((path.to_path_buf(), why));
    }

    fn left_out(&mut self, path: &Path, why: String) {
        self.left_out.push((path.to_path_buf(), why));
    }

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        self.writer.settle()?;
        let unread = self.writer.unread().into_iter();
        let lacking = unread.filter(|unread| unread.fate != Fate::Changed);
        Ok(lacking
            .map(|unread| Lacking {
                path: unread.path,
                why: unread.why,
                size: unread.size,
            })
            .collect())
    }
}

static RECORDS: AtomicUsize = AtomicUsize::new(0);

/// For tests of what a backup lacks although it looked as if it could be read: this path of the tree.
#[cfg(debug_assertions)]
fn is_to_lack(path: &Path) -> bool {
    std::env::var_os("CAIRN_TEST_LACKS").is_some_and(|lacking| path == Path::new(&lacking))
}

#[cfg(not(debug_assertions))]
fn is_to_lack(_path: &Path) -> bool {
    false
}

/// The catalog's journal of one job. Used on threads for blocking work only.
pub(crate) struct JournalOf {
    catalog: Catalog,
    job: String,
    steps: Vec<Step>,
    handle: Handle,
    /// Of a running job alone: its fence, and what time it is.
    running: Option<(i64, Arc<dyn Clock>)>,
}

impl JournalOf {
    pub(crate) async fn load(catalog: &Catalog, job: &str) -> Result<Self> {
        let read = |row: StepRow| {
            let data = serde_json::from_str(&row.data)
                .map_err(|_| Problem::damaged(format!("the journal of job {job} is malformed")))?;
            Ok(Step {
                key: row.step,
                done: row.done != 0,
                data,
            })
        };
        let steps = catalog
            .steps(job)
            .await?
            .into_iter()
            .map(read)
            .collect::<Result<_>>()?;
        Ok(JournalOf {
            catalog: catalog.clone(),
            job: job.to_owned(),
            steps,
            handle: Handle::current(),
            running: None,
        })
    }

    /// The same, of a job that may change what it is of.
    pub(crate) fn of_running(self, job: &JobRow, clock: &Arc<dyn Clock>) -> Self {
        JournalOf {
            running: Some((job.fence, Arc::clone(clock))),
            ..self
        }
    }
}

impl Journal for JournalOf {
    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn record(&mut self, key: &str, done: bool, data: serde_json::Value) -> Result<()> {
        self.record_all(vec![Step {
            key: key.to_owned(),
            done,
            data,
        }])
    }

    fn record_all(&mut self, steps: Vec<Step>) -> Result<()> {
        let number = RECORDS.fetch_add(1, Ordering::Relaxed) + 1;
        die_if_asked(&format!("{number}-"));
        let row = |step: &Step| StepRow {
            step: step.key.clone(),
            done: i64::from(step.done),
            data: step.data.to_string(),
        };
        let rows: Vec<StepRow> = steps.iter().map(row).collect();
        self.handle.block_on(
            self.catalog
                .record_steps(&self.job, self.steps.len() as i64, &rows),
        )?;
        for step in steps {
            match self.steps.iter_mut().find(|known| known.key == step.key) {
                Some(known) => *known = step,
                None => self.steps.push(step),
            }
        }
        die_if_asked(&number.to_string());
        Ok(())
    }

    fn changing(&mut self) -> Result<()> {
        let Some((fence, clock)) = &self.running else {
            return Err(Problem::internal("only a running job changes anything"));
        };
        let (now, problem) = (clock.now_ms(), superseded_by(&self.job));
        self.handle.block_on(async {
            let begun = self.catalog.begin_to_change(&self.job, *fence, now, &problem);
            for superseded in begun.await? {
                self.catalog
                    .add_event(&superseded, now, "warning", problem.message())
                    .await?;
            }
            Ok(())
        })
    }
}
