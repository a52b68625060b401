//! A PostgreSQL server of a test's own.
//!
//! A fresh cluster in a temporary folder, on a Unix socket and no port, without the guarantees that cost time. It ends with the value that
//! stands for it. Root starts it as the user `postgres`, since the server refuses root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    server: Child,
    dir: TempDir,
    bin: PathBuf,
}

impl Postgres {
    /// Starts one, or says visibly that none is installed. With `CAIRN_TEST_STRICT` set, a missing one is a failure.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            assert!(
                std::env::var_os("CAIRN_TEST_STRICT").is_none(),
                "PostgreSQL is missing: apt-get install postgresql"
            );
            println!(
                "SKIPPED: PostgreSQL is missing, so nothing was tried on it (apt-get install postgresql)"
            );
            return None;
        };
        let dir = tempfile::tempdir().expect("a temporary folder");
        let data = dir.path().join("data");
        hand_over(dir.path());
        let made = as_server_user(&bin.join("initdb"))
            .args([
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--username=cairn",
                "-D",
            ])
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = as_server_user(&bin.join("postgres"))
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "full_page_writes=off",
                "-c",
                "synchronous_commit=off",
                "-k",
            ])
            .arg(dir.path())
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres runs");
        let started = Postgres { server, dir, bin };
        started.wait_until_ready();
        Some(started)
    }

    fn wait_until_ready(&self) {
        // pg_isready waits by itself; each call ends when the server answers or has refused.
        let ready = || {
            let answer = Command::new(self.bin.join("pg_isready"))
                .args(["-t", "1", "-h"])
                .arg(self.dir.path())
                .output();
            answer.is_ok_and(|output| output.status.success())
        };
        let mut tries = 0;
        while !ready() {
            tries += 1;
            assert!(tries < 20_000, "PostgreSQL did not start");
            std::thread::yield_now();
        }
    }

    /// Makes a new, empty database; its address.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn database(&self, name: &str) -> String {
        let made = Command::new(self.bin.join("createdb"))
            .arg("-h")
            .arg(self.dir.path())
            .args(["-U", "cairn", name])
            .output();
        let made = made.expect("createdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://cairn@localhost/{name}?host={socket}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.dir.path().join("data");
        let _ = as_server_user(&self.bin.join("pg_ctl"))
            .args(["stop", "-m", "immediate", "-D"])
            .arg(data)
            .output();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The folder of the newest installed server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    folders.into_iter().find(|dir| {
        ["initdb", "postgres", "pg_isready", "createdb"]
            .iter()
            .all(|name| dir.join(name).exists())
    })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

fn as_server_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // The server dies with whoever started it, also when that is killed.
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--pdeathsig=KILL",
        ])
        .arg(program)
        .current_dir("/");
    command
}

/// Gives the folder to the user that the server runs as.
fn hand_over(dir: &Path) {
    if is_root() {
        let done = Command::new("chown").arg("postgres").arg(dir).output();
        assert!(
            done.is_ok_and(|output| output.status.success()),
            "the temporary folder is given to the user postgres"
        );
    }
}
