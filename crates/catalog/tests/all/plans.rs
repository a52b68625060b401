//! No list and no lookup reads a whole table: what SQLite means to do with each statement.

use catalog::{Catalog, STATEMENTS};
use sqlx::{AssertSqlSafe, Connection, Row};

/// The index that leads each statement, and whether what it finds must be sorted.
const LED_BY: [(&str, &str, bool); 28] = [
    ("backup_pages::ALL_OF_THEM", "backups_by_time", false),
    ("backup_pages::OF_SOURCE", "backups_by_source", false),
    ("backup_pages::OF_REASON", "backups_by_reason", false),
    ("backup_pages::NOT_OK", "backups_not_ok", false),
    ("backup_pages::GRANTED_MANY", "backups_by_time", false),
    ("backup_pages::GRANTED_FEW", "backups_by_source", true),
    ("backup_pages::COUNT_GRANTED", "backups_by_source", false),
    ("backup_pages::COUNT", "backups_by_source", false),
    ("backup_pages::MADE", "backups_by_source", true),
    ("backups::NAMED", "backups_by_name", false),
    ("backups::BEGINNING", "sqlite_autoindex_backups_1", false),
    ("backups::OF_SOURCE_NAMED", "backups_by_source_name", false),
    ("backups::NEWEST", "backups_by_source", false),
    ("backups::OF_SNAPSHOT", "backups_snapshot", false),
    ("job_pages::ALL_OF_THEM", "jobs_by_time", false),
    ("job_pages::OF_KIND", "jobs_by_kind", false),
    ("job_pages::OF_STATE", "jobs_by_state", false),
    ("job_pages::OF_KIND_AND_STATE", "jobs_by_kind_and_state", false),
    ("job_pages::OF_SOURCE", "jobs_by_source", false),
    (
        "job_pages::OF_SOURCE_AND_STATE",
        "jobs_by_source_and_state",
        false,
    ),
    ("job_pages::NOWHERE", "jobs_by_source", false),
    ("job_pages::GRANTED_MANY", "jobs_by_time", false),
    ("job_pages::GRANTED_FEW", "jobs_by_source", true),
    ("job_pages::SINCE", "jobs_by_source", false),
    ("job_pages::BEGINNING", "sqlite_autoindex_jobs_1", false),
    ("restores::LAST_CHANGED", "jobs_by_change", false),
    ("restores::LEFT", "jobs_left", false),
    ("sources::ENDING", "sources_by_end", true),
];

#[tokio::test]
async fn no_list_and_no_lookup_reads_a_whole_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    Catalog::open_file(&path, 1).await.unwrap().close().await;
    let url = format!("sqlite://{}", path.display());
    let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
    for (name, index, sorts) in LED_BY {
        let mut all = STATEMENTS.iter().copied().flatten();
        let (_, text) = all.find(|(known, _)| *known == name).expect(name);
        let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let steps = sqlx::query(explained).fetch_all(&mut connection).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        let led = |step: &String| step.contains(&format!("INDEX {index} "));
        assert!(steps.iter().any(led), "{name}: {steps:?}");
        let reads_all = |step: &&String| step.starts_with("SCAN backups") || step.starts_with("SCAN jobs");
        assert_eq!(steps.iter().find(reads_all), None, "{name}: {steps:?}");
        let sorted = steps.iter().any(|step| step.contains("FOR ORDER BY"));
        assert_eq!(sorted, sorts, "{name}: {steps:?}");
    }
}
