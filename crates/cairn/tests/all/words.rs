//! Help, completions, manual pages, doctor: what tells a user how to go on.

use std::fs;

use crate::instance::{Instance, finished};

#[test]
fn every_command_has_help_and_the_exit_codes_are_in_it() {
    let instance = Instance::new();
    let help = instance.run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("22 target drifted from the plan"));
    for line in help
        .out
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
    {
        let name = line.split_whitespace().next().unwrap();
        assert!(
            name == "help" || instance.run(&[name, "--help"]).code == 0,
            "{name}"
        );
    }
    assert!(instance.run(&["--version"]).out.starts_with("cairn 0."));
}

#[test]
fn completions_and_manual_pages_are_made_without_an_instance() {
    let instance = Instance::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            instance.run(&["completions", shell]).out.contains("cairn"),
            "{shell}"
        );
    }
    assert!(instance.run(&["man"]).out.contains(".TH cairn"));
    instance.run(&["man", "--output", "pages"]);
    assert!(
        fs::read_to_string(instance.path("pages/cairn-repository-prune.1"))
            .unwrap()
            .contains("grace")
    );
    assert!(instance.run(&["reference"]).out.contains("## `cairn restore`"));
    assert!(!instance.data().exists());
}

#[test]
fn the_doctor_tells_where_each_setting_comes_from_and_changes_nothing() {
    let instance = Instance::new();
    fs::write(instance.path("cairn.toml"), "node = \"cellar\"\n").unwrap();
    let run = |name: &str, value: &str| {
        let mut command = instance.command();
        finished(
            &command
                .env(name, value)
                .args(["--json", "--config", "cairn.toml", "doctor"])
                .output()
                .unwrap(),
        )
    };
    let seen = run("CAIRN_WORKERS", "3");
    assert_eq!(seen.code, 0);
    let settings = seen.json()["settings"].clone();
    let find = |name: &str| {
        settings
            .as_array()
            .unwrap()
            .iter()
            .find(|setting| setting["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (
            find("workers")["value"].as_str(),
            find("workers")["origin"].as_str()
        ),
        (Some("3"), Some("environment CAIRN_WORKERS"))
    );
    assert!(find("node")["origin"].as_str().unwrap().ends_with("cairn.toml"));
    assert!(!instance.data().exists());
    assert_eq!(run("CAIRN_WORKERS", "many").code, 2);
    assert!(!run("CAIRN_REPOSITORY_PASSWORD", "s3cret").out.contains("s3cret"));
}

#[test]
fn the_doctor_finds_a_well_instance_well() {
    let instance = Instance::new();
    instance.make_world();
    instance.ok(&["backup", "world"]);
    let seen = instance.ok(&["doctor"]);
    assert_eq!(seen["ok"], true, "{seen}");
    assert_eq!(instance.ok(&["audit", "--check"])["state"], "succeeded");
    let text = instance.run(&["doctor"]).out;
    assert!(!text.contains('\u{1b}'), "no colour without a terminal");
}

#[test]
fn the_kit_is_confirmed_by_typing_its_password() {
    use std::io::Write;
    use std::process::Stdio;
    let instance = Instance::new();
    instance.ok(&["init"]);
    let password = instance.ok(&["kit"])["password"].as_str().unwrap().to_owned();
    let check = |typed: &str| {
        let mut command = instance.command();
        let mut child = command
            .args(["kit", "check"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        finished(&child.wait_with_output().unwrap()).code
    };
    assert_eq!(check("wrong\n"), 12);
    assert_eq!(check(&format!("{password}\n")), 0);
    assert!(instance.run(&["doctor"]).out.contains("recovery kit: confirmed"));
}
