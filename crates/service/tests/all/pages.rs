//! Long lists through the service: pages, cursors, what a token sees, and what is meant by a name among very many.

use catalog::Catalog;
use catalog::backups::BackupRow;
use catalog::jobs::NewJob;
use catalog::sources::SourceRow;
use model::{Kind, Lapse, Reason, Relation, Role};
use service::{BackupFilter, BackupView, JobFilter, LARGEST_PAGE, Page, Service};

use crate::house::{House, run};
use crate::scene::{person, token, with_token};

/// An id like those that are made, by a number that its beginning and its end show.
fn id(number: usize) -> String {
    format!("0197{number:04x}-4a00-7cc3-98c4-dc0c{number:08x}")
}

fn source(number: usize) -> SourceRow {
    SourceRow {
        id: id(0xa000 + number),
        name: format!("server-{number}"),
        kind: "folder".into(),
        settings: r#"{"paths":["/srv"]}"#.into(),
        policy: "{}".into(),
        node: "main".into(),
        created: 1,
        hidden: 0,
    }
}

fn backup(number: usize, of: usize) -> BackupRow {
    BackupRow {
        id: id(number),
        source: source(of).id,
        source_name: source(of).name,
        kind: "folder".into(),
        repository: "main".into(),
        snapshot: format!("{number:064x}"),
        tree: "t".into(),
        name: format!("evening {}", number % 30),
        reason: ["manual", "scheduled", "safety"][number % 3].into(),
        created: number as i64 / 2,
        seconds: 1.0,
        parts: "[]".into(),
        files: 1,
        bytes: 1,
        added_bytes: 1,
        state: if number % 40 == 7 { "missing" } else { "ok" }.into(),
        warnings: "[]".into(),
        ..BackupRow::default()
    }
}

fn job(number: usize) -> NewJob {
    NewJob {
        id: id(0x5000 + number),
        kind: ["backup", "verify"][number % 2].into(),
        source: (!number.is_multiple_of(5)).then(|| source(number % 5).id),
        alone: false,
        node: "elsewhere".into(),
        request: "{}".into(),
        person: None,
        created: number as i64,
    }
}

const BACKUPS: usize = 240;

/// Besides `world`: four sources with many backups and jobs.
async fn full_house() -> House {
    let house = House::new().await;
    let path = house.dir.path().join("data/catalog.db");
    let catalog = Catalog::open_file(&path, 1).await.unwrap();
    for number in 1..5 {
        catalog.add_source(&source(number)).await.unwrap();
    }
    let backups: Vec<BackupRow> = (0..BACKUPS)
        .map(|number| backup(number, 1 + number % 4))
        .collect();
    catalog.add_backups(&backups).await.unwrap();
    for number in 0..40 {
        catalog.add_job(&job(number)).await.unwrap();
    }
    catalog.close().await;
    house
}

async fn all_pages(service: &Service, filter: &BackupFilter, limit: u32) -> Vec<BackupView> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page: Page<BackupView> = service
            .backups_page(filter, cursor.as_deref(), limit)
            .await
            .unwrap();
        assert!(page.items.len() <= limit as usize);
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

#[test]
fn all_pages_are_the_list_whatever_is_filtered() {
    run(async {
        let house = full_house().await;
        let whole = house.service.list_backups(None, 10_000).await.unwrap();
        assert_eq!(whole.len(), BACKUPS);
        let filters = [
            BackupFilter::default(),
            BackupFilter {
                source: Some("server-2".into()),
                ..BackupFilter::default()
            },
            BackupFilter {
                reason: Some("scheduled".into()),
                ..BackupFilter::default()
            },
            BackupFilter {
                state: Some("missing".into()),
                ..BackupFilter::default()
            },
            BackupFilter {
                source: Some(source(3).id),
                reason: Some("manual".into()),
                state: Some("ok".into()),
            },
        ];
        for filter in &filters {
            let fits = |view: &&BackupView| {
                let named = filter.source.as_ref();
                named.is_none_or(|name| view.source == *name || view.source_id == *name)
                    && filter.reason.as_ref().is_none_or(|reason| *reason == view.reason)
                    && filter.state.as_ref().is_none_or(|state| *state == view.state)
            };
            let expected: Vec<BackupView> = whole.iter().filter(fits).cloned().collect();
            assert!(!expected.is_empty());
            for limit in [1, 7, expected.len() as u32, LARGEST_PAGE] {
                assert_eq!(all_pages(&house.service, filter, limit).await, expected);
            }
        }
    });
}

