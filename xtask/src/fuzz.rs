//! `cargo xtask fuzz`: each target of `fuzz/` for some seconds, on every core.
//!
//! The targets are built with the flags that cargo-fuzz would set, so that nothing has to be installed for it. What is found new is kept in a
//! corpus beside the build, and is where the next run begins; an input that breaks something is named, and fails the run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::run::{self, Outcome};

const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";
const SECONDS: u32 = 20;

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let (seconds, only) = read(arguments)?;
    let mut targets = targets(root)?;
    targets.retain(|target| only.is_empty() || only.contains(target));
    if targets.is_empty() {
        return Err("no fuzz target has such a name; fuzz/fuzz_targets/ has them".to_owned());
    }
    let place = build(root)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for group in targets.chunks(cores) {
        let running: Vec<(&String, Child)> = group
            .iter()
            .map(|target| Ok((target, start(root, &place, target, seconds)?)))
            .collect::<Outcome<_>>()?;
        for (target, child) in running {
            finish(target, child)?;
        }
    }
    println!("fuzz: {} targets, {seconds} s each, nothing found", targets.len());
    Ok(())
}

fn read(arguments: &[String]) -> Outcome<(u32, Vec<String>)> {
    let mut seconds = SECONDS;
    let mut only = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            let value = words.next().and_then(|value| value.parse().ok());
            seconds = value.ok_or("--seconds wants a number")?;
        } else {
            only.push(word.clone());
        }
    }
    Ok((seconds, only))
}

fn targets(root: &Path) -> Outcome<Vec<String>> {
    let dir = root.join("fuzz/fuzz_targets");
    let entries =
        std::fs::read_dir(&dir).map_err(|error| format!("cannot list {}: {error}", dir.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_rust = path.extension() == Some(OsStr::new("rs"));
            is_rust
                .then(|| path.file_stem()?.to_str().map(str::to_owned))
                .flatten()
        })
        .collect();
    names.sort();
    Ok(names)
}

/// Where the build and the corpus lie.
struct Place {
    programs: PathBuf,
    corpus: PathBuf,
}

fn build(root: &Path) -> Outcome<Place> {
    let host = host()?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set));
    let target = target.join("fuzz");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root.join("fuzz"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", &target)
        .args([
            "build",
            "--locked",
            "--quiet",
            "--profile",
            "fuzz",
            "--bins",
            "--target",
            &host,
        ]);
    run::run(&mut cargo)?;
    Ok(Place {
        programs: target.join(host).join("fuzz"),
        corpus: target.join("corpus"),
    })
}

fn host() -> Outcome<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not say what machine this is".to_owned())
}

fn start(root: &Path, place: &Place, target: &str, seconds: u32) -> Outcome<Child> {
    let corpus = place.corpus.join(target);
    std::fs::create_dir_all(&corpus).map_err(|error| format!("cannot make {}: {error}", corpus.display()))?;
    Command::new(place.programs.join(target))
        .arg(format!("-dict={}", root.join("fuzz/words.dict").display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!(
            "-artifact_prefix={}/broken-{target}-",
            place.corpus.display()
        ))
        .args(["-max_len=4096", "-timeout=10", "-print_final_stats=1"])
        .arg(corpus)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the fuzz target {target}: {error}"))
}

fn finish(target: &str, child: Child) -> Outcome {
    let output = child
        .wait_with_output()
        .map_err(|error| format!("the fuzz target {target} is gone: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let tail: Vec<&str> = text.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        eprintln!("{}", tail.join("\n"));
        return Err(format!(
            "the fuzz target {target} found something; what it printed is above"
        ));
    }
    let runs = text
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    eprintln!("fuzz: {target}, {} inputs", runs.unwrap_or("?").trim());
    Ok(())
}
