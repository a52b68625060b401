//! The engine and stock restic as processes of their own.
//!
//! Nouns: a *place* is a folder with a repository and with folders to back up; a *running* process is ended with the test, also with
//! one that fails. Where a process stops or dies it is told beforehand, so nothing here depends on who is faster.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

use crate::sample::{Files, PASSWORD, noise};

pub(crate) struct Place {
    dir: TempDir,
    /// For every process that starts from now on.
    pub(crate) settings: Vec<(&'static str, String)>,
}

pub(crate) struct Running(Option<Child>);

/// Beside the folder of this test's own program.
fn engine() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let engine = own.parent().unwrap().with_file_name("examples").join("engine");
    assert!(
        engine.exists(),
        "build it first: cargo build -p repository --example engine"
    );
    engine
}

impl Place {
    /// With an empty repository.
    pub(crate) fn new() -> Self {
        let place = Place {
            dir: tempfile::tempdir().unwrap(),
            settings: vec![("CAIRN_ENGINE_PACK_SIZE", (64 << 10).to_string())],
        };
        place.done(&["init"]);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Another place with the same repository and the same folders.
    pub(crate) fn twin(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.path("."))
            .arg(dir.path())
            .status();
        assert!(copied.unwrap().success());
        let settings = self.settings.clone();
        Place { dir, settings }
    }

    pub(crate) fn write(&self, folder: &str, files: &Files) {
        for (path, bytes) in files {
            let path = self.path(folder).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// `engine WORD REPOSITORY …`
    pub(crate) fn start(&self, words: &[&str], signal: &str) -> Running {
        let mut command = Command::new(engine());
        command
            .arg(words[0])
            .arg(self.path("repository"))
            .args(&words[1..]);
        command.env("CAIRN_REPOSITORY_PASSWORD", PASSWORD);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        if !signal.is_empty() {
            command.env("CAIRN_ENGINE_SIGNAL", signal);
        }
        self.spawn(command)
    }

    /// As `start`, by somebody who may not write here: nobody, or ourselves if that is not root.
    pub(crate) fn start_without_rights(&self, words: &[&str]) -> Running {
        // Where the engine was built nobody else may be let in.
        let program = self.path("engine");
        if !program.exists() {
            std::fs::copy(engine(), &program).unwrap();
        }
        let mut command = Command::new(program);
        command
            .arg(words[0])
            .arg(self.path("repository"))
            .args(&words[1..]);
        command.env("CAIRN_REPOSITORY_PASSWORD", PASSWORD);
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> Running {
        command.current_dir(self.dir.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running(Some(command.spawn().unwrap()))
    }

    /// What it printed; it must succeed.
    pub(crate) fn done(&self, words: &[&str]) -> String {
        self.start(words, "").succeeds()
    }

    pub(crate) fn start_restic<S: AsRef<OsStr>>(&self, words: &[S]) -> Running {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "-r"])
            .arg(self.path("repository"))
            .args(words);
        command.env("RESTIC_PASSWORD", PASSWORD);
        self.spawn(command)
    }

    /// Restores a snapshot and compares.
    pub(crate) fn restores(&self, snapshot: &str, files: &Files) {
        let name = format!("restored-{}", self.names("").len());
        self.done(&["restore", snapshot, &name]);
        self.holds(&name, files);
    }

    pub(crate) fn holds(&self, folder: &str, files: &Files) {
        for (path, bytes) in files {
            assert_eq!(std::fs::read(self.path(folder).join(path)).unwrap(), *bytes);
        }
        let entries = self.names(folder).len();
        let wanted: std::collections::BTreeSet<_> =
            files.keys().filter_map(|path| path.iter().next()).collect();
        assert_eq!(entries, wanted.len());
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        entries.map(name).collect()
    }

    /// Ids of all snapshots, oldest first.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        let printed = self.done(&["snapshots"]);
        printed.lines().map(|line| line[..64].to_owned()).collect()
    }
}

impl Running {
    fn pid(&self) -> Pid {
        Pid::from_child(self.0.as_ref().unwrap())
    }

    /// Waits until it has stopped itself.
    pub(crate) fn stops(self) -> Self {
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "it ended instead: {status:?}");
        self
    }

    pub(crate) fn goes_on(self) -> Self {
        kill_process(self.pid(), Signal::CONT).unwrap();
        self
    }

    pub(crate) fn ends(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }

    pub(crate) fn succeeds(self) -> String {
        let output = self.ends();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {complaint}", output.status);
        String::from_utf8(output.stdout).unwrap() + &complaint
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // The test has failed already; what matters is that nothing of it stays.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Removes what a killed process left, as its operator would; restic must agree that its owner is gone.
pub(crate) fn restic_is_content(place: &Place) {
    place.start_restic(&["unlock"]).succeeds();
    let said = place.start_restic(&["check", "--read-data"]).succeeds();
    assert!(said.contains("no errors were found"), "{said}");
}

/// Small enough for restic and Cairn to cut alike, enough for several packs.
pub(crate) fn some_files(seed: u64) -> Files {
    let file = |number| {
        (
            format!("d{}/{number}", number % 3).into(),
            noise(seed * 100 + number, 60_000),
        )
    };
    (0..6).map(file).collect()
}

pub(crate) fn path_of(folder: &Path) -> &str {
    folder.to_str().unwrap()
}
