//! What one run of a program costs.
//!
//! The program is started by a process of its own (`xtask measure`), which waits for it and asks the kernel for the
//! sums of its finished children. So a peak of memory belongs to one run, and CPU time includes what that run started.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

use super::programs::Place;
use crate::run::{self, Outcome};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) user: f64,
    pub(crate) system: f64,
    pub(crate) peak_kib: i64,
    /// Bytes by which the repository grew.
    #[serde(default)]
    pub(crate) added: u64,
}

/// `xtask measure REPORT SCRIPT`: runs the script and writes what it cost.
pub(crate) fn run(_root: &Path, arguments: &[String]) -> Outcome {
    let [report, script] = arguments else {
        return Err("usage: cargo xtask measure REPORT SCRIPT".to_owned());
    };
    let began = Instant::now();
    run::run(Command::new("sh").args(["-e", "-c", script]).stdin(Stdio::null()))?;
    let seconds = began.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| format!("the kernel tells no usage: {error}"))?;
    let time = |value: nix::sys::time::TimeVal| {
        Duration::from_micros(u64::try_from(value.num_microseconds()).unwrap_or_default()).as_secs_f64()
    };
    let sample = Sample {
        seconds,
        user: time(usage.user_time()),
        system: time(usage.system_time()),
        peak_kib: usage.max_rss(),
        added: 0,
    };
    let text = serde_json::to_string(&sample).map_err(|error| error.to_string())?;
    std::fs::write(report, text).map_err(|error| format!("cannot write {report}: {error}"))
}

/// Runs one step of a program; what it prints is shown when it fails.
pub(crate) fn sample(place: &Place, script: Option<String>) -> Outcome<Sample> {
    let script = script.ok_or("a program was asked for a step that it has not")?;
    std::fs::create_dir_all(&place.scratch)
        .map_err(|error| format!("cannot make {}: {error}", place.scratch.display()))?;
    let report = place.scratch.join("cost.json");
    let own =
        std::env::current_exe().map_err(|error| format!("this program does not find itself: {error}"))?;
    let mut command = Command::new(own);
    command
        .arg("measure")
        .arg(&report)
        .arg(&script)
        .envs(place.environment())
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("cannot measure `{script}`: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{script}` failed:\n{}", said.trim_end()));
    }
    let text = std::fs::read_to_string(&report).map_err(|error| format!("no cost of `{script}`: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("no cost of `{script}`: {error}"))
}
