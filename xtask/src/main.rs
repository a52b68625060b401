//! The chores of the project, as `cargo xtask <verb>`.
//!
//! One module per verb. A verb gets the root of the workspace and its arguments, talks on standard error, prints its
//! result on standard output, and returns an [`Outcome`]: `Err` holds one sentence that says what to do.
//!
//! Invariants: nothing here is linked into the product, and no crate of the product is linked in here, so that the
//! chores work while the product does not compile.

mod api;
mod bench;
mod demo;
mod dist;
mod docs;
mod files;
mod fuzz;
mod run;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use run::Outcome;

const USAGE: &str = "\
cargo xtask <verb>

  api [--seconds N]      the HTTP API against its own description
  bench [engine|cairn]   whole programs against each other; writes its section of bench/RESULTS.md
  bench [spine|door]     the catalog where it is full, and the serving process from outside; likewise
  demo [--data DIR]      build, then `cairn demo`: a throw-away instance with a sample game server, to try things on
  dist                   build the archive that people download
  docs [--check]         write the pages that are made from the program, or check that they are current
  test [--all] [-- …]    run every test that the installed tools allow; --all installs what is missing
  fuzz [--seconds N] [target…]   every fuzz target for some seconds
  tidy [part of a path]  check the rules of the house that neither rustc nor clippy knows
  tools [--install]      show the tools that tests and checks need, and install those that are missing";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("xtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let root = files::root()?;
    match arguments.split_first() {
        Some((verb, rest)) => match verb.as_str() {
            "api" => api::run(&root, rest),
            "bench" => bench::run(&root, rest),
            "demo" => demo::run(&root, rest),
            "dist" => dist::run(&root, rest),
            "docs" => docs::run(&root, rest),
            "fuzz" => fuzz::run(&root, rest),
            "measure" => bench::measure(&root, rest),
            "test" => test::run(&root, rest),
            "tidy" => tidy::run(&root, rest),
            "tools" => tools::run(&root, rest),
            "help" | "--help" | "-h" => {
                println!("{USAGE}");
                Ok(())
            }
            _ => Err(format!("there is no verb {verb:?}.\n{USAGE}")),
        },
        None => Err(format!("which verb?\n{USAGE}")),
    }
}
