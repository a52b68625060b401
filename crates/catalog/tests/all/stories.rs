//! One story per table, told on SQLite and on PostgreSQL; and every statement prepared on both.

use catalog::backups::BackupRow;
use catalog::journal::StepRow;
use catalog::paging::Among;
use catalog::seal::Sealer;
use catalog::sources::SourceRow;
use catalog::{Catalog, Engine, STATEMENTS};
use model::Kind;
use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr};
use testkit::{FakeRandom, Postgres};

use crate::approvals::{
    an_answer_that_breaks_off_anywhere_is_given_whole_or_not_at_all, approvals, requests_that_nobody_grants,
};
use crate::pages::{pages_are_the_list, pages_of_the_audit_log};
use crate::people::{
    attempts, grants, people, places, sessions, the_first_person_comes_in_by_a_setting_that_is_used_once,
    tokens,
};
use crate::queue::{
    a_restore_that_begins_closes_those_that_it_supersedes, alone_jobs_of_one_source_take_turns,
    each_job_is_claimed_once, jobs, what_breaks_off_swallows_nothing,
};
use crate::tables::{outbox, schedules};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn run<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

async fn on_sqlite(dir: &std::path::Path) -> Catalog {
    Catalog::open_file(&dir.join("catalog.db"), 1).await.unwrap()
}

async fn every_story(catalog: &Catalog) {
    sources(catalog).await;
    backups(catalog).await;
    crate::restore_plans::plans(catalog).await;
    jobs(catalog).await;
    alone_jobs_of_one_source_take_turns(catalog).await;
    journal_and_events(catalog).await;
    leases_and_settings(catalog).await;
    audit(catalog).await;
    schedules(catalog).await;
    outbox(catalog).await;
    people(catalog).await;
    the_first_person_comes_in_by_a_setting_that_is_used_once(catalog).await;
    tokens(catalog).await;
    sessions(catalog).await;
    attempts(catalog).await;
    places(catalog).await;
    grants(catalog).await;
    approvals(catalog).await;
    requests_that_nobody_grants(catalog).await;
    an_answer_that_breaks_off_anywhere_is_given_whole_or_not_at_all(catalog).await;
    each_job_is_claimed_once(catalog).await;
    a_restore_that_begins_closes_those_that_it_supersedes(catalog).await;
}

#[test]
fn every_story_is_true_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let catalog = on_sqlite(dir.path()).await;
        every_story(&catalog).await;
        what_breaks_off_swallows_nothing(&catalog, &on_sqlite(dir.path()).await).await;
        let url = format!("sqlite://{}", dir.path().join("catalog.db").display());
        prepare_all(&url, Engine::Sqlite).await;
    });
}

#[test]
fn every_story_is_true_on_postgresql() {
    let Some(server) = Postgres::start() else { return };
    let url = server.database("story");
    run(async {
        let catalog = Catalog::open_url(&url).await.unwrap();
        assert_eq!(catalog.engine(), Engine::Postgres);
        let other = Catalog::open_url(&url).await.unwrap();
        every_story(&catalog).await;
        what_breaks_off_swallows_nothing(&catalog, &other).await;
        other.close().await;
        prepare_all(&url, Engine::Postgres).await;
        catalog.close().await;
    });
}

#[test]
fn pages_put_together_are_the_list_on_sqlite() {
    let (runtime, dir) = (runtime(), tempfile::tempdir().unwrap());
    let catalog = runtime.block_on(on_sqlite(dir.path()));
    pages_are_the_list(&runtime, &catalog);
}

#[test]
fn pages_put_together_are_the_list_on_postgresql() {
    let Some(server) = Postgres::start() else { return };
    let runtime = runtime();
    let catalog = runtime.block_on(Catalog::open_url(&server.database("pages")));
    let catalog = catalog.unwrap();
    pages_are_the_list(&runtime, &catalog);
    runtime.block_on(catalog.close());
}

async fn prepare_all(url: &str, engine: Engine) {
    let mut connection = sqlx::AnyConnection::connect(url).await.unwrap();
    for (name, text) in STATEMENTS.iter().copied().flatten() {
        if name.ends_with("_POSTGRES") && engine == Engine::Sqlite {
            continue;
        }
        let prepared = connection.prepare(AssertSqlSafe(*text).into_sql_str()).await;
        assert!(
            prepared.is_ok(),
            "{name} on {engine:?}: {}",
            prepared.err().unwrap()
        );
    }
    assert!(
        connection
            .prepare(AssertSqlSafe("SELECT nothing FROM jobs").into_sql_str())
            .await
            .is_err()
    );
}

#[test]
fn no_statement_is_forgotten() {
    let known: Vec<&str> = STATEMENTS
        .iter()
        .copied()
        .flatten()
        .map(|(name, _)| *name)
        .collect();
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        // `open` has statements of SQLite alone, which every test here runs; `seal` has none.
        if stem == "open" || stem == "seal" {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            if let Some(name) = line
                .strip_prefix("const ")
                .and_then(|rest| rest.split_once(": &str"))
            {
                let full = format!("{stem}::{}", name.0);
                assert!(
                    known.contains(&full.as_str()),
                    "{full} stands in no ALL, so it is never prepared"
                );
            }
        }
    }
}

