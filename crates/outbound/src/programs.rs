//! Running a program: found on a search path, without a shell, in a group of its own that ends with it.
//!
//! Its two outputs are one; only the last lines are kept. When time runs out or somebody cancels, the whole group is
//! killed. What Cairn itself was told by its environment (`CAIRN_…`) is not handed on.

use std::io::{PipeReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use model::{Kind, Problem, Result};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};

use super::patience::Patience;

/// Of the output, this much is kept.
const KEPT: usize = 16 << 10;
const LAST_LINES: usize = 10;
const GLANCE: Duration = Duration::from_millis(10);

/// Where programs are found.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    path: Option<Vec<PathBuf>>,
}

/// A program that ended by itself.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    output: Vec<u8>,
}

impl Ran {
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// For a problem's text.
    pub fn last_lines(&self) -> String {
        let output = self.output();
        let printable = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
        let lines: Vec<String> = output
            .lines()
            .map(printable)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// What the line that begins so goes on with.
    pub fn line(&self, beginning: &str) -> Option<String> {
        let output = self.output();
        let found = output.lines().find_map(|line| line.strip_prefix(beginning));
        found.map(|rest| rest.trim().to_owned())
    }

    pub fn must_succeed(self, program: &str) -> Result<()> {
        if self.status.success() {
            return Ok(());
        }
        let said = match self.last_lines() {
            nothing if nothing.is_empty() => "it said nothing".to_owned(),
            lines => format!("its last words:\n{lines}"),
        };
        Err(Problem::new(
            Kind::Unavailable,
            format!("{program} ended with {}; {said}", self.status),
        )
        .hint(format!("run {program} by hand to see what it lacks")))
    }
}

impl Programs {
    /// Those in these folders, and no others.
    pub fn within(folders: Vec<PathBuf>) -> Self {
        Programs { path: Some(folders) }
    }

    fn find(&self, name: &str) -> Result<PathBuf> {
        if name.contains('/') {
            return Ok(PathBuf::from(name));
        }
        let folders = match &self.path {
            Some(folders) => folders.clone(),
            None => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect(),
        };
        let mut places = folders.into_iter().map(|folder| folder.join(name));
        places.find(|place| is_program(place)).ok_or_else(|| {
            Problem::new(Kind::Unavailable, format!("there is no program {name}"))
                .hint(format!("install {name}, or name it with its whole path"))
        })
    }

    pub fn run(&self, command: &[String], environment: &[(&str, &str)], patience: &Patience) -> Result<Ran> {
        let Some((name, arguments)) = command.split_first() else {
            return Err(Problem::invalid("a command needs a program"));
        };
        let program = self.find(name)?;
        let problem = |error| Problem::io(format!("cannot run {name}"), error);
        let (reader, writer) = std::io::pipe().map_err(problem)?;
        rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK).map_err(|error| problem(error.into()))?;
        let mut command = Command::new(program);
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.as_encoded_bytes().starts_with(b"CAIRN_")) {
            command.env_remove(key);
        }
        let child = command
            .args(arguments)
            .envs(environment.iter().copied())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(problem)?)
            .stderr(writer)
            .spawn()
            .map_err(problem)?;
        // It holds the writing ends of the pipe.
        drop(command);
        let mut running = Running {
            child,
            reader,
            output: Vec::new(),
        };
        let status = running.wait(name, patience).inspect_err(|_| running.kill())?;
        Ok(Ran {
            status,
            output: running.output,
        })
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

struct Running {
    child: Child,
    reader: PipeReader,
    output: Vec<u8>,
}

impl Running {
    fn wait(&mut self, name: &str, patience: &Patience) -> Result<ExitStatus> {
        loop {
            self.read();
            let ended = self.child.try_wait();
            if let Some(status) =
                ended.map_err(|error| Problem::io(format!("cannot wait for {name}"), error))?
            {
                // Whoever it left behind may hold the pipe open, and is not waited for.
                self.read();
                return Ok(status);
            }
            patience.pause(GLANCE, name)?;
        }
    }

    /// What there is by now.
    fn read(&mut self) {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = self.reader.read(&mut piece) {
            self.output.extend_from_slice(&piece[..length]);
            let over = self.output.len().saturating_sub(KEPT);
            self.output.drain(..over);
        }
    }

    fn kill(&mut self) {
        // Gone already: nothing to kill.
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
