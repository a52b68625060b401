//! How long the catalog takes for what a serving process does all the time, where it is full: a tick with many schedules, a claim beside many
//! old jobs, a page of a list, a lookup.
//!
//! Prints JSON for `cargo xtask bench spine`: figures, each with what it is. Everything lies in a temporary folder; the clock is the real one.

mod filling;

use std::time::Instant;

use catalog::Catalog;
use catalog::grants::GrantRow;
use catalog::jobs::Claim;
use catalog::schedules::ScheduleRow;
use model::{Entitlement, Problem, Result, Role};
use serde_json::{Value, json};
use service::{BackupFilter, Caller, JobFilter, NewPerson, NewToken, Options, Service, Via};

const SOURCES: usize = 10_000;
const JOBS: usize = 100_000;
const BACKUPS: usize = 100_000;
const ROUNDS: usize = 20;
/// Of which one in a hundred is slower than what is told.
const LOOKS: usize = 400;
const DAY_MS: i64 = 86_400_000;
/// Nobody waits for a list.
const GOAL_MS: f64 = 20.0;

fn main() -> Result<()> {
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Problem::io("cannot start threads", error))?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let dir = tempfile::tempdir().map_err(|error| Problem::io("cannot make a folder", error))?;
    let service = Service::open(Options::new(dir.path().join("data"))).await?;
    let catalog = Catalog::open_file(&dir.path().join("data/catalog.db"), service.now_ms()).await?;
    filling::sources(&catalog, SOURCES).await?;
    filling::backups(&catalog, BACKUPS, SOURCES).await?;
    filling::jobs(&catalog, JOBS, SOURCES).await?;
    schedule_all(&catalog, service.now_ms()).await?;
    let mut figures = vec![
        figure(
            "idle tick, 10,000 schedules, median",
            ticks(&service).await?,
            None,
        ),
        figure(
            "claim beside 100,000 finished jobs, median",
            claims(&catalog).await?,
            None,
        ),
        figure(
            "10,000 schedules due in one minute, until all are queued",
            rush(&catalog, &service).await?,
            None,
        ),
    ];
    figures.extend(lookups(&service).await?);
    figures.extend(pages(&service, "").await?);
    for (name, granted) in [("few", 3), ("many", SOURCES / 2)] {
        let person = somebody(&service, &catalog, name, granted).await?;
        figures.extend(pages(&person, &format!(", for who was granted {granted} sources")).await?);
    }
    println!("{}", json!({ "figures": figures }));
    Ok(())
}

fn figure(what: &str, ms: f64, goal: Option<f64>) -> Value {
    json!({ "what": what, "ms": ms, "goal_ms": goal })
}

/// The time below which this share of some times lies.
fn quantile(mut times: Vec<f64>, share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * share).ceil() as usize]
}

