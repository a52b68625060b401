//! Stock restic on Cairn's repository.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, FileType, Mode};
use serde_json::Value;

use crate::instance::{Instance, Run, finished};

/// The repository of an instance, as the kit gives it to restic.
pub(crate) struct Restic {
    kit: Value,
}

impl Restic {
    /// Nothing where restic is not installed.
    pub(crate) fn of(instance: &Instance) -> Option<Self> {
        if Command::new("restic").arg("version").output().is_err() {
            assert!(
                std::env::var_os("CAIRN_TEST_STRICT").is_none(),
                "restic is missing: apt-get install restic"
            );
            println!("SKIPPED: restic is missing, so nothing was done beside it (apt-get install restic)");
            return None;
        }
        instance.ok(&["init"]);
        Some(Restic {
            kit: instance.ok(&["kit"]),
        })
    }

    /// A repository of its own, in a version of the format; nothing where restic is not installed.
    pub(crate) fn with_its_own(instance: &Instance, name: &str, version: &str) -> Option<Self> {
        Restic::of(instance)?;
        let kit = serde_json::json!({"repository": instance.path(name), "password": "restic's own"});
        let restic = Restic { kit };
        restic.run(instance.dir.path(), &["init", "--repository-version", version]);
        Some(restic)
    }

    fn password(&self) -> &str {
        self.kit["password"].as_str().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "-r", self.kit["repository"].as_str().unwrap()])
            .env("RESTIC_PASSWORD", self.password());
        command
    }

    pub(crate) fn run(&self, at: &Path, arguments: &[&str]) -> Run {
        let output = self.command().current_dir(at).args(arguments).output().unwrap();
        let run = finished(&output);
        assert_eq!(run.code, 0, "{arguments:?}: {}{}", run.out, run.err);
        run
    }

    /// Holds an exclusive lock until it is let go: it waits for a new password.
    pub(crate) fn hold(&self, instance: &Instance) -> Holding<'_> {
        let gate = instance.path("new-password");
        rustix::fs::mknodat(CWD, &gate, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let mut command = self.command();
        command.args(["key", "passwd", "--new-password-file", gate.to_str().unwrap()]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let locks = instance.data().join("repository/locks");
        let has_lock = || std::fs::read_dir(&locks).is_ok_and(|mut locks| locks.next().is_some());
        while !has_lock() {
            assert!(child.try_wait().unwrap().is_none());
        }
        Holding {
            restic: self,
            child,
            gate,
        }
    }
}

pub(crate) struct Holding<'a> {
    restic: &'a Restic,
    child: Child,
    gate: std::path::PathBuf,
}

impl Holding<'_> {
    /// The password stays what it was.
    pub(crate) fn let_go(mut self) {
        std::fs::write(&self.gate, self.restic.password()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}
