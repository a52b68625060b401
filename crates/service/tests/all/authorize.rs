//! No door reaches the service around the judge: every verb, every role, every relation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use model::{Cancel, Denial, Entitlement, Kind, Permission, Question, Relation, Role, Scope, Verdict, judge};
use service::{BackupFilter, JobFilter, Service};

use crate::house::run;
use crate::scene::{Copy, Scene, restore_request, token, with_token};
use crate::verbs::{OF_APPS, OF_BACKUPS, OF_SOURCES, OF_THE_HOUSE, Row, UNASKED};

/// What the pure table says: the first permission that is denied, and why.
fn judged(scene: &Scene, row: &Row, role: Role, relation: Relation) -> Option<(Permission, Denial)> {
    row.asks.iter().find_map(|permission| {
        let question = Question {
            role,
            permission: *permission,
            relation,
            source: Some(scene.world.parse().unwrap()),
            scopes: &[Scope::EVERYTHING],
            entitlement: &Entitlement::default(),
            sources: 0,
        };
        match judge(&question) {
            Verdict::Allow => None,
            Verdict::Deny(why) => Some((*permission, why)),
        }
    })
}

async fn refusals(service: &Service) -> Vec<String> {
    let rows = service.list_audit(10_000).await.unwrap();
    let refused = rows.into_iter().filter(|row| row.what.starts_with("refused: "));
    refused.map(|row| format!("{} {}", row.who, row.what)).collect()
}

async fn is_refused(
    scene: &Scene,
    row: &Row,
    who: (Role, Relation),
    denied: (Permission, Denial),
    copy: &Copy,
) {
    let place = format!("{} by {}-{}", row.verb, who.0, who.1);
    let before = refusals(&copy.service).await.len();
    let acting = with_token(&copy.service, &scene.tokens[&who]).await;
    let problem = (row.call)(acting, scene, copy).await.expect_err(&place);
    let unrelated = denied.1 == Denial::Unrelated;
    let kind = if unrelated { Kind::NotFound } else { Kind::Refused };
    assert_eq!(problem.kind(), kind, "{place}: {problem}");
    let noted = refusals(&copy.service).await;
    assert_eq!(noted.len(), before + 1, "{place}: {noted:?}");
    let permission = if unrelated { Permission::See } else { denied.0 };
    let expected = format!("{}-{} refused: {permission}", who.0, who.1);
    assert_eq!(noted[0], expected, "{place}");
}

async fn is_allowed(scene: &Scene, row: &Row, who: (Role, Relation)) {
    let place = format!("{} by {}-{}", row.verb, who.0, who.1);
    let copy = scene.copy().await;
    let acting = with_token(&copy.service, &scene.tokens[&who]).await;
    let done = (row.call)(acting, scene, &copy).await;
    assert!(done.is_ok(), "{place}: {}", done.unwrap_err());
    assert_eq!(refusals(&copy.service).await, Vec::<String>::new(), "{place}");
    copy.service.close().await;
}

async fn the_table_holds(rows: &[Row]) {
    let scene = Scene::new().await;
    for row in rows {
        let shared = scene.copy().await;
        for role in Role::ALL {
            for relation in Relation::ALL {
                let who = (*role, *relation);
                match judged(&scene, row, *role, *relation) {
                    Some(denied) => is_refused(&scene, row, who, denied, &shared).await,
                    None => is_allowed(&scene, row, who).await,
                }
            }
        }
        shared.service.close().await;
    }
}

#[test]
fn the_judge_is_asked_by_every_verb_about_sources() {
    run(the_table_holds(OF_SOURCES));
}

#[test]
fn the_judge_is_asked_by_every_verb_about_backups_and_jobs() {
    run(the_table_holds(OF_BACKUPS));
}

#[test]
fn the_judge_is_asked_by_every_verb_about_apps() {
    run(the_table_holds(OF_APPS));
}

#[test]
fn the_judge_is_asked_by_every_verb_about_the_house() {
    run(the_table_holds(OF_THE_HOUSE));
}

/// The names of the public functions in blocks `impl Service {`.
fn public_verbs(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            public_verbs(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut inside = false;
        for line in text.lines() {
            match line {
                "impl Service {" => inside = true,
                "}" => inside = false,
                _ => {}
            }
            let after = line
                .strip_prefix("    pub async fn ")
                .or_else(|| line.strip_prefix("    pub fn "));
            if let Some(rest) = after.filter(|_| inside) {
                found.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
        }
    }
}

#[test]
fn no_door_reaches_the_service_around_the_judge() {
    let mut verbs = BTreeSet::new();
    public_verbs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut verbs);
    let rows = OF_SOURCES
        .iter()
        .chain(OF_BACKUPS)
        .chain(OF_APPS)
        .chain(OF_THE_HOUSE);
    let asked = rows.map(|row| row.verb.split(' ').next().unwrap().to_owned());
    let unasked = UNASKED.iter().map(|(verb, _)| (*verb).to_owned());
    let known: BTreeSet<String> = asked.chain(unasked).collect();
    let missing: Vec<_> = verbs.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "{missing:?} stand in no table of `verbs.rs`: what do they ask for?"
    );
    let gone: Vec<_> = known.difference(&verbs).collect();
    assert!(gone.is_empty(), "{gone:?} are no public verbs any more");
    assert!(UNASKED.iter().all(|(_, why)| !why.is_empty()));
}

