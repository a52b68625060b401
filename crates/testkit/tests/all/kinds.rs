//! A kind that the product does not know is usable through every interface, because everything comes from its description.

use serde_json::json;

use crate::program::{Program, names};

fn prepared() -> Program {
    let program = Program::new();
    program.world("world.json", &["guest", "owner"]);
    let key = program.secret("key", "open-sesame");
    let added = program.ok(&[
        "source",
        "add",
        "items",
        "w",
        "--world",
        "world.json",
        "--key-file",
        &key,
    ]);
    assert_eq!(added["kind"], "items");
    program
}

fn delete(program: &Program, name: &str) {
    let world = program.world("world.json", &[]);
    let item = world.items().into_iter().find(|item| item.name == name).unwrap();
    world.delete(item.id).unwrap();
}

#[test]
fn a_new_kind_is_backed_up_planned_restored_undone_and_exported_on_the_command_line() {
    let program = prepared();
    let shown = program.ok(&["source", "show", "w"]);
    assert_eq!(shown["settings"]["mood"], "calm");
    let made = program.ok(&["backup", "w", "--name", "first"]);
    assert_eq!(made["state"], "succeeded", "{made}");
    let backup = made["backup"]["id"].as_str().unwrap();
    assert_eq!(program.ok(&["list", "w"])[0]["id"], *backup);

    delete(&program, "guest");
    let plan = program.ok(&["restore", backup, "--plan"]);
    assert_eq!(plan["plan"]["counts"]["create"], 1, "{plan}");
    let restored = program.ok(&["restore", backup, "--yes"]);
    assert_eq!(restored["verified"], true, "{restored}");
    assert_eq!(names(&program.path("world.json")), ["guest", "owner"]);
    program.ok(&["undo", "--yes"]);
    assert_eq!(names(&program.path("world.json")), ["owner"]);

    program.ok(&["export", backup, "--format", "zip", "-o", "w.zip"]);
    assert!(program.path("w.zip").is_file());
    program.ok(&["restore", backup, "--to", "unpacked", "--yes"]);
    assert!(program.path("unpacked/manifest.json").is_file());
    assert!(program.path("unpacked/roles").is_dir());
}

#[test]
fn a_new_kind_is_added_backed_up_restored_and_undone_over_http() {
    let program = prepared();
    let token = program.token("ann");
    program.world("other.json", &["king"]);
    let served = program.serve();

    let (_, kinds) = served.ask("GET", "/api/kinds", &token, None);
    assert_eq!(
        (&kinds[0]["kind"], &kinds[1]["kind"]),
        (&json!("folder"), &json!("items"))
    );
    assert_eq!(kinds[1]["fields"][1]["secret"], true, "{kinds}");

    let other = program.path("other.json").display().to_string();
    let mut new = json!({"name": "o", "kind": "items", "settings": {"world": other, "mod": "calm"}});
    let (status, problem) = served.ask("POST", "/api/sources", &token, Some(&new));
    assert_eq!(status, 400, "{problem}");
    assert!(problem.to_string().contains("did you mean “mood”?"), "{problem}");
    new["settings"] = json!({"world": other, "key": "open-door"});
    let (status, source) = served.ask("POST", "/api/sources", &token, Some(&new));
    assert_eq!(status, 201, "{source}");
    assert_eq!(source["settings"]["key"], json!({"set": true}));

    let (status, queued) = served.ask("POST", "/api/backups", &token, Some(&json!({"source": "w"})));
    assert_eq!(status, 202, "{queued}");
    assert_eq!(served.ended(&queued["job"]), "succeeded");
    delete(&program, "guest");
    let path = format!("/api/backups/{}/restore", queued["backup"].as_str().unwrap());
    let (status, plan) = served.ask("POST", &path, &token, Some(&json!({})));
    assert_eq!(status, 201, "{plan}");
    let run = |plan: &serde_json::Value| {
        let path = format!("/api/plans/{}/run", plan["id"].as_str().unwrap());
        let body = json!({"hash": plan["hash"], "confirm": plan["confirm"]});
        served.ask("POST", &path, &token, Some(&body))
    };
    let (status, restore) = run(&plan);
    assert_eq!(status, 202, "{restore}");
    assert_eq!(served.ended(&restore["job"]), "succeeded");
    assert_eq!(names(&program.path("world.json")), ["guest", "owner"]);

    let path = format!("/api/jobs/{}/undo", restore["job"].as_str().unwrap());
    let (status, plan) = served.ask("POST", &path, &token, None);
    assert_eq!(status, 201, "{plan}");
    let (status, undo) = run(&plan);
    assert_eq!(status, 202, "{undo}");
    assert_eq!(served.ended(&undo["job"]), "succeeded");
    assert_eq!(names(&program.path("world.json")), ["owner"]);
    served.leave();
}

#[test]
fn clients_of_a_panel_see_servers_and_nothing_else() {
    let program = prepared();
    std::fs::create_dir(program.path("srv")).unwrap();
    let folder = program.ok(&["source", "add", "folder", "srv", "srv"]);
    let items = program.ok(&["source", "show", "w"]);
    let token = program.token("ann");
    let served = program.serve();
    let (_, servers) = served.ask("GET", "/api/client", &token, None);
    let uuids: Vec<&str> = servers["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|server| server["attributes"]["uuid"].as_str())
        .collect();
    assert_eq!(uuids, [folder["id"].as_str().unwrap()], "{servers}");
    let path = format!("/api/client/servers/{}", items["id"].as_str().unwrap());
    assert_eq!(served.ask("GET", &path, &token, None).0, 404);
    served.leave();
}

#[test]
fn what_does_not_fit_a_kind_is_refused_by_the_name_of_the_setting() {
    let program = prepared();
    std::fs::create_dir(program.path("srv")).unwrap();
    program.ok(&["source", "add", "folder", "srv", "srv"]);
    let made = program.ok(&["backup", "w"]);
    let backup = made["backup"]["id"].as_str().unwrap();

    let other = program.run(&["restore", backup, "--to", "srv", "--yes"]);
    assert_eq!(other.code, 2, "{}", other.err);
    assert!(other.err.contains("kind items"), "{}", other.err);
    let flag = program.run(&["source", "edit", "w", "--ignore", "*.log"]);
    assert!(
        flag.err.contains("a items has no setting “ignore”"),
        "{}",
        flag.err
    );
    let once = program.run(&["backup", "w", "--ignore", "*.log"]);
    assert_ne!(once.code, 0);
    assert!(once.err.contains("“ignore”"), "{}", once.err);
    let mood = program.run(&["source", "edit", "w", "--mood", "angry"]);
    assert!(mood.err.contains("“mood”"), "{}", mood.err);
    let kind = program.run(&["source", "add", "itemss", "x"]);
    assert_eq!(kind.code, 2, "{}", kind.err);
}
