//! `cargo xtask api [--seconds N]`: the HTTP API against its own description.
//!
//! A throw-away instance with a source, a backup and an administrator is served, and schemathesis sends it all that the description allows
//! and much that it does not, with all of its checks. What it finds fails the run; the run ends also when the server does.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::run::{self, Outcome};
use crate::tools;

const SECONDS: u32 = 600;

/// What a schema cannot say (a schedule in words, a cursor, a folder that exists) is refused with 400, which is described. The doors in the
/// shapes of others take more than they describe, by intent, and one of them refuses a field with 422.
const CHECKS: &str = "[checks.positive_data_acceptance]
expected-statuses = [\"2xx\", \"3xx\", 400, 401, 403, 404, 409, 413, 429]

[[operations]]
include-path-regex = \"^/api/(client|backups/jobs/|backups/settings/)\"
checks.negative_data_rejection.expected-statuses = [\"2xx\", \"4xx\"]
checks.positive_data_acceptance.expected-statuses = [\"2xx\", \"3xx\", 400, 401, 403, 404, 409, 413, 422, 429]
";

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let seconds = match arguments {
        [] => SECONDS,
        [flag, value] if flag == "--seconds" => value.parse().map_err(|_| "--seconds wants a number")?,
        _ => return Err("usage: cargo xtask api [--seconds N]".to_owned()),
    };
    let python = tools::python().ok_or("there is no Python; `cargo xtask tools --install` brings one")?;
    run::run(
        Command::new("cargo")
            .current_dir(root)
            .args(["build", "--locked", "--package", "cairn"]),
    )?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set));
    let place = target.join("api");
    let _ = std::fs::remove_dir_all(&place);
    let house = House::new(target.join("debug/cairn"), place)?;
    let token = house.prepare()?;
    let mut served = house.serve()?;
    let checked = run::run(
        Command::new(python)
            .current_dir(&house.place)
            .args([
                "-m",
                "schemathesis.cli",
                "--config-file",
                "schemathesis.toml",
                "run",
            ])
            .arg(format!("http://{}/api/openapi.json", served.address))
            .args(["--header", &format!("Authorization:Bearer {token}")])
            .args([
                "--checks",
                "all",
                "--continue-on-failure",
                "--generation-deterministic",
            ])
            .args([
                "--max-time",
                &seconds.to_string(),
                "--request-timeout",
                "30",
                "--no-color",
            ])
            .args(["--suppress-health-check", "all"]),
    );
    if let Ok(Some(status)) = served.child.try_wait() {
        return Err(format!("the server ended ({status})"));
    }
    checked
}

struct House {
    cairn: PathBuf,
    place: PathBuf,
}

struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl House {
    fn new(cairn: PathBuf, place: PathBuf) -> Outcome<Self> {
        let region = place.join("world/region");
        let made = std::fs::create_dir_all(&region)
            .and_then(|()| std::fs::write(region.join("r.0.0.mca"), vec![7; 100_000]))
            .and_then(|()| std::fs::write(place.join("world/level.dat"), "level one"))
            .and_then(|()| std::fs::write(place.join("schemathesis.toml"), CHECKS))
            .and_then(|()| std::fs::write(place.join("password"), "correct horse battery staple"));
        made.map_err(|error| format!("cannot make {}: {error}", place.display()))?;
        Ok(House { cairn, place })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.cairn);
        command
            .current_dir(&self.place)
            .env("CAIRN_DATA", self.place.join("data"))
            .args(words);
        command
    }

    /// The token of an administrator.
    fn prepare(&self) -> Outcome<String> {
        for words in [
            &["source", "add", "folder", "world", "./world"][..],
            &["backup", "world", "--name", "first"],
        ] {
            run::read(&mut self.command(words))?;
        }
        let password = std::fs::File::open(self.place.join("password"))
            .map_err(|error| format!("cannot read the password: {error}"))?;
        let mut add = self.command(&[
            "person",
            "add",
            "chief",
            "--role",
            "administrator",
            "--password-stdin",
        ]);
        run::run(add.stdin(password).stdout(Stdio::null()))?;
        let made = run::read(&mut self.command(&["--json", "token", "create", "--person", "chief"]))?;
        let token = made.split('"').skip_while(|word| *word != "token").nth(2);
        token
            .map(str::to_owned)
            .ok_or_else(|| "`cairn token create` printed no token".to_owned())
    }

    fn serve(&self) -> Outcome<Served> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--rate", "0"]);
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start `{}`: {error}", run::line(&command)))?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?);
        let mut line = String::new();
        lines
            .read_line(&mut line)
            .map_err(|error| format!("the server says nothing: {error}"))?;
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
        let mut words = line.split_whitespace();
        let address = words.find_map(|word| word.strip_prefix("http://"));
        let address = address.and_then(|rest| rest.trim_end_matches(':').split('/').next());
        let served = Served {
            child,
            address: address.unwrap_or_default().to_owned(),
        };
        if served.address.is_empty() {
            return Err(format!("the server did not say where it listens: {line}"));
        }
        Ok(served)
    }
}
