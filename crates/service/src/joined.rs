//! Joins sources to the repository: a tree to read, a sink to fill, a journal to remember in.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::Catalog;
use catalog::journal::StepRow;
use model::{Content, Meta, Problem, Result};
use repository::{Tree, Writer};
use sources::{Context, Entry, Journal, Materialize, ReadSeek, Sink, Step};
use tokio::runtime::Handle;

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

    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<()> {
        self.0
            .materialize(&order.entries, &order.into, &cx.progress, &cx.cancel)
            .map(|_| ())
    }
}

/// A writer, as sources see it; remembers what they passed over.
pub(crate) struct SinkOf {
    pub(crate) writer: Writer,
    pub(crate) skipped: Vec<(PathBuf, String)>,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Sink for SinkOf {
    fn entry(&mut self, path: &Path, meta: Meta, content: Content) -> Result<()> {
        if meta.is_file() {
            self.files += 1;
            self.bytes += meta.size;
        }
        self.writer.entry(path, meta, content)
    }

    fn skipped(&mut self, path: &Path, why: String) {
        self.skipped.push((path.to_path_buf(), why));
    }
}

static RECORDS: AtomicUsize = AtomicUsize::new(0);

/// For tests of what a killed process leaves: dies at once after the record of this number, or before it (`3-`), or where a word says.
#[cfg(debug_assertions)]
pub(crate) fn die_if_asked(here: &str) {
    if std::env::var("CAIRN_TEST_DIE_AT_RECORD").is_ok_and(|at| at == here) {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn die_if_asked(_here: &str) {}

/// The catalog's journal of one job. Used on threads for blocking work only.
pub(crate) struct JournalOf {
    catalog: Catalog,
    job: String,
    steps: Vec<Step>,
    handle: Handle,
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
        })
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
}