async fn sources(catalog: &Catalog) {
    let row = |id: &str, name: &str| SourceRow {
        id: id.into(),
        name: name.into(),
        kind: "folder".into(),
        settings: "{}".into(),
        policy: "{}".into(),
        node: "main".into(),
        created: 5,
        hidden: 0,
    };
    catalog.add_source(&row("s2", "b")).await.unwrap();
    catalog.add_source(&row("s1", "a")).await.unwrap();
    assert_eq!(
        catalog.add_source(&row("s3", "a")).await.unwrap_err().kind(),
        Kind::Conflict
    );
    catalog.update_source(&row("s2", "c")).await.unwrap();
    let listed = catalog.list_sources().await.unwrap();
    assert_eq!(listed, [row("s1", "a"), row("s2", "c")]);
    catalog.delete_source("s2").await.unwrap();
    assert_eq!(catalog.list_sources().await.unwrap().len(), 1);
}

fn backup(id: &str, created: i64) -> BackupRow {
    BackupRow {
        id: id.into(),
        source: "s1".into(),
        source_name: "a".into(),
        kind: "folder".into(),
        repository: "main".into(),
        snapshot: format!("snapshot of {id}"),
        tree: "t".into(),
        name: "n".into(),
        reason: "manual".into(),
        created,
        seconds: 1.5,
        parts: "[]".into(),
        files: 3,
        bytes: 4,
        added_bytes: 5,
        locked: 0,
        verified: None,
        person: None,
        job: Some("j".into()),
        state: "ok".into(),
        warnings: "[]".into(),
        ..BackupRow::default()
    }
}

async fn backups(catalog: &Catalog) {
    for (id, created) in [("b1", 10), ("b2", 20), ("b3", 15)] {
        catalog.add_backup(&backup(id, created)).await.unwrap();
    }
    let twice = BackupRow {
        snapshot: "snapshot of b1".into(),
        ..backup("b4", 1)
    };
    assert_eq!(
        catalog.add_backup(&twice).await.unwrap_err().kind(),
        Kind::Conflict
    );
    let ids = |rows: Vec<BackupRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(
        ids(catalog.list_backups(None, 10).await.unwrap()),
        ["b2", "b3", "b1"]
    );
    assert_eq!(ids(catalog.list_backups(Some("s1"), 1).await.unwrap()), ["b2"]);
    catalog.set_backup_locked("b1", true).await.unwrap();
    let named = catalog.backups_named("n", Among::All, 2).await.unwrap();
    assert_eq!(ids(named), ["b2", "b3"]);
    let unknown = catalog.backups_named("n", Among::Unknown("nobody"), 1);
    assert_eq!(ids(unknown.await.unwrap()), ["b2"]);
    assert_eq!(catalog.backups_named("n", Among::Known(""), 9).await.unwrap(), []);
    let between = ("b1".to_owned(), "b2".to_owned());
    let found = catalog.backups_between(&between, Among::All, 9).await.unwrap();
    assert_eq!(ids(found), ["b2", "b1"]);
    let newest = catalog.newest_backup_of("a", Among::All).await.unwrap();
    assert_eq!(newest.unwrap().id, "b2");
    assert_eq!(catalog.newest_backups().await.unwrap(), [("s1".to_owned(), 20)]);
    assert_eq!(catalog.count_backups("s1").await.unwrap(), 3);
    let made = catalog.made_backups("s1", 1, 1).await.unwrap();
    assert_eq!((made[0].backup.id.as_str(), &made[0].request), ("b3", &None));
    catalog.set_backup_name("b1", "renamed").await.unwrap();
    catalog.set_backup_verified("b1", 99).await.unwrap();
    let changed = catalog.backup("b1").await.unwrap().unwrap();
    assert_eq!(
        (changed.locked, changed.name.as_str(), changed.verified),
        (1, "renamed", Some(99))
    );
    what_is_damaged_is_verified_no_more(catalog).await;
    catalog.accept_backup("b1", 7).await.unwrap();
    catalog.accept_backup("b1", 8).await.unwrap();
    assert_eq!(catalog.backup("b1").await.unwrap().unwrap().accepted, Some(7));
    catalog.delete_backup("b1").await.unwrap();
    assert_eq!(catalog.backup("b1").await.unwrap(), None);
}

