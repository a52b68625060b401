//! The stories of the queue: leases, fences, turns.

use catalog::Catalog;
use catalog::job_pages::Which;
use catalog::jobs::{Claim, Ending, NewJob};
use catalog::paging::{After, Within};
use model::{Kind, Problem, Seen};

use crate::approvals::dies_after;

fn job(id: &str, alone: bool) -> NewJob {
    NewJob {
        id: id.into(),
        kind: "restore".into(),
        source: Some("s1".into()),
        alone,
        node: "main".into(),
        request: "{}".into(),
        person: None,
        created: 1,
    }
}

fn claim(owner: &str, now_ms: i64) -> Claim<'_> {
    Claim {
        owner,
        node: "main",
        now_ms,
        until_ms: now_ms + 60_000,
    }
}

pub(crate) async fn jobs(catalog: &Catalog) {
    catalog.add_job(&job("j1", false)).await.unwrap();
    let other_node = Claim {
        node: "elsewhere",
        ..claim("w", 10)
    };
    assert_eq!(catalog.claim_job(&other_node, None).await.unwrap(), None);
    let mine = catalog.claim_job(&claim("w1", 10), None).await.unwrap().unwrap();
    assert_eq!(
        (mine.state.as_str(), mine.fence, mine.started),
        ("running", 1, Some(10))
    );
    let seen = Seen {
        phase: "reading".into(),
        bytes_done: 7,
        ..Seen::default()
    };
    assert!(!catalog.beat("j1", 1, 70_000, &seen).await.unwrap());
    assert!(catalog.cancel_job("j1", 11).await.unwrap());
    assert!(catalog.beat("j1", 1, 70_000, &seen).await.unwrap());
    assert_eq!(catalog.reap_jobs(60_000).await.unwrap(), Vec::<String>::new());
    assert_eq!(catalog.reap_jobs(70_001).await.unwrap(), ["j1"]);
    let late = Ending {
        state: "succeeded",
        result: None,
        problem: None,
    };
    assert_eq!(
        catalog.end_job("j1", 1, &late, 80_000).await.unwrap_err().kind(),
        Kind::Conflict,
        "a late worker changes nothing"
    );
    assert!(catalog.beat("j1", 1, 90_000, &seen).await.is_err());
    assert!(catalog.requeue_job("j1", "interrupted", 80_000).await.unwrap());
    assert!(!catalog.requeue_job("j1", "interrupted", 80_000).await.unwrap());
    let again = catalog
        .claim_job(&claim("w2", 90_000), Some("j1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (again.fence, again.cancel_requested, again.started),
        (2, 0, Some(10))
    );
    let problem = Problem::damaged("broken").hint("mend it");
    let failed = Ending {
        state: "failed",
        result: Some("{}".into()),
        problem: Some(&problem),
    };
    catalog.end_job("j1", 2, &failed, 95_000).await.unwrap();
    let ended = catalog.job("j1").await.unwrap().unwrap();
    assert_eq!(
        (ended.state.as_str(), ended.error_hint.as_deref(), ended.ended),
        ("failed", Some("mend it"), Some(95_000))
    );
    assert!(!catalog.cancel_job("j1", 1).await.unwrap());
    catalog.add_job(&job("j2", false)).await.unwrap();
    assert!(catalog.cancel_job("j2", 96_000).await.unwrap());
    assert_eq!(catalog.job("j2").await.unwrap().unwrap().state, "cancelled");
    let (which, begin) = (Which::default(), After::nothing());
    let all = catalog.page_of_jobs(&Within::All, &which, &begin, 10).await;
    assert_eq!(all.unwrap().len(), 2);
    let nobodys = Within::Source("nobody".into());
    let none = catalog.page_of_jobs(&nobodys, &which, &begin, 10).await;
    assert_eq!(none.unwrap(), []);
}

/// Claims a restore and ends it so.
async fn ended(catalog: &Catalog, id: &str, state: &str) {
    let fence = catalog
        .claim_job(&claim("w", 1), Some(id))
        .await
        .unwrap()
        .unwrap()
        .fence;
    let ending = Ending {
        state,
        result: None,
        problem: None,
    };
    catalog.end_job(id, fence, &ending, 2).await.unwrap();
}

pub(crate) async fn a_restore_that_begins_closes_those_that_it_supersedes(catalog: &Catalog) {
    let of = |source: &str, id: &str, created: i64| NewJob {
        source: Some(source.into()),
        created,
        ..job(id, false)
    };
    for (id, created) in [("r1", 1), ("r2", 2), ("r3", 3), ("r4", 5)] {
        catalog.add_job(&of("rs", id, created)).await.unwrap();
    }
    catalog.add_job(&of("another", "r5", 1)).await.unwrap();
    ended(catalog, "r1", "failed").await;
    let problem = Problem::new(Kind::Drifted, "superseded").hint("plan again");
    let late = catalog.begin_to_change("r1", 1, 9, &problem).await.unwrap_err();
    assert_eq!(late.kind(), Kind::Conflict, "only who holds it changes anything");
    let mine = catalog
        .claim_job(&claim("w", 1), Some("r3"))
        .await
        .unwrap()
        .unwrap();
    let mut closed = catalog
        .begin_to_change("r3", mine.fence, 10, &problem)
        .await
        .unwrap();
    closed.sort();
    assert_eq!(
        closed,
        ["r1", "r2"],
        "neither a later one nor one of another source"
    );
    for (id, state) in [
        ("r1", "failed"),
        ("r2", "failed"),
        ("r4", "queued"),
        ("r5", "queued"),
    ] {
        let row = catalog.job(id).await.unwrap().unwrap();
        assert_eq!(
            (row.state.as_str(), row.closed),
            (state, i64::from(state == "failed"))
        );
    }
    assert!(!catalog.requeue_job("r1", "failed", 11).await.unwrap());
    assert_eq!(catalog.claim_job(&claim("w", 1), Some("r2")).await.unwrap(), None);
    assert_eq!(
        catalog
            .begin_to_change("r3", mine.fence, 12, &problem)
            .await
            .unwrap(),
        [""; 0]
    );
    let last = catalog.last_changed((i64::MAX, ""), 10).await.unwrap();
    let last: Vec<_> = last.iter().map(|row| (row.id.as_str(), row.changed)).collect();
    assert_eq!(last, [("r3", Some(12))]);
    let left = catalog.restores_left("rs").await.unwrap();
    assert_eq!(
        left.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(),
        ["r1", "r2"]
    );
    catalog.note_tidied("r1").await.unwrap();
    assert_eq!(catalog.restores_left("rs").await.unwrap().len(), 1);
    assert!(!catalog.close_job("r3", 13, None).await.unwrap(), "it runs");
    assert!(catalog.close_job("r4", 13, None).await.unwrap());
    assert!(!catalog.close_job("r4", 14, None).await.unwrap(), "once");
}

pub(crate) async fn alone_jobs_of_one_source_take_turns(catalog: &Catalog) {
    for id in ["d1", "d2"] {
        catalog.add_job(&job(id, true)).await.unwrap();
    }
    let first = catalog.claim_job(&claim("w", 1), None).await.unwrap().unwrap();
    assert_eq!(catalog.claim_job(&claim("w", 1), None).await.unwrap(), None);
    assert_eq!(catalog.claim_job(&claim("w", 1), Some("d2")).await.unwrap(), None);
    let done = Ending {
        state: "succeeded",
        result: None,
        problem: None,
    };
    catalog.end_job(&first.id, first.fence, &done, 2).await.unwrap();
    let second = catalog.claim_job(&claim("w", 1), None).await.unwrap().unwrap();
    catalog.end_job(&second.id, second.fence, &done, 2).await.unwrap();
}

pub(crate) async fn each_job_is_claimed_once(catalog: &Catalog) {
    for number in 0..60 {
        let job = NewJob {
            source: None,
            ..job(&format!("many-{number:03}"), false)
        };
        catalog.add_job(&job).await.unwrap();
    }
    let worker = |name: String, catalog: Catalog| async move {
        let mut mine = Vec::new();
        while let Some(job) = catalog.claim_job(&claim(&name, 1), None).await.unwrap() {
            mine.push(job.id);
        }
        mine
    };
    let workers: Vec<_> = (0..6)
        .map(|n| tokio::spawn(worker(format!("w{n}"), catalog.clone())))
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    claimed.sort();
    let total = claimed.len();
    claimed.dedup();
    assert_eq!((total, claimed.len()), (60, 60));
}

/// Wherever something is broken off, what is written afterwards is there for everybody.
pub(crate) async fn what_breaks_off_swallows_nothing(catalog: &Catalog, other: &Catalog) {
    for polls in 0..12 {
        dies_after(polls, catalog.cancel_job("nothing", 1)).await;
        let add = |number: usize| {
            let catalog = catalog.clone();
            let id = format!("kept-{polls}-{number}");
            tokio::spawn(async move { catalog.add_job(&job(&id, false)).await.map(|()| id) })
        };
        let writers: Vec<_> = (0..16).map(add).collect();
        for writer in writers {
            let id = writer.await.unwrap().unwrap();
            assert!(
                other.job(&id).await.unwrap().is_some(),
                "{id} is seen by nobody else"
            );
            assert!(other.cancel_job(&id, 1).await.unwrap(), "{id}");
        }
    }
}
