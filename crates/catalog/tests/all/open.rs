//! Opening: anew, again, at once, and what must be refused untouched.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use catalog::Catalog;
use model::Kind;
use sqlx::{Connection, Executor};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_new_catalog_is_private_and_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    run(async {
        let catalog = Catalog::open_file(&path, 1).await.unwrap();
        catalog.set_setting("a", "b").await.unwrap();
        catalog.close().await;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Catalog::open_file(&path, 2).await.unwrap();
        assert_eq!(again.setting("a").await.unwrap().as_deref(), Some("b"));
        again.ping().await.unwrap();
        let copy = dir.path().join("copy.db");
        again.copy_to(&copy).await.unwrap();
        let copied = Catalog::open_file(&copy, 3).await.unwrap();
        assert_eq!(copied.setting("a").await.unwrap().as_deref(), Some("b"));
    });
}

#[test]
fn many_that_start_at_once_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| run(async { Catalog::open_file(&path, 1).await.unwrap().ping().await.unwrap() }));
        }
    });
}

#[test]
fn a_catalog_of_a_newer_version_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    run(async {
        Catalog::open_file(&path, 1).await.unwrap().close().await;
        let mut raw = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        raw.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1")
            .await
            .unwrap();
        raw.close().await.unwrap();
        let before = fs::read(&path).unwrap();
        let refused = Catalog::open_file(&path, 2).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::TooNew);
        assert!(refused.hint_text().is_some());
        assert_eq!(fs::read(&path).unwrap(), before);
    });
}

#[test]
fn a_damaged_catalog_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    run(async {
        let catalog = Catalog::open_file(&path, 1).await.unwrap();
        catalog.set_setting("a", &"b".repeat(50_000)).await.unwrap();
        catalog.close().await;
        let mut bytes = fs::read(&path).unwrap();
        let length = bytes.len();
        bytes[4096..length - 4096].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let refused = Catalog::open_file(&path, 2).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Damaged, "{refused}");
        assert!(refused.hint_text().unwrap().contains("recover"));
        assert_eq!(fs::read(&path).unwrap(), bytes);
        fs::write(
            &path,
            b"this is no database at all, but a text file of some length",
        )
        .unwrap();
        assert_eq!(
            Catalog::open_file(&path, 2).await.unwrap_err().kind(),
            Kind::Damaged
        );
    });
}

#[test]
fn a_folder_that_is_not_there_and_a_wrong_address_are_problems_with_a_place() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open_file(&dir.path().join("c.db"), 1).await.unwrap();
        catalog.check().await.unwrap();
        let missing = Catalog::open_file(std::path::Path::new("/nonexistent/x/catalog.db"), 1)
            .await
            .unwrap_err();
        assert!(missing.message().contains("/nonexistent/x"), "{missing}");
        assert_eq!(
            Catalog::open_url("mysql://x").await.unwrap_err().kind(),
            Kind::Invalid
        );
    });
}