async fn what_is_damaged_is_verified_no_more(catalog: &Catalog) {
    let look = async || {
        let row = catalog.backup("b1").await.unwrap().unwrap();
        (row.state, row.verified)
    };
    for state in ["missing", "damaged"] {
        catalog.set_backup_verified("b1", 99).await.unwrap();
        assert_eq!(look().await, ("ok".to_owned(), Some(99)));
        catalog.set_backup_state("b1", state).await.unwrap();
        assert_eq!(look().await, (state.to_owned(), None));
        catalog.set_backup_state("b1", "ok").await.unwrap();
        assert_eq!(look().await, ("ok".to_owned(), None));
    }
    // Damaged pieces are not whole because a snapshot is found again.
    catalog.set_backup_hurt("b1").await.unwrap();
    for state in ["ok", "missing", "ok"] {
        catalog.set_backup_state("b1", state).await.unwrap();
    }
    assert_eq!(look().await, ("damaged".to_owned(), None));
    catalog.set_backup_verified("b1", 99).await.unwrap();
    catalog.set_backup_state("b1", "ok").await.unwrap();
    assert_eq!(look().await, ("ok".to_owned(), Some(99)));
    let found = catalog
        .backup_of_snapshot("main", "snapshot of b1")
        .await
        .unwrap();
    assert_eq!(found.unwrap().id, "b1");
    // The same content under another id is as verified as before, another content is not.
    catalog.set_backup_verified("b1", 99).await.unwrap();
    catalog.set_backup_snapshot("b1", "tagged", "t").await.unwrap();
    assert_eq!(look().await, ("ok".to_owned(), Some(99)));
    catalog.set_backup_snapshot("b1", "rewritten", "u").await.unwrap();
    assert_eq!(look().await, ("ok".to_owned(), None));
}

async fn journal_and_events(catalog: &Catalog) {
    let step = |step: &str, done| StepRow {
        step: step.into(),
        done,
        data: "{}".into(),
    };
    catalog
        .record_steps("j", 0, &[step("z", 0), step("a", 0)])
        .await
        .unwrap();
    catalog.record_steps("j", 2, &[step("z", 1)]).await.unwrap();
    assert_eq!(catalog.steps("j").await.unwrap(), [step("z", 1), step("a", 0)]);
    catalog.delete_steps("j").await.unwrap();
    assert_eq!(catalog.steps("j").await.unwrap(), []);
    for text in ["one", "two"] {
        catalog.add_event("j", 1, "info", text).await.unwrap();
    }
    let events = catalog.list_events("j", 1).await.unwrap();
    assert_eq!(
        (events.len(), events[0].seq, events[0].text.as_str()),
        (1, 2, "two")
    );
}

async fn leases_and_settings(catalog: &Catalog) {
    assert!(catalog.take_lease("leader", "a", 0, 10).await.unwrap());
    assert!(!catalog.take_lease("leader", "b", 5, 15).await.unwrap());
    assert!(catalog.take_lease("leader", "a", 5, 15).await.unwrap());
    assert!(catalog.take_lease("leader", "b", 16, 20).await.unwrap());
    assert_eq!(catalog.live_leases("lead", 20).await.unwrap(), 1);
    catalog.release_lease("leader", "a").await.unwrap();
    catalog.release_lease("leader", "b").await.unwrap();
    assert_eq!(catalog.live_leases("lead", 0).await.unwrap(), 0);
    catalog.set_setting("k", "1").await.unwrap();
    catalog.set_setting("k", "2").await.unwrap();
    assert_eq!(catalog.setting("k").await.unwrap().as_deref(), Some("2"));
    assert_eq!(catalog.setting("none").await.unwrap(), None);
}

async fn audit(catalog: &Catalog) {
    for what in ["backup", "restore", "delete"] {
        catalog.add_audit(1, "ann", what, "world", "").await.unwrap();
    }
    let rows = catalog.page_of_audit(i64::MAX, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(rows.iter().all(|row| row.hash == row.expected_hash()));
    assert!(rows.windows(2).all(|pair| pair[0].previous == pair[1].hash));
    pages_of_the_audit_log(catalog).await;
}

#[test]
fn a_sealed_secret_opens_in_its_place_only() {
    let keeper = Sealer::new(&"ab".repeat(32)).unwrap();
    let random = FakeRandom::seeded(1);
    let sealed = keeper.seal("s3cret", "sources/1/password", &random).unwrap();
    assert!(!sealed.contains("s3cret"));
    assert_ne!(
        sealed,
        keeper.seal("s3cret", "sources/1/password", &random).unwrap()
    );
    assert_eq!(
        keeper.open(&sealed, "sources/1/password").unwrap().as_str(),
        "s3cret"
    );
    assert_eq!(
        keeper.open(&sealed, "sources/2/password").unwrap_err().kind(),
        Kind::Refused
    );
    let other = Sealer::new(&"cd".repeat(32)).unwrap();
    assert!(
        other
            .open(&sealed, "sources/1/password")
            .unwrap_err()
            .hint_text()
            .is_some()
    );
    for bad in ["", "v1:", "v1:zz", "plain"] {
        assert!(keeper.open(bad, "x").is_err());
    }
    assert!(Sealer::new("short").is_err());
}
