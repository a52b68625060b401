//! The stories of requests that somebody has to agree to: request and job change together, or not at all.

use std::pin::pin;
use std::task::Poll;

use catalog::Catalog;
use catalog::approvals::{ApprovalRow, Asking, Decision, LinkRow};
use catalog::jobs::{Claim, NewJob};
use catalog::outbox::OutboxRow;
use catalog::plans::PlanRow;
use model::{Kind, Problem};

fn request(id: &str, source: &str) -> ApprovalRow {
    ApprovalRow {
        id: id.into(),
        source: source.into(),
        job: format!("job-{id}"),
        plan: format!("plan-{id}"),
        hash: "abc".into(),
        backup: format!("backup-{id}"),
        person: None,
        requester: "cli".into(),
        asked: "[]".into(),
        state: "pending".into(),
        created: 10,
        expires: 100,
        decided: None,
        decided_by: None,
        via: None,
        reason: String::new(),
    }
}

fn job(row: &ApprovalRow) -> NewJob {
    NewJob {
        id: row.job.clone(),
        kind: "restore".into(),
        source: Some(row.source.clone()),
        alone: true,
        node: "approvals".into(),
        request: "{}".into(),
        person: None,
        created: row.created,
    }
}

fn link(row: &ApprovalRow) -> LinkRow {
    LinkRow {
        hash: format!("hash-{}", row.id),
        approval: row.id.clone(),
        person: "p".into(),
        email: "ann@example.org".into(),
    }
}

fn letter(id: &str) -> OutboxRow {
    OutboxRow {
        id: id.into(),
        source: None,
        channel: "{}".into(),
        notice: "{}".into(),
        attempts: 0,
        next: Some(1),
        problem: String::new(),
        created: 1,
    }
}

fn replaced() -> Problem {
    Problem::new(Kind::Conflict, "a newer one took its place").hint("wait")
}

pub(crate) async fn ask(catalog: &Catalog, row: &ApprovalRow) -> Vec<ApprovalRow> {
    let (job, links, letters) = (job(row), [link(row)], [letter(&format!("letter-{}", row.id))]);
    let asking = Asking {
        approval: row,
        job: &job,
        links: &links,
        letters: &letters,
    };
    catalog.ask_approval(asking, &replaced()).await.unwrap()
}

fn decision<'a>(id: &'a str, state: &'a str, at: i64) -> Decision<'a> {
    Decision {
        id,
        state,
        at,
        by: Some("ann"),
        via: Some("link"),
        reason: "",
        letters: &[],
    }
}

/// The states of request and job.
async fn states(catalog: &Catalog, id: &str) -> (String, String) {
    let row = catalog.approval(id).await.unwrap().unwrap();
    let job = catalog.job(&row.job).await.unwrap().unwrap();
    (row.state, job.state)
}

async fn are(catalog: &Catalog, id: &str, request: &str, job: &str) {
    assert_eq!(
        states(catalog, id).await,
        (request.to_owned(), job.to_owned()),
        "{id}"
    );
}

async fn claimed(catalog: &Catalog) -> Option<String> {
    let claim = Claim {
        owner: "w",
        node: "approvals",
        now_ms: 1,
        until_ms: i64::MAX,
    };
    catalog.claim_job(&claim, None).await.unwrap().map(|job| job.id)
}

pub(crate) async fn approvals(catalog: &Catalog) {
    let plan = PlanRow {
        id: "plan-a1".into(),
        hash: "abc".into(),
        target: "s-a".into(),
        created: 1,
        expires: 2,
        document: "{}".into(),
    };
    catalog.add_plan(&plan).await.unwrap();
    let first = request("a1", "s-a");
    assert_eq!(ask(catalog, &first).await, []);
    are(catalog, "a1", "pending", "waiting").await;
    assert_eq!(claimed(catalog).await, None, "what waits is not claimed");
    assert_eq!(
        catalog.approval_of_job("job-a1").await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        catalog.approval_link("hash-a1").await.unwrap(),
        Some(link(&first))
    );
    assert_eq!(catalog.approval_link("hash").await.unwrap(), None);
    assert_eq!(catalog.backups_asked_for().await.unwrap(), ["backup-a1"]);
    catalog.delete_expired_plans(1_000).await.unwrap();
    assert!(
        catalog.plan("plan-a1").await.unwrap().is_some(),
        "what was asked for stays"
    );
    let letters = [letter("letter-yes")];
    let yes = Decision {
        letters: &letters,
        ..decision("a1", "approved", 99)
    };
    assert!(
        !catalog.approve(decision("a1", "approved", 100)).await.unwrap(),
        "too late"
    );
    assert!(catalog.approve(yes).await.unwrap());
    assert!(!catalog.approve(yes).await.unwrap(), "once");
    assert!(
        !catalog
            .turn_down(decision("a1", "declined", 50), &replaced())
            .await
            .unwrap()
    );
    are(catalog, "a1", "approved", "queued").await;
    assert_eq!(claimed(catalog).await.as_deref(), Some("job-a1"));
    catalog.use_approval("job-a1").await.unwrap();
    are(catalog, "a1", "used", "running").await;
    catalog.delete_expired_plans(1_000).await.unwrap();
    assert_eq!(catalog.plan("plan-a1").await.unwrap(), None);
    for id in ["letter-a1", "letter-yes"] {
        catalog.delete_outgoing(id).await.unwrap();
    }
}

