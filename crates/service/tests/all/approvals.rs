//! Restores that somebody has to agree to: who is asked, who may answer, and what an answer does.

use std::fs;

use model::{ApprovalState, Cancel, Kind, Lapse, Progress, Reason, Relation, Result, Role};
use serde_json::json;
use service::{Agreement, Restored, Service};

use crate::house::{House, run};
use crate::people::{PASSWORD, door, log_in};
use crate::scene::{person, restore_request};

pub(crate) const GOOD: &[u8] = b"level one";
pub(crate) const BAD: &[u8] = b"griefed";

/// A source that is restored only with an approval, its backup, and a griefer since.
pub(crate) struct Gated {
    pub(crate) house: House,
    pub(crate) backup: String,
}

pub(crate) fn agreement(reason: &str) -> Agreement {
    Agreement {
        name: "world".to_owned(),
        reason: reason.to_owned(),
    }
}

pub(crate) async fn ask(service: &Service, backup: &str) -> Result<Restored> {
    let (progress, cancel) = (Progress::new(), Cancel::new());
    let request = restore_request(backup, None);
    let (plan, target) = service.plan_restore(&request, &progress, &cancel).await?;
    service
        .restore(&request, &plan, &target, &progress, &cancel)
        .await
}

impl Gated {
    pub(crate) async fn new(gate: serde_json::Value) -> Self {
        let house = House::new().await;
        let backup = house.back_up(Reason::Manual).await.unwrap().backup.id;
        let change = json!({ "gates": { "approval": gate } });
        house.service.change_policy("world", &change).await.unwrap();
        let gated = Gated { house, backup };
        gated.grief();
        gated
    }

    /// With the owner Ann and the operator Bob, who both have an address.
    pub(crate) async fn with_people(gate: serde_json::Value) -> Self {
        let gated = Gated::new(gate).await;
        gated.add("Ann", Role::Owner, Relation::Owner).await;
        gated.add("Bob", Role::Operator, Relation::Granted).await;
        gated
    }

    pub(crate) async fn add(&self, name: &str, role: Role, relation: Relation) {
        let new = service::NewPerson {
            password: Some(PASSWORD.to_owned()),
            email: Some(format!("{}@example.org", name.to_lowercase())),
            ..person(name, role)
        };
        self.house.service.add_person(&new).await.unwrap();
        if relation != Relation::None {
            self.house.service.grant(name, "world", relation).await.unwrap();
        }
    }

    pub(crate) async fn acting(&self, name: &str) -> Service {
        let session = log_in(&self.house, name, PASSWORD).await.unwrap();
        self.house.service.acting(session.caller)
    }

    pub(crate) fn level(&self) -> std::path::PathBuf {
        self.house.world().join("level.dat")
    }

    pub(crate) fn grief(&self) {
        fs::write(self.level(), BAD).unwrap();
    }

    pub(crate) fn is_restored(&self) -> bool {
        fs::read(self.level()).unwrap() == GOOD
    }

    pub(crate) async fn state(&self, job: &str) -> String {
        self.house.service.show_job(job).await.unwrap().state
    }

    /// What was sent, as addressees and subjects, sorted.
    pub(crate) fn sent(&self) -> Vec<String> {
        let line = |letter: &str, key: &str| {
            let found = letter.lines().find_map(|line| line.strip_prefix(key));
            found.unwrap_or_default().to_owned()
        };
        let letters = self.house.letters();
        let told = letters
            .iter()
            .map(|letter| format!("{} {}", line(letter, "To: "), line(letter, "Subject: [Cairn] ")));
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }

    /// What was audited about approvals, the oldest first.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let rows = self.house.service.list_audit(1000).await.unwrap();
        let about = rows.into_iter().rev().filter(|row| row.what.contains("appro"));
        about.map(|row| format!("{} {}", row.who, row.what)).collect()
    }
}

/// The secret of the link in the newest letter to somebody.
pub(crate) fn secret_to(house: &House, address: &str) -> String {
    let letters = house.letters();
    let letter = letters
        .iter()
        .rfind(|letter| letter.contains(&format!("To: {address}")) && letter.contains("/a/"));
    let text = letter.unwrap_or_else(|| panic!("no letter with a link: {letters:?}"));
    let link = text
        .lines()
        .find_map(|line| line.split_once("/a/"))
        .expect("a link");
    link.1.trim().to_owned()
}

