//! A catalog as it is after years: sources, backups and finished jobs, put in through the catalog's own face and without a repository.
//!
//! Everything follows from its number, so that two runs fill alike. Backups and jobs are ten minutes apart.

use catalog::Catalog;
use catalog::backups::BackupRow;
use catalog::jobs::{Claim, Ending, NewJob};
use catalog::schedules::{Firing, ScheduleRow};
use catalog::sources::SourceRow;
use model::{BackupId, Clock, JobId, Random, Result, SourceId};

/// The moment of the first one.
const BEGIN_MS: i64 = 1_700_000_000_000;
const APART_MS: i64 = 600_000;
/// In one transaction.
const BATCH: usize = 1_000;

/// A moment and a seed, as ids want them.
struct Number(u64);

impl Clock for Number {
    fn now_ms(&self) -> i64 {
        moment(self.0 as usize)
    }
}

impl Random for Number {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.0.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        Ok(())
    }
}

fn moment(number: usize) -> i64 {
    BEGIN_MS + number as i64 * APART_MS
}

pub(crate) fn source_id(number: usize) -> Result<String> {
    let number = Number(number as u64 + (1 << 32));
    Ok(SourceId::new(&Number(0), &number)?.to_string())
}

pub(crate) fn backup_id(number: usize) -> Result<String> {
    let number = Number(number as u64);
    Ok(BackupId::new(&number, &number)?.to_string())
}

pub(crate) fn job_id(number: usize) -> Result<String> {
    let number = Number(number as u64);
    Ok(JobId::new(&number, &number)?.to_string())
}

pub(crate) fn source_name(number: usize) -> String {
    format!("server-{number:05}")
}

pub(crate) fn backup_name(number: usize) -> String {
    format!("evening {number}")
}

/// Folders, of a node that nobody serves.
pub(crate) async fn sources(catalog: &Catalog, count: usize) -> Result<()> {
    for number in 0..count {
        let row = SourceRow {
            id: source_id(number)?,
            name: source_name(number),
            kind: "folder".to_owned(),
            settings: format!(r#"{{"paths":["/srv/{}"]}}"#, source_name(number)),
            policy: r#"{"schedule":{"when":"every","every":"24h"}}"#.to_owned(),
            node: "elsewhere".to_owned(),
            created: BEGIN_MS,
            hidden: 0,
        };
        catalog.add_source(&row).await?;
    }
    Ok(())
}

/// Of ten backups of a source one is made by hand and named, one is a safety backup, and the others are scheduled.
pub(crate) fn reason(number: usize, sources: usize) -> &'static str {
    let turn = (number + number / sources) % 10;
    ["manual", "safety"].get(turn).copied().unwrap_or("scheduled")
}

fn backup(number: usize, sources: usize) -> Result<BackupRow> {
    let reason = reason(number, sources);
    let of = number % sources;
    Ok(BackupRow {
        id: backup_id(number)?,
        source: source_id(of)?,
        source_name: source_name(of),
        kind: "folder".to_owned(),
        repository: "main".to_owned(),
        snapshot: format!("{number:064x}"),
        tree: format!("{number:064x}"),
        name: if reason == "manual" {
            backup_name(number)
        } else {
            String::new()
        },
        reason: reason.to_owned(),
        created: moment(number),
        seconds: 12.5,
        parts: r#"["world","plugins"]"#.to_owned(),
        files: 20_500,
        bytes: 3_300_000_000,
        added_bytes: 45_000_000,
        locked: 0,
        verified: Some(moment(number) + 60_000),
        person: Some("scheduler".to_owned()),
        job: Some(job_id(number)?),
        state: "ok".to_owned(),
        warnings: "[]".to_owned(),
        lacks: 0,
        suspicion: String::new(),
        accepted: None,
        hurt: 0,
        amounts: "{}".into(),
        ignored: "[]".into(),
    })
}

pub(crate) async fn backups(catalog: &Catalog, count: usize, sources: usize) -> Result<()> {
    for begin in (0..count).step_by(BATCH) {
        let rows: Result<Vec<BackupRow>> = (begin..count.min(begin + BATCH))
            .map(|number| backup(number, sources))
            .collect();
        catalog.add_backups(&rows?).await?;
    }
    Ok(())
}

pub(crate) fn job(number: usize, sources: usize) -> Result<NewJob> {
    Ok(NewJob {
        id: job_id(number)?,
        kind: "backup".to_owned(),
        source: Some(source_id(number % sources)?),
        alone: true,
        node: "main".to_owned(),
        request: format!(
            r#"{{"do":"backup","backup":"{}","source":"{}","parts":[],"name":null,"reason":"scheduled","ignore":["*.log"]}}"#,
            backup_id(number)?,
            source_id(number % sources)?
        ),
        person: None,
        created: moment(number),
    })
}

/// Finished jobs, queued through the statement that schedules use: many in one transaction.
pub(crate) async fn jobs(catalog: &Catalog, count: usize, sources: usize) -> Result<()> {
    let marks = |next: usize| ScheduleRow {
        name: "fill".to_owned(),
        source: None,
        enabled: 0,
        last: None,
        next: Some(next as i64),
    };
    catalog.put_schedule(&marks(0)).await?;
    for begin in (0..count).step_by(BATCH) {
        let firing = |number: usize| {
            Ok(Firing {
                was_next: Some(number as i64),
                marks: marks(number + 1),
                job: Some(job(number, sources)?),
            })
        };
        let firings: Result<Vec<Firing>> = (begin..count.min(begin + BATCH)).map(firing).collect();
        catalog.fire_schedules(&firings?).await?;
    }
    catalog.delete_schedule("fill").await?;
    let claim = Claim {
        owner: "filler",
        node: "main",
        now_ms: BEGIN_MS,
        until_ms: i64::MAX,
    };
    let ending = Ending {
        state: "succeeded",
        result: Some("{}".to_owned()),
        problem: None,
    };
    for number in 0..count {
        if let Some(job) = catalog.claim_job(&claim, Some(&job_id(number)?)).await? {
            catalog
                .end_job(&job.id, job.fence, &ending, moment(number))
                .await?;
        }
    }
    Ok(())
}
