//! Settings that an earlier version wrote.

use catalog::Catalog;
use catalog::sources::SourceRow;
use serde_json::json;
use service::{Options, Service, kinds};
use testkit::items::ITEMS;

use crate::house::run;

#[test]
fn secrets_that_an_earlier_version_stored_plainly_are_sealed_at_the_next_start() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let options = || Options {
            kinds: kinds().with(&ITEMS),
            ..Options::new(&data)
        };
        let settings = json!({"world": dir.path().join("world.json"), "key": "open-planted"});
        let service = Service::open(options()).await.unwrap();
        let source = service.add_source("w", "items", &settings).await.unwrap();
        service.close().await;

        let catalog = Catalog::open_file(&data.join("catalog.db"), 0).await.unwrap();
        let row = catalog.source(&source.id).await.unwrap().unwrap();
        assert!(!row.settings.contains("planted"));
        let plain = SourceRow {
            settings: settings.to_string(),
            ..row
        };
        catalog.update_source(&plain).await.unwrap();
        catalog.close().await;

        let service = Service::open(options()).await.unwrap();
        let seen = service.check_source("w").await.unwrap();
        assert_eq!(seen.parts.len(), 3);
        service.close().await;
        let catalog = Catalog::open_file(&data.join("catalog.db"), 0).await.unwrap();
        let row = catalog.source(&source.id).await.unwrap().unwrap();
        assert!(!row.settings.contains("planted"), "{}", row.settings);
        catalog.close().await;
    });
}
