//! How long the catalog takes for what a serving process does all the time: a tick with many schedules, a claim beside many old jobs.
//!
//! Prints one line of JSON for `cargo xtask bench spine`. Everything lies in a temporary folder; the clock is the real one.

use std::time::Instant;

use catalog::Catalog;
use catalog::jobs::{Claim, Ending, NewJob};
use catalog::schedules::{Firing, ScheduleRow};
use catalog::sources::SourceRow;
use model::Result;
use serde_json::json;
use service::{Options, Service};

const SOURCES: usize = 10_000;
const JOBS: usize = 100_000;
const ROUNDS: usize = 20;
const DAY_MS: i64 = 86_400_000;

fn main() -> Result<()> {
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| model::Problem::io("cannot start threads", error))?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let dir = tempfile::tempdir().map_err(|error| model::Problem::io("cannot make a folder", error))?;
    let service = Service::open(Options::new(dir.path().join("data"))).await?;
    let catalog = Catalog::open_file(&dir.path().join("data/catalog.db"), service.now_ms()).await?;
    fill_jobs(&catalog).await?;
    fill_schedules(&catalog, service.now_ms()).await?;
    let idle = ticks(&service).await?;
    let claims = claims(&catalog).await?;
    let rush = rush(&catalog, &service).await?;
    let report = json!({
        "schedules": SOURCES, "idle_tick_ms": idle, "jobs": JOBS, "claim_ms": claims,
        "all_due_at_once_ms": rush,
    });
    println!("{report}");
    Ok(())
}

/// The median of some times, in milliseconds.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn job(number: usize) -> NewJob {
    NewJob {
        id: format!("job-{number:07}"),
        kind: "backup".to_owned(),
        source: Some(format!("source-{:05}", number % SOURCES)),
        alone: true,
        node: "main".to_owned(),
        request: "{}".to_owned(),
        person: None,
        created: number as i64,
    }
}

/// Finished jobs, queued through the statement that schedules use: many in one transaction.
async fn fill_jobs(catalog: &Catalog) -> Result<()> {
    let marks = |next| ScheduleRow {
        name: "fill".to_owned(),
        source: None,
        enabled: 0,
        last: None,
        next: Some(next),
    };
    catalog.put_schedule(&marks(0)).await?;
    for batch in 0..JOBS / 1000 {
        let firings: Vec<Firing> = (0..1000)
            .map(|n| Firing {
                was_next: Some((batch * 1000 + n) as i64),
                marks: marks((batch * 1000 + n + 1) as i64),
                job: Some(job(batch * 1000 + n)),
            })
            .collect();
        catalog.fire_schedules(&firings).await?;
    }
    catalog.delete_schedule("fill").await?;
    let claim = Claim {
        owner: "filler",
        node: "main",
        now_ms: 1,
        until_ms: i64::MAX,
    };
    let ending = Ending {
        state: "succeeded",
        result: Some("{}".to_owned()),
        problem: None,
    };
    for number in 0..JOBS {
        let id = format!("job-{number:07}");
        if let Some(job) = catalog.claim_job(&claim, Some(&id)).await? {
            catalog.end_job(&job.id, job.fence, &ending, 2).await?;
        }
    }
    Ok(())
}

async fn fill_schedules(catalog: &Catalog, now: i64) -> Result<()> {
    for number in 0..SOURCES {
        let id = format!("source-{number:05}");
        let row = SourceRow {
            id: id.clone(),
            name: id.clone(),
            kind: "folder".to_owned(),
            settings: "{}".to_owned(),
            policy: r#"{"schedule":{"when":"every","every":"24h"}}"#.to_owned(),
            node: "elsewhere".to_owned(),
            created: now,
            hidden: 0,
        };
        catalog.add_source(&row).await?;
        let marks = ScheduleRow {
            name: format!("backup:{id}"),
            source: Some(id),
            enabled: now - DAY_MS / 2,
            last: None,
            next: Some(now + DAY_MS / 2),
        };
        catalog.put_schedule(&marks).await?;
    }
    Ok(())
}

async fn ticks(service: &Service) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        service.tick().await?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(times))
}

async fn claims(catalog: &Catalog) -> Result<f64> {
    let claim = Claim {
        owner: "worker",
        node: "main",
        now_ms: 3,
        until_ms: i64::MAX,
    };
    let mut times = Vec::new();
    for number in JOBS..JOBS + ROUNDS {
        catalog.add_job(&job(number)).await?;
        let begin = Instant::now();
        let claimed = catalog.claim_job(&claim, None).await?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        assert!(claimed.is_some(), "there is a job to claim");
    }
    Ok(median(times))
}

/// All schedules are due in the same minute.
async fn rush(catalog: &Catalog, service: &Service) -> Result<f64> {
    let now = service.now_ms();
    for mut row in catalog.list_schedules().await? {
        row.enabled = now - DAY_MS - 1000;
        row.next = Some(now - 1000);
        catalog.put_schedule(&row).await?;
    }
    let begin = Instant::now();
    while service.tick().await? > 0 {}
    Ok(begin.elapsed().as_secs_f64() * 1000.0)
}
