//! `cairn demo` as somebody tries it: served, restored by the command that it prints, ended, gone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::instance::{Instance, finished};
use crate::served::Served;

/// A demo that has said what there is to say.
struct Demo {
    told: Value,
    served: Served,
}

fn start(instance: &Instance, more: &[&str]) -> Demo {
    let mut child: Child = instance
        .command()
        // Another instance, which a demo must not touch.
        .env("CAIRN_CATALOG", "postgres://nobody@127.0.0.1:1/nothing")
        .env("TMPDIR", instance.dir.path())
        .args(["--json", "demo", "--listen", "127.0.0.1:0"])
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let address = told["address"].as_str().unwrap().strip_prefix("http://").unwrap();
    let address = address.to_owned();
    Demo {
        told,
        served: Served { child, address },
    }
}

impl Demo {
    fn place(&self, name: &str) -> PathBuf {
        self.told[name].as_str().unwrap().into()
    }

    /// Runs a printed command as a shell does.
    fn run(&self, number: usize, more: &str) -> (i32, String) {
        let line = format!("{} {more}", self.told["commands"][number].as_str().unwrap());
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .env("CAIRN_CATALOG", "postgres://nobody@127.0.0.1:1/nothing")
            .stdin(Stdio::null());
        let run = finished(&command.output().unwrap());
        (run.code, run.out + &run.err)
    }

    fn end(mut self) {
        self.served.tell("-TERM");
        assert!(self.served.child.wait().unwrap().success());
    }
}

#[test]
fn a_demo_is_served_restored_and_gone() {
    let instance = Instance::new();
    let demo = start(&instance, &[]);
    let server = demo.place("source");
    let spoilt = server.join("world/region/r.0.0.mca");
    assert!(fs::read(&spoilt).unwrap().starts_with(b"lava"));
    assert_eq!(demo.served.ask("GET", "/healthz", None, None).status, 200);
    let token = demo.told["token"].as_str();
    let list = demo.served.ask("GET", "/api/client", token, None).json();
    assert_eq!(list["data"][0]["attributes"]["name"], "game-server");
    assert!(demo.told["docs"].as_str().unwrap().ends_with("/api/docs"));
    let (code, plan) = demo.run(0, "");
    assert!(code == 0 && plan.contains("GriefGuard.jar"), "{plan}");
    assert_eq!(demo.run(1, "").0, 20, "a person is asked");
    let (code, said) = demo.run(1, "--yes");
    assert_eq!(code, 0, "{said}");
    assert!(!fs::read(&spoilt).unwrap().starts_with(b"lava"));
    assert!(server.join("plugins/GriefGuard.jar").is_file());
    let (code, said) = demo.run(2, "--yes");
    assert_eq!(code, 0, "{said}");
    assert!(fs::read(&spoilt).unwrap().starts_with(b"lava"));
    let place = server.parent().unwrap().to_path_buf();
    demo.end();
    assert!(!place.exists());
    assert!(!instance.data().exists(), "one's own instance is not touched");
}

#[test]
fn a_demo_with_a_name_stays_and_no_other_folder_becomes_one() {
    let instance = Instance::new();
    let named = instance.path("a demo");
    let words = ["--data", named.to_str().unwrap()];
    let first = start(&instance, &words);
    let password = first.told["password"].clone();
    assert_eq!(password.as_str().unwrap().len(), 19);
    first.end();
    assert!(named.join("game-server/server.properties").is_file());
    let again = start(&instance, &words);
    assert_ne!(again.told["password"], password);
    let backups = instance.ok(&["--data", named.join("data").to_str().unwrap(), "list"]);
    let of = |name: &str| {
        backups
            .as_array()
            .unwrap()
            .iter()
            .find(|backup| backup["name"] == name)
    };
    assert_eq!(backups.as_array().unwrap().len(), 4);
    assert_eq!(of("before the castle").unwrap()["locked"], true);
    again.end();
    let world = instance.make_world();
    let refused = instance.fails(20, &["--data", world.to_str().unwrap(), "demo"]);
    assert!(refused["message"].as_str().unwrap().contains("is not empty"));
    assert!(!world.join("data").exists());
}
