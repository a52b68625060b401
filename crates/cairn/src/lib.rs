//! The interfaces of Cairn, and the program made of them.
//!
//! A door parses, calls `service`, renders; no rule of the business lives here. `cli` is the door of the command line, `http` the one of
//! the network, `panel` the one that game-server panels' clients know,
//! `app_backups` the one for the administrators of a self-hosted app.

mod api;
mod app_backups;
mod cli;
mod configuration;
mod http;
mod interfaces;
mod panel;
mod web;

use std::ffi::OsString;

use clap::FromArgMatches;

pub use service::{Kinds, kinds};

/// Runs the program with these arguments (the first is its name) and these kinds of sources; its exit code.
pub fn run(kinds: Kinds, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let matches = cli::arguments::command(&kinds).get_matches_from(arguments);
    let arguments = match cli::arguments::Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let output = cli::output::Output::new(&arguments.global);
    match cli::run(arguments, kinds, output) {
        Ok(code) => code,
        Err(problem) => {
            output.problem(&problem);
            problem.kind().exit_code()
        }
    }
}
