//! One round of work, for cron: how it went is its exit code.

use std::fs;

use serde_json::json;

use crate::house::person;
use crate::instance::Instance;
use crate::served::Served;

/// A backup that is queued and that nobody carries out.
pub(crate) fn queue_a_backup(instance: &Instance) {
    let token = person(instance, "chief", "administrator");
    let mut served = Served::start_with(instance, &["--roles", "web"]);
    let body = json!({"source": "world"}).to_string();
    let answer = served.ask("POST", "/api/backups", Some(&token), Some(&body));
    assert!((200..300).contains(&answer.status));
    served.tell("-TERM");
    served.child.wait().unwrap();
}

fn with_a_world() -> Instance {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init"]);
    instance
}

#[test]
fn a_round_whose_job_failed_or_warned_does_not_say_that_all_is_well() {
    let instance = with_a_world();
    queue_a_backup(&instance);
    assert_eq!(
        instance.ok(&["serve", "--once"]),
        json!({"jobs": 1, "failed": 0, "warned": 0})
    );
    assert_eq!(instance.ok(&["serve", "--once"])["jobs"], 0);

    let instance = with_a_world();
    queue_a_backup(&instance);
    let hooks = r#"hooks.after_backup=[{"do":"command","command":["false"]}]"#;
    instance.ok(&["policy", "set", "world", hooks]);
    let run = instance.run(&["--json", "serve", "--once"]);
    assert_eq!(
        (run.code, run.json()["warned"].as_u64()),
        (3, Some(1)),
        "{}",
        run.err
    );

    let instance = with_a_world();
    queue_a_backup(&instance);
    fs::rename(instance.path("world"), instance.path("elsewhere")).unwrap();
    let run = instance.run(&["--json", "serve", "--once"]);
    assert_eq!(
        (run.code, run.json()["failed"].as_u64()),
        (1, Some(1)),
        "{}",
        run.err
    );
}