#[test]
fn lists_hold_what_somebody_may_see() {
    run(async {
        let scene = Scene::new().await;
        let copy = scene.copy().await;
        for ((role, relation), token) in &scene.tokens {
            let acting = with_token(&copy.service, token).await;
            let sees = *role == Role::Administrator || *relation != Relation::None;
            let sources = acting.list_sources().await.unwrap();
            let backups = acting.list_backups(None, 100).await.unwrap();
            let jobs = acting.list_jobs(100).await.unwrap();
            let found = acting.find("level", None, &Cancel::new()).await.unwrap();
            let requests = acting.list_approvals(false, 100).await.unwrap();
            let backups_page = acting
                .backups_page(&BackupFilter::default(), None, 9)
                .await
                .unwrap();
            let jobs_page = acting.jobs_page(&JobFilter::default(), None, 9).await.unwrap();
            let end = &scene.world[scene.world.len() - 8..];
            let alike = acting.sources_ending(end).await.unwrap();
            assert_eq!(backups_page.items, backups);
            assert_eq!(jobs_page.items.len(), jobs.len().min(9));
            let all = [
                sources.len(),
                backups.len(),
                jobs.len(),
                found.len(),
                alike.len(),
                requests.len(),
            ];
            assert!(
                all.iter().all(|count| (*count > 0) == sees),
                "{role}-{relation}: {all:?}"
            );
        }
        assert_eq!(refusals(&copy.service).await, Vec::<String>::new());
    });
}

#[test]
fn nobody_may_nothing_and_fills_no_log() {
    run(async {
        let scene = Scene::new().await;
        let copy = scene.copy().await;
        let nobody = service::Caller::nobody(service::Via::Web, "192.0.2.7");
        for row in OF_SOURCES
            .iter()
            .chain(OF_BACKUPS)
            .chain(OF_APPS)
            .chain(OF_THE_HOUSE)
        {
            let acting = copy.service.acting(nobody.clone());
            let problem = (row.call)(acting, &scene, &copy).await.expect_err(row.verb);
            assert_eq!(problem.kind(), Kind::Unauthenticated, "{}: {problem}", row.verb);
        }
        let acting = copy.service.acting(nobody);
        assert!(acting.list_sources().await.is_err());
        assert!(acting.list_jobs(5).await.is_err());
        assert!(acting.list_approvals(false, 5).await.is_err());
        assert!(acting.sources_ending("00000000").await.is_err());
        let everything = BackupFilter::default();
        assert!(acting.backups_page(&everything, None, 5).await.is_err());
        assert!(acting.jobs_page(&JobFilter::default(), None, 5).await.is_err());
        assert!(acting.find("a", None, &Cancel::new()).await.is_err());
        assert_eq!(refusals(&copy.service).await, Vec::<String>::new());
    });
}

#[test]
fn what_somebody_is_unrelated_to_answers_like_what_is_not_there() {
    run(async {
        let scene = Scene::new().await;
        let copy = scene.copy().await;
        let stranger = with_token(&copy.service, &scene.tokens[&(Role::Operator, Relation::None)]).await;
        let there = stranger.source("world").await.unwrap_err();
        let not_there = stranger.source("wurld").await.unwrap_err();
        let same = |text: &str| text.replace("wurld", "world");
        assert_eq!(there.message(), same(not_there.message()));
        assert_eq!(
            there.hint_text(),
            not_there.hint_text(),
            "and no name is given away"
        );
        let there = stranger.show_backup(&scene.backup).await.unwrap_err();
        let not_there = stranger.show_backup(&scene.world).await.unwrap_err();
        assert_eq!(
            there.message().replace(&scene.backup, ""),
            not_there.message().replace(&scene.world, "")
        );
        let there = stranger.show_job(&scene.queued).await.unwrap_err();
        let not_there = stranger.show_job(&scene.world).await.unwrap_err();
        assert_eq!(
            there.message().replace(&scene.queued, ""),
            not_there.message().replace(&scene.world, "")
        );
    });
}

#[test]
fn a_backup_leaves_its_source_only_as_a_download() {
    run(async {
        let scene = Scene::new().await;
        let copy = scene.copy().await;
        let elsewhere = copy.root.join("elsewhere/world");
        fs::create_dir_all(&elsewhere).unwrap();
        let settings = serde_json::json!({ "paths": [elsewhere] });
        copy.service
            .add_source("elsewhere", "folder", &settings)
            .await
            .unwrap();
        let name = "operator-granted";
        copy.service
            .grant(name, "elsewhere", Relation::Owner)
            .await
            .unwrap();
        let operator = with_token(&copy.service, &scene.tokens[&(Role::Operator, Relation::Granted)]).await;
        let request = restore_request(&scene.backup, Some("elsewhere"));
        let (progress, cancel) = (model::Progress::new(), Cancel::new());
        let refused = operator
            .plan_restore(&request, &progress, &cancel)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), Kind::Refused, "he could take it from there");
        copy.service.grant(name, "world", Relation::Owner).await.unwrap();
        operator.plan_restore(&request, &progress, &cancel).await.unwrap();
    });
}

#[test]
fn whom_a_policy_tells_is_shown_to_those_who_may_change_it() {
    run(async {
        let scene = Scene::new().await;
        let copy = scene.copy().await;
        let told = async |who| {
            let acting = with_token(&copy.service, &scene.tokens[&who]).await;
            acting.policy("world").await.unwrap().notify.len()
        };
        assert_eq!(told((Role::Administrator, Relation::None)).await, 1);
        assert_eq!(told((Role::Owner, Relation::Owner)).await, 0);
        let made = copy.service.create_token(&token("bob", &[])).await.unwrap();
        assert_eq!(
            with_token(&copy.service, &made.token)
                .await
                .policy("world")
                .await
                .unwrap()
                .hooks,
            model::Hooks::default()
        );
    });
}
