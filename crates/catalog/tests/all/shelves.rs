//! The two tables that are read page by page, as one: rows are put in, taken out and listed in the same words.

use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::Catalog;
use catalog::backups::BackupRow;
use catalog::jobs::NewJob;
use catalog::paging::{After, Within};
use catalog::{backup_pages, job_pages};

/// Sources from 1 on; 0 stands for none.
pub(crate) const PLACES: usize = 4;
/// Older than every row of a script.
pub(crate) const OLD: i64 = -1;
/// More rows than are ever gathered.
const BULK: usize = 2_100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    Backups,
    Jobs,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: usize,
    pub(crate) created: i64,
    pub(crate) place: usize,
    pub(crate) word: usize,
    pub(crate) state: usize,
}

impl Row {
    pub(crate) fn place(&self) -> After {
        After {
            created: self.created,
            id: id(self.number),
        }
    }
}

/// Random places in order: ids of one moment follow no rule.
fn id(number: usize) -> String {
    let mixed = (number as u32).wrapping_mul(2_654_435_761);
    format!("{mixed:08x}-0000-7000-8000-{number:012}")
}

const REASONS: [&str; 3] = ["manual", "scheduled", "safety"];
const KINDS: [&str; 3] = ["backup", "restore", "verify"];
const STANDINGS: [&str; 4] = ["ok", "missing", "incomplete", "suspicious"];
const JOB_STATES: [&str; 2] = ["queued", "cancelled"];

fn backup(row: &Row, source: &str) -> BackupRow {
    BackupRow {
        id: id(row.number),
        source: source.into(),
        source_name: source.into(),
        kind: "folder".into(),
        repository: "main".into(),
        snapshot: format!("{source} {}", row.number),
        tree: "t".into(),
        name: String::new(),
        reason: REASONS[row.word].into(),
        created: row.created,
        seconds: 1.5,
        parts: "[]".into(),
        files: 3,
        bytes: 4,
        added_bytes: 5,
        locked: 0,
        verified: None,
        person: None,
        job: None,
        state: if row.state == 1 { "missing" } else { "ok" }.into(),
        warnings: "[]".into(),
        lacks: i64::from(row.state == 2),
        suspicion: if row.state == 3 { "it is empty" } else { "" }.into(),
        accepted: None,
        hurt: 0,
        amounts: "{}".into(),
        ignored: "[]".into(),
    }
}

fn job(row: &Row, source: Option<String>) -> NewJob {
    NewJob {
        id: id(row.number),
        kind: KINDS[row.word].into(),
        source,
        alone: false,
        node: "nowhere".into(),
        request: "{}".into(),
        person: None,
        created: row.created,
    }
}

/// Of backups each belongs to a source: what would have none has one that nobody was granted.
fn source(row: &Row) -> Option<String> {
    (row.place > 0).then(|| format!("s{}", row.place))
}

impl Shelf {
    /// In how many ways a row may stand.
    pub(crate) fn states(self) -> usize {
        match self {
            Shelf::Backups => STANDINGS.len(),
            Shelf::Jobs => JOB_STATES.len(),
        }
    }

    pub(crate) async fn add(self, catalog: &Catalog, row: &Row) -> Row {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let row = Row {
            number,
            ..row.clone()
        };
        match self {
            Shelf::Backups => {
                let source = source(&row).unwrap_or_else(|| "nobodys".to_owned());
                catalog.add_backup(&backup(&row, &source)).await.unwrap();
            }
            Shelf::Jobs => {
                let job = job(&row, source(&row));
                catalog.add_job(&job).await.unwrap();
                if row.state == 1 {
                    catalog.cancel_job(&job.id, 1).await.unwrap();
                }
            }
        }
        row
    }

    pub(crate) async fn delete(self, catalog: &Catalog, row: &Row) {
        let id = id(row.number);
        match self {
            Shelf::Backups => catalog.delete_backup(&id).await.unwrap(),
            Shelf::Jobs => {
                catalog.cancel_job(&id, 1).await.unwrap();
                catalog.delete_job(&id).await.unwrap();
            }
        }
    }

    /// The places of the rows on a page.
    pub(crate) async fn page(
        self,
        catalog: &Catalog,
        within: &Within,
        (word, state): (Option<usize>, Option<usize>),
        after: &After,
        most: usize,
    ) -> Vec<After> {
        let text = |words: &[&str], at: Option<usize>| at.map(|at| words[at].to_owned());
        let most = most as i64;
        match self {
            Shelf::Backups => {
                let which = backup_pages::Which {
                    reason: text(&REASONS, word),
                    state: text(&STANDINGS, state),
                    ..backup_pages::Which::default()
                };
                // What no job has, every backup has: a source.
                let nobodys = Within::Source("nobodys".into());
                let within = match within {
                    Within::Nowhere => &nobodys,
                    Within::Sources => return Shelf::sourced(catalog, &which, after, most).await,
                    within => within,
                };
                let rows = catalog
                    .page_of_backups(within, &which, after, most)
                    .await
                    .unwrap();
                rows.iter().map(BackupRow::place).collect()
            }
            Shelf::Jobs => {
                let which = job_pages::Which {
                    kind: text(&KINDS, word),
                    state: text(&JOB_STATES, state),
                };
                let rows = catalog.page_of_jobs(within, &which, after, most).await.unwrap();
                rows.iter().map(catalog::jobs::JobRow::place).collect()
            }
        }
    }

    /// Rows that belong to nobody are left out by hand: in this table they are like all others.
    async fn sourced(catalog: &Catalog, which: &backup_pages::Which, after: &After, most: i64) -> Vec<After> {
        let rows = catalog
            .page_of_backups(&Within::Sources, which, after, i64::MAX)
            .await
            .unwrap();
        let rows = rows.iter().filter(|row| row.source != "nobodys");
        rows.map(BackupRow::place).take(most as usize).collect()
    }

    /// Old rows of one source.
    pub(crate) async fn fill_bulk(catalog: &Catalog) {
        let rows = (0..BULK).map(|number| Row {
            number: 9_000_000 + number,
            created: OLD - 1 - number as i64,
            place: 0,
            word: number % 3,
            state: 0,
        });
        let rows: Vec<Row> = rows.collect();
        let backups: Vec<BackupRow> = rows.iter().map(|row| backup(row, "bulk")).collect();
        catalog.add_backups(&backups).await.unwrap();
        for row in &rows {
            catalog.add_job(&job(row, Some("bulk".into()))).await.unwrap();
        }
    }
}