#[test]
fn jobs_are_filtered_and_name_their_source() {
    run(async {
        let house = full_house().await;
        let filter = JobFilter {
            kind: Some("verify".into()),
            state: Some("queued".into()),
            ..JobFilter::default()
        };
        let first = house.service.jobs_page(&filter, None, 15).await.unwrap();
        let rest = house
            .service
            .jobs_page(&filter, first.next.as_deref(), 15)
            .await
            .unwrap();
        assert_eq!((first.items.len(), rest.items.len(), rest.next), (15, 5, None));
        let newest = &first.items[0];
        assert_eq!(newest.source.as_deref(), Some("server-4"));
        assert_eq!(newest.source_id, Some(source(4).id));
        let of_source = JobFilter {
            source: Some("server-1".into()),
            ..JobFilter::default()
        };
        let page = house.service.jobs_page(&of_source, None, 100).await.unwrap();
        assert_eq!(page.items.len(), 8);
    });
}

#[test]
fn the_audit_log_is_read_backwards_to_its_first_entry() {
    run(async {
        let house = full_house().await;
        for number in 1..6 {
            house.service.rename_backup(&id(number), "new").await.unwrap();
        }
        let whole = house.service.list_audit(100).await.unwrap();
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = house.service.audit_page(cursor.as_deref(), 2).await.unwrap();
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(all, whole);
        assert_eq!(house.service.check_audit().await.unwrap(), whole.len());
    });
}

#[test]
fn a_cursor_that_is_none_and_a_page_of_nothing_are_refused() {
    run(async {
        let house = full_house().await;
        let service = &house.service;
        let jobs = service.jobs_page(&JobFilter::default(), None, 1).await.unwrap();
        let everything = BackupFilter::default();
        for cursor in ["", "latest", "6262", &jobs.next.unwrap()] {
            let problem = service.backups_page(&everything, Some(cursor), 5).await;
            let problem = problem.unwrap_err();
            assert_eq!(problem.kind(), Kind::Invalid, "{cursor}");
            assert!(problem.hint_text().unwrap().contains("without a cursor"));
        }
        for limit in [0, LARGEST_PAGE + 1] {
            let problem = service.backups_page(&everything, None, limit).await.unwrap_err();
            assert_eq!(problem.kind(), Kind::Invalid, "{problem}");
        }
        let odd = BackupFilter {
            state: Some("lost".into()),
            ..BackupFilter::default()
        };
        let problem = service.backups_page(&odd, None, 5).await.unwrap_err();
        assert_eq!(problem.message(), "“lost” is not a state of a backup");
        let odd = JobFilter {
            state: Some("lost".into()),
            ..JobFilter::default()
        };
        let problem = service.jobs_page(&odd, None, 5).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid, "{problem}");
    });
}

#[test]
fn a_token_sees_what_it_was_made_for() {
    run(async {
        let house = full_house().await;
        let service = &house.service;
        for (name, role) in [("chief", Role::Administrator), ("ann", Role::Viewer)] {
            service.add_person(&person(name, role)).await.unwrap();
        }
        for source in ["server-1", "server-2"] {
            service.grant("ann", source, Relation::Granted).await.unwrap();
        }
        let see = |number: usize| format!("see@{}", source(number).id);
        let cases: [(&str, Vec<String>, &[&str], bool); 7] = [
            (
                "chief",
                vec![],
                &["server-1", "server-2", "server-3", "server-4"],
                true,
            ),
            (
                "chief",
                vec!["see".into()],
                &["server-1", "server-2", "server-3", "server-4"],
                false,
            ),
            ("chief", vec![see(1), see(3)], &["server-1", "server-3"], false),
            ("chief", vec![see(2), "repository".into()], &["server-2"], true),
            ("chief", vec!["audit".into()], &[], false),
            ("ann", vec![], &["server-1", "server-2"], false),
            ("ann", vec![see(1), see(3)], &["server-1"], false),
        ];
        for (who, scopes, sources, house_jobs) in cases {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            let made = service.create_token(&token(who, &scopes)).await.unwrap();
            let acting = with_token(service, &made.token).await;
            let backups = all_pages(&acting, &BackupFilter::default(), 11).await;
            let whole = service.list_backups(None, 10_000).await.unwrap();
            let expected = whole
                .iter()
                .filter(|view| sources.contains(&view.source.as_str()));
            assert!(backups.iter().eq(expected), "{who} {scopes:?}");
            let jobs = acting.jobs_page(&JobFilter::default(), None, 100).await.unwrap();
            let nowhere = jobs.items.iter().any(|job| job.source.is_none());
            assert_eq!(nowhere, house_jobs, "{who} {scopes:?}");
            assert_eq!(jobs.items.len(), 8 * (sources.len() + usize::from(house_jobs)));
            let seen = acting.list_sources().await.unwrap();
            let names: Vec<&str> = seen.iter().map(|view| view.name.as_str()).collect();
            assert!(
                names.iter().filter(|name| **name != "world").eq(sources),
                "{names:?}"
            );
        }
    });
}

