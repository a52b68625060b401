//! The program with the in-memory kind: this test binary itself, run again as `cairn`.
//!
//! Whatever a run prints is remembered, so that a test can look for what must not be in it.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::items::{ITEMS, New, World};

const ARGUMENTS: &str = "ITEMS_PROGRAM_ARGUMENTS";

/// Not a test: the others run this one as the program.
#[test]
fn is_run_as_the_program_by_the_other_tests() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let arguments: Vec<OsString> = serde_json::from_str::<Vec<String>>(&arguments)
        .unwrap()
        .into_iter()
        .map(OsString::from)
        .collect();
    let code = cairn::run(cairn::kinds().with(&ITEMS), arguments);
    std::process::exit(i32::from(code));
}

pub(crate) struct Program {
    pub(crate) dir: TempDir,
    said: RefCell<String>,
}

pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default()).unwrap()
    }
}

impl Program {
    pub(crate) fn new() -> Self {
        Program {
            dir: tempfile::tempdir().unwrap(),
            said: RefCell::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A world in a file of this name, with these roles in it.
    pub(crate) fn world(&self, name: &str, roles: &[&str]) -> World {
        let world = World::in_file(&self.path(name));
        for role in roles {
            let new = New {
                part: "roles",
                name: role,
                text: "as it was",
                ..New::default()
            };
            world.create(&new).unwrap();
        }
        world
    }

    /// A secret in a file that nobody else may read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let arguments: Vec<&str> = [&["cairn"], arguments].concat();
        command
            .args(["--exact", "--nocapture", "--test-threads=2"])
            .arg("program::is_run_as_the_program_by_the_other_tests")
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CAIRN_DATA", self.path("data"))
            .env(ARGUMENTS, json!(arguments).to_string());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let run = Run {
            code: done.status.code().unwrap(),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        };
        self.remember(&run.out);
        self.remember(&run.err);
        run
    }

    /// Runs it with `--json`; it must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[&["--json"], arguments].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {}{}", run.out, run.err);
        run.json()
    }

    pub(crate) fn token(&self, name: &str) -> String {
        let add = [
            "person",
            "add",
            name,
            "--role",
            "administrator",
            "--password-stdin",
        ];
        let added = self.run_with(&add, "correct horse battery staple");
        assert_eq!(added.code, 0, "{}", added.err);
        let made = self.ok(&["token", "create", "--person", name]);
        made["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn remember(&self, text: &str) {
        self.said.borrow_mut().push_str(text);
    }

    /// Everything that was ever printed or answered.
    pub(crate) fn said(&self) -> String {
        self.said.borrow().clone()
    }

    pub(crate) fn serve(&self) -> Served<'_> {
        let arguments = [
            "-vv",
            "serve",
            "--workers",
            "1",
            "--rate",
            "0",
            "--listen",
            "127.0.0.1:0",
        ];
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut address, mut line) = (None, String::new());
        while address.is_none() {
            line.clear();
            assert_ne!(
                lines.read_line(&mut line).unwrap(),
                0,
                "the server said no address"
            );
            let url = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix("http://"));
            address = url
                .filter(|_| line.starts_with("serving"))
                .and_then(|url| url.trim_end_matches(':').split('/').next())
                .map(str::to_owned);
        }
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = lines.read_to_end(&mut text);
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&text));
        });
        Served {
            program: self,
            child,
            address: address.unwrap(),
            log,
            reader: Some(reader),
        }
    }
}

/// The program as a server.
pub(crate) struct Served<'a> {
    program: &'a Program,
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Served<'_> {
    /// One request; status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        self.program.remember(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let json = body.find(['{', '[']).map(|at| &body[at..]).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(json).into_iter();
        (status, values.next().and_then(Result::ok).unwrap_or(Value::Null))
    }

    /// Waits for the end of a job; how it ended.
    pub(crate) fn ended(&self, job: &Value) -> String {
        let job = job.as_str().unwrap();
        let _ = self.program.run(&["logs", job, "-f"]);
        let status = self.program.run(&["--json", "status", job]);
        status.json()["state"].as_str().unwrap().to_owned()
    }

    /// Stops it; what it said meanwhile is remembered.
    pub(crate) fn leave(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.program.remember(&self.log.lock().unwrap());
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names of what is in the world, in order.
pub(crate) fn names(file: &Path) -> Vec<String> {
    let mut names: Vec<String> = World::in_file(file)
        .items()
        .into_iter()
        .map(|item| item.name)
        .collect();
    names.sort();
    names
}
