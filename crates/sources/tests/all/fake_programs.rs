//! Programs that stand in for the machine's: small scripts in a folder of their own, found by an injected search path.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use model::Cancel;
use rustix::fs::{CWD, FileType, Mode};
use sources::hooks::Programs;
use tempfile::TempDir;

pub(crate) struct FakePrograms(TempDir);

/// A unit whose state lies in a file.
const SYSTEMCTL: &str = r#"
case "$1" in
show) echo "LoadState=loaded"; echo "ActiveState=$(cat "$dir/state")" ;;
stop) echo inactive > "$dir/state" ;;
start) echo active > "$dir/state" ;;
esac"#;

impl FakePrograms {
    pub(crate) fn new() -> Self {
        FakePrograms(tempfile::tempdir().unwrap())
    }

    /// A `systemctl` with one unit, in a state.
    pub(crate) fn with_unit(state: &str) -> Self {
        let fake = FakePrograms::new();
        fake.put("systemctl", SYSTEMCTL);
        fake.set("state", state);
        fake
    }

    /// A script that notes its arguments, then does this; `$dir` is the folder.
    pub(crate) fn put(&self, name: &str, script: &str) {
        let path = self.at(name);
        let text =
            format!("#!/bin/sh\ndir=$(dirname \"$0\")\necho \"{name} $*\" >> \"$dir/asked\"\n{script}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn programs(&self) -> Programs {
        Programs::within(vec![self.0.path().to_path_buf()])
    }

    pub(crate) fn set(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    pub(crate) fn get(&self, name: &str) -> String {
        fs::read_to_string(self.at(name))
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }

    /// What was run, a line each.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.get("asked")
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// What was run to change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let changes = self.asked().into_iter();
        changes
            .filter(|line| !line.contains("show") && !line.contains("inspect"))
            .collect()
    }

    /// A program that never ends, and starts another one that does not either.
    pub(crate) fn put_endless(&self, name: &str) -> Endless {
        let fifo = self.at(&format!("{name}-lives"));
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        self.put(name, &format!("exec 3> '{}'\nsleep 600 &\nwait", fifo.display()));
        Endless(fifo)
    }
}

/// A pipe that is open for as long as the program, or what it started, lives.
pub(crate) struct Endless(PathBuf);

/// The thread that waits for the end of it.
pub(crate) struct Outliving {
    pipe: PathBuf,
    thread: std::thread::JoinHandle<()>,
}

impl Endless {
    /// Waits until it has begun, cancels, and waits until nothing of it lives any more.
    pub(crate) fn cancel_when_it_has_begun(self, cancel: Cancel) -> Outliving {
        let pipe = self.0.clone();
        let thread = std::thread::spawn(move || {
            let mut pipe = File::open(&self.0).unwrap();
            cancel.cancel();
            pipe.read_to_end(&mut Vec::new()).unwrap();
        });
        Outliving { pipe, thread }
    }

    /// Waits until it has begun, and until nothing of it lives any more.
    pub(crate) fn outlive(self) -> Outliving {
        self.cancel_when_it_has_begun(Cancel::new())
    }
}

impl Outliving {
    pub(crate) fn join(self) {
        // What was killed before it had opened the pipe will not open it any more; this neither blocks nor writes.
        drop(OpenOptions::new().read(true).write(true).open(self.pipe).unwrap());
        self.thread.join().unwrap();
    }
}