pub(crate) async fn requests_that_nobody_grants(catalog: &Catalog) {
    let old = request("b1", "s-b");
    ask(catalog, &old).await;
    let went = ask(catalog, &request("b2", "s-b")).await;
    assert_eq!(went.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["b1"]);
    are(catalog, "b1", "replaced", "cancelled").await;
    let error = catalog.job("job-b1").await.unwrap().unwrap();
    assert_eq!(error.error_message.as_deref(), Some("a newer one took its place"));
    assert!(!catalog.approve(decision("b1", "approved", 20)).await.unwrap());
    let no = Problem::new(Kind::Refused, "ann declined it");
    assert!(
        catalog
            .turn_down(decision("b2", "declined", 30), &no)
            .await
            .unwrap()
    );
    are(catalog, "b2", "declined", "failed").await;
    ask(catalog, &request("b3", "s-b")).await;
    assert!(catalog.cancel_job("job-b3", 40).await.unwrap());
    are(catalog, "b3", "withdrawn", "cancelled").await;
    assert!(!catalog.approve(decision("b3", "approved", 41)).await.unwrap());
    ask(catalog, &request("b4", "s-b")).await;
    assert_eq!(catalog.due_approvals(99).await.unwrap(), []);
    assert_eq!(catalog.due_approvals(100).await.unwrap().len(), 1);
    assert_eq!(catalog.pending_approvals().await.unwrap().len(), 1);
    assert!(
        catalog
            .turn_down(decision("b4", "expired", 100), &no)
            .await
            .unwrap()
    );
    are(catalog, "b4", "expired", "failed").await;
    assert_eq!(catalog.list_approvals(2).await.unwrap().len(), 2);
    assert_eq!(catalog.backups_asked_for().await.unwrap(), Vec::<String>::new());
    assert_eq!(claimed(catalog).await, None);
    for number in 1..=4 {
        catalog
            .delete_outgoing(&format!("letter-b{number}"))
            .await
            .unwrap();
    }
}

/// Runs a piece of work as far as its `polls`th turn; false when it came to its end before.
pub(crate) async fn dies_after(polls: usize, work: impl Future) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(true);
        }
        left -= 1;
        work.as_mut().poll(cx).map(|_| false)
    })
    .await
}

/// The states, seen twice alike: what broke off may be written by the server between two looks.
async fn settled(catalog: &Catalog, id: &str) -> (String, String) {
    loop {
        let (one, two) = (states(catalog, id).await, states(catalog, id).await);
        if one == two {
            return one;
        }
    }
}

pub(crate) async fn an_answer_that_breaks_off_anywhere_is_given_whole_or_not_at_all(catalog: &Catalog) {
    let mut broke = 0;
    let mut polls = 0;
    // How often it is looked at until it is done depends on the machine; each pass breaks off at least once.
    for pass in 0.. {
        let id = format!("c{pass}");
        let row = request(&id, &format!("s-{id}"));
        ask(catalog, &row).await;
        let died = dies_after(polls, catalog.approve(decision(&id, "approved", 20))).await;
        let (request, job) = settled(catalog, &id).await;
        let whole = (request.as_str(), job.as_str());
        assert!(
            whole == ("pending", "waiting") || whole == ("approved", "queued"),
            "{polls}: {whole:?}"
        );
        let again = catalog.approve(decision(&id, "approved", 21)).await.unwrap();
        assert!(!again || whole.0 == "pending", "{polls}: it can be given once");
        are(catalog, &id, "approved", "queued").await;
        catalog.cancel_job(&row.job, 22).await.unwrap();
        catalog.delete_outgoing(&format!("letter-{id}")).await.unwrap();
        broke += usize::from(died);
        polls = if died { polls + 1 } else { 0 };
        if !died && broke >= 3 {
            break;
        }
    }
}
