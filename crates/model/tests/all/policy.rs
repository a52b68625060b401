//! Policies: their documents, their problems, their presets.

use model::{Channel, Event, Hook, Kind, Lapse, Notify, Policy, Preset, SecretPlace, Zone};
use serde_json::json;

#[test]
fn an_empty_document_is_the_policy_that_changes_nothing_by_itself() {
    let policy = Policy::from_json(json!({})).unwrap();
    assert_eq!(policy, Policy::default());
    assert!(policy.schedule.is_off() && policy.retention.is_empty() && policy.limit.is_none());
    assert!(policy.catch_up && policy.gates.typed);
}

#[test]
fn a_full_document_reads_back() {
    let policy = Policy::from_json(json!({
        "schedule": "daily at 03:00 Europe/Berlin",
        "catch_up": false,
        "parts": ["database"],
        "retention": {"last": 3, "daily": 7, "within": "1m"},
        "safety": "90d",
        "limit": {"most": 5, "when_full": "rotate"},
        "gates": {"typed": false, "approval": {"expires": "48h"}, "stopped": true, "entitlement": true},
        "notify": [{"on": ["failure"], "to": {"by": "email", "address": "a@example.org"}}],
        "hooks": {"before_backup": [{"do": "command", "command": ["sync"]}],
                  "after_restore": [{"do": "unit", "unit": "game.service", "change": "start", "timeout": "2m"}]},
        "drill": {"when": "weekly", "day": "sunday", "at": "05:00"},
    }))
    .unwrap();
    assert_eq!(policy.schedule.to_string(), "daily at 03:00 Europe/Berlin");
    assert_eq!(policy.hooks.after_restore[0].timeout(), Lapse::minutes(2));
    assert_eq!(policy.gates.approval.as_ref().unwrap().expires, Lapse::hours(48));
    let json = serde_json::to_value(&policy).unwrap();
    assert_eq!(Policy::from_json(json).unwrap(), policy);
}

#[test]
fn problems_name_the_key() {
    for (document, named) in [
        (json!({"retension": {}}), "“retension”"),
        (json!({"retention": {"daly": 3}}), "“retention.daly”"),
        (json!({"retention": {"daily": "some"}}), "“retention.daily”"),
        (
            json!({"gates": {"approval": {"expires": "soon"}}}),
            "“gates.approval.expires”",
        ),
        (json!({"schedule": "often"}), "“schedule”"),
        (json!({"limit": {"when_full": "rotate"}}), "“limit”"),
        (
            json!({"hooks": {"before_backup": [{"do": "dance"}]}}),
            "“hooks.before_backup[0]",
        ),
        (json!({"notify": [{"to": {"by": "pigeon"}}]}), "“notify[0].to"),
        (json!("none"), "the policy: "),
    ] {
        let problem = Policy::from_json(document.clone()).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid);
        assert!(problem.message().contains(named), "{document}: {problem}");
    }
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_known_one() {
    let problem = Policy::from_json(json!({"retention": {"dayly": 3}})).unwrap_err();
    assert_eq!(problem.hint_text(), Some("did you mean “daily”?"));
    let problem = Policy::from_json(json!({"gates": {"zebra": 3}})).unwrap_err();
    assert_eq!(
        problem.hint_text(),
        Some("known are: typed, approval, stopped, entitlement")
    );
}

#[test]
fn secrets_are_named_by_place_and_never_repeated() {
    assert_eq!(
        "env:PANEL_TOKEN".parse::<SecretPlace>().unwrap(),
        SecretPlace::Env("PANEL_TOKEN".to_owned())
    );
    assert_eq!(
        "file:/run/secret".parse::<SecretPlace>().unwrap().to_string(),
        "file:/run/secret"
    );
    for wrong in ["hunter2", "env:", "file:relative", ""] {
        let problem = wrong.parse::<SecretPlace>().unwrap_err();
        assert!(wrong.is_empty() || !problem.to_string().contains(wrong));
    }
    let hook =
        json!({"do": "panel", "url": "https://p", "server": "s", "change": "stop", "secret": "hunter2"});
    assert!(
        !serde_json::from_value::<Hook>(hook)
            .unwrap_err()
            .to_string()
            .contains("hunter2")
    );
}

