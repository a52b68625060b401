//! Tells whether a server is running.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::{Change, Hook, Kind, Lapse, Problem, Result, SecretPlace};
use outbound::{Panel, Patience, Power, Programs, Ran};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A kernel keeps no more of a program's name.
const LONGEST_NAME: usize = 15;

/// Who knows; `by` in the document says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Probe {
    /// A unit of systemd.
    Unit { unit: String },
    /// A Docker container.
    Container { container: String },
    /// A file with a process's number; with a name, the process must have that name.
    Pid {
        file: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// `host:port`; whoever listens there is running.
    Port { address: String },
    /// A game server, by its panel.
    Panel {
        url: String,
        server: String,
        secret: SecretPlace,
    },
    /// Ends with 0 while the server is running.
    Command { command: Vec<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Starting,
    Stopping,
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Starting => "starting",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
        })
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Unit { unit } => write!(f, "the unit {unit}"),
            Probe::Container { container } => write!(f, "the container {container}"),
            Probe::Pid { file, .. } => write!(f, "the process of {}", file.display()),
            Probe::Port { address } => write!(f, "the server at {address}"),
            Probe::Panel { server, .. } => write!(f, "the panel's server {server}"),
            Probe::Command { command } => {
                write!(
                    f,
                    "the server that {} asks for",
                    command.first().map_or("", String::as_str)
                )
            }
        }
    }
}

fn unanswered(message: String, hint: &str) -> Problem {
    Problem::new(Kind::Unavailable, message).hint(hint)
}

impl Probe {
    pub(super) fn check(&self) -> Result<()> {
        let is_empty = match self {
            Probe::Unit { unit: name } | Probe::Container { container: name } => name.is_empty(),
            Probe::Pid { file, name } => !file.is_absolute() || name.as_deref() == Some(""),
            Probe::Port { address } => !address.contains(':'),
            Probe::Panel { url, server, secret } => return Panel { url, server, secret }.check(),
            Probe::Command { command } => command.first().is_none_or(String::is_empty),
        };
        if is_empty {
            return Err(Problem::invalid("the probe names nothing that could be asked")
                .hint("a unit, container or command has a name; a pid file an absolute path; a port is host:port"));
        }
        Ok(())
    }

    pub(super) fn state(&self, programs: &Programs, patience: &Patience) -> Result<State> {
        match self {
            Probe::Unit { unit } => unit_state(unit, programs, patience),
            Probe::Container { container } => container_state(container, programs, patience),
            Probe::Pid { file, name } => process_state(file, name.as_deref()),
            Probe::Port { address } => port_state(address, patience),
            Probe::Panel { url, server, secret } => {
                Ok(match (Panel { url, server, secret }).power(patience)? {
                    Power::Offline => State::Stopped,
                    Power::Starting => State::Starting,
                    Power::Running => State::Running,
                    Power::Stopping => State::Stopping,
                })
            }
            Probe::Command { command } => command_state(command, programs, patience),
        }
    }

    /// How the probe's own keeper changes it.
    pub(super) fn way_to(&self, change: Change, timeout: Lapse) -> Option<Hook> {
        match self {
            Probe::Unit { unit } => Some(Hook::Unit {
                unit: unit.clone(),
                change,
                timeout,
            }),
            Probe::Container { container } => Some(Hook::Container {
                container: container.clone(),
                change,
                timeout,
            }),
            Probe::Panel { url, server, secret } => Some(Hook::Panel {
                url: url.clone(),
                server: server.clone(),
                change,
                secret: secret.clone(),
                timeout,
            }),
            Probe::Pid { .. } | Probe::Port { .. } | Probe::Command { .. } => None,
        }
    }

    pub(super) fn how_to_stop(&self) -> String {
        match self {
            Probe::Unit { unit } => format!("systemctl stop {unit}"),
            Probe::Container { container } => format!("docker stop {container}"),
            Probe::Panel { .. } => "in the panel".to_owned(),
            Probe::Pid { .. } | Probe::Port { .. } | Probe::Command { .. } => {
                "the way that it is usually stopped".to_owned()
            }
        }
    }
}

fn ask(command: &[&str], programs: &Programs, patience: &Patience) -> Result<Ran> {
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    programs.run(&command, &[], patience)
}