/// The same instance, whose server the world reaches at an address.
pub(crate) async fn with_address(gated: &Gated) -> Service {
    gated.house.reached_at("https://backup.example.org/cairn/").await
}

#[test]
fn s04_a_restore_waits_for_the_owner_who_approves_by_the_link_and_types_the_name() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let bob = gated.acting("bob").await;
        let asked = ask(&bob, &gated.backup).await.unwrap();
        assert_eq!((asked.state.as_str(), asked.verified), ("waiting", false));
        let job = gated.house.service.show_job(&asked.job).await.unwrap();
        assert_eq!((job.state.as_str(), &job.approval), ("waiting", &asked.approval));
        let served = with_address(&gated).await;
        served.deliver_due().await.unwrap();
        assert_eq!(gated.house.work().await, 0, "nobody may carry it out yet");
        assert_eq!(
            gated.sent(),
            ["ann@example.org Approval wanted: restore of world"]
        );
        let secret = secret_to(&gated.house, "ann@example.org");
        let page = door(&served, "192.0.2.9");
        let shown = page.approval_of_link(&secret).await.unwrap();
        assert_eq!(shown.name, "world");
        assert_eq!((shown.counts.update, shown.groups.len()), (1, 1));
        assert_eq!(shown.groups[0].names, ["level.dat"]);
        assert_eq!(shown.approval.requester, "Bob");
        assert_eq!(
            shown.approval.state,
            ApprovalState::Pending,
            "looking changes nothing"
        );
        let approved = page.approve_by_link(&secret, &agreement("")).await.unwrap();
        assert_eq!(approved.state, ApprovalState::Approved);
        assert_eq!(
            (approved.decided_by.as_deref(), approved.via.as_deref()),
            (Some("Ann"), Some("link"))
        );
        assert!(!gated.is_restored(), "who serves carries it out");
        assert_eq!(gated.house.work().await, 1);
        assert!(gated.is_restored());
        assert_eq!(gated.state(&asked.job).await, "succeeded");
        assert_eq!(
            gated.sent()[1..],
            [
                "bob@example.org Approved: restore of world",
                "bob@example.org Done: restore of world"
            ]
        );
        assert_eq!(
            gated.audited().await,
            ["Bob approval.ask", "Ann approval.approve"]
        );
        let again = page.approve_by_link(&secret, &agreement("")).await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict);
        assert!(again.message().contains("approved by Ann"), "{again}");
        assert_eq!(gated.house.work().await, 0, "single use");
        gated.house.service.check_audit().await.unwrap();
    });
}

#[test]
fn s04_requests_expire_and_then_nothing_is_changed() {
    run(async {
        let gated = Gated::with_people(json!({"expires": "2h"})).await;
        let bob = gated.acting("bob").await;
        let asked = ask(&bob, &gated.backup).await.unwrap();
        let served = with_address(&gated).await;
        served.deliver_due().await.unwrap();
        let secret = secret_to(&gated.house, "ann@example.org");
        gated.house.pass(Lapse::hours(2));
        let page = door(&served, "192.0.2.9");
        let shown = page.approval_of_link(&secret).await.unwrap();
        assert_eq!(
            shown.approval.state,
            ApprovalState::Expired,
            "also before it is noted"
        );
        let late = page.approve_by_link(&secret, &agreement("")).await.unwrap_err();
        assert!(late.message().contains("expired"), "{late}");
        assert_eq!(gated.house.work().await, 0);
        assert!(!gated.is_restored());
        let job = gated.house.service.show_job(&asked.job).await.unwrap();
        assert_eq!(job.state, "failed");
        assert!(job.error.unwrap().message.contains("nobody had approved it"));
        assert!(
            gated.sent()[1].contains("bob@example.org Expired"),
            "{:?}",
            gated.sent()
        );
        let audited = gated.audited().await;
        assert_eq!(
            audited,
            ["Bob approval.ask", "Ann refused: approve", "cli approval.expire"]
        );
        let resumed = bob
            .resume(Some(&asked.job), &Progress::new(), &Cancel::new())
            .await
            .unwrap_err();
        assert_eq!(resumed.kind(), Kind::Refused, "it is no way around: {resumed}");
    });
}