/// So many times, each with another number: the slowest but one in a hundred, in milliseconds.
async fn p99(what: &str, look: impl AsyncFn(usize) -> Result<()>) -> Result<Value> {
    let mut times = Vec::new();
    for round in 0..LOOKS {
        let begin = Instant::now();
        look(round * 7_919 % BACKUPS).await?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(figure(
        &format!("{what}, p99"),
        quantile(times, 0.99),
        Some(GOAL_MS),
    ))
}

/// The name of the last backup up to this one that has a name.
fn named_before(number: usize) -> String {
    let mut before = (0..=number).rev();
    let named = before.find(|number| filling::reason(*number, SOURCES) == "manual");
    filling::backup_name(named.unwrap_or(0))
}

async fn lookups(service: &Service) -> Result<Vec<Value>> {
    let show = async |wanted: String| service.show_backup(&wanted).await.map(|_| ());
    Ok(vec![
        p99("backup by id", async |n| show(filling::backup_id(n)?).await).await?,
        p99("backup by the beginning of its id", async |n| {
            show(filling::backup_id(n)?[..12].to_owned()).await
        })
        .await?,
        p99("backup by name", async |n| show(named_before(n)).await).await?,
        p99("newest backup by the name of its source", async |n| {
            show(filling::source_name(n % SOURCES)).await
        })
        .await?,
        p99("latest backup", async |_| show("latest".to_owned()).await).await?,
        p99("a name that nothing has", async |n| {
            match service.show_backup(&format!("morning {n}")).await {
                Err(problem) if problem.kind() == model::Kind::NotFound => Ok(()),
                _ => Err(Problem::internal("nothing has this name")),
            }
        })
        .await?,
        p99("job by id", async |n| {
            service.show_job(&filling::job_id(n)?).await.map(|_| ())
        })
        .await?,
        p99("source by name", async |n| {
            service
                .source(&filling::source_name(n % SOURCES))
                .await
                .map(|_| ())
        })
        .await?,
        p99("a panel's page of one server", async |n| {
            let id = filling::source_id(n % SOURCES)?;
            service.asked_backups(&id, 0, 20).await.map(|_| ())
        })
        .await?,
    ])
}

async fn pages(service: &Service, whose: &str) -> Result<Vec<Value>> {
    let everything = BackupFilter::default();
    let by_hand = BackupFilter {
        reason: Some("manual".to_owned()),
        ..BackupFilter::default()
    };
    let middle = middle(service).await?;
    let failed = JobFilter {
        state: Some("failed".to_owned()),
        ..JobFilter::default()
    };
    let backups = async |filter: &BackupFilter, cursor: Option<&str>| {
        service.backups_page(filter, cursor, 50).await.map(|_| ())
    };
    let jobs = async |filter: &JobFilter| service.jobs_page(filter, None, 50).await.map(|_| ());
    let named = |what: &str| format!("{what}{whose}");
    Ok(vec![
        p99(&named("page of 50 backups"), async |_| {
            backups(&everything, None).await
        })
        .await?,
        p99(&named("page far back"), async |_| {
            backups(&everything, middle.as_deref()).await
        })
        .await?,
        p99(&named("page of those made by hand"), async |_| {
            backups(&by_hand, None).await
        })
        .await?,
        p99(&named("page of 50 jobs"), async |_| {
            jobs(&JobFilter::default()).await
        })
        .await?,
        p99(
            &named("page of failed jobs, of which there are none"),
            async |_| jobs(&failed).await,
        )
        .await?,
    ])
}

/// A cursor as far back as a hundred large pages, or as the list goes.
async fn middle(service: &Service) -> Result<Option<String>> {
    let mut cursor = None;
    for _ in 0..100 {
        let page = service
            .backups_page(&BackupFilter::default(), cursor.as_deref(), 500)
            .await?;
        if page.next.is_none() {
            break;
        }
        cursor = page.next;
    }
    Ok(cursor)
}

/// Somebody with a token, who was granted so many sources.
async fn somebody(service: &Service, catalog: &Catalog, name: &str, granted: usize) -> Result<Service> {
    let person = NewPerson {
        name: name.to_owned(),
        role: Role::Viewer,
        password: None,
        email: None,
        plan: Entitlement::default(),
    };
    let person = service.add_person(&person).await?.id;
    for number in 0..granted {
        let row = GrantRow {
            person: person.clone(),
            source: filling::source_id(number * SOURCES / granted)?,
            relation: "granted".to_owned(),
            created: 1,
        };
        catalog.put_grant(&row).await?;
    }
    let token = NewToken {
        person: Some(name.to_owned()),
        name: String::new(),
        scopes: Vec::new(),
        expires: None,
    };
    let token = service.create_token(&token).await?.token;
    let door = service.acting(Caller::nobody(Via::Api, ""));
    Ok(service.acting(door.authenticate_token(&token).await?))
}

async fn schedule_all(catalog: &Catalog, now: i64) -> Result<()> {
    for number in 0..SOURCES {
        let id = filling::source_id(number)?;
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
    Ok(quantile(times, 0.5))
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
        catalog.add_job(&filling::job(number, SOURCES)?).await?;
        let begin = Instant::now();
        let claimed = catalog.claim_job(&claim, None).await?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        assert!(claimed.is_some(), "there is a job to claim");
    }
    Ok(quantile(times, 0.5))
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
