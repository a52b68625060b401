//! Is what the catalog promises there and right? Verify, check, and what is remembered of what they find.
//!
//! Rules: catalog and repository are compared backup by backup; a backup whose snapshot is gone or cannot be read, and one that needs a damaged
//! piece, is named, loses its mark of being verified, and its state says so from then on. Being read back whole is what heals it, and nothing else.
//! Wherever damage is found, it goes through here.

use std::collections::{HashMap, HashSet};

use catalog::backups::BackupRow;
use model::{Cancel, Kind, Permission, Problem, Progress, Result};
use repository::{Finding, Id, Level, Report, Repository, Snapshot, Snapshots};
use serde::{Deserialize, Serialize};

use crate::Service;
use crate::backups::Loss;
use crate::orders::Order;

/// What a verification saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyDone {
    pub state: String,
    /// Backups that are there.
    pub checked: u64,
    pub problems: Vec<String>,
    /// Those that cannot be restored whole.
    #[serde(default)]
    pub affected: Vec<Affected>,
    pub seconds: f64,
}

/// A backup that cannot be restored whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    pub id: String,
    pub name: String,
    pub source: String,
    /// `missing` or `damaged`.
    pub state: String,
}

impl Affected {
    fn of(row: &BackupRow, state: &str) -> Self {
        Affected {
            id: row.id.clone(),
            name: row.name.clone(),
            source: row.source_name.clone(),
            state: state.to_owned(),
        }
    }
}

impl std::fmt::Display for Affected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.name.as_str() {
            "" => String::new(),
            name => format!(" “{name}”"),
        };
        let what = match self.state.as_str() {
            "missing" => "missing: its snapshot is not in the repository",
            _ => "damaged: not all of it can be restored",
        };
        write!(f, "backup {}{name} of {} is {what}", self.id, self.source)
    }
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub report: Report,
    /// Backups that cannot be restored whole.
    pub affected: Vec<Affected>,
}

impl Checked {
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.affected.is_empty()
    }
}

/// What was read of the repository: the findings, the snapshots that there are, and those of the readable ones that cannot be restored whole.
struct Seen {
    report: Report,
    snapshots: Snapshots,
    affected: HashSet<String>,
}

/// Looks at everything. Snapshots are listed last, so that none of them is newer than what was looked at.
fn look(repository: &Repository, level: Level, progress: &Progress, cancel: &Cancel) -> Result<Seen> {
    let report = repository.check(level, progress, cancel)?;
    let snapshots = repository.readable_snapshots()?;
    let readable: HashSet<String> = snapshots.readable.iter().map(|found| found.id.hex()).collect();
    let affected = report.affected.iter().map(Id::hex);
    let affected = affected.filter(|id| readable.contains(id)).collect();
    Ok(Seen {
        report,
        snapshots,
        affected,
    })
}

/// A report of one thing: the snapshot itself cannot be read.
fn found(problem: &Problem) -> Report {
    let hint = problem.hint_text().map(|hint| format!(" ({hint})"));
    let text = format!("{}{}", problem.message(), hint.unwrap_or_default());
    let is_error = true;
    Report {
        findings: vec![Finding { is_error, text }],
        ..Report::default()
    }
}

