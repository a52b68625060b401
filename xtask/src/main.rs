//! The chores of the project, as `cargo xtask <verb>`.
//!
//! One module per verb. A verb gets the root of the workspace and its arguments, talks on standard error, prints its
//! result on standard output, and returns an [`Outcome`]: `Err` holds one sentence that says what to do.
//!
//! Invariants: nothing here is linked into the product, and no crate of the product is linked in here, so that the
//! chores work while the product does not compile.

mod files;
mod run;
mod tidy;

use std::process::ExitCode;

use run::Outcome;

const USAGE: &str = "\
cargo xtask <verb>

  tidy                   check the rules of the house that neither rustc nor clippy knows";

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
        Some((verb, rest)) if verb == "tidy" => tidy::run(&root, rest),
        Some((verb, _)) if !matches!(verb.as_str(), "help" | "--help" | "-h") => {
            Err(format!("there is no verb {verb:?}.\n{USAGE}"))
        }
        _ => {
            println!("{USAGE}");
            Ok(())
        }
    }
}