#[test]
fn s04_the_owner_declines_and_who_asked_is_told_why() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let bob = gated.acting("bob").await;
        let asked = ask(&bob, &gated.backup).await.unwrap();
        let id = asked.approval.unwrap();
        let ann = gated.acting("ann").await;
        assert_eq!(ann.list_approvals(true, 10).await.unwrap().len(), 1);
        let declined = ann.decline(&id[..10], "the world is fine").await.unwrap();
        assert_eq!(
            (declined.state, declined.via.as_deref()),
            (ApprovalState::Declined, Some("web"))
        );
        assert_eq!(ann.list_approvals(true, 10).await.unwrap(), []);
        let job = gated.house.service.show_job(&asked.job).await.unwrap();
        assert_eq!(job.state, "failed");
        assert!(job.error.unwrap().message.ends_with(": the world is fine"));
        gated.house.work().await;
        assert!(!gated.is_restored());
        assert!(
            gated
                .sent()
                .contains(&"bob@example.org Declined: restore of world".to_owned())
        );
        let late = ann.approve(&id, &agreement("")).await.unwrap_err();
        assert!(late.message().contains("Ann declined"), "{late}");
    });
}

#[test]
fn s04_a_newer_request_takes_the_place_of_the_older_one() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let bob = gated.acting("bob").await;
        let old = ask(&bob, &gated.backup).await.unwrap();
        let new = ask(&bob, &gated.backup).await.unwrap();
        let ann = gated.acting("ann").await;
        let gone = ann
            .approve(&old.approval.unwrap(), &agreement(""))
            .await
            .unwrap_err();
        assert!(gone.message().contains("a newer request"), "{gone}");
        assert_eq!(gated.state(&old.job).await, "cancelled");
        with_address(&gated).await.deliver_due().await.unwrap();
        let sent = gated.sent();
        assert_eq!(
            sent.iter()
                .filter(|told| told.contains("Approval wanted"))
                .count(),
            1,
            "the older letter is not sent any more: {sent:?}"
        );
        ann.approve(&new.approval.unwrap(), &agreement("")).await.unwrap();
        assert_eq!(gated.house.work().await, 1);
        assert!(gated.is_restored());
    });
}

#[test]
fn s04_the_exact_name_is_wanted_and_wrong_ones_have_to_wait() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let asked = ask(&gated.acting("bob").await, &gated.backup).await.unwrap();
        let id = asked.approval.unwrap();
        let ann = gated.acting("ann").await;
        let wrong = Agreement {
            name: "World".to_owned(),
            ..Agreement::default()
        };
        for _ in 0..5 {
            let refused = ann.approve(&id, &wrong).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Refused);
        }
        let closed = ann.approve(&id, &agreement("")).await.unwrap_err();
        assert_eq!(closed.kind(), Kind::TooMany, "the right one, too: {closed}");
        assert_eq!(gated.state(&asked.job).await, "waiting");
        gated.house.pass(Lapse::minutes(1));
        ann.approve(&id, &agreement("")).await.unwrap();
        let refusals = gated.audited().await;
        assert_eq!(refusals.iter().filter(|row| row.contains("refused")).count(), 6);
    });
}

#[test]
fn what_was_approved_is_carried_out_or_nothing() {
    run(async {
        let gated = Gated::with_people(json!({})).await;
        let asked = ask(&gated.acting("bob").await, &gated.backup).await.unwrap();
        gated
            .acting("ann")
            .await
            .approve(&asked.approval.unwrap(), &agreement(""))
            .await
            .unwrap();
        fs::write(gated.level(), b"changed once more").unwrap();
        assert_eq!(gated.house.work().await, 1);
        let job = gated.house.service.show_job(&asked.job).await.unwrap();
        let error = job.error.unwrap();
        assert_eq!((job.state.as_str(), error.kind.as_str()), ("failed", "drifted"));
        assert_eq!(fs::read(gated.level()).unwrap(), b"changed once more");
        assert_eq!(
            gated.house.reasons().await,
            ["manual"],
            "not even a safety backup"
        );
        assert!(
            gated
                .sent()
                .contains(&"bob@example.org Failed: restore of world".to_owned())
        );
        gated.house.pass(Lapse::days(2));
        gated.grief();
        let stale = gated
            .house
            .service
            .resume(Some(&asked.job), &Progress::new(), &Cancel::new())
            .await
            .unwrap_err();
        assert!(stale.message().contains("too long ago"), "{stale}");
    });
}