impl Service {
    /// Reads every byte of one backup back, or of the whole repository.
    pub async fn verify(
        &self,
        backup: Option<&str>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<VerifyDone> {
        let job = self.ask_verify(backup).await?;
        self.see_through(&job, progress, cancel).await
    }

    /// Queues it; the job's id.
    pub async fn ask_verify(&self, backup: Option<&str>) -> Result<String> {
        let row = match backup {
            Some(wanted) => Some(self.backup_row(wanted).await?),
            None => None,
        };
        let source = row.as_ref().map(|row| row.source.as_str());
        match source {
            Some(source) => self.may(Permission::Verify, Some(source)).await?,
            None => self.may(Permission::Repository, None).await?,
        }
        let order = Order::Verify {
            backup: row.as_ref().map(|row| row.id.clone()),
        };
        self.ask(&order, source, &self.options.node).await
    }

    pub(crate) async fn perform_verify(
        &self,
        backup: Option<&str>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<VerifyDone> {
        let start = self.now_ms();
        let (checked, count) = match backup {
            Some(wanted) => {
                let row = self.backup_row(wanted).await?;
                (self.verify_row(&row, progress, cancel).await?, 1)
            }
            None => self.check_all(Level::Data, progress, cancel).await?,
        };
        let state = if checked.is_clean() { "succeeded" } else { "failed" };
        let findings = checked.report.errors().map(str::to_owned);
        let named = checked.affected.iter().map(Affected::to_string);
        Ok(VerifyDone {
            state: state.to_owned(),
            checked: count,
            problems: findings.chain(named).collect(),
            affected: checked.affected,
            seconds: (self.now_ms() - start) as f64 / 1000.0,
        })
    }

    async fn verify_row(&self, row: &BackupRow, progress: &Progress, cancel: &Cancel) -> Result<Checked> {
        let id = Id::parse(&row.snapshot)?;
        let read = self.with_repository(
            progress,
            cancel,
            move |repository, progress, cancel| match repository.snapshot(&id) {
                Ok(snapshot) => repository
                    .verify(&snapshot, Level::Data, progress, cancel)
                    .map(Ok),
                Err(problem) if is_of_the_snapshot(problem.kind()) => Ok(Err(problem)),
                Err(problem) => Err(problem),
            },
        );
        let (report, loss) = match read.await? {
            Ok(report) if report.is_clean() => {
                self.catalog.set_backup_verified(&row.id, self.now_ms()).await?;
                return Ok(Checked {
                    report,
                    ..Checked::default()
                });
            }
            Ok(report) => (report, Loss::Pieces),
            // What is missing is named with its backup.
            Err(problem) if problem.kind() == Kind::NotFound => (Report::default(), Loss::Gone),
            Err(problem) => (found(&problem), Loss::of_snapshot(&problem)),
        };
        self.mark_lost(row, loss).await?;
        let affected = vec![Affected::of(row, loss.word())];
        Ok(Checked { report, affected })
    }

    /// Compares the repository with itself and with the catalog.
    pub async fn check(&self, level: Level, progress: &Progress, cancel: &Cancel) -> Result<Checked> {
        self.may(Permission::Repository, None).await?;
        Ok(self.check_all(level, progress, cancel).await?.0)
    }

    /// With how many of the catalog's backups are there.
    pub(crate) async fn check_all(
        &self,
        level: Level,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(Checked, u64)> {
        // Rows first: what is listed later than its row was written is in the list.
        let rows = self.catalog.list_backups(None, i64::MAX).await?;
        let seen = self.with_repository(progress, cancel, move |repository, progress, cancel| {
            look(repository, level, progress, cancel)
        });
        let seen = seen.await?;
        let step = self
            .bring_rows_in_step(&rows, &seen.snapshots, progress, cancel)
            .await?;
        self.tell_of_gone(&step.gone).await?;
        self.tell_of_damaged(&step.hurt).await?;
        let whole: HashMap<String, &Snapshot> = seen
            .snapshots
            .readable
            .iter()
            .map(|snapshot| (snapshot.id.hex(), snapshot))
            .filter(|(id, _)| !seen.affected.contains(id))
            .collect();
        let (mut affected, mut there) = (Vec::new(), 0);
        for row in rows {
            // As it stands now; deleted since, it is nobody's loss.
            let Some(row) = self.catalog.backup(&row.id).await? else {
                continue;
            };
            let is_whole = whole.contains_key(&row.snapshot);
            match row.state.as_str() {
                "missing" => affected.push(Affected::of(&row, "missing")),
                _ if seen.affected.contains(&row.snapshot) => {
                    self.mark_lost(&row, Loss::Pieces).await?;
                    affected.push(Affected::of(&row, "damaged"));
                }
                _ if is_whole && level == Level::Data => {
                    self.catalog.set_backup_verified(&row.id, self.now_ms()).await?;
                }
                "damaged" => affected.push(Affected::of(&row, "damaged")),
                _ => {}
            }
            there += u64::from(row.state != "missing");
        }
        let report = seen.report;
        Ok((Checked { report, affected }, there))
    }
}

/// Can another snapshot be read where this one cannot?
fn is_of_the_snapshot(kind: Kind) -> bool {
    matches!(kind, Kind::NotFound | Kind::Damaged | Kind::Io)
}
