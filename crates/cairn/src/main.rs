//! The binary and its doors.
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

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::arguments::Arguments::parse();
    let output = cli::output::Output::new(&arguments.global);
    match cli::run(arguments, output) {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            output.problem(&problem);
            ExitCode::from(problem.kind().exit_code())
        }
    }
}