#[test]
fn what_is_meant_is_found_among_many() {
    run(async {
        let house = full_house().await;
        let service = &house.service;
        let shown = async |wanted: &str| service.show_backup(wanted).await;
        // Of one moment the larger id is the newer; the very last one is a safety backup.
        assert_eq!(shown("latest").await.unwrap().id, id(238));
        assert_eq!(shown("server-2").await.unwrap().id, id(237));
        assert_eq!(shown("01970064").await.unwrap().id, id(0x64));
        assert_eq!(shown("0197-00644A").await.unwrap().id, id(0x64));
        let several = shown("evening 4").await.unwrap_err();
        assert!(
            several
                .message()
                .starts_with("“evening 4” fits 8 backups: evening 4 ("),
            "{several}"
        );
        let very_many = shown("0197").await.unwrap_err();
        assert!(
            very_many.message().contains("fits more than 20 backups"),
            "{very_many}"
        );
        let near = shown("evenin 4").await.unwrap_err();
        assert!(
            near.hint_text().unwrap().contains("did you mean “evening "),
            "{near:?}"
        );
        assert_eq!(
            shown(&id(7)).await.unwrap_err().kind(),
            Kind::NotFound,
            "its snapshot is gone"
        );
        let source = async |wanted: &str| service.source(wanted).await.map(|view| view.name);
        assert_eq!(source("0197a003").await.unwrap(), "server-3");
        assert_eq!(source("0197").await.unwrap_err().kind(), Kind::Invalid);
        let near = source("server-9").await.unwrap_err();
        assert!(near.hint_text().unwrap().contains("did you mean “server-"));
        assert_eq!(service.show_job("01975003").await.unwrap().id, id(0x5003));
    });
}

#[test]
fn what_is_hidden_is_found_by_no_name_and_asking_is_written_down() {
    run(async {
        let house = full_house().await;
        let service = &house.service;
        service.add_person(&person("ann", Role::Viewer)).await.unwrap();
        service.grant("ann", "server-1", Relation::Granted).await.unwrap();
        let made = service.create_token(&token("ann", &[])).await.unwrap();
        let ann = with_token(service, &made.token).await;
        assert_eq!(ann.show_backup("latest").await.unwrap().source, "server-1");
        assert_eq!(ann.show_backup("01970064").await.unwrap().id, id(0x64));
        // Number 5 is of another source, and so is every one of that name but those of hers.
        for wanted in [id(5), "01970005".to_owned(), "server-2".to_owned()] {
            let refused = ann.show_backup(&wanted).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::NotFound, "{wanted}");
            let newest = service.list_audit(1).await.unwrap().remove(0);
            assert_eq!(
                (newest.who.as_str(), newest.what.as_str()),
                ("ann", "refused: see")
            );
            assert_eq!(newest.target, "server-2", "{wanted}");
        }
        let hers = ann.show_backup("evening 4").await.unwrap_err();
        assert!(hers.message().contains("fits 4 backups"), "{hers}");
        let before = service.list_audit(1000).await.unwrap().len();
        ann.show_job(&id(0x5002)).await.unwrap_err();
        ann.show_backup("nothing at all").await.unwrap_err();
        let log = service.list_audit(1000).await.unwrap();
        assert_eq!(log.len(), before + 1);
        assert_eq!(log[0].target, "server-2");
    });
}

#[test]
fn a_panels_pages_hold_what_is_made_and_what_is_not() {
    run(async {
        let house = House::new().await;
        for _ in 0..3 {
            house.back_up(Reason::Manual).await.unwrap();
        }
        let service = &house.service;
        let asked = service
            .ask_backup(&service::BackupRequest::manual("world"))
            .await
            .unwrap();
        house.pass(Lapse::minutes(1));
        std::fs::remove_dir_all(house.world()).unwrap();
        house.back_up(Reason::Manual).await.unwrap_err();
        let whole = service.asked_backups("world", 0, 100).await.unwrap();
        assert_eq!((whole.total, whole.items.len()), (whole.items.len() as u64, 5));
        assert!(whole.items.iter().any(|one| one.id == asked.backup));
        for size in 1..7_u32 {
            let mut all = Vec::new();
            for number in 0..7 {
                let page = service
                    .asked_backups("world", number * u64::from(size), size)
                    .await;
                let page = page.unwrap();
                assert_eq!(page.total, 5);
                all.extend(page.items);
            }
            assert_eq!(all, whole.items, "pages of {size}");
        }
        for one in &whole.items {
            assert_eq!(service.asked_backup("world", &one.id).await.unwrap(), *one);
        }
        assert_eq!(
            service.asked_backups("world", u64::MAX, 5).await.unwrap().items,
            []
        );
    });
}