#[test]
fn everything_but_success_is_told_unless_said_otherwise() {
    let to = Channel::Healthcheck {
        url: "https://example.org".to_owned(),
    };
    let quiet = Notify {
        on: Vec::new(),
        to: to.clone(),
    };
    let wanted: Vec<&str> = Event::ALL
        .iter()
        .filter(|event| quiet.wants(**event))
        .map(|e| e.word())
        .collect();
    assert_eq!(wanted, ["warning", "failure", "overdue", "anomaly"]);
    assert!(
        Notify {
            on: vec![Event::Success],
            to
        }
        .wants(Event::Success)
    );
}

#[test]
fn presets_are_the_habits_they_are_named_after() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let policy = |text: &str| text.parse::<Preset>().unwrap().policy(&berlin);
    let json = |text: &str| serde_json::to_value(policy(text)).unwrap();
    assert_eq!(
        json("discord-single")["limit"],
        json!({"most": 1, "per": "person", "when_full": "rotate"})
    );
    assert_eq!(json("rotating:30")["retention"], json!({"last": 30}));
    assert_eq!(
        json("panel:3")["limit"],
        json!({"most": 3, "per": "source", "when_full": "rotate-scheduled"})
    );
    assert!(policy("panel:3").gates.stopped);
    let nightly = policy("nightly-7-days");
    assert_eq!(nightly.schedule.to_string(), "daily at 03:00 Europe/Berlin");
    assert_eq!(nightly.retention.within.to_string(), "7d");
    assert!(nightly.gates.entitlement);
    let approval = nightly.gates.approval.unwrap();
    assert!(approval.own, "the owner asks, and approves by the letter");
    assert_eq!(approval.expires.to_string(), "1d");
}

#[test]
fn a_preset_leaves_alone_what_it_is_not_about() {
    let utc = Zone::utc();
    let own = Policy::from_json(json!({
        "schedule": "daily at 04:30", "catch_up": false, "parts": ["world"], "safety": "90d",
        "retention": {"daily": 9}, "limit": {"most": 7},
        "gates": {"typed": false, "approval": {"expires": "2h"}},
        "notify": [{"to": {"by": "email", "address": "me@example.org"}}],
        "hooks": {"before_backup": [{"do": "touch", "path": "/tmp/x"}]},
    }))
    .unwrap();
    let about = |text: &str, keys: &[&str]| {
        let after = text.parse::<Preset>().unwrap().applied_to(own.clone(), &utc);
        let before = serde_json::to_value(&own).unwrap();
        let after = serde_json::to_value(&after).unwrap();
        for (key, value) in before.as_object().unwrap() {
            assert_eq!(
                after[key] == *value,
                !keys.contains(&key.as_str()),
                "{text}: {key}"
            );
        }
        after
    };
    about("discord-single", &["limit"]);
    about("rotating:3", &["retention"]);
    let panel = about("panel:3", &["limit", "gates"]);
    assert_eq!(panel["gates"]["approval"]["expires"], "2h");
    let nightly = about("nightly-7-days", &["schedule", "retention", "gates"]);
    assert_eq!(nightly["gates"]["approval"]["expires"], "2h");
    assert_eq!(nightly["gates"]["typed"], false);
}

#[test]
fn names_of_presets_read_back_and_wrong_ones_are_refused() {
    for text in ["discord-single", "rotating:7", "panel:0", "nightly-7-days"] {
        assert_eq!(text.parse::<Preset>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "rotating",
        "rotating:0",
        "rotating:x",
        "discord-single:2",
        "nightly",
    ] {
        assert!(
            text.parse::<Preset>().unwrap_err().hint_text().is_some(),
            "{text}"
        );
    }
}