/// `show` and not `is-active`: only it tells a unit that does not exist from one that is stopped.
fn unit_state(unit: &str, programs: &Programs, patience: &Patience) -> Result<State> {
    let asked = [
        "systemctl",
        "show",
        "--property=LoadState,ActiveState",
        "--",
        unit,
    ];
    let ran = ask(&asked, programs, patience)?;
    let (loaded, active) = (ran.line("LoadState="), ran.line("ActiveState="));
    if loaded.as_deref() == Some("not-found") {
        return Err(unanswered(
            format!("there is no unit {unit}"),
            "`systemctl list-units` lists them",
        ));
    }
    match active.as_deref() {
        Some("active" | "reloading" | "refreshing") => Ok(State::Running),
        Some("activating") => Ok(State::Starting),
        Some("deactivating") => Ok(State::Stopping),
        Some("inactive" | "failed") => Ok(State::Stopped),
        _ => Err(unanswered(
            format!("systemctl says: {}", ran.last_lines()),
            "is systemd running here?",
        )),
    }
}

fn container_state(container: &str, programs: &Programs, patience: &Patience) -> Result<State> {
    let format = "--format=state={{.State.Status}}";
    let ran = ask(
        &["docker", "inspect", "--type=container", format, "--", container],
        programs,
        patience,
    )?;
    match ran.line("state=").as_deref() {
        Some("running" | "paused") => Ok(State::Running),
        Some("restarting") => Ok(State::Starting),
        Some("removing") => Ok(State::Stopping),
        Some("created" | "exited" | "dead") => Ok(State::Stopped),
        _ => Err(unanswered(
            format!("docker says: {}", ran.last_lines()),
            "check that Docker is running, that it may be used, and the container's name",
        )),
    }
}

/// No file, no process: servers remove it when they stop.
fn process_state(file: &Path, name: Option<&str>) -> Result<State> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(State::Stopped),
        other => other.map_err(|error| Problem::io(format!("cannot read {}", file.display()), error))?,
    };
    let number = text
        .split_whitespace()
        .next()
        .and_then(|first| first.parse().ok());
    let Some(pid) = number.filter(|number| *number > 0).and_then(Pid::from_raw) else {
        return Err(unanswered(
            format!("{} holds no process's number", file.display()),
            "if the server is stopped, remove the file",
        ));
    };
    match test_kill_process(pid) {
        // Not allowed to be asked: somebody else's, and alive.
        Ok(()) | Err(Errno::PERM) if is_alive_as(pid, name) => Ok(State::Running),
        Ok(()) | Err(Errno::PERM | Errno::SRCH) => Ok(State::Stopped),
        Err(error) => Err(Problem::io("cannot ask for the process", error.into())),
    }
}

/// Neither a process that only waits to be buried, nor another one that has got the number since.
fn is_alive_as(pid: Pid, name: Option<&str>) -> bool {
    let about = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", pid.as_raw_nonzero()));
    let Ok(status) = about("status") else {
        // Gone meanwhile, or hidden from us: then what is known is that it answered.
        return true;
    };
    let is_buried = status
        .lines()
        .any(|line| line.starts_with("State:") && line.contains(['Z', 'X']));
    let Some(name) = name else { return !is_buried };
    let short: String = name.chars().take(LONGEST_NAME).collect();
    let called = about("comm").is_ok_and(|comm| comm.trim_end() == short);
    let started_as = about("cmdline").is_ok_and(|line| {
        let first = line.split('\0').next().unwrap_or_default();
        Path::new(first).file_name().is_some_and(|file| file == name)
    });
    !is_buried && (called || started_as)
}

fn port_state(address: &str, patience: &Patience) -> Result<State> {
    let unreachable = |error: std::io::Error| {
        unanswered(
            format!("{address} cannot be asked: {error}"),
            "check the address; a port where nobody listens refuses at once",
        )
    };
    patience.wait(&format!("the connection to {address}"), async {
        let places: Vec<SocketAddr> = tokio::net::lookup_host(address)
            .await
            .map_err(unreachable)?
            .collect();
        let mut state = Err(unreachable(ErrorKind::AddrNotAvailable.into()));
        for place in places {
            match tokio::net::TcpStream::connect(place).await {
                Ok(_) => return Ok(State::Running),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => state = Ok(State::Stopped),
                // `localhost` has two addresses, also where one of the families is not there.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::AddrNotAvailable | ErrorKind::NetworkUnreachable
                    ) => {}
                Err(error) => return Err(unreachable(error)),
            }
        }
        state
    })
}

fn command_state(command: &[String], programs: &Programs, patience: &Patience) -> Result<State> {
    let ran = programs.run(command, &[], patience)?;
    match ran.status.code() {
        Some(0) => Ok(State::Running),
        // What shells say of a program that they cannot run.
        Some(126 | 127) | None => Err(unanswered(
            format!("it ended with {}: {}", ran.status, ran.last_lines()),
            "the command must end with 0 while the server is running, and with 1 when it is not",
        )),
        Some(_) => Ok(State::Stopped),
    }
}
