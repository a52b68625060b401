//! How often one may ask over HTTP: as it is configured, or as often as one likes.

use crate::house::person;
use crate::instance::Instance;
use crate::served::Served;

#[test]
fn who_asks_too_often_is_told_when_to_come_again_and_health_checks_are_not_counted() {
    let instance = Instance::new();
    let served = Served::start_with(&instance, &["--rate", "2"]);
    let ask = |path: &str| served.ask("GET", path, None, None);
    for left in ["1", "0"] {
        let head = ask("/metrics").head;
        assert!(head.contains("x-ratelimit-limit: 2"), "{head}");
        assert!(head.contains(&format!("x-ratelimit-remaining: {left}")), "{head}");
    }
    let refused = ask("/metrics");
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert_eq!(ask("/healthz").status, 200);
}

#[test]
fn without_a_limit_nothing_is_counted() {
    let instance = Instance::new();
    let served = Served::start_with(&instance, &["--rate", "0"]);
    for _ in 0..5 {
        let answer = served.ask("GET", "/metrics", None, None);
        assert_eq!(answer.status, 401);
        assert!(!answer.head.contains("x-ratelimit"), "{}", answer.head);
    }
}

#[test]
fn the_limit_is_configured_like_everything_else() {
    let instance = Instance::new();
    let limit = |value: Option<&str>| {
        let mut command = instance.command();
        if let Some(value) = value {
            command.env("CAIRN_RATE_LIMIT", value);
        }
        crate::instance::finished(&command.args(["--json", "doctor"]).output().unwrap())
    };
    assert!(limit(None).out.contains("720 requests a minute"));
    assert!(limit(Some("0")).out.contains("environment CAIRN_RATE_LIMIT"));
    assert_eq!(limit(Some("often")).code, 2);
}

#[test]
fn a_made_up_token_is_no_key_of_its_own_and_many_tokens_of_one_person_are_one() {
    let instance = Instance::new();
    let chief = person(&instance, "chief", "administrator");
    let made = instance.ok(&["token", "create", "--person", "chief"]);
    let served = Served::start_with(&instance, &["--rate", "3"]);
    let ask = |header: &str| served.ask_with("GET", "/api/session", &[header], None);
    for (made_up, status) in [("1", 401), ("2", 401), ("3", 401), ("4", 429), ("5", 429)] {
        let bearer = ask(&format!("Authorization: Bearer cairn_made-up-{made_up}"));
        assert_eq!(bearer.status, status);
    }
    assert_eq!(
        ask("Cookie: cairn=made-up").status,
        429,
        "a cookie is made up as easily"
    );
    let other = made["token"].as_str().unwrap();
    for (token, status) in [
        (chief.as_str(), 200),
        (other, 200),
        (other, 200),
        (other, 429),
        (&chief, 429),
    ] {
        assert_eq!(ask(&format!("Authorization: Bearer {token}")).status, status);
    }
}
