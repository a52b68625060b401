//! Answers that are larger than what is held to be tagged or remembered.

use std::fs;

use serde_json::json;

use crate::house::{House, person};
use crate::instance::Instance;
use crate::served::Served;

const LARGE: usize = 4 << 20;

#[test]
fn an_answer_of_many_megabytes_is_given_whole() {
    let house = House::new();
    let world = house.instance.path("world");
    for number in 0..20_000 {
        fs::write(world.join(format!("{number:05}{}", "n".repeat(195))), "").unwrap();
    }
    let backup = house.instance.ok(&["backup", "world"])["backup"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let listed = house.call(
        "GET",
        &format!("/api/backups/{backup}/files?recursive=true"),
        None,
    );
    assert_eq!(listed.status, 200);
    assert!(listed.body.len() > LARGE, "{}", listed.body.len());
    assert!(listed.json().as_array().unwrap().len() > 20_000);
    fs::remove_dir_all(&world).unwrap();
    fs::create_dir(&world).unwrap();
    let path = format!("/api/backups/{backup}/restore");
    let planned = house.served.ask_with(
        "POST",
        &path,
        &[
            &format!("Authorization: Bearer {}", house.token),
            "Idempotency-Key: once",
        ],
        Some(&json!({}).to_string()),
    );
    assert_eq!(
        planned.status,
        201,
        "{}",
        String::from_utf8_lossy(&planned.body[..planned.body.len().min(500)])
    );
    assert!(planned.body.len() > LARGE, "{}", planned.body.len());
}

#[test]
fn nobody_fills_the_queue_alone() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["source", "add", "folder", "world", "./world"]);
    instance.ok(&["init"]);
    let token = person(&instance, "chief", "administrator");
    // Nobody works here: what is queued stays.
    let served = Served::start_with(&instance, &["--roles", "web"]);
    let body = json!({"source": "world"}).to_string();
    let ask = || {
        served
            .ask("POST", "/api/backups", Some(&token), Some(&body))
            .status
    };
    let answers: Vec<u16> = (0..103).map(|_| ask()).collect();
    assert!(answers[..100].iter().all(|status| *status == 202), "{answers:?}");
    assert!(answers[100..].iter().all(|status| *status == 429), "{answers:?}");
}
