//! What clients of a panel rely on: pages that lead on, rights, and what does not change between two answers.

use serde_json::{Value, json};

use crate::house::House;

fn get(house: &House, path: &str) -> Value {
    let answer = house.call("GET", path, None);
    assert_eq!(
        answer.status,
        200,
        "{path}: {}",
        String::from_utf8_lossy(&answer.body)
    );
    answer.json()
}

fn backups(house: &House) -> String {
    let servers = get(house, "/api/client");
    let uuid = servers["data"][0]["attributes"]["uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    format!("/api/client/servers/{uuid}/backups")
}

#[test]
fn p01_pages_of_servers_lead_to_each_other_and_show_every_one_once() {
    let house = House::new();
    for number in 1..5 {
        std::fs::create_dir(house.instance.path(&format!("w{number}"))).unwrap();
        let (name, path) = (format!("w{number}"), format!("./w{number}"));
        house.instance.ok(&["source", "add", "folder", &name, &path]);
    }
    let mut next = Some("/api/client?per_page=2".to_owned());
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let page = get(&house, &path);
        names.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|server| server["attributes"]["name"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let links = &page["meta"]["pagination"]["links"];
        assert_eq!(links.get("previous").is_some(), pages > 1, "{links}");
        next = links["next"].as_str().map(|url| {
            let at = url.find("/api/client").unwrap();
            assert!(url.starts_with("http://127.0.0.1:"), "{url}");
            url[at..].to_owned()
        });
    }
    names.sort();
    assert_eq!(names, ["w1", "w2", "w3", "w4", "world"]);
    assert_eq!(pages, 3);
    let found = get(&house, "/api/client?filter[name]=ORL");
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
}

#[test]
fn p01_a_backup_is_called_the_same_and_made_at_the_same_moment_in_every_answer() {
    let house = House::new();
    let list = backups(&house);
    let name = format!("  {}  ", "ä".repeat(191));
    let asked = house.call("POST", &list, Some(&json!({"name": name, "is_locked": true})));
    assert_eq!(asked.status, 200, "{}", String::from_utf8_lossy(&asked.body));
    let asked = asked.json()["attributes"].clone();
    assert_eq!(
        (&asked["is_locked"], asked["name"].as_str()),
        (&json!(true), Some(name.trim()))
    );
    let one = format!("{list}/{}", asked["uuid"].as_str().unwrap());
    let done = loop {
        let shown = get(&house, &one)["attributes"].clone();
        if !shown["completed_at"].is_null() {
            break shown;
        }
    };
    for field in ["created_at", "name", "is_locked", "ignored_files"] {
        assert_eq!(asked[field], done[field], "{field}");
    }
}

#[test]
fn p01_who_may_not_lock_makes_no_locked_backup() {
    let house = House::new();
    let list = backups(&house);
    let made = house.instance.ok(&[
        "token",
        "create",
        "--person",
        "chief",
        "--scope",
        "see@world",
        "--scope",
        "back-up@world",
    ]);
    let token = made["token"].as_str().unwrap();
    let ask = |body: Value| {
        house
            .served
            .ask("POST", &list, Some(token), Some(&body.to_string()))
    };
    assert_eq!(ask(json!({"is_locked": true})).status, 403);
    assert_eq!(get(&house, &list)["data"], json!([]), "nothing was queued");
    assert_eq!(ask(json!({})).status, 200);
}

#[test]
fn p01_a_backup_that_is_deleted_while_it_is_made_does_not_come_back() {
    let house = House::new();
    let list = backups(&house);
    let asked = house.call("POST", &list, Some(&json!({}))).json();
    let one = format!("{list}/{}", asked["attributes"]["uuid"].as_str().unwrap());
    assert_eq!(house.call("DELETE", &one, None).status, 204);
    assert_eq!(house.call("GET", &one, None).status, 404);
    // Another one is made after it, so nothing of the first is on its way any more.
    house.instance.ok(&["backup", "world"]);
    assert_eq!(house.call("GET", &one, None).status, 404);
    assert_eq!(get(&house, &list)["data"].as_array().unwrap().len(), 1);
}
