//! An instance in a temporary folder, and the program run on it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Somebody who is not root, and owns nothing else here.
const NOBODY: u32 = 65_534;

pub(crate) struct Instance {
    pub(crate) dir: TempDir,
    /// As whom the program runs, when not as whoever runs the tests.
    user: Option<u32>,
}

/// What a run printed.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The last line of stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default()).unwrap()
    }

    /// The problem on stderr.
    pub(crate) fn problem(&self) -> Value {
        serde_json::from_str::<Value>(self.err.lines().last().unwrap_or_default()).unwrap()["error"].clone()
    }
}

impl Instance {
    pub(crate) fn new() -> Self {
        Instance {
            dir: tempfile::tempdir().unwrap(),
            user: None,
        }
    }

    /// An instance whose program runs as a user other than root, whom files can be kept from. Whoever runs the tests
    /// without being root is such a user already.
    pub(crate) fn of_another_user() -> Self {
        let mut instance = Instance::new();
        if rustix::process::geteuid().is_root() {
            instance.user = Some(NOBODY);
            let program = instance.program();
            // Where the tests are built, others may not look.
            fs::hard_link(env!("CARGO_BIN_EXE_cairn"), &program)
                .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_cairn"), &program).map(|_| ()))
                .unwrap();
        }
        instance.hand_over(instance.dir.path());
        instance
    }

    /// Gives this and everything below it to the user as whom the program runs.
    pub(crate) fn hand_over(&self, path: &Path) {
        let Some(user) = self.user else { return };
        // The program itself is the file that the tests were built into.
        if path == self.program() {
            return;
        }
        lchown(path, Some(user), Some(user)).unwrap();
        if fs::symlink_metadata(path).unwrap().is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                self.hand_over(&entry.unwrap().path());
            }
        }
    }

    fn program(&self) -> PathBuf {
        match self.user {
            Some(_) => self.path("cairn"),
            None => PathBuf::from(env!("CARGO_BIN_EXE_cairn")),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .env("CAIRN_DATA", self.data());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs it, whatever comes of it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finished(&self.command().args(arguments).output().unwrap())
    }

    /// Runs it with `--json`; it must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[&["--json"], arguments].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {}{}", run.out, run.err);
        run.json()
    }

    /// Runs it with `--json` and something to read; it must succeed.
    pub(crate) fn with_stdin(&self, arguments: &[&str], text: &str) -> Value {
        let mut child = self
            .command()
            .arg("--json")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let run = finished(&child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{arguments:?}: {}{}", run.out, run.err);
        run.json()
    }

    /// Runs it with `--json`; it must fail with this exit code. The problem.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> Value {
        let run = self.run(&[&["--json"], arguments].concat());
        assert_eq!(run.code, code, "{arguments:?}: {}{}", run.out, run.err);
        let problem = run.problem();
        assert!(
            problem["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        problem
    }

    /// A small game server's folder.
    pub(crate) fn make_world(&self) -> PathBuf {
        let world = self.path("world");
        fs::create_dir_all(world.join("region")).unwrap();
        fs::create_dir_all(world.join("empty")).unwrap();
        fs::write(world.join("level.dat"), b"level one").unwrap();
        fs::write(world.join("region/r.0.0.mca"), vec![7; 300_000]).unwrap();
        fs::write(world.join("region/r.0.1.mca"), vec![8; 100_000]).unwrap();
        std::os::unix::fs::symlink("level.dat", world.join("latest")).unwrap();
        world
    }
}

pub(crate) fn finished(output: &Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Names, kinds, modes, times and contents (the beginning, and a hash of the whole) of everything below.
pub(crate) fn look(root: &Path) -> Vec<(PathBuf, u32, i64, Vec<u8>, u64)> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::os::unix::fs::MetadataExt;
    let mut seen = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let bytes = if meta.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let time = if meta.is_symlink() {
                0
            } else {
                meta.mtime_nsec() + meta.mtime()
            };
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            seen.push((
                path.strip_prefix(root).unwrap().to_path_buf(),
                meta.mode(),
                time,
                bytes.into_iter().take(32).collect(),
                hasher.finish(),
            ));
            if meta.is_dir() {
                open.push(path);
            }
        }
    }
    seen.sort();
    seen
}
