//! `cargo xtask demo [--data DIR] [--listen ADDRESS]`: builds the program and becomes `cairn demo`.
//!
//! This process is replaced, so that Ctrl-C reaches the demo and nobody else, and its temporary folder goes with it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::run::{self, Outcome};

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let build = [
        "build",
        "--profile",
        "bench-fast",
        "--locked",
        "--package",
        "cairn",
    ];
    run::run(Command::new("cargo").current_dir(root).args(build))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set));
    let mut cairn = Command::new(target.join("bench-fast/cairn"));
    cairn.arg("demo").args(arguments);
    let error = cairn.exec();
    Err(format!("cannot start `{}`: {error}", run::line(&cairn)))
}
