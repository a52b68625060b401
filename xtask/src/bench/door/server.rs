//! A serving process that is measured from outside, and what it is asked on the command line.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::run::{self, Outcome};

/// An instance: the program and its data directory.
pub(super) struct House {
    pub(super) cairn: PathBuf,
    pub(super) data: PathBuf,
}

impl House {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.cairn);
        command.arg("--data").arg(&self.data).arg("--json");
        command
    }

    /// The last line of what a command tells.
    pub(super) fn ask(&self, arguments: &[&str]) -> Outcome<Value> {
        let told = run::read(self.command().args(arguments))?;
        let line = told.lines().last().unwrap_or_default();
        serde_json::from_str(line).map_err(|error| format!("`cairn {}`: {error}", arguments.join(" ")))
    }

    /// The field of an answer.
    pub(super) fn ask_for(&self, arguments: &[&str], field: &str) -> Outcome<String> {
        let told = self.ask(arguments)?;
        let text = told[field].as_str().map(str::to_owned);
        text.ok_or_else(|| format!("`cairn {}` told no {field}: {told}", arguments.join(" ")))
    }

    /// A token that may everything.
    pub(super) fn token(&self) -> Outcome<String> {
        if self.ask(&["person", "show", "bench"]).is_err() {
            self.ask(&["person", "add", "bench", "--role", "administrator"])?;
        }
        self.ask_for(&["token", "create", "--person", "bench"], "token")
    }
}

pub(super) struct Server {
    child: Child,
    pub(super) address: String,
}

impl Server {
    /// Serves HTTP and nothing else, at any pace.
    pub(super) fn start(house: &House) -> Outcome<Self> {
        let mut command = Command::new(&house.cairn);
        command.arg("--data").arg(&house.data);
        command.args([
            "serve",
            "--roles",
            "web",
            "--rate",
            "0",
            "--listen",
            "127.0.0.1:0",
        ]);
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start `{}`: {error}", run::line(&command)))?;
        let stderr = child.stderr.take().ok_or("a server without words")?;
        let mut server = Server {
            child,
            address: String::new(),
        };
        let mut lines = BufReader::new(stderr);
        let mut said = String::new();
        lines.read_line(&mut said).map_err(|error| error.to_string())?;
        server.address =
            address(&said).ok_or_else(|| format!("the server did not say where it is: {said}"))?;
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
        Ok(server)
    }

    /// The most memory that it ever had, in MiB.
    pub(super) fn peak_mib(&self) -> Outcome<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(Path::new(&path))
            .map_err(|error| format!("the kernel does not tell of the server: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0)
            .ok_or_else(|| "the kernel tells no peak of memory".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the first words of a serving process.
fn address(said: &str) -> Option<String> {
    let url = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix("http://"))?;
    let address = url.trim_end_matches(':').split('/').next()?;
    Some(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_first_words() {
        let said =
            "serving /var/lib/cairn at http://127.0.0.1:41234: 0 jobs at once, no schedules; Ctrl-C ends it";
        assert_eq!(address(said).as_deref(), Some("127.0.0.1:41234"));
        assert_eq!(address("error: no"), None);
    }
}
